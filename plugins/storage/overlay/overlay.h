/* SPDX-License-Identifier: BSD-3-Clause
 * Storage driver `overlay`: images whose layers are shared read-only, and a
 * writable layer for each workload.
 *
 *     overlay.c     the descriptor; which operation goes where; what takes a
 *                   void *instance is one itself
 *     layer.c       writable layers: the step, the attachment
 *     store.c       the directories on disk: names, temporaries, removal
 *     image.c       operations on images that are there: list, get, remove
 *     manifest.c    what is kept about an image, as JSON
 *     import.c      a new image: temporary directory, commit
 *     import_dir.c, import_tar.c   the two sources; untar.c writes entries of archives
 *     accepts.c     what a source is, from its first bytes
 *     writer.c      writing a layer: metadata, limits
 *     path.c        names in an archive, resolved inside of the layer
 *     data.c        the content of files
 *     archive.c     libarchive, opened when it is needed
 *
 * On disk, below the driver's data directory:
 *     images/NAME/manifest.json
 *     images/NAME/layers/0 ...     0 is the lowest; "name:tag" is stored as "name@tag"
 *     images/.import-X             an import under way, locked with flock(2)
 *     images/.trash-X              an image being deleted
 *     layers/WORKLOAD+NAME/upper, work     NAME is that of the image
 * Owners in an image are ids inside the workload; those in a writable layer are
 * ids of the host.  images/ and layers/ are closed to other users: both may hold
 * set-user-id files. */
#ifndef HYFW_STORAGE_OVERLAY_H
#define HYFW_STORAGE_OVERLAY_H

#include <hyfw/storage.h>

#include "../common/store.h"

struct overlay {
	const struct hyfw_host *host;
	const char *data;   /* the driver's data directory, once it was needed */
	uint64_t max_bytes; /* of an imported image */
	uint64_t max_files;
};

/* ---- store.c ---- */

const char *overlay_data(struct overlay *overlay);

/* Descriptor of images/ or layers/ ('which').  With 'make' it comes into being;
 * without, a missing one is -ENOENT. */
int overlay_open(struct overlay *overlay, const char *which, bool make, struct hyfw_error **err);

int overlay_remove(struct overlay *overlay, int dirfd, const char *name, struct hyfw_error **err);

/* ---- layer.c ---- */

int overlay_layer_check(struct overlay *overlay, const struct hyfw_subject *subject, struct hyfw_error **err);
int overlay_layer_plan(struct overlay *overlay, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		       struct hyfw_arena *arena, struct hyfw_error **err);
int overlay_layer_apply(void *instance, struct hyfw_call *call, struct hyfw_error **err);
int overlay_layer_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err);
int overlay_layer_rename(void *instance, const struct hyfw_subject *subject, const char *to,
			 struct hyfw_arena *arena, struct hyfw_map *ret_notes, struct hyfw_error **err);
int overlay_layer_attachment(struct overlay *overlay, const struct hyfw_subject *subject,
			     struct hyfw_arena *arena, struct hyfw_attachment *ret_attachment,
			     struct hyfw_error **err);
int overlay_layers_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err);

/* -EBUSY, naming the workload, when one has a layer on image 'key'. */
int overlay_image_unused(struct overlay *overlay, const char *key, struct hyfw_error **err);

/* ---- image.c ---- */

int overlay_image_exists(struct overlay *overlay, const char *name, struct hyfw_error **err);
int overlay_image_list(void *instance, struct hyfw_arena *arena, struct hyfw_image **ret_images,
		       size_t *ret_count, struct hyfw_error **err);
int overlay_image_get(void *instance, const char *name, struct hyfw_arena *arena,
		      struct hyfw_image *ret_image, struct hyfw_error **err);
int overlay_image_remove(void *instance, const char *name, struct hyfw_error **err);

/* ---- manifest.c ---- */

/* -EINVAL when 'config' holds a key that images do not have. */
int overlay_config_check(struct overlay *overlay, const struct hyfw_map *config, struct hyfw_error **err);

/* Writes DIRFD/manifest.json; 'image' without its name. */
int overlay_manifest_write(struct overlay *overlay, int dirfd, const struct hyfw_image *image,
			   struct hyfw_error **err);

/* Reads DIRFD/manifest.json into all of 'ret_image' but its name. */
int overlay_manifest_read(struct overlay *overlay, int dirfd, struct hyfw_arena *arena,
			  struct hyfw_image *ret_image, struct hyfw_error **err);

/* ---- import.c ---- */

int overlay_import(void *instance, const char *name, const char *source,
		   const struct hyfw_map *config, bool replace, void (*progress)(uint64_t, uint64_t),
		   struct hyfw_error **err);

/* ---- accepts.c ---- */

/* Directories and what looks like an archive. */
int overlay_accepts(void *instance, const char *source, bool *ret_accepts, struct hyfw_error **err);

#endif
