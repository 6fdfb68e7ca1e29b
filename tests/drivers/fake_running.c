/* SPDX-License-Identifier: BSD-3-Clause
 * What is asked of fake_isolation.c while it runs.  Each device that is put into a
 * workload is an empty file plugged.NAME in its runtime directory; operate() knows
 *
 *     echo         gives back the arguments
 *     count        steps, ms: takes ms for each, tells its progress, gives "row" and
 *                  "steps"; leaves "counting" where traces are, and "cancelled" when it was
 *     copy         from input_fd to output_fd
 *     display      -> held (true, false): whether it was done on the running thing
 *     break        fails with -EIO
 *     finish       ends the workload, then takes ms */
#include "fake_isolation.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

int fake_plug(void *instance, const struct hyfw_map *record, const struct hyfw_device *device, bool attach,
	      struct hyfw_error **err)
{
	struct fake *fake = instance;
	int result = fake_fails(fake, "plug", err), fd;
	char path[4096];

	(void)record;
	if (result < 0)
		return result;
	snprintf(path, sizeof(path), "%s/plugged.%s", fake->host->directory(fake->driver, HYFW_DIRECTORY_RUNTIME),
		 device->name);
	if (!attach)
		return unlink(path) < 0 && errno != ENOENT ? fake->host->fail(err, errno, "%s", path) : 0;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return fake->host->fail(err, errno, "%s: %s", path, strerror(errno));
	close(fd);
	return 0;
}

int fake_stats(void *instance, const struct hyfw_map *record, struct hyfw_stats *figures, struct hyfw_error **err)
{
	int result = fake_held(instance, err);

	(void)record;
	if (result < 0)
		return result;
	figures->vcpus = 2;
	figures->balloon_bytes = 5000000000;
	if (figures->net_rx_bytes == HYFW_STAT_NONE)
		figures->net_rx_bytes = 7;
	return fake_fails(instance, "stats", err);
}

int fake_describe(void *instance, const struct hyfw_map *record, struct hyfw_arena *arena,
		  struct hyfw_map *ret_facts, struct hyfw_error **err)
{
	struct fake *fake = instance;
	int result = fake_held(fake, err);
	struct hyfw_pair *facts;

	if (result < 0)
		return result;
	facts = fake->host->alloc(arena, 2 * sizeof(*facts));
	facts[0].key = "isolated";
	facts[0].value = "no";
	facts[1].key = "pid";
	facts[1].value = fake->host->format(arena, "%s", hyfw_map_get(record, HYFW_NOTE_PID));
	ret_facts->count = 2;
	ret_facts->items = facts;
	return fake_fails(fake, "describe", err);
}

/* ---- operations ---- */

static void leave(const struct fake *fake, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", fake->host->directory(fake->driver, HYFW_DIRECTORY_RUNTIME), name);
	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static void sleep_ms(int64_t ms)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&time, NULL);
}

static int answer(const struct fake *fake, const struct hyfw_operation *operation, const char *key,
		  const char *value, struct hyfw_map *ret_result)
{
	struct hyfw_pair *pairs = fake->host->alloc(operation->arena, 2 * sizeof(*pairs));

	pairs[0].key = "row";
	pairs[0].value = "1";
	pairs[1].key = key;
	pairs[1].value = fake->host->format(operation->arena, "%s", value);
	ret_result->count = 2;
	ret_result->items = pairs;
	return 0;
}

static int count(const struct fake *fake, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		 struct hyfw_error **err)
{
	const int64_t steps = hyfw_map_int(&operation->args, "steps", 3);
	int64_t i;

	leave(fake, "counting");
	for (i = 0; i < steps; i++) {
		sleep_ms(hyfw_map_int(&operation->args, "ms", 0));
		if (operation->cancelled && operation->cancelled(operation)) {
			leave(fake, "cancelled");
			return fake->host->fail(err, ECANCELED, "count: cancelled");
		}
		if (operation->progress)
			operation->progress(operation, (uint64_t)i + 1, (uint64_t)steps);
	}
	return answer(fake, operation, "steps", fake->host->format(operation->arena, "%d", (int)steps), ret_result);
}

static int copy(const struct fake *fake, const struct hyfw_operation *operation, struct hyfw_error **err)
{
	char buffer[512];
	ssize_t got;

	while ((got = read(operation->input_fd, buffer, sizeof(buffer))) > 0)
		if (write(operation->output_fd, buffer, (size_t)got) != got)
			return fake->host->fail(err, EIO, "copy: write");
	return got < 0 ? fake->host->fail(err, errno, "copy: read") : 0;
}

int fake_operate(void *instance, const struct hyfw_map *record, const struct hyfw_operation *operation,
		 struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct fake *fake = instance;
	const char *verb = operation->verb;
	int result = record->count > 0 ? fake_held(fake, err) : 0;

	if (result == 0)
		result = fake_fails(fake, "operate", err);
	if (result < 0)
		return result;
	if (strcmp(verb, "count") == 0)
		return count(fake, operation, ret_result, err);
	if (strcmp(verb, "copy") == 0)
		return copy(fake, operation, err);
	if (strcmp(verb, "echo") == 0) {
		*ret_result = operation->args;
		return 0;
	}
	if (strcmp(verb, "display") == 0)
		return answer(fake, operation, "held", record->count > 0 ? "true" : "false", ret_result);
	if (strcmp(verb, "finish") == 0) {
		result = fake_kill_it(fake, record, SIGTERM, err);
		sleep_ms(hyfw_map_int(&operation->args, "ms", 0));
		return result;
	}
	if (strcmp(verb, "break") == 0)
		return fake->host->fail(err, EIO, "broken as asked");
	return fake->host->fail(err, ENOTSUP, "there is no operation %s", verb);
}
