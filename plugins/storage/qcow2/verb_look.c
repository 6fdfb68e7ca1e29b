/* SPDX-License-Identifier: BSD-3-Clause
 * info, pools, volumes: what there is. */
#include "qcow2.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

static void give(struct qcow2_result *from, struct hyfw_map *to)
{
	to->items = from->items;
	to->count = from->count;
}

/* Whether somebody uses it, and who, as an error would say. */
static void tell_use(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *disk,
		     struct qcow2_result *out)
{
	struct hyfw_error *err = NULL;
	const char *workload = qcow2_use_by(qcow2, &disk->st, operation->arena);
	bool locked = qcow2_use_check(qcow2, disk->fd, &disk->st, disk->path, true, NULL, &err) < 0;

	qcow2->host->forget(&err);
	qcow2_result_flag(qcow2, operation->arena, out, "locked", locked);
	if (workload)
		qcow2_result_text(qcow2, operation->arena, out, "used_by", workload);
}

/* All of it from the header, so that a disk in use, or one that is not to be trusted, can
 * be looked at. */
int qcow2_verb_info(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		    struct hyfw_error **err)
{
	struct hyfw_arena *arena = operation->arena;
	struct qcow2_result out = { 0 };
	struct qcow2_disk disk;
	int result = qcow2_disk_open(qcow2, operation, operation->object, QCOW2_LOOK, &disk, err);

	if (result < 0)
		return result;
	qcow2_result_text(qcow2, arena, &out, "path", disk.path);
	qcow2_result_text(qcow2, arena, &out, "format", disk.format);
	qcow2_result_number(qcow2, arena, &out, "virtual_size", disk.header.virtual_size);
	qcow2_result_number(qcow2, arena, &out, "actual_size",
			    S_ISBLK(disk.st.st_mode) ? disk.header.virtual_size : (uint64_t)disk.st.st_blocks * 512);
	if (disk.header.cluster_size)
		qcow2_result_number(qcow2, arena, &out, "cluster_size", disk.header.cluster_size);
	if (disk.header.backing[0]) {
		qcow2_result_text(qcow2, arena, &out, "backing", disk.header.backing);
		qcow2_result_text(qcow2, arena, &out, "backing_format", disk.header.backing_format);
	}
	if (disk.header.external_data)
		qcow2_result_flag(qcow2, arena, &out, "external_data", true);
	qcow2_result_flag(qcow2, arena, &out, "encrypted", disk.header.encrypted);
	if (strcmp(disk.format, "qcow2") == 0) {
		qcow2_result_flag(qcow2, arena, &out, "dirty", disk.header.dirty);
		qcow2_result_flag(qcow2, arena, &out, "corrupt", disk.header.corrupt);
		qcow2_result_number(qcow2, arena, &out, "snapshots", disk.header.snapshots);
	}
	if (disk.pool)
		qcow2_result_text(qcow2, arena, &out, "pool", disk.pool->name);
	tell_use(qcow2, operation, &disk, &out);
	qcow2_disk_close(qcow2, &disk);
	give(&out, ret_result);
	return 0;
}

/* What the pool may still promise, and what its file system has: the smaller one. */
static uint64_t available(const struct qcow2_pool *pool, const char *path, uint64_t used)
{
	struct statfs fs;
	uint64_t room = statfs(path, &fs) == 0 ? (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize : 0;

	if (pool->size == 0)
		return room;
	if (used >= pool->size)
		return 0;
	return pool->size - used < room ? pool->size - used : room;
}

int qcow2_verb_pools(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		     struct hyfw_error **err)
{
	struct hyfw_arena *arena = operation->arena;
	struct qcow2_result out = { 0 };
	size_t i;

	(void)err;
	for (i = 0; i < qcow2->pool_count; i++) {
		const struct qcow2_pool *pool = &qcow2->pools[i];
		const char *path = qcow2_pool_path(qcow2, pool, arena);
		uint64_t used = qcow2_pool_used(qcow2, pool);

		qcow2_result_text(qcow2, arena, &out, "row", pool->name);
		qcow2_result_text(qcow2, arena, &out, "name", pool->name);
		qcow2_result_text(qcow2, arena, &out, "path", path);
		qcow2_result_number(qcow2, arena, &out, "size", pool->size);
		qcow2_result_number(qcow2, arena, &out, "used", used);
		qcow2_result_number(qcow2, arena, &out, "available", available(pool, path, used));
	}
	give(&out, ret_result);
	return 0;
}

static int by_text(const void *one, const void *other)
{
	return strcmp(*(const char *const *)one, *(const char *const *)other);
}

static void add_volume(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_pool *pool, int dirfd,
		       const char *file, struct qcow2_result *out)
{
	struct qcow2_header header = { 0 };
	size_t length = 0;
	const char *format = qcow2_volume_format(file, &length), *why,
		   *name = qcow2->host->format(arena, "%.*s", (int)length, file);
	int fd = openat(dirfd, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st = { 0 };

	if (fd < 0)
		return;
	qcow2_header_read(fd, format, &header, &why); /* a damaged one has no size */
	if (fstat(fd, &st) == 0) {
		qcow2_result_text(qcow2, arena, out, "row", name);
		qcow2_result_text(qcow2, arena, out, "name", name);
		qcow2_result_text(qcow2, arena, out, "pool", pool->name);
		qcow2_result_text(qcow2, arena, out, "path",
				  qcow2->host->format(arena, "%s/%s", qcow2_pool_path(qcow2, pool, arena), file));
		qcow2_result_text(qcow2, arena, out, "format", format);
		qcow2_result_number(qcow2, arena, out, "virtual_size", header.virtual_size);
		qcow2_result_number(qcow2, arena, out, "actual_size", (uint64_t)st.st_blocks * 512);
	}
	close(fd);
}

static void add_pool(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_pool *pool,
		     struct qcow2_result *out)
{
	struct hyfw_error *missing = NULL;
	int fd = qcow2_pool_open(qcow2, pool, false, &missing);
	DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
	size_t room = 0, count = 0, i, length;
	struct dirent *entry;
	const char **files;

	qcow2->host->forget(&missing);
	if (!listing) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (readdir(listing))
		room++;
	files = qcow2->host->alloc(arena, (room + 1) * sizeof(*files));
	rewinddir(listing);
	while (count < room && (entry = readdir(listing)))
		if (qcow2_volume_format(entry->d_name, &length))
			files[count++] = qcow2->host->format(arena, "%s", entry->d_name);
	qsort(files, count, sizeof(*files), by_text);
	for (i = 0; i < count; i++)
		add_volume(qcow2, arena, pool, fd, files[i], out);
	closedir(listing);
}

int qcow2_verb_volumes(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		       struct hyfw_error **err)
{
	struct qcow2_result out = { 0 };
	size_t i;

	(void)err;
	for (i = 0; i < qcow2->pool_count; i++)
		add_pool(qcow2, operation->arena, &qcow2->pools[i], &out);
	give(&out, ret_result);
	return 0;
}
