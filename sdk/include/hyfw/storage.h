/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Storage drivers keep images, and make root file systems and volumes.
 *
 *     plan(ROOT)    steps of lifetime WORKLOAD (a writable layer that stays until
 *                   the workload is removed) or RUN (for transient ones)
 *     plan(VOLUME)  steps of lifetime SHARED.  undo() removes a volume only when
 *                   apply() has made it and it is empty: data is never deleted by
 *                   undo, only by remove_volume().
 *     plan(DISK)    steps of lifetime RUN: hands a disk (a named volume, or a file of
 *                   the host) to the user that the hypervisor runs as
 *                   (hyfw_subject.idmap), and back
 *     attachment()  says, as data, what to mount; the isolation driver mounts it.  A
 *                   block image is given with its format and a chain of backing files
 *                   that was checked: none lies outside of what the driver made or the
 *                   administrator named
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

/* Note of the core's, "true", on a step for a DISK: another host may have the machine
 * and its disks by now.  undo() forgets what it knows of it, and leaves the disk alone. */
#define HYFW_NOTE_LOST "lost"

struct hyfw_image {
	size_t size;
	const char *name;
	uint64_t bytes;         /* on disk */
	int64_t created;        /* seconds since the epoch */
	uint32_t layers;
	struct hyfw_map config; /* defaults of the image, in the words of the INI file: command
				 * entrypoint env workdir user; lists repeat their key */
	const char *format;     /* of a disk image: "qcow2"; NULL for a file system */
	uint64_t virtual_size;  /* of a disk image: bytes that a machine sees */
};

/* Words for hyfw_operation.verb of storage drivers that give block images.  'object'
 * is an absolute path, a volume's name, "image/NAME", or a workload's name (its root
 * disk); the result of operations without "->" is empty.  A disk that a running
 * workload or another program uses is refused (-EBUSY) by every verb that writes.
 * What only a driver with libguestfs can do is marked *.
 *
 *   create       SIZE (bytes), format, preallocation, backing, filesystem, from (a directory
 *                or archive that becomes the file system), label
 *   info         -> format, virtual_size, actual_size, backing, encrypted, locked, ...
 *   resize       SIZE, shrink (true), filesystem (true: the last one too *), partition
 *   clone        TO, linked (true: an overlay)
 *   snapshot-create NAME; snapshot-list -> row name created bytes; snapshot-revert NAME;
 *   snapshot-delete NAME
 *   rebase       BACKING ("" flattens), unsafe
 *   commit
 *   convert      TO, FORMAT, compress (true)
 *   check        repair (true) -> errors, leaks, ...
 *   diff         WITH -> row path change
 *   sparsify *   to (without it in place)
 *   filesystems * -> row device type label uuid size used available
 *   inspect *    -> os, distribution, version, hostname, ...
 *   cat * PATH (output_fd); ls * PATH -> row name mode size ...; copy-in * SOURCE PATH;
 *   copy-out * PATH TO; tar-in * PATH (input_fd); tar-out * PATH (output_fd);
 *   upload * PATH (input_fd)
 *   customize *  hostname, root_password_file, ssh_key_file, user, run, install, ...
 *   sysprep *    operations
 *   mount        AT, read_only; unmount AT
 *   pools        -> row name path size used available
 *   build-disk   of "image/NAME": from (a directory or archive; repeated: layers, the
 *                uppermost first), SIZE, hostname, ssh_key_file, root_password_file, cmdline,
 *                replace: a disk that boots -> kernel virtual_size
 *
 * Verbs that go by a path in the disk take "device", the file system that it is in, as
 * filesystems says it.  Verbs that read with the appliance take "live" (true): a disk in use is read as it is at
 * this moment instead of being refused.
 *   volumes      -> row name pool path format virtual_size actual_size
 *   reserve      promises room for a snapshot of a disk in use, before another driver
 *                makes it: overlay (true: in a file of its own), memory (bytes beside);
 *                -EDQUOT.  The promises count until release, whose object is "", or close
 *
 * A path's format is that of its suffix or "source_format"; where there is neither, its
 * content tells it, and then it may be based on nothing.  "pool" says where a volume is
 * that is looked for or made.
 */

struct hyfw_storage_ops {
	size_t size;

	/* Fills 'ret_attachment' for ROOT, VOLUME or DISK subjects from the notes and
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

	/* Does 'operation' in the calling process; may take long.  A failure or a
	 * cancellation leaves the object as it was.  -ENOTSUP for a verb that the driver
	 * does not know.  NULL: none. */
	int (*operate)(void *instance, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		       struct hyfw_error **err);

	/* Whether image_import() is for sources like 'source', by what is in it.  Looks at
	 * its beginning only.  NULL: only when somebody asks for this driver. */
	int (*image_accepts)(void *instance, const char *source, bool *ret_accepts, struct hyfw_error **err);

	/* The root of 'subject', a workload that does not run, is the workload 'to's from
	 * now on.  'ret_notes', in 'arena': what notes and arguments of its steps of the same
	 * keys are now, and of a disk "disk_from" and "disk_to", its paths.  What was done
	 * already is success, with the same 'ret_notes'; a failure has changed nothing.
	 * NULL: nothing that lasts goes by the workload's name. */
	int (*rename)(void *instance, const struct hyfw_subject *subject, const char *to, struct hyfw_arena *arena,
		      struct hyfw_map *ret_notes, struct hyfw_error **err);
};

#ifdef __cplusplus
}
#endif
#endif
