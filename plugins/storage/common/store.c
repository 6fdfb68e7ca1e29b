/* SPDX-License-Identifier: BSD-3-Clause */
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree.h"

#define IMPORT_PREFIX ".import-"
#define TRASH_PREFIX ".trash-"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define NAME_LONGEST 100u
#define TAG_LONGEST 64u /* with a workload's name they still fit into NAME_MAX */

/* ---- names ---- */

/* NAME or NAME:TAG; "latest" is what is meant without a tag.  A colon would
 * part the layers in mount options, so the tag is stored behind an "@". */
int storage_image_key(const struct hyfw_host *host, const char *name, char ret_key[static STORAGE_KEY_SIZE],
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
		return host->fail(err, EINVAL,
					   "image '%.300s': a name is made of a-z 0-9 . _ - and starts with a letter "
					   "or digit, a :TAG may follow",
					   name);
	if (tag == 0 || strcmp(name + base + 1, "latest") == 0)
		snprintf(ret_key, STORAGE_KEY_SIZE, "%.*s", (int)base, name);
	else
		snprintf(ret_key, STORAGE_KEY_SIZE, "%.*s@%s", (int)base, name, name + base + 1);
	return 0;
}

char *storage_image_name(const struct hyfw_host *host, struct hyfw_arena *arena, const char *key)
{
	char *name = host->format(arena, "%s", key), *at = strchr(name, '@');

	if (at)
		*at = ':';
	return name;
}

/* ---- all of them ---- */

static int by_name(const void *one, const void *other)
{
	return strcmp(((const struct hyfw_image *)one)->name, ((const struct hyfw_image *)other)->name);
}

struct listing {
	const struct hyfw_host *host;
	int images;
	storage_read_image_fn read;
	void *data;
	struct hyfw_arena *arena;
};

static bool read_listed(const struct listing *listing, const char *key, struct hyfw_image *image)
{
	int fd = openat(listing->images, key, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), result;
	struct hyfw_error *err = NULL;

	if (fd < 0)
		return false;
	result = listing->read(listing->data, fd, listing->arena, image, &err);
	if (result < 0) {
		listing->host->log(HYFW_LOG_WARNING, "image %s is damaged", key);
		listing->host->forget(&err);
	} else {
		image->name = storage_image_name(listing->host, listing->arena, key);
	}
	close(fd);
	return result == 0;
}

void storage_image_list(const struct hyfw_host *host, int images, storage_read_image_fn read, void *data,
			struct hyfw_arena *arena, struct hyfw_image **ret_images, size_t *ret_count)
{
	const struct listing all = { host, images, read, data, arena };
	DIR *listing = images >= 0 ? fdopendir(images) : NULL;
	size_t room = 0, count = 0;
	struct dirent *entry;

	while (listing && readdir(listing))
		room++;
	*ret_images = host->alloc(arena, (room + 1) * sizeof(**ret_images));
	if (listing)
		rewinddir(listing);
	while (listing && count < room && (entry = readdir(listing)))
		if (entry->d_name[0] != '.' && read_listed(&all, entry->d_name, &(*ret_images)[count]))
			count++;
	if (listing)
		closedir(listing);
	else if (images >= 0)
		close(images);
	qsort(*ret_images, count, sizeof(**ret_images), by_name);
	*ret_count = count;
}

/* ---- directories that appear and go as a whole ---- */

static void unique_name(const char *prefix, char ret_name[static 32])
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number))
		number = (uint64_t)getpid(); /* the caller tries again when it is taken */
	snprintf(ret_name, 32, "%s%016llx", prefix, (unsigned long long)number);
}

void storage_trash_name(char ret_name[static 32])
{
	unique_name(TRASH_PREFIX, ret_name);
}

/* A sweep may find the directory before it is locked, and remove it: then it has
 * no name any more (its link count is 0) and another one is made. */
int storage_temporary_make(const struct hyfw_host *host, int images, char ret_name[static 32],
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
			return host->fail(err, errno, "make a directory in the image store: %s",
						   strerror(errno));
		}
		fd = openat(images, ret_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return host->fail(err, EAGAIN, "make a directory in the image store: too many at once");
}

static bool starts_with(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* True when nobody holds the lock of the import 'name'; that the caller then
 * removes it is what the check in storage_temporary_make() is for. */
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

void storage_sweep(const struct hyfw_host *host, int images)
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
			host->log(HYFW_LOG_WARNING, "image store: remove %s: %s", name,
					   strerror(-result));
		if (lock >= 0)
			close(lock);
	}
	closedir(listing);
}

/* ---- the nearest name ---- */

/* How many characters must be changed, two rows of the
 * usual table. */
static size_t distance(const char *one, const char *other)
{
	size_t row[STORAGE_KEY_SIZE], length = strlen(other), i, j;

	for (j = 0; j <= length; j++)
		row[j] = j;
	for (i = 1; one[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (j = 1; j <= length; j++) {
			size_t cost = diagonal + (one[i - 1] != other[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < cost)
				cost = row[j] + 1;
			if (row[j - 1] + 1 < cost)
				cost = row[j - 1] + 1;
			row[j] = cost;
		}
	}
	return row[length];
}

/* The stored image whose name is most like 'key'; "" when none is. */
static void nearest(int images, const char *key, char ret_near[static STORAGE_KEY_SIZE])
{
	int fd = images >= 0 ? openat(images, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
	size_t best = 3;
	struct dirent *entry;

	ret_near[0] = '\0';
	while (listing && (entry = readdir(listing))) {
		const char *tag = strchr(entry->d_name, '@');
		size_t far;

		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= STORAGE_KEY_SIZE)
			continue;
		far = distance(key, entry->d_name);
		if (tag && strncmp(entry->d_name, key, (size_t)(tag - entry->d_name)) == 0 && far > 1)
			far = 1; /* the same image with another tag */
		if (far < best) {
			best = far;
			snprintf(ret_near, STORAGE_KEY_SIZE, "%s", entry->d_name);
		}
	}
	if (strchr(ret_near, '@'))
		*strchr(ret_near, '@') = ':';
	if (listing)
		closedir(listing);
	else if (fd >= 0)
		close(fd);
}

int storage_image_not_found(const struct hyfw_host *host, int images, const char *name, const char *key,
			    struct hyfw_error **err)
{
	char near[STORAGE_KEY_SIZE];

	nearest(images, key, near);
	return host->fail(err, ENOENT, "image %s: not found%s%s; `hyfw image list` shows what there is",
			  name, near[0] ? ", the nearest is " : "", near);
}
