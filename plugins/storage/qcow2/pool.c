/* SPDX-License-Identifier: BSD-3-Clause
 * Pools: directories of volumes, and how much the disks in each may hold together, by
 * their virtual sizes: then no guest can fill what another was promised.  What snapshots
 * inside of a disk keep is not more than its file holds, so that is added; files that
 * external snapshots have put on a disk lie in directories .hyfw*-WORKLOAD-ID beside it. */
#include "qcow2.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

/* ---- the settings ---- */

/* "NAME|PATH|BYTES" or "NAME|PATH|BYTES|shared", as the core hands over [pool NAME]; the
 * path may be empty. */
static bool parse(const char *text, struct qcow2_pool *ret_pool)
{
	const char *path = strchr(text, '|'), *size = path ? strchr(path + 1, '|') : NULL;
	char *end;

	if (!size)
		return false;
	ret_pool->name = strndup(text, (size_t)(path - text));
	ret_pool->path = size == path + 1 ? NULL : strndup(path + 1, (size_t)(size - path - 1));
	ret_pool->size = strtoull(size + 1, &end, 10);
	ret_pool->shared = strcmp(end, "|shared") == 0;
	return ret_pool->name && (ret_pool->path || size == path + 1);
}

int qcow2_pools_read(struct qcow2 *qcow2, const struct hyfw_map *settings, struct hyfw_error **err)
{
	size_t cursor = 0;
	const char *text;

	qcow2->pools = calloc(settings->count + 1, sizeof(*qcow2->pools));
	if (!qcow2->pools)
		return qcow2->host->fail(err, ENOMEM, "out of memory");
	qcow2->pool_count = 1;
	qcow2->pools[0].name = strdup(QCOW2_POOL_DEFAULT);
	if (!qcow2->pools[0].name)
		return qcow2->host->fail(err, ENOMEM, "out of memory");
	while ((text = hyfw_map_next(settings, "pool", &cursor))) {
		struct qcow2_pool pool = { 0 };

		if (!parse(text, &pool) || (!pool.path && strcmp(pool.name, QCOW2_POOL_DEFAULT) != 0)) {
			free(pool.name);
			free(pool.path);
			return qcow2->host->fail(err, EINVAL, "pool '%s': not NAME|PATH|BYTES", text);
		}
		if (strcmp(pool.name, QCOW2_POOL_DEFAULT) == 0) {
			free(qcow2->pools[0].name);
			free(qcow2->pools[0].path);
			qcow2->pools[0] = pool;
		} else {
			qcow2->pools[qcow2->pool_count++] = pool;
		}
	}
	return 0;
}

void qcow2_pools_free(struct qcow2 *qcow2)
{
	size_t i;

	for (i = 0; i < qcow2->pool_count; i++) {
		free(qcow2->pools[i].name);
		free(qcow2->pools[i].path);
	}
	free(qcow2->pools);
}

int qcow2_pool_find(struct qcow2 *qcow2, const char *name, const struct qcow2_pool **ret_pool,
		    struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < qcow2->pool_count; i++) {
		if (strcmp(qcow2->pools[i].name, name) != 0)
			continue;
		*ret_pool = &qcow2->pools[i];
		return 0;
	}
	return qcow2->host->fail(err, ENOENT, "pool %s: there is no [pool %s] in the configuration", name, name);
}

/* ---- the directory ---- */

const char *qcow2_pool_path(struct qcow2 *qcow2, const struct qcow2_pool *pool, struct hyfw_arena *arena)
{
	const char *path = pool->path ? pool->path : qcow2->host->format(arena, "%s/pool", qcow2_data(qcow2));
	char *real = realpath(path, NULL); /* names are compared with what links lead to */

	if (real)
		path = qcow2->host->format(arena, "%s", real);
	free(real);
	return path;
}

bool qcow2_is_shared(struct qcow2 *qcow2, const char *path, struct hyfw_arena *arena)
{
	size_t i;

	for (i = 0; i < qcow2->pool_count; i++)
		if (qcow2->pools[i].shared && qcow2_is_below(path, qcow2_pool_path(qcow2, &qcow2->pools[i], arena)))
			return true;
	return false;
}

/* Names in it say what is trusted, so nobody else may write there. */
static int check_owner(struct qcow2 *qcow2, const char *path, int fd, struct hyfw_error **err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return qcow2->host->fail(err, errno, "%s: %s", path, strerror(errno));
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022))
		return qcow2->host->fail(err, EPERM, "%s: somebody else may write there; `chown root %s; chmod go-w %s`",
					 path, path, path);
	return 0;
}

