/* SPDX-License-Identifier: BSD-3-Clause
 * Images that are there. */
#include "qcow2.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "../common/tree.h"

/* Reads the image in 'dirfd' into all of 'ret_image' but its name. */
static int read_image(struct qcow2 *qcow2, int dirfd, struct hyfw_image *ret_image,
		      struct qcow2_header *ret_header, struct hyfw_error **err)
{
	struct hyfw_image image = { .size = sizeof(image), .format = "qcow2" };
	int disk = openat(dirfd, "disk.qcow2", O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK), result;
	const char *why = "";
	struct stat st;

	if (disk < 0 || fstat(disk, &st) < 0) {
		result = qcow2->host->fail(err, errno, "disk.qcow2: %s", strerror(errno));
	} else {
		result = qcow2_header_read(disk, "qcow2", ret_header, &why);
		if (result == 0 && (ret_header->backing[0] || ret_header->external_data)) {
			result = -EBADMSG;
			why = "it is based on another file";
		}
		if (result < 0)
			qcow2->host->fail(err, -result, "disk.qcow2 is damaged: %s; import the image again", why);
	}
	if (disk >= 0)
		close(disk);
	if (result == 0)
		result = qcow2_config_read(qcow2, dirfd, &image, err);
	if (result < 0)
		return result;
	image.bytes = (uint64_t)st.st_blocks * 512;
	image.virtual_size = ret_header->virtual_size;
	*ret_image = image;
	return 0;
}

/* Descriptor of images/KEY. */
static int open_image(struct qcow2 *qcow2, const char *name, const char *key, struct hyfw_error **err)
{
	struct hyfw_error *missing = NULL;
	int images = qcow2_data_open(qcow2, "images", false, &missing), fd = -1, errnum = ENOENT;

	if (images < 0 && images != -ENOENT) {
		*err = missing;
		return images;
	}
	qcow2->host->forget(&missing);
	if (images >= 0) {
		fd = openat(images, key, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		errnum = fd < 0 ? errno : 0;
	}
	if (errnum == ENOENT)
		fd = storage_image_not_found(qcow2->host, images, name, key, err);
	else if (errnum != 0)
		fd = qcow2->host->fail(err, errnum, "image %s: %s", name, strerror(errnum));
	if (images >= 0)
		close(images);
	return fd;
}

static int get(struct qcow2 *qcow2, const char *name, char ret_key[static STORAGE_KEY_SIZE],
	       struct hyfw_image *ret_image, struct qcow2_header *ret_header, struct hyfw_error **err)
{
	int result = storage_image_key(qcow2->host, name, ret_key, err), fd;

	if (result < 0)
		return result;
	fd = open_image(qcow2, name, ret_key, err);
	if (fd < 0)
		return fd;
	result = read_image(qcow2, fd, ret_image, ret_header, err);
	close(fd);
	return result < 0 ? qcow2->host->wrap(err, "image %s", name) : 0;
}

int qcow2_image_get(void *instance, const char *name, struct hyfw_arena *arena, struct hyfw_image *ret_image,
		    struct hyfw_error **err)
{
	struct qcow2 *qcow2 = instance;
	struct qcow2_header header;
	char key[STORAGE_KEY_SIZE];
	int result = get(qcow2, name, key, ret_image, &header, err);

	if (result == 0)
		ret_image->name = storage_image_name(qcow2->host, arena, key);
	return result;
}

int qcow2_image_disk(struct qcow2 *qcow2, const char *name, struct hyfw_arena *arena, const char **ret_path,
		     struct qcow2_header *ret_header, struct hyfw_error **err)
{
	struct hyfw_image image = { .size = sizeof(image) };
	char key[STORAGE_KEY_SIZE];
	int result = get(qcow2, name, key, &image, ret_header, err);

	if (result == 0)
		*ret_path = qcow2->host->format(arena, "%s/images/%s/disk.qcow2", qcow2_data(qcow2), key);
	return result;
}

static int read_listed(void *data, int dirfd, struct hyfw_arena *arena, struct hyfw_image *ret_image,
		       struct hyfw_error **err)
{
	struct qcow2_header header;

	(void)arena;
	return read_image(data, dirfd, ret_image, &header, err);
}

int qcow2_image_list(void *instance, struct hyfw_arena *arena, struct hyfw_image **ret_images,
		     size_t *ret_count, struct hyfw_error **err)
{
	struct qcow2 *qcow2 = instance;
	struct hyfw_error *missing = NULL;
	int fd = qcow2_data_open(qcow2, "images", false, &missing);

	if (fd < 0 && fd != -ENOENT) {
		*err = missing;
		return fd;
	}
	qcow2->host->forget(&missing);
	storage_image_list(qcow2->host, fd, read_listed, qcow2, arena, ret_images, ret_count);
	return 0;
}

/* Out of the way first, so that it is there whole or not at all.  A workload makes its
 * overlay, whose name has that of the image, before it looks for the image, and we look
 * for overlays after the image is gone: one of both sees the other. */
static int remove_from(struct qcow2 *qcow2, int images, const char *name, const char *key, struct hyfw_error **err)
{
	char trash[32];
	int result;

	storage_trash_name(trash);
	if (renameat2(images, key, images, trash, RENAME_NOREPLACE) < 0)
		return errno == ENOENT ? storage_image_not_found(qcow2->host, images, name, key, err) :
					 qcow2->host->fail(err, errno, "image %s: remove: %s", name, strerror(errno));
	result = qcow2_image_unused(qcow2, key, NULL, err);
	if (result < 0) {
		renameat2(images, trash, images, key, RENAME_NOREPLACE);
		return result;
	}
	result = storage_tree_remove(images, trash);
	return result < 0 ? qcow2->host->fail(err, -result, "image %s: remove: %s", name, strerror(-result)) : 0;
}

int qcow2_image_remove(void *instance, const char *name, struct hyfw_error **err)
{
	struct qcow2 *qcow2 = instance;
	char key[STORAGE_KEY_SIZE], *path;
	int result = storage_image_key(qcow2->host, name, key, err), fd, images;
	struct hyfw_arena *arena;

	if (result < 0)
		return result;
	fd = open_image(qcow2, name, key, err);
	if (fd < 0)
		return fd;
	close(fd);
	arena = qcow2->host->arena_new();
	path = qcow2->host->format(arena, "%s/images/%s/disk.qcow2", qcow2_data(qcow2), key);
	result = qcow2_image_unused(qcow2, key, NULL, err);
	if (result == 0)
		result = qcow2_no_clones(qcow2, path, NULL, err);
	qcow2->host->arena_free(arena);
	if (result < 0)
		return result;
	images = qcow2_data_open(qcow2, "images", false, err);
	if (images < 0)
		return images;
	result = remove_from(qcow2, images, name, key, err);
	close(images);
	return result;
}
