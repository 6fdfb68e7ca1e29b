/* SPDX-License-Identifier: BSD-3-Clause
 * Paths of an archive, which nobody needs to trust, and the files of a layer that
 * they mean. */
#ifndef HYFW_STORAGE_PATH_H
#define HYFW_STORAGE_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* 'raw' without "./", double and trailing slashes; "" is the root.  False for an
 * absolute one, one with ".." or one that is too long: '*ret_why' says which. */
bool layer_path(const char *raw, char ret_path[static PATH_MAX], const char **ret_why);

/* Opens 'path' as a process whose root directory is 'root' would see it: no link
 * and no ".." leads out of it.  A descriptor or a negative errno. */
int layer_open(int root, const char *path, uint64_t flags);

/* The directory 'path' (O_PATH), made with those above it where the archive does
 * not have them, or has them later.  'path' is as it was afterwards. */
int layer_open_directory(int root, char *path);

#endif
