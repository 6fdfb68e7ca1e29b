/* SPDX-License-Identifier: BSD-3-Clause
 * Disks that operations make: in a directory beside their place, until they are whole. */
#include "redo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "../common/tree.h"

/* Its directory, name and pool. */
static int place_target(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *to,
			struct qcow2_target *target, const char **ret_directory, struct hyfw_error **err)
{
	const char *pool = hyfw_map_get(&operation->args, "pool"), *slash = strrchr(to, '/');
	struct hyfw_arena *arena = operation->arena;
	int result;

	if (strncmp(to, "volume/", 7) == 0)
		slash = NULL, to += 7;
	if (slash) {
		*ret_directory = slash == to ? "/" : qcow2->host->format(arena, "%.*s", (int)(slash - to), to);
		target->name = qcow2->host->format(arena, "%s", slash + 1);
		if (to[0] != '/' || !slash[1])
			return qcow2->host->fail(err, EINVAL, "disk '%s': neither a volume's name nor an absolute path", to);
		target->directory = open(*ret_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (target->directory < 0)
			return qcow2->host->fail(err, errno, "%s: %s", *ret_directory, strerror(errno));
	} else {
		const char *path, *format;
		struct hyfw_error *missing = NULL;

		result = qcow2_pool_find(qcow2, pool ? pool : QCOW2_POOL_DEFAULT, &target->pool, err);
		if (result < 0)
			return result;
		result = qcow2_volume_find(qcow2, to, target->pool->name, arena, &path, &format, &missing);
		if (result == 0)
			return qcow2->host->fail(err, EEXIST, "volume %s: there is one of that name", to);
		if (result != -ENOENT) {
			*err = missing;
			return result;
		}
		qcow2->host->forget(&missing);
		*ret_directory = qcow2_pool_path(qcow2, target->pool, arena);
		target->name = qcow2->host->format(arena, "%s.%s", to, target->format);
		target->directory = qcow2_pool_open(qcow2, target->pool, true, err);
		if (target->directory < 0)
			return target->directory;
	}
	target->path = qcow2->host->format(arena, "%s/%s", *ret_directory, target->name);
	return 0;
}

/* The pool that a path leads into, as if its volume had been named. */
static int check_target(struct qcow2 *qcow2, struct qcow2_target *target, const char *directory,
			struct hyfw_arena *arena, struct hyfw_error **err)
{
	const char *real = realpath(directory, NULL), *data = qcow2_data(qcow2);
	int result = 0;

	if (!target->pool && real) {
		const char *path = qcow2->host->format(arena, "%s/%s", real, target->name);

		if (qcow2_pool_of(qcow2, arena, path) || qcow2_is_below(path, data))
			result = qcow2->host->fail(err, EINVAL,
						   "disk %s: it would lie among the disks of hyfw; say the name of the "
						   "volume and its pool", target->path);
	}
	free((char *)(uintptr_t)real);
	if (result == 0 && faccessat(target->directory, target->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		result = qcow2->host->fail(err, EEXIST, "disk %s: there is one already", target->path);
	return result;
}

/* Nobody looks through directories that are not ours for what a kill left. */
static int note_stage(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *directory,
		      struct qcow2_target *target, struct hyfw_error **err)
{
	const struct qcow2_redo redo = { .stage = directory };
	struct qcow2_work work = QCOW2_NO_WORK;
	int result = qcow2_work_begin(qcow2, arena, &work, err);

	if (result == 0)
		result = qcow2_redo_note(qcow2, arena, &work, &redo, err);
	target->work = work.path;
	target->work_lock = work.lock;
	return result;
}

int qcow2_target_open(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *to,
		      const char *format, uint64_t bytes, struct qcow2_target *ret_target, struct hyfw_error **err)
{
	struct qcow2_target target = { .directory = -1, .staging_lock = -1, .work_lock = -1, .format = format };
	const char *directory = "";
	int result = 0, staging, lock = -1;

	if (!to || !*to)
		return qcow2->host->fail(err, EINVAL, "disk: the new one has no name");
	result = place_target(qcow2, operation, to, &target, &directory, err);
	if (result == 0)
		result = check_target(qcow2, &target, directory, operation->arena, err);
	if (result == 0 && target.pool) {
		storage_sweep(qcow2->host, target.directory);
		lock = qcow2_pool_reserve(qcow2, target.pool, bytes, err);
		result = lock < 0 ? lock : 0;
	}
	if (result == 0 && !target.pool)
		result = note_stage(qcow2, operation->arena, directory, &target, err);
	if (result == 0) {
		staging = storage_temporary_make(qcow2->host, target.directory, target.staging, err);
		if (staging < 0)
			result = staging;
		else
			target.staging_lock = staging; /* that nobody sweeps it away */
	}
	if (result == 0 && target.pool)
		result = qcow2_pool_promise(qcow2, target.staging_lock, bytes, err);
	if (lock >= 0)
		close(lock);
	lock = -1;
	if (result < 0) {
		if (target.staging_lock < 0)
			target.staging[0] = '\0';
		qcow2_target_close(qcow2, &target);
		return result;
	}
	target.temporary = qcow2->host->format(operation->arena, "%s/%s/%s", directory, target.staging, target.name);
	*ret_target = target;
	return 0;
}

int qcow2_target_commit(struct qcow2 *qcow2, struct qcow2_target *target, const char *bases,
			struct hyfw_error **err)
{
	const struct hyfw_host *host = qcow2->host;
	char from[NAME_MAX + 40], volume[NAME_MAX + 1];
	int fd, result = 0;

	snprintf(from, sizeof(from), "%s/%s", target->staging, target->name);
	fd = openat(target->directory, from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		result = host->fail(err, errno, "disk %s: %s", target->path, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (result == 0 && target->pool && bases) {
		snprintf(volume, sizeof(volume), "%.*s", (int)(strrchr(target->name, '.') - target->name), target->name);
		result = qcow2_bases_write(qcow2, target->directory, volume, bases, err);
	}
	if (result == 0 && renameat2(target->directory, from, target->directory, target->name, RENAME_NOREPLACE) < 0)
		result = errno == EEXIST ? host->fail(err, EEXIST, "disk %s: there is one already", target->path) :
					   host->fail(err, errno, "disk %s: %s", target->path, strerror(errno));
	if (result == 0 && fsync(target->directory) < 0)
		host->log(HYFW_LOG_WARNING, "disk %s: sync: %s", target->path, strerror(errno));
	return result;
}

void qcow2_target_close(struct qcow2 *qcow2, struct qcow2_target *target)
{
	struct qcow2_work work = { target->work, target->work_lock };

	(void)qcow2;
	if (target->directory >= 0 && target->staging[0])
		storage_tree_remove(target->directory, target->staging);
	if (target->directory >= 0)
		close(target->directory);
	if (target->staging_lock >= 0)
		close(target->staging_lock);
	target->directory = target->staging_lock = -1;
	qcow2_work_end(&work);
	target->work = NULL;
	target->work_lock = -1;
}
