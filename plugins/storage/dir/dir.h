/* SPDX-License-Identifier: BSD-3-Clause
 * Storage driver `dir`: a directory of the host as root file system or volume.
 *
 *     dir.c     the descriptor; which operation goes where; what takes a
 *               void *instance is one itself
 *     source.c  root file systems and host paths: opening what somebody named
 *     volume.c  volumes: where they are, making and removing them
 *
 * Nothing is ever chowned: with an id range of its own the workload sees the
 * directory through an idmapped mount. */
#ifndef HYFW_STORAGE_DIR_H
#define HYFW_STORAGE_DIR_H

#include <hyfw/storage.h>

struct dir {
	const struct hyfw_host *host;
	const char *data; /* the driver's data directory, once it was needed */
};

/* The data directory; making it costs system calls that a root file system does
 * not need. */
static inline const char *dir_data(struct dir *dir)
{
	if (!dir->data)
		dir->data = dir->host->directory("dir", HYFW_DIRECTORY_DATA);
	return dir->data;
}

/* ---- source.c ---- */

/* Opens what 'path' names, only a directory that can be a root file system
 * (O_PATH; links are followed, magic links of /proc not, a link that is swapped
 * later does not matter).  Returns the descriptor. */
int dir_source_open_root(struct dir *dir, const char *path, struct hyfw_error **err);

/* As above, only a directory, file or socket that can be a volume. */
int dir_source_open_volume(struct dir *dir, const char *path, struct hyfw_error **err);

/* ---- volume.c ---- */

int dir_volume_check(struct dir *dir, const struct hyfw_subject *subject, struct hyfw_error **err);
int dir_volume_plan(struct dir *dir, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		    struct hyfw_arena *arena, struct hyfw_error **err);
int dir_volume_apply(void *instance, struct hyfw_call *call, struct hyfw_error **err);
int dir_volume_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err);
int dir_volume_open(struct dir *dir, const struct hyfw_subject *subject,
		    const struct hyfw_map *record, struct hyfw_arena *arena, const char **ret_path,
		    struct hyfw_error **err);
int dir_volume_remove(void *instance, const char *name, struct hyfw_error **err);
int dir_volume_gc(struct dir *dir, struct hyfw_error **err);

#endif
