/* SPDX-License-Identifier: BSD-3-Clause
 * A disk seen on this machine.
 *
 * Each mount has a directory below the driver's runtime directory, mounts/X:
 *     state   where, which disk, how: a line each; written before anything is done
 *     disk    what qemu-storage-daemon mounts its file on
 *     pid     of the daemon that must go with the mount
 *     done    all is in place
 * and it is locked with flock(2) while something is done to it.  Whoever finds one that is
 * neither locked nor done undoes it; one whose mount somebody else took away, too.
 * fast_mounts.c keeps them, fast_mount.c mounts and unmounts. */
#ifndef HYFW_STORAGE_FAST_MOUNT_H
#define HYFW_STORAGE_FAST_MOUNT_H

#include <limits.h>

#include "fast_disk.h"

struct fast_mount {
	char directory[PATH_MAX / 2]; /* mounts/X */
	char at[PATH_MAX], disk[PATH_MAX], how[16];
	int lock;
};

void fast_mount_file(const struct fast_mount *mount, const char *name, char ret_path[static PATH_MAX]);

/* Whether something is mounted on 'path': it is on another device than its parent. */
bool fast_is_mount_point(const char *path);

/* Makes the directory, locked, with the state in it. */
int fast_mount_begin(struct qcow2 *qcow2, struct fast_mount *mount, struct hyfw_error **err);

/* What was written in its directory; false when that is not whole. */
bool fast_mount_read(struct fast_mount *mount);

/* Takes it away with its daemon and its directory. */
int fast_mount_undo(struct qcow2 *qcow2, const struct fast_mount *mount, struct hyfw_error **err);

/* Calls 'visit' with each that can be locked, until it returns true; it closes nothing. */
void fast_mounts_each(struct qcow2 *qcow2, bool (*visit)(struct qcow2 *, struct fast_mount *, void *), void *data);

#endif
