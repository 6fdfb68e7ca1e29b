/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Storage drivers keep images, and make root file systems and volumes.
 *
 *     plan(ROOT)    steps of lifetime WORKLOAD (a writable layer that stays until
 *                   the workload is removed) or RUN (for transient ones)
 *     plan(VOLUME)  steps of lifetime SHARED.  undo() removes a volume only when
 *                   apply() has made it and it is empty: data is never deleted by
 *                   undo, only by remove_volume().
 *     attachment()  says, as data, what to mount; the isolation driver mounts it
 */
#ifndef HYFW_STORAGE_H
#define HYFW_STORAGE_H

#include <hyfw/plugin.h>
#include <hyfw/workload.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Words for hyfw_plugin.capabilities of storage drivers. */
#define HYFW_GIVES_MOUNT "gives-mount"   /* attachments that are mounted */
#define HYFW_GIVES_BLOCK "gives-block"   /* attachments that are block images */
#define HYFW_KEEPS_IMAGES "keeps-images" /* image_* operations work */
#define HYFW_KEEPS_VOLUMES "keeps-volumes"

struct hyfw_image {
	size_t size;
	const char *name;
	uint64_t bytes;         /* on disk */
	int64_t created;        /* seconds since the epoch */
	uint32_t layers;
	struct hyfw_map config; /* defaults of the image, in the words of the INI file: command
				 * entrypoint env workdir user; lists repeat their key */
};

struct hyfw_storage_ops {
	size_t size;

	/* Fills 'ret_attachment' for ROOT or VOLUME subjects from the notes and
	 * arguments of their steps ('record': both; for a directory named by path
	 * just the settings).  'target' is left NULL for the core.  May open
	 * descriptors (source_fd), which the core closes.  Mandatory. */
	int (*attachment)(void *instance, const struct hyfw_subject *subject, const struct hyfw_map *record,
			  struct hyfw_arena *arena, struct hyfw_attachment *ret_attachment,
			  struct hyfw_error **err);

	/* Brings the directory or archive 'source' into the image store under
	 * 'name'.  Atomic: the image is there whole or not at all, whatever kills
	 * the process.  'config' holds defaults to store with it.  'progress', when
	 * not NULL, is called with bytes done and total (0: unknown).
	 * -EEXIST when there is one of that name and 'replace' is false.
	 * NULL: no image store. */
	int (*image_import)(void *instance, const char *name, const char *source,
			    const struct hyfw_map *config, bool replace,
			    void (*progress)(uint64_t done, uint64_t total), struct hyfw_error **err);

	/* All images, sorted by name, in 'arena'; no images are no failure.  NULL: no
	 * image store, as in the next two. */
	int (*image_list)(void *instance, struct hyfw_arena *arena, struct hyfw_image **ret_images,
			  size_t *ret_count, struct hyfw_error **err);

	/* One image, in 'arena'; -ENOENT when there is none of that name. */
	int (*image_get)(void *instance, const char *name, struct hyfw_arena *arena,
			 struct hyfw_image *ret_image, struct hyfw_error **err);

	/* Deletes an image; -ENOENT when there is none of that name.  The core has
	 * made sure that no workload uses it. */
	int (*image_remove)(void *instance, const char *name, struct hyfw_error **err);

	/* Deletes a volume with its data, which may take long; -ENOENT when there is
	 * none of that name.  The core has made sure that no workload uses it.
	 * NULL: no volumes. */
	int (*volume_remove)(void *instance, const char *name, struct hyfw_error **err);
};

#ifdef __cplusplus
}
#endif
#endif
