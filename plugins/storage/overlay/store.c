/* SPDX-License-Identifier: BSD-3-Clause */
#include "overlay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/tree.h"

#define IMPORT_PREFIX ".import-"
#define TRASH_PREFIX ".trash-"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define NAME_LONGEST 100u
#define TAG_LONGEST 64u /* with a workload's name they still fit into NAME_MAX */

const char *overlay_data(struct overlay *overlay)
{
	if (!overlay->data)
		overlay->data = overlay->host->directory("overlay", HYFW_DIRECTORY_DATA);
	return overlay->data;
}

/* ---- names ---- */

/* NAME or NAME:TAG; "latest" is what is meant without a tag.  A colon would
 * part the layers in mount options, so the tag is stored behind an "@". */
int overlay_key(struct overlay *overlay, const char *name, char ret_key[static OVERLAY_KEY_SIZE],
		struct hyfw_error **err)
{
	size_t base = strspn(name, LOWER DIGITS "._-"), tag = 0;
	bool good = base > 0 && base <= NAME_LONGEST && strchr(LOWER DIGITS, name[0]);

	if (good && name[base] == ':') {
		tag = strspn(name + base + 1, LOWER UPPER DIGITS "._-");
		good = tag > 0 && tag <= TAG_LONGEST && name[base + 1] != '.' && name[base + 1] != '-' &&
		       name[base + 1 + tag] == '\0';
	} else if (good) {
		good = name[base] == '\0';
	}
	if (!good)
		return overlay->host->fail(err, EINVAL,
					   "image '%.300s': a name is made of a-z 0-9 . _ - and starts with a letter "
					   "or digit, a :TAG may follow",
					   name);
	if (tag == 0 || strcmp(name + base + 1, "latest") == 0)
		snprintf(ret_key, OVERLAY_KEY_SIZE, "%.*s", (int)base, name);
	else
		snprintf(ret_key, OVERLAY_KEY_SIZE, "%.*s@%s", (int)base, name, name + base + 1);
	return 0;
}

char *overlay_name(struct overlay *overlay, struct hyfw_arena *arena, const char *key)
{
	char *name = overlay->host->format(arena, "%s", key), *at = strchr(name, '@');

	if (at)
		*at = ':';
	return name;
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

static void unique_name(const char *prefix, char ret_name[static 32])
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
		number = (uint64_t)getpid(); /* the caller tries again when it is taken */
	snprintf(ret_name, 32, "%s%016llx", prefix, (unsigned long long)number);
}

void overlay_trash_name(char ret_name[static 32])
{
	unique_name(TRASH_PREFIX, ret_name);
}

/* A sweep may find the directory before it is locked, and remove it: then it has
 * no name any more (its link count is 0) and another one is made. */
int overlay_temporary_make(struct overlay *overlay, int images, char ret_name[static 32],
			   struct hyfw_error **err)
{
	unsigned attempt;

	for (attempt = 0; attempt < 100; attempt++) {
		struct stat st;
		int fd;

		unique_name(IMPORT_PREFIX, ret_name);
		if (mkdirat(images, ret_name, 0700) < 0) {
			if (errno == EEXIST)
				continue;
			return overlay->host->fail(err, errno, "make a directory in the image store: %s",
						   strerror(errno));
		}
		fd = openat(images, ret_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return overlay->host->fail(err, EAGAIN, "make a directory in the image store: too many at once");
}

static bool starts_with(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* True when nobody holds the lock of the import 'name'; that the caller then
 * removes it is what the check in overlay_temporary_make() is for. */
static bool is_stale(int images, const char *name, int *ret_lock)
{
	int fd = openat(images, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		return false;
	}
	*ret_lock = fd;
	return true;
}

void overlay_images_sweep(struct overlay *overlay, int images)
{
	int fd = openat(images, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	if (!listing) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while ((entry = readdir(listing))) {
		const char *name = entry->d_name;
		int lock = -1, result;

		if (!starts_with(name, TRASH_PREFIX) &&
		    !(starts_with(name, IMPORT_PREFIX) && is_stale(images, name, &lock)))
			continue;
		result = storage_tree_remove(images, name);
		if (result < 0)
			overlay->host->log(HYFW_LOG_WARNING, "image store: remove %s: %s", name,
					   strerror(-result));
		if (lock >= 0)
			close(lock);
	}
	closedir(listing);
}

int overlay_remove(struct overlay *overlay, int dirfd, const char *name, struct hyfw_error **err)
{
	int result = storage_tree_remove(dirfd, name);

	if (result < 0)
		return overlay->host->fail(err, -result, "remove %s: %s", name, strerror(-result));
	return 0;
}
