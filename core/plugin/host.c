/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/host.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/context.h"
#include "base/files.h"
#include "base/ledger.h"
#include "plugin/cache.h"
#include "plugin/lease.h"
#include "plugin/places.h"
#include "plugin/spawn.h"

static struct hyfw_host_hooks hooks;

void hyfw_host_set_hooks(const struct hyfw_host_hooks *wanted)
{
	hooks = *wanted;
}

static int host_plan_step(struct hyfw_plan *plan, const struct hyfw_step *step, struct hyfw_error **err)
{
	if (!hooks.plan_step)
		return hyfw_fail(err, ENOSYS, "nobody makes a plan here");
	return hooks.plan_step(plan, step, err);
}

static int host_note(struct hyfw_call *call, const char *key, const char *value, struct hyfw_error **err)
{
	if (!hooks.note)
		return hyfw_fail(err, ENOSYS, "nobody keeps a journal here");
	return hooks.note(call, key, value, err);
}

/* One write, so that lines of several processes do not mix. */
__attribute__((format(printf, 2, 3)))
static void host_log(enum hyfw_log_level level, const char *format, ...)
{
	const struct hyfw_context *context = hyfw_context_current();
	HYFW_AUTO_FREE char *text = NULL, *line = NULL;
	va_list args;

	if ((unsigned)level > (context ? context->verbosity : (unsigned)HYFW_LOG_WARNING))
		return;
	va_start(args, format);
	text = hyfw_vformat(format, args);
	va_end(args);
	line = hyfw_format("hyfw: %s%s\n", level == HYFW_LOG_WARNING ? "warning: " : "", text);
	hyfw_write_all(STDERR_FILENO, line, strlen(line));
}

static uint64_t host_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Directories that were handed out; drivers keep the pointers. */
static pthread_mutex_t directories_lock = PTHREAD_MUTEX_INITIALIZER;
static struct hyfw_strings directories;

static const char *keep_directory(const char *path)
{
	const char *kept = NULL;
	size_t i;

	pthread_mutex_lock(&directories_lock);
	for (i = 0; i < directories.count && !kept; i++)
		if (strcmp(directories.items[i], path) == 0)
			kept = directories.items[i];
	if (!kept) {
		hyfw_strings_add(&directories, path);
		kept = directories.items[directories.count - 1];
	}
	pthread_mutex_unlock(&directories_lock);
	return kept;
}

/* There is no way to fail: a path that could not be made is told in the log, and
 * whoever uses it gets -ENOENT. */
static const char *host_directory(const char *driver, enum hyfw_directory which)
{
	bool data = which == HYFW_DIRECTORY_DATA;
	enum hyfw_place place = data ? HYFW_PLACE_DATA : HYFW_PLACE_RUNTIME;
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	HYFW_AUTO_FREE char *path = NULL;

	if (!hyfw_place_name_ok(driver)) {
		host_log(HYFW_LOG_ERROR, "directory of a driver: not a name");
		return "/nonexistent";
	}
	if (hyfw_place_make(place, "drivers", driver, data ? 0755 : 0700, &path, &err) < 0) {
		host_log(HYFW_LOG_ERROR, "driver %s: %s", driver, err->message);
		path = hyfw_place_path(place, "drivers", driver);
	}
	return path ? keep_directory(path) : "/nonexistent";
}

/* flock(2): goes with the descriptor, also when the process is killed. */
static int host_lock(const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = NULL, *path = NULL;
	HYFW_AUTO_CLOSE int fd = -1;
	int result;

	if (!hyfw_place_name_ok(name))
		return hyfw_fail(err, EINVAL, "lock: not a name");
	result = hyfw_place_make(HYFW_PLACE_RUNTIME, "locks", NULL, 0700, &directory, err);
	if (result < 0)
		return result;
	path = hyfw_format("%s/%s", directory, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return hyfw_fail_errno(err, errno, "lock %s", path);
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return hyfw_fail_errno(err, errno, "lock %s", path);
	return hyfw_steal_fd(&fd);
}

const struct hyfw_host *hyfw_host_table(void)
{
	static struct hyfw_host table = {
		.size = sizeof(table),
		.api_major = HYFW_API_MAJOR,
		.api_minor = HYFW_API_MINOR,
		.fail = hyfw_fail,
		.wrap = hyfw_wrap,
		.forget = hyfw_forget,
		.log = host_log,
		.alloc = hyfw_arena_alloc,
		.format = hyfw_arena_format,
		.arena_new = hyfw_arena_new,
		.arena_free = hyfw_arena_free,
		.plan_step = host_plan_step,
		.note = host_note,
		.run = hyfw_spawn_run,
		.cache_get = hyfw_cache_get,
		.cache_put = hyfw_cache_put,
		.lease_take = hyfw_lease_take,
		.lease_drop = hyfw_lease_drop,
		.clock = host_clock,
		.directory = host_directory,
		.lock = host_lock,
		.phase = hyfw_ledger_phase,
	};
	const struct hyfw_context *context = hyfw_context_current();

	const char *owner = context ? context->owner : "hyfw";

	/* Once, by the main thread: an operation beside it reads the table too. */
	if (table.owner != owner)
		table.owner = owner;
	return &table;
}
