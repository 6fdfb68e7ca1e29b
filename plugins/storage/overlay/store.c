/* SPDX-License-Identifier: BSD-3-Clause */
#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/tree.h"

const char *overlay_data(struct overlay *overlay)
{
	if (!overlay->data)
		overlay->data = overlay->host->directory("overlay", HYFW_DIRECTORY_DATA);
	return overlay->data;
}

/* ---- directories ---- */

int overlay_open(struct overlay *overlay, const char *which, bool make, struct hyfw_error **err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	const char *data = overlay_data(overlay);
	char *path = NULL;
	int fd, errnum = 0;

	if (asprintf(&path, "%s/%s", data, which) < 0)
		return overlay->host->fail(err, ENOMEM, "out of memory");
	fd = open(path, flags | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT && make) {
		if (mkdir(path, 0700) == 0 || errno == EEXIST)
			fd = open(path, flags | O_NOFOLLOW);
	}
	if (fd < 0) {
		errnum = errno;
		fd = overlay->host->fail(err, errnum, "%s: %s", path, strerror(errnum));
	}
	free(path);
	return fd;
}

int overlay_remove(struct overlay *overlay, int dirfd, const char *name, struct hyfw_error **err)
{
	int result = storage_tree_remove(dirfd, name);

	if (result < 0)
		return overlay->host->fail(err, -result, "remove %s: %s", name, strerror(-result));
	return 0;
}
