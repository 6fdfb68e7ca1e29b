/* SPDX-License-Identifier: BSD-3-Clause
 * All root disks that there are: whose they are, which images they lie on, and those of
 * workloads that are no more. */
#include "qcow2.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static DIR *list_roots(struct qcow2 *qcow2)
{
	struct hyfw_error *missing = NULL;
	int fd = qcow2_data_open(qcow2, "roots", false, &missing);
	DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;

	qcow2->host->forget(&missing);
	if (fd >= 0 && !listing)
		close(fd);
	return listing;
}

const char *qcow2_root_path(struct qcow2 *qcow2, const char *workload, struct hyfw_arena *arena)
{
	DIR *listing = list_roots(qcow2);
	const char *path = NULL;
	struct dirent *entry;

	while (listing && !path && (entry = readdir(listing))) {
		size_t length = strcspn(entry->d_name, (const char[]){ QCOW2_ROOT_SEPARATOR, '\0' });

		if (qcow2_root_is(entry->d_name) && strlen(workload) == length &&
		    memcmp(entry->d_name, workload, length) == 0)
			path = qcow2->host->format(arena, "%s/roots/%s", qcow2_data(qcow2), entry->d_name);
	}
	if (listing)
		closedir(listing);
	return path;
}

int qcow2_image_unused(struct qcow2 *qcow2, const char *key, const char *but, struct hyfw_error **err)
{
	const char *but_name = but ? strrchr(but, '/') : NULL;
	DIR *listing = list_roots(qcow2);
	struct dirent *entry;
	int result = 0;

	while (listing && result == 0 && (entry = readdir(listing))) {
		const char *image = strchr(entry->d_name, QCOW2_ROOT_SEPARATOR);
		int length = image ? (int)(image - entry->d_name) : 0;

		if (but_name && strcmp(but_name + 1, entry->d_name) == 0)
			continue;
		if (qcow2_root_is(entry->d_name) && strlen(image + 1) == strlen(key) + strlen(QCOW2_ROOT_SUFFIX) &&
		    strncmp(image + 1, key, strlen(key)) == 0)
			result = qcow2->host->fail(err, EBUSY, "the image is used by workload %.*s; `hyfw rm %.*s` first",
						   length, entry->d_name, length, entry->d_name);
	}
	if (listing)
		closedir(listing);
	return result;
}

static bool is_alive(const struct hyfw_alive *alive, const char *name)
{
	return hyfw_names_have(alive->workloads, name, strcspn(name, (const char[]){ QCOW2_ROOT_SEPARATOR, '\0' }));
}

/* Based on nothing: not made here of an image, but the copy of one that came from another
 * host with its machine, which nobody here knows by this name, or not yet. */
static bool stands_alone(int roots, const char *name)
{
	int fd = openat(roots, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	struct qcow2_header header;
	const char *why;
	bool alone;

	if (fd < 0)
		return false;
	alone = qcow2_header_read(fd, "qcow2", &header, &why) == 0 && !header.backing[0];
	close(fd);
	return alone;
}

int qcow2_roots_gc(struct qcow2 *qcow2, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	DIR *listing = list_roots(qcow2);
	struct dirent *entry;
	int result = 0;

	while (listing && (entry = readdir(listing)))
		if (qcow2_root_is(entry->d_name) && !is_alive(alive, entry->d_name) &&
		    !stands_alone(dirfd(listing), entry->d_name) &&
		    unlinkat(dirfd(listing), entry->d_name, 0) < 0 && errno != ENOENT && result == 0)
			result = qcow2->host->fail(err, errno, "remove root disk %s: %s", entry->d_name, strerror(errno));
	if (listing)
		closedir(listing);
	return result;
}
