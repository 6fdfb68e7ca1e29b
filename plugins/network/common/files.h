/* SPDX-License-Identifier: BSD-3-Clause
 * Small files in a driver's own directory, written whole or not at all. */
#ifndef HYFW_NETWORK_FILES_H
#define HYFW_NETWORK_FILES_H

#include <hyfw/host.h>

/* Readable by every user, since the reader is a program without privileges. */
int net_file_write(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory, const char *name,
		   const void *data, size_t size, struct hyfw_error **err);
/* NUL-terminated, in 'arena'; NULL when it cannot be read or is longer than 64 KiB. */
char *net_file_read(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory,
		    const char *name, size_t *ret_size);
/* Calls 'visit', which may remove the file, for each name without a dot in front. */
void net_file_each(const char *directory, void (*visit)(void *context, const char *name), void *context);
/* Makes 'path' with mode 0755; there already is success. */
int net_directory_make(const struct hyfw_host *host, const char *path, struct hyfw_error **err);
/* Removes 'path' and the files in it, not what is below its directories. */
int net_directory_remove(const struct hyfw_host *host, const char *path, struct hyfw_error **err);

#endif