int qcow2_pool_open(struct qcow2 *qcow2, const struct qcow2_pool *pool, bool make, struct hyfw_error **err)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	struct hyfw_arena *arena = qcow2->host->arena_new();
	const char *path = qcow2_pool_path(qcow2, pool, arena);
	int fd = open(path, flags), result;

	if (fd < 0 && errno == ENOENT && make && (mkdir(path, 0711) == 0 || errno == EEXIST)) {
		fd = open(path, flags);
		if (fd >= 0)
			fchmod(fd, 0711); /* whatever the umask is */
	}
	result = fd < 0 ? qcow2->host->fail(err, errno, "pool %s: %s: %s%s", pool->name, path, strerror(errno),
					    errno == ENOENT && make ? "; its parent must exist" : "") :
			  check_owner(qcow2, path, fd, err);
	if (result < 0 && fd >= 0)
		close(fd);
	qcow2->host->arena_free(arena);
	return result < 0 ? result : fd;
}

/* ---- how much is in it ---- */

const char *qcow2_volume_format(const char *name, size_t *ret_length)
{
	static const char *const formats[] = { "raw", "qcow2", "vmdk", "vdi", "vhdx", "vpc" };
	const char *dot = strrchr(name, '.');
	size_t i;

	if (!dot || dot == name || name[0] == '.')
		return NULL;
	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(dot + 1, formats[i]) != 0)
			continue;
		*ret_length = (size_t)(dot - name);
		return formats[i];
	}
	return NULL;
}

#define PROMISE "promise" /* a link in a staging directory, to the number */

int qcow2_pool_promise(struct qcow2 *qcow2, int staging, uint64_t bytes, struct hyfw_error **err)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	if (symlinkat(text, staging, PROMISE) == 0)
		return 0;
	return qcow2->host->fail(err, errno, "pool: note a new disk: %s", strerror(errno));
}

static uint64_t promised(int dirfd, const char *staging)
{
	char path[64], text[32] = "";

	if (strncmp(staging, ".import-", 8) != 0 || strlen(staging) > 32)
		return 0;
	snprintf(path, sizeof(path), "%s/" PROMISE, staging);
	return readlinkat(dirfd, path, text, sizeof(text) - 1) > 0 ? strtoull(text, NULL, 10) : 0;
}

/* What a disk counts; one that cannot be read counts as large as its file. */
static uint64_t count_disk(int fd, const char *format)
{
	struct qcow2_header header;
	struct stat st = { 0 };
	const char *why;

	fstat(fd, &st);
	if (qcow2_header_read(fd, format, &header, &why) < 0)
		return (uint64_t)st.st_size;
	return header.virtual_size + (header.snapshots ? (uint64_t)st.st_blocks * 512 : 0);
}

static uint64_t sum(int dirfd);

static uint64_t sum_layers(int dirfd, const char *name)
{
	int fd = strncmp(name, ".hyfw", 5) == 0 ? openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;

	return fd < 0 ? 0 : sum(fd);
}

/* Of all disks in 'dirfd', which is closed. */
static uint64_t sum(int dirfd)
{
	DIR *listing = fdopendir(dirfd);
	uint64_t bytes = 0;
	struct dirent *entry;

	if (!listing) {
		close(dirfd);
		return 0;
	}
	while ((entry = readdir(listing))) {
		size_t length;
		const char *format = qcow2_volume_format(entry->d_name, &length);
		int fd = format ? openat(dirfd, entry->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;

		bytes += promised(dirfd, entry->d_name) + sum_layers(dirfd, entry->d_name);
		if (fd < 0)
			continue;
		bytes += count_disk(fd, format);
		close(fd);
	}
	closedir(listing);
	return bytes;
}

uint64_t qcow2_pool_used(struct qcow2 *qcow2, const struct qcow2_pool *pool)
{
	struct hyfw_error *missing = NULL;
	int fd = qcow2_pool_open(qcow2, pool, false, &missing), roots = -1;
	uint64_t bytes = fd >= 0 ? sum(fd) : 0;

	qcow2->host->forget(&missing);
	if (strcmp(pool->name, QCOW2_POOL_DEFAULT) == 0)
		roots = qcow2_data_open(qcow2, "roots", false, &missing);
	qcow2->host->forget(&missing);
	return roots >= 0 ? bytes + sum(roots) : bytes;
}

int qcow2_pool_reserve(struct qcow2 *qcow2, const struct qcow2_pool *pool, uint64_t bytes,
		       struct hyfw_error **err)
{
	char name[96];
	uint64_t used, free;
	int lock;

	snprintf(name, sizeof(name), "qcow2-pool-%.64s", pool->name);
	lock = qcow2->host->lock(name, err);
	if (lock < 0 || pool->size == 0)
		return lock;
	used = qcow2_pool_used(qcow2, pool);
	free = used < pool->size ? pool->size - used : 0;
	if (used <= pool->size && bytes <= free)
		return lock;
	close(lock);
	return qcow2->host->fail(err, EDQUOT,
				 "pool %s: there is no room for %" PRIu64 " MiB: %" PRIu64 " MiB of its %" PRIu64
				 " MiB are free", pool->name, (bytes + (1u << 20) - 1) >> 20, free >> 20, pool->size >> 20);
}
