/* SPDX-License-Identifier: BSD-3-Clause */
#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Descriptor of the image's directory. */
static int open_image(struct overlay *overlay, const char *name, struct hyfw_error **err)
{
	struct hyfw_error *missing = NULL;
	char key[STORAGE_KEY_SIZE];
	int images, fd, errnum;
	int result = storage_image_key(overlay->host, name, key, err);

	if (result < 0)
		return result;
	images = overlay_open(overlay, "images", false, &missing);
	if (images < 0) {
		if (images == -ENOENT) {
			overlay->host->forget(&missing);
			return storage_image_not_found(overlay->host, -1, name, key, err);
		}
		*err = missing;
		return images;
	}
	fd = openat(images, key, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	errnum = fd < 0 ? errno : 0;
	if (errnum == ENOENT)
		fd = storage_image_not_found(overlay->host, images, name, key, err);
	else if (errnum != 0)
		fd = overlay->host->fail(err, errnum, "image %s: %s", name, strerror(errnum));
	close(images);
	return fd;
}

int overlay_image_exists(struct overlay *overlay, const char *name, struct hyfw_error **err)
{
	int fd = open_image(overlay, name, err);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int overlay_image_get(void *instance, const char *name, struct hyfw_arena *arena,
		      struct hyfw_image *ret_image, struct hyfw_error **err)
{
	struct overlay *overlay = instance;
	struct hyfw_image image;
	char key[STORAGE_KEY_SIZE];
	int result = storage_image_key(overlay->host, name, key, err), fd;

	if (result < 0)
		return result;
	fd = open_image(overlay, name, err);
	if (fd < 0)
		return fd;
	result = overlay_manifest_read(overlay, fd, arena, &image, err);
	close(fd);
	if (result < 0)
		return overlay->host->wrap(err, "image %s", name);
	image.name = storage_image_name(overlay->host, arena, key);
	*ret_image = image;
	return 0;
}

static int read_image(void *data, int dirfd, struct hyfw_arena *arena, struct hyfw_image *ret_image,
		      struct hyfw_error **err)
{
	return overlay_manifest_read(data, dirfd, arena, ret_image, err);
}

int overlay_image_list(void *instance, struct hyfw_arena *arena, struct hyfw_image **ret_images,
		       size_t *ret_count, struct hyfw_error **err)
{
	struct overlay *overlay = instance;
	struct hyfw_error *missing = NULL;
	int fd = overlay_open(overlay, "images", false, &missing);

	if (fd < 0 && fd != -ENOENT) {
		*err = missing;
		return fd;
	}
	overlay->host->forget(&missing);
	storage_image_list(overlay->host, fd, read_image, overlay, arena, ret_images, ret_count);
	return 0;
}

/* Out of the way first, so that it is there whole or not at all.  A workload
 * makes its layer, which names the image, before it looks for the image, and we
 * look for layers after the image is gone: one of both sees the other. */
int overlay_image_remove(void *instance, const char *name, struct hyfw_error **err)
{
	struct overlay *overlay = instance;
	char key[STORAGE_KEY_SIZE], trash[32];
	int result = storage_image_key(overlay->host, name, key, err), images;

	if (result == 0)
		result = overlay_image_exists(overlay, name, err);
	if (result == 0)
		result = overlay_image_unused(overlay, key, err);
	if (result < 0)
		return result;
	images = overlay_open(overlay, "images", false, err);
	if (images < 0)
		return images;
	storage_trash_name(trash);
	if (renameat2(images, key, images, trash, RENAME_NOREPLACE) < 0) {
		result = errno == ENOENT ? storage_image_not_found(overlay->host, images, name, key, err) :
					   overlay->host->fail(err, errno, "image %s: remove: %s", name,
							       strerror(errno));
	} else {
		result = overlay_image_unused(overlay, key, err);
		if (result < 0)
			renameat2(images, trash, images, key, RENAME_NOREPLACE);
		else
			result = overlay_remove(overlay, images, trash, err);
	}
	close(images);
	return result;
}
