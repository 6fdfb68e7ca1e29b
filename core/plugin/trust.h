/* SPDX-License-Identifier: BSD-3-Clause
 * Whom we let put code into our process: a path is trusted when every component
 * is a real directory (no link), owned by root or by the user we run as, and
 * writable by nobody else.  The walk holds on to what it has checked by
 * descriptor, so that nothing can be exchanged behind it. */
#ifndef HYFW_PLUGIN_TRUST_H
#define HYFW_PLUGIN_TRUST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* What was found on the way, for `hyfw plugin inspect`. */
struct hyfw_trust_step {
	char *path;
	unsigned uid, mode; /* permission bits */
	char *refusal;      /* NULL when trusted */
};
struct hyfw_trust_trail {
	size_t count, room;
	struct hyfw_trust_step *steps;
};
void hyfw_trust_trail_finish(struct hyfw_trust_trail *trail);

/* Walks the absolute 'path' from the root.  '*ret_fd' can be used with openat().
 * 'trail' may be NULL. */
int hyfw_trust_directory(const char *path, struct hyfw_trust_trail *trail, int *ret_fd,
			 struct hyfw_error **err);

/* Opens the regular file 'name' in a directory that was walked, for reading.
 * 'directory' is its path, for messages.  -ENOENT when there is none. */
int hyfw_trust_file(int directory_fd, const char *directory, const char *name,
		    struct hyfw_trust_trail *trail, int *ret_fd, struct hyfw_error **err);

/* True for names of plugins: 1 to 64 characters of [a-z0-9_-]. */
bool hyfw_trust_name_ok(const char *name);

#endif
