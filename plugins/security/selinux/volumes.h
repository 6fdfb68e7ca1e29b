/* SPDX-License-Identifier: BSD-3-Clause
 * What volumes.c and volume_take.c share: what is kept of a labelled volume.  All under
 * VOLUMES_LOCK. */
#ifndef HYFW_SELINUX_VOLUMES_H
#define HYFW_SELINUX_VOLUMES_H

#include "selinux.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define VOLUMES_LOCK "selinux.volumes"

/* A volume's directory. */
struct place {
	const char *directory, *labels, *done, *users;
};

struct place place_of(const struct volumes *volumes, struct hyfw_arena *arena, const char *name);
/* Of the volume at 'path', in 'arena'. */
const char *place_name(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path);
int make_directory(const struct hyfw_host *host, const char *path, struct hyfw_error **err);
int make_file(const struct hyfw_host *host, const char *path, struct hyfw_error **err);
/* Another user than 'user', in 'arena'; NULL: none. */
int place_other_user(const struct hyfw_host *host, struct hyfw_arena *arena, const struct place *place,
		     const char *user, const char **ret_other, struct hyfw_error **err);
const char *place_user(const struct hyfw_host *host, struct hyfw_arena *arena, const struct place *place,
		       const char *user);
/* Gives the labels back that were there before; nothing where there is no record. */
int place_restore(const struct volumes *volumes, const struct place *place, struct hyfw_error **err);

typedef int (*each_place)(const struct volumes *volumes, struct hyfw_arena *arena, const struct place *place,
			  const void *data, struct hyfw_error **err);
int for_each_place(const struct volumes *volumes, struct hyfw_arena *arena, each_place action, const void *data,
		   struct hyfw_error **err);

#endif
