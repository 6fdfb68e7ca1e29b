/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/cache.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/files.h"
#include "plugin/places.h"

#define MAGIC 0x3143465948u /* "HYFC1" */
#define ENTRY_LARGEST (16u << 20)
#define ENTRIES_KEPT (HYFW_CACHE_MOST - HYFW_CACHE_MOST / 4) /* so that not every new one clears away */

/* The file is this, the key without its NUL, the data.  Written and read on the
 * same machine only. */
struct entry {
	uint64_t magic;
	uint64_t key_size;
	uint64_t data_size;
	uint64_t data_digest;
};

static char *entry_name(const char *key)
{
	return hyfw_format("%016" PRIx64, hyfw_place_digest(key, strlen(key)));
}

static bool read_exactly(int fd, void *data, size_t size)
{
	char *at = data;

	while (size > 0) {
		ssize_t got = read(fd, at, size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		size -= (size_t)got;
	}
	return true;
}

/* Ours alone, and of the size that its head tells. */
static bool head_ok(int fd, const char *key, struct entry *ret_head)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022))
		return false;
	if (st.st_size > ENTRY_LARGEST || !read_exactly(fd, ret_head, sizeof(*ret_head)))
		return false;
	return ret_head->magic == MAGIC && ret_head->key_size == strlen(key) &&
	       ret_head->data_size <= ENTRY_LARGEST &&
	       (uint64_t)st.st_size == sizeof(*ret_head) + ret_head->key_size + ret_head->data_size;
}

int hyfw_cache_get(struct hyfw_arena *arena, const char *bucket, const char *key, const void **ret_data,
		   size_t *ret_size)
{
	HYFW_AUTO_FREE char *name = entry_name(key);
	HYFW_AUTO_FREE char *directory = hyfw_place_path(HYFW_PLACE_DATA, "cache", bucket);
	HYFW_AUTO_FREE char *path = directory ? hyfw_format("%s/%s", directory, name) : NULL;
	HYFW_AUTO_FREE char *stored = NULL;
	HYFW_AUTO_CLOSE int fd = -1;
	struct entry head;
	void *data;

	if (!path || !hyfw_place_name_ok(bucket))
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || !head_ok(fd, key, &head))
		return 0;
	stored = hyfw_new(head.key_size + 1);
	if (!read_exactly(fd, stored, head.key_size) || memcmp(stored, key, head.key_size) != 0)
		return 0;
	data = hyfw_arena_alloc(arena, head.data_size);
	if (!read_exactly(fd, data, head.data_size) ||
	    hyfw_place_digest(data, head.data_size) != head.data_digest)
		return 0;
	*ret_data = data;
	*ret_size = head.data_size;
	return 1;
}

/* ---- the bound ---- */

struct candidate {
	char name[24];
	struct timespec used;
};

static int older_first(const void *a, const void *b)
{
	const struct timespec *one = &((const struct candidate *)a)->used, *other = &((const struct candidate *)b)->used;

	if (one->tv_sec != other->tv_sec)
		return one->tv_sec < other->tv_sec ? -1 : 1;
	return one->tv_nsec < other->tv_nsec ? -1 : one->tv_nsec > other->tv_nsec;
}

/* When it was read last, as far as the mount keeps that (a day's exactness under relatime),
 * else written: nobody who only reads has to note anything. */
static struct timespec last_use(const struct stat *st)
{
	return st->st_atim.tv_sec > st->st_mtim.tv_sec ? st->st_atim : st->st_mtim;
}

static size_t collect(DIR *dir, struct candidate *candidates, size_t room)
{
	struct dirent *entry;
	size_t count = 0;
	struct stat st;

	while (count < room && (entry = readdir(dir))) {
		const size_t length = strlen(entry->d_name);

		if (length >= sizeof(candidates->name) ||
		    fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		memcpy(candidates[count].name, entry->d_name, length + 1);
		candidates[count++].used = last_use(&st);
	}
	return count;
}

static size_t count_entries(DIR *dir)
{
	size_t count = 0;

	while (readdir(dir))
		count++;
	rewinddir(dir);
	return count;
}

/* Only whoever has made a new entry does this, which took far longer. */
static void clear_away(const char *directory)
{
	HYFW_AUTO_DIR DIR *dir = opendir(directory);
	HYFW_AUTO_FREE struct candidate *candidates = NULL;
	size_t count = dir ? count_entries(dir) : 0, i;

	if (count <= HYFW_CACHE_MOST + 2) /* "." and ".." */
		return;
	candidates = hyfw_new(count * sizeof(*candidates));
	count = collect(dir, candidates, count);
	qsort(candidates, count, sizeof(*candidates), older_first);
	for (i = 0; i + ENTRIES_KEPT < count; i++)
		unlinkat(dirfd(dir), candidates[i].name, 0);
}

void hyfw_cache_put(const char *bucket, const char *key, const void *data, size_t size)
{
	HYFW_AUTO_ERROR struct hyfw_error *ignored = NULL;
	HYFW_AUTO_FREE char *name = entry_name(key);
	HYFW_AUTO_FREE char *directory = NULL, *path = NULL, *whole = NULL;
	struct entry head = { MAGIC, strlen(key), size, hyfw_place_digest(data, size) };
	size_t total = sizeof(head) + head.key_size;

	if (!hyfw_place_name_ok(bucket) || size > ENTRY_LARGEST || total > ENTRY_LARGEST - size)
		return;
	if (hyfw_place_make(HYFW_PLACE_DATA, "cache", bucket, 0700, &directory, &ignored) < 0)
		return;
	whole = hyfw_new(total + size);
	memcpy(whole, &head, sizeof(head));
	memcpy(whole + sizeof(head), key, head.key_size);
	if (size)
		memcpy(whole + total, data, size);
	path = hyfw_format("%s/%s", directory, name);
	if (hyfw_file_write(path, whole, total + size, 0600, false, &ignored) == 0)
		clear_away(directory);
}
