/* SPDX-License-Identifier: BSD-3-Clause
 * Named disks of a pool: NAME.FORMAT, made on first use, deleted by volume_remove() and
 * by nobody else. */
#include "qcow2.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/xattr.h>
#include <unistd.h>

#define NOTE_MADE "made" /* "INODE SECONDS NANOSECONDS" of the file when it was written last by us */
#define BASES_MOST 8192

static bool is_name(const char *name)
{
	size_t length = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") : 0;

	return length > 0 && length <= 200 && name[length] == '\0' && name[0] != '.' && name[0] != '-';
}

static int check_name(struct qcow2 *qcow2, const char *name, struct hyfw_error **err)
{
	return is_name(name) ? 0 : qcow2->host->fail(err, EINVAL, "volume '%s': not a usable name", name ? name : "");
}

/* ---- where it is ---- */

/* Its format in the pool 'dirfd'; NULL when it is not there. */
static const char *find_in(int dirfd, const char *name)
{
	static const char *const formats[] = { "qcow2", "raw", "vmdk", "vdi", "vhdx", "vpc" };
	size_t i;

	for (i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		char file[NAME_MAX + 1];

		snprintf(file, sizeof(file), "%s.%s", name, formats[i]);
		if (faccessat(dirfd, file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return formats[i];
	}
	return NULL;
}

static const char *format_in(struct qcow2 *qcow2, const struct qcow2_pool *pool, const char *name)
{
	struct hyfw_error *missing = NULL;
	int fd = qcow2_pool_open(qcow2, pool, false, &missing);
	const char *format = fd >= 0 ? find_in(fd, name) : NULL;

	qcow2->host->forget(&missing);
	if (fd >= 0)
		close(fd);
	return format;
}

int qcow2_volume_find(struct qcow2 *qcow2, const char *name, const char *pool, struct hyfw_arena *arena,
		      const char **ret_path, const char **ret_format, struct hyfw_error **err)
{
	const struct qcow2_pool *found = NULL, *wanted = NULL;
	const char *format = NULL;
	int result = check_name(qcow2, name, err);
	size_t i;

	if (result == 0 && pool)
		result = qcow2_pool_find(qcow2, pool, &wanted, err);
	if (result < 0)
		return result;
	for (i = 0; i < qcow2->pool_count; i++) {
		const char *here = wanted && wanted != &qcow2->pools[i] ? NULL :
									  format_in(qcow2, &qcow2->pools[i], name);

		if (here && found)
			return qcow2->host->fail(err, EINVAL, "volume %s: the pools %s and %s both have one of that name", name,
						 found->name, qcow2->pools[i].name);
		if (!here)
			continue;
		found = &qcow2->pools[i];
		format = here;
	}
	if (!found)
		return qcow2->host->fail(err, ENOENT, "volume %s: not found; `hyfw volume list` shows what there is", name);
	*ret_path = qcow2->host->format(arena, "%s/%s.%s", qcow2_pool_path(qcow2, found, arena), name, format);
	*ret_format = format;
	return 0;
}

/* ---- check, plan ---- */

static const char *setting(const struct hyfw_map *map, const char *key, const char *fallback)
{
	const char *value = hyfw_map_get(map, key);

	return value ? value : fallback;
}

int qcow2_volume_check(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct qcow2_pool *pool;
	const char *name = setting(&subject->settings, "pool", QCOW2_POOL_DEFAULT);
	int result = check_name(qcow2, subject->name, err);

	if (result == 0)
		result = qcow2_pool_find(qcow2, name, &pool, err);
	if (result == 0 && hyfw_map_int(&subject->settings, "size", 0) <= 0 && !format_in(qcow2, pool, subject->name))
		result = qcow2->host->fail(err, EINVAL, "volume %s: there is none yet; set `size` to make it", subject->name);
	return result;
}

int qcow2_volume_plan(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		      struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = qcow2->host;
	const struct hyfw_map *settings = &subject->settings;
	const struct hyfw_pair args[] = {
		{ "volume", subject->name },
		{ "pool", setting(settings, "pool", QCOW2_POOL_DEFAULT) },
		{ "format", setting(settings, "format", "qcow2") },
		{ "size", setting(settings, "size", "0") },
		{ "preallocation", setting(settings, "preallocation", "off") },
	};
	struct hyfw_step step = { .size = sizeof(step), .verb = "volume", .lifetime = HYFW_LIFETIME_SHARED,
				  .args = { sizeof(args) / sizeof(args[0]), args } };
	const struct qcow2_pool *pool;
	int result = check_name(qcow2, subject->name, err);

	if (result == 0)
		result = qcow2_pool_find(qcow2, args[1].value, &pool, err);
	if (result < 0)
		return result;
	step.object = host->format(arena, "volume %s", subject->name);
	step.summary = host->format(arena, "make disk %s/%s.%s when it is missing", qcow2_pool_path(qcow2, pool, arena),
				    subject->name, args[2].value);
	step.commands = host->format(arena, "qemu-img create -f %s -o preallocation=%s %s/%s.%s %s", args[2].value,
				     args[4].value, qcow2_pool_path(qcow2, pool, arena), subject->name, args[2].value,
				     args[3].value);
	return host->plan_step(plan, &step, err);
}

/* ---- apply, undo ---- */

static const char *stamp(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct stat *st)
{
	return qcow2->host->format(arena, "%" PRIuMAX " %lld %ld", (uintmax_t)st->st_ino, (long long)st->st_mtim.tv_sec,
				   st->st_mtim.tv_nsec);
}

/* The volume as an operation makes one, so that it is there whole or not at all. */
static int make_volume(struct qcow2 *qcow2, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_map *args = &call->step->args;
	const char *format = setting(args, "format", "qcow2"), *size = setting(args, "size", "0");
	const struct hyfw_pair pool[] = { { "pool", hyfw_map_get(args, "pool") } };
	const struct hyfw_operation operation = { .size = sizeof(operation), .arena = call->arena,
						  .args = { 1, pool } };
	const char *preallocation = qcow2->host->format(call->arena, "preallocation=%s",
							setting(args, "preallocation", "off"));
	struct qcow2_target target;
	struct stat st;
	int result = qcow2_target_open(qcow2, &operation, hyfw_map_get(args, "volume"), format,
				       strtoull(size, NULL, 10), &target, err);

	if (result < 0)
		return result;
	{
		const char *const argv[] = { "create", "-q", "-f", format, "-o", preallocation, target.temporary, size,
					     NULL };

		result = qcow2_run(qcow2, call->arena, NULL, argv, NULL, err);
	}
	if (result == 0 && (chmod(target.temporary, 0600) < 0 || stat(target.temporary, &st) < 0))
		result = qcow2->host->fail(err, errno, "%s: %s", target.temporary, strerror(errno));
	if (result == 0)
		result = qcow2->host->note(call, NOTE_MADE, stamp(qcow2, call->arena, &st), err);
	if (result == 0)
		result = qcow2_target_commit(qcow2, &target, NULL, err);
	qcow2_target_close(qcow2, &target);
	return result;
}

int qcow2_volume_apply(struct qcow2 *qcow2, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *name = hyfw_map_get(&call->step->args, "volume");
	const struct qcow2_pool *pool = NULL;
	int result = check_name(qcow2, name, err);

	if (result == 0)
		result = qcow2_pool_find(qcow2, setting(&call->step->args, "pool", QCOW2_POOL_DEFAULT), &pool, err);
	if (result < 0 || format_in(qcow2, pool, name))
		return result;
	if (hyfw_map_int(&call->step->args, "size", 0) <= 0)
		return qcow2->host->fail(err, EINVAL, "volume %s: there is none yet; set `size` to make it", name);
	return make_volume(qcow2, call, err);
}

/* Only a disk that we made and that nobody has written to: data is never undone.  One on
 * storage that hosts share may be another's by now. */
int qcow2_volume_undo(struct qcow2 *qcow2, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *made = hyfw_map_get(&call->record, NOTE_MADE), *path, *format;
	const char *name = hyfw_map_get(&call->step->args, "volume");
	struct hyfw_error *missing = NULL;
	struct stat st;

	if (!made || !is_name(name))
		return 0;
	if (qcow2_volume_find(qcow2, name, hyfw_map_get(&call->step->args, "pool"), call->arena, &path, &format,
			      &missing) < 0) {
		qcow2->host->forget(&missing);
		return 0;
	}
	if (qcow2_is_shared(qcow2, path, call->arena) || lstat(path, &st) < 0 || strcmp(stamp(qcow2, call->arena, &st), made) != 0)
		return 0;
	if (lgetxattr(path, HYFW_ATTRIBUTE_SNAPSHOTS, NULL, 0) > 0) /* what was written lies on top of it */
		return 0;
	if (unlink(path) < 0 && errno != ENOENT)
		return qcow2->host->fail(err, errno, "remove volume %s: %s", name, strerror(errno));
	return 0;
}

/* ---- what it is based on ---- */

static void bases_name(const char *name, char ret_file[static NAME_MAX + 1])
{
	snprintf(ret_file, NAME_MAX + 1, ".%s.base", name);
}

char *qcow2_bases_read(struct qcow2 *qcow2, int dirfd, const char *name, struct hyfw_arena *arena)
{
	char file[NAME_MAX + 1], text[BASES_MOST];
	ssize_t size;
	int fd;

	bases_name(name, file);
	fd = openat(dirfd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return NULL;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size <= 0)
		return NULL;
	text[size] = '\0';
	return qcow2->host->format(arena, "%s", text);
}

int qcow2_bases_write(struct qcow2 *qcow2, int dirfd, const char *name, const char *bases,
		      struct hyfw_error **err)
{
	char file[NAME_MAX + 1], fresh[NAME_MAX + 8];
	int fd, result = 0;

	bases_name(name, file);
	if (!bases) {
		unlinkat(dirfd, file, 0);
		return 0;
	}
	snprintf(fresh, sizeof(fresh), "%s.new", file);
	fd = openat(dirfd, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	errno = 0;
	if (fd < 0 || write(fd, bases, strlen(bases)) != (ssize_t)strlen(bases) || fsync(fd) < 0 ||
	    renameat(dirfd, fresh, dirfd, file) < 0 || fsync(dirfd) < 0)
		result = qcow2->host->fail(err, errno ? errno : ENOSPC, "disk %s: note what it is based on: %s", name,
					   strerror(errno ? errno : ENOSPC));
	if (fd >= 0)
		close(fd);
	return result;
}

/* -EBUSY when a disk of 'pool' is based on 'path'. */
static int no_clones_in(struct qcow2 *qcow2, const struct qcow2_pool *pool, const char *path, const char *but,
			struct hyfw_arena *arena, struct hyfw_error **err)
{
	const char *directory = qcow2_pool_path(qcow2, pool, arena);
	struct hyfw_error *missing = NULL;
	int fd = qcow2_pool_open(qcow2, pool, false, &missing), result = 0;
	DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	qcow2->host->forget(&missing);
	if (!listing) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	while (result == 0 && (entry = readdir(listing))) {
		const char *bases, *at;
		size_t length;

		if (!qcow2_volume_format(entry->d_name, &length) ||
		    (but && strcmp(but, qcow2->host->format(arena, "%s/%s", directory, entry->d_name)) == 0))
			continue;
		bases = qcow2_bases_read(qcow2, fd, qcow2->host->format(arena, "%.*s", (int)length, entry->d_name), arena);
		at = bases ? strstr(bases, path) : NULL;
		if (at && (at == bases || at[-1] == '\n') && (at[strlen(path)] == '\n' || at[strlen(path)] == '\0'))
			result = qcow2->host->fail(err, EBUSY, "disk %s: %.*s is based on it; remove or rebase that first",
						   path, (int)length, entry->d_name);
	}
	closedir(listing);
	return result;
}

int qcow2_no_clones(struct qcow2 *qcow2, const char *path, const char *but, struct hyfw_error **err)
{
	struct hyfw_arena *arena = qcow2->host->arena_new();
	int result = 0;
	size_t i;

	for (i = 0; result == 0 && i < qcow2->pool_count; i++)
		result = no_clones_in(qcow2, &qcow2->pools[i], path, but, arena, err);
	qcow2->host->arena_free(arena);
	return result;
}

/* ---- removal ---- */

static int remove_file(struct qcow2 *qcow2, const char *name, const char *path, struct hyfw_arena *arena,
		       struct hyfw_error **err)
{
	const char *slash = strrchr(path, '/'), *real;
	int dirfd = open(qcow2->host->format(arena, "%.*s", (int)(slash - path), path),
			 O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd, result;
	struct stat st;

	if (dirfd < 0)
		return qcow2->host->fail(err, errno, "volume %s: %s", name, strerror(errno));
	fd = qcow2_file_open(qcow2, arena, path, &real, &st, err);
	result = fd < 0 ? fd : qcow2_use_check(qcow2, fd, &st, name, true, NULL, err);
	if (result == 0)
		result = qcow2_no_clones(qcow2, path, NULL, err);
	if (result == 0 && unlinkat(dirfd, slash + 1, 0) < 0)
		result = qcow2->host->fail(err, errno, "remove volume %s: %s", name, strerror(errno));
	if (result == 0)
		qcow2_bases_write(qcow2, dirfd, name, NULL, err);
	if (fd >= 0)
		close(fd);
	close(dirfd);
	return result;
}

int qcow2_volume_remove(void *instance, const char *name, struct hyfw_error **err)
{
	struct qcow2 *qcow2 = instance;
	struct hyfw_arena *arena = qcow2->host->arena_new();
	const char *path, *format;
	int result = qcow2_volume_find(qcow2, name, NULL, arena, &path, &format, err);

	if (result == 0)
		result = remove_file(qcow2, name, path, arena, err);
	qcow2->host->arena_free(arena);
	return result;
}
