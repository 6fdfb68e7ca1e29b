/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/lease.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "plugin/places.h"

#define PART "leases"
#define OWNER_LONGEST 512
/* A pool's directory goes with its last lease, so that a taker may find it gone
 * between two calls. */
#define ATTEMPTS 10000

/* Who holds 'item'; -ENOENT when nobody does. */
static int read_owner(int pool_fd, const char *item, char **ret_owner)
{
	HYFW_AUTO_ERROR struct hyfw_error *ignored = NULL;

	return hyfw_file_read(pool_fd, item, OWNER_LONGEST, ret_owner, NULL, &ignored);
}

/* Locks the pool; false when it was removed before that.  ext4 would say EPERM,
 * not ENOENT, to a new file in a directory that is gone. */
static bool lock_pool(int pool_fd, int how)
{
	struct stat st;

	while (flock(pool_fd, how) < 0 && errno == EINTR)
		;
	return fstat(pool_fd, &st) == 0 && st.st_nlink > 0;
}

/* One attempt; -ENOENT asks for another. */
static int try_take(const char *path, const char *item, const char *owner, char **ret_holder)
{
	HYFW_AUTO_CLOSE int pool_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result;

	if (pool_fd < 0)
		return -errno;
	if (!lock_pool(pool_fd, LOCK_SH))
		return -ENOENT;
	result = hyfw_file_claim(pool_fd, item, owner);
	if (result != -EEXIST)
		return result;
	result = read_owner(pool_fd, item, ret_holder);
	if (result < 0)
		return result;
	return strcmp(*ret_holder, owner) == 0 ? 0 : -EADDRINUSE;
}

int hyfw_lease_take(const char *pool, const char *item, const char *owner, struct hyfw_error **err)
{
	int result = -ENOENT, attempt;

	if (!hyfw_place_name_ok(pool) || !hyfw_place_name_ok(item))
		return hyfw_fail(err, EINVAL, "lease %s of %s: not a name", item, pool);
	if (!owner || !*owner || strlen(owner) > OWNER_LONGEST)
		return hyfw_fail(err, EINVAL, "lease %s of %s: no usable owner", item, pool);
	for (attempt = 0; attempt < ATTEMPTS && result == -ENOENT; attempt++) {
		HYFW_AUTO_FREE char *path = NULL, *holder = NULL;

		result = hyfw_place_make(HYFW_PLACE_RUNTIME, PART, pool, 0700, &path, err);
		if (result == -ENOENT) {
			hyfw_forget(err);
			continue;
		}
		if (result < 0)
			return result;
		result = try_take(path, item, owner, &holder);
		if (result == -EADDRINUSE)
			return hyfw_fail(err, EADDRINUSE, "%s is taken by %s already", item, holder);
	}
	return result < 0 ? hyfw_fail_errno(err, -result, "lease %s of %s", item, pool) : 0;
}

/* Droppers of one pool take turns: between reading the owner and unlinking,
 * nobody else may drop the lease and a stranger take it anew. */
void hyfw_lease_drop(const char *pool, const char *item, const char *owner)
{
	HYFW_AUTO_FREE char *path = hyfw_place_path(HYFW_PLACE_RUNTIME, PART, pool);
	HYFW_AUTO_FREE char *holder = NULL;
	HYFW_AUTO_CLOSE int pool_fd = -1;

	if (!path || !owner || !hyfw_place_name_ok(pool) || !hyfw_place_name_ok(item))
		return;
	pool_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (pool_fd < 0)
		return;
	if (!lock_pool(pool_fd, LOCK_EX))
		return;
	if (read_owner(pool_fd, item, &holder) == 0 && strcmp(holder, owner) == 0) {
		unlinkat(pool_fd, item, 0);
		rmdir(path); /* fails while there are others */
	}
}

/* Calls 'visit' with each name in the directory 'path' that is not hidden. */
static int each_entry(const char *path, void (*visit)(const char *name, void *data), void *data,
		      struct hyfw_error **err)
{
	HYFW_AUTO_DIR DIR *dir = path ? opendir(path) : NULL;
	struct dirent *entry;

	if (!dir)
		return !path || errno == ENOENT ? 0 : hyfw_fail_errno(err, errno, "%s", path);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			visit(entry->d_name, data);
	return 0;
}

static void add_name(const char *name, void *data)
{
	hyfw_strings_add(data, name);
}

static int list_pool(const char *pool, const char *prefix, struct hyfw_pairs *leases, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_place_path(HYFW_PLACE_RUNTIME, PART, pool);
	struct hyfw_strings items = { 0 };
	int result = each_entry(path, add_name, &items, err);
	size_t i;

	for (i = 0; i < items.count; i++) {
		HYFW_AUTO_FREE char *file = hyfw_format("%s/%s", path, items.items[i]);
		HYFW_AUTO_FREE char *key = hyfw_format("%s%s%s", prefix, *prefix ? "/" : "", items.items[i]);
		HYFW_AUTO_FREE char *owner = NULL;

		if (read_owner(AT_FDCWD, file, &owner) == 0)
			hyfw_pairs_add(leases, key, owner);
	}
	hyfw_strings_finish(&items);
	return result;
}

int hyfw_lease_list(const char *pool, struct hyfw_pairs *leases, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_place_path(HYFW_PLACE_RUNTIME, PART, NULL);
	struct hyfw_strings pools = { 0 };
	int result;
	size_t i;

	if (pool)
		return hyfw_place_name_ok(pool) ? list_pool(pool, "", leases, err)
						: hyfw_fail(err, EINVAL, "%s: not a pool of leases", pool);
	result = each_entry(path, add_name, &pools, err);
	for (i = 0; i < pools.count && result == 0; i++)
		result = list_pool(pools.items[i], pools.items[i], leases, err);
	hyfw_strings_finish(&pools);
	return result;
}

int hyfw_lease_drop_all(const char *owner, struct hyfw_error **err)
{
	struct hyfw_pairs leases = { 0 };
	int result = hyfw_lease_list(NULL, &leases, err);
	size_t i;

	for (i = 0; i < leases.count; i++) {
		HYFW_AUTO_FREE char *pool = hyfw_dup(leases.items[i].key);
		char *slash = strchr(pool, '/');

		if (!slash || strcmp(leases.items[i].value, owner) != 0)
			continue;
		*slash = '\0';
		hyfw_lease_drop(pool, slash + 1, owner);
	}
	hyfw_pairs_finish(&leases);
	return result;
}
