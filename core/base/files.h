/* SPDX-License-Identifier: BSD-3-Clause
 * Small file work that every part needs: read whole, write atomically, make
 * and remove directories, record locks. */
#ifndef HYFW_BASE_FILES_H
#define HYFW_BASE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* The whole regular file, NUL-terminated; free().  -EFBIG above 'limit' bytes. */
int hyfw_file_read(int dirfd, const char *path, size_t limit, char **ret_data, size_t *ret_size,
		   struct hyfw_error **err);

/* Writes 'path' whole or not at all (temporary file and rename); with 'sync' it
 * survives a power failure, the directory entry included. */
int hyfw_file_write(const char *path, const void *data, size_t size, mode_t mode, bool sync,
		    struct hyfw_error **err);

/* Makes 'name' with its whole content in one step, so that nobody ever sees it
 * half written; -EEXIST when there is one.  No error text, negative errno. */
int hyfw_file_claim(int dirfd, const char *name, const char *text);


/* All of 'data', despite short writes and EINTR; negative errno. */
int hyfw_write_all(int fd, const void *data, size_t size);

/* mkdir -p with 'mode' for the last; those above it that are made can be walked
 * through by everybody, since programs without privileges have their sockets and
 * files below them.  An existing directory is fine. */
int hyfw_make_directories(const char *path, mode_t mode, struct hyfw_error **err);

/* rm -rf, never following links or crossing into other file systems; already
 * gone is success. */
int hyfw_remove_tree(int dirfd, const char *path, struct hyfw_error **err);

/* A record lock of the whole file, owned by this process (fcntl F_SETLK): it is
 * not inherited by children and goes with the process.  Note that closing any
 * descriptor of the same file drops it.  'wait': block until it is free.
 * -EAGAIN when held by another process. */
int hyfw_lock_take(int fd, bool exclusive, bool wait);

/* The process that holds a lock that excludes ours, 0 for none. */
pid_t hyfw_lock_holder(int fd);

#endif
