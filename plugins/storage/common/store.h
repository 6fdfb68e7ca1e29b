/* SPDX-License-Identifier: BSD-3-Clause
 * What stores of images have in common: names, and directories that appear and go
 * as a whole.  A store is one directory with an entry for each image, beside
 *     .import-X    an import under way, locked with flock(2)
 *     .trash-X     what is being deleted */
#ifndef HYFW_STORAGE_STORE_H
#define HYFW_STORAGE_STORE_H

#include <hyfw/host.h>
#include <hyfw/storage.h>

#define STORAGE_KEY_SIZE 176 /* a name, its tag and NUL */

/* The stored name of image 'name', after checking it: "name:tag" is "name@tag". */
int storage_image_key(const struct hyfw_host *host, const char *name, char ret_key[static STORAGE_KEY_SIZE],
		      struct hyfw_error **err);
/* And back; in 'arena'. */
char *storage_image_name(const struct hyfw_host *host, struct hyfw_arena *arena, const char *key);

/* -ENOENT for image 'name', with the nearest in the store 'images' (-1: there is none). */
int storage_image_not_found(const struct hyfw_host *host, int images, const char *name, const char *key,
			    struct hyfw_error **err);

/* Reads the image in the directory 'dirfd' into all of 'ret_image' but its name. */
typedef int (*storage_read_image_fn)(void *data, int dirfd, struct hyfw_arena *arena, struct hyfw_image *ret_image,
				     struct hyfw_error **err);

/* All images of the store 'images', which is closed (-1: there is none), sorted by name.
 * One that is damaged is told and left out, one that is just going left out. */
void storage_image_list(const struct hyfw_host *host, int images, storage_read_image_fn read, void *data,
			struct hyfw_arena *arena, struct hyfw_image **ret_images, size_t *ret_count);

/* Makes a directory .import-X in 'images', locked for as long as the returned
 * descriptor is open. */
int storage_temporary_make(const struct hyfw_host *host, int images, char ret_name[static 32],
			   struct hyfw_error **err);

/* A name for what is to be deleted. */
void storage_trash_name(char ret_name[static 32]);

/* Removes temporaries whose process is gone, and trash.  Best effort. */
void storage_sweep(const struct hyfw_host *host, int images);

#endif
