/* SPDX-License-Identifier: BSD-3-Clause
 * A host table for tests of drivers: errors and memory are the core's, planned
 * steps and notes are kept for the test to look at, the cache is in memory. */
#ifndef HYFW_TEST_FAKE_HOST_H
#define HYFW_TEST_FAKE_HOST_H

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <hyfw/host.h>
#include <hyfw/plugin.h>

#include "base/alloc.h"
#include "base/error.h"

const struct hyfw_plugin *hyfw_plugin_entry_v1(void); /* of the driver under test */

static struct {
	struct hyfw_step steps[16]; /* text is in 'arena' */
	size_t step_count;
	struct hyfw_pairs notes;
	char *cache_key;
	void *cache_data;
	size_t cache_size;
	unsigned cache_hits, warnings;
	struct hyfw_arena *arena;
} fake;

static void fake_log(enum hyfw_log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fake_log(enum hyfw_log_level level, const char *format, ...)
{
	(void)format;
	fake.warnings += level <= HYFW_LOG_WARNING;
}

static int fake_plan_step(struct hyfw_plan *plan, const struct hyfw_step *step, struct hyfw_error **err)
{
	struct hyfw_step *kept = &fake.steps[fake.step_count];
	struct hyfw_pair *pairs = hyfw_arena_alloc(fake.arena, (step->args.count + 1) * sizeof(*pairs));
	size_t i;

	(void)plan;
	if (fake.step_count == sizeof(fake.steps) / sizeof(fake.steps[0]))
		return hyfw_fail(err, ENOSPC, "too many steps");
	*kept = *step;
	kept->verb = hyfw_arena_dup(fake.arena, step->verb);
	kept->object = hyfw_arena_dup(fake.arena, step->object);
	kept->summary = hyfw_arena_dup(fake.arena, step->summary);
	kept->commands = step->commands ? hyfw_arena_dup(fake.arena, step->commands) : NULL;
	for (i = 0; i < step->args.count; i++) {
		pairs[i].key = hyfw_arena_dup(fake.arena, step->args.items[i].key);
		pairs[i].value = hyfw_arena_dup(fake.arena, step->args.items[i].value);
	}
	kept->args.items = pairs;
	fake.step_count++;
	return 0;
}

static int fake_note(struct hyfw_call *call, const char *key, const char *value, struct hyfw_error **err)
{
	(void)call;
	(void)err;
	hyfw_pairs_set(&fake.notes, key, value);
	return 0;
}

static int fake_cache_get(struct hyfw_arena *arena, const char *bucket, const char *key, const void **ret_data,
			  size_t *ret_size)
{
	void *data;

	(void)bucket;
	if (!fake.cache_key || strcmp(fake.cache_key, key) != 0)
		return 0;
	data = hyfw_arena_alloc(arena, fake.cache_size);
	memcpy(data, fake.cache_data, fake.cache_size);
	*ret_data = data;
	*ret_size = fake.cache_size;
	fake.cache_hits++;
	return 1;
}

static void fake_cache_put(const char *bucket, const char *key, const void *data, size_t size)
{
	(void)bucket;
	free(fake.cache_key);
	free(fake.cache_data);
	fake.cache_key = hyfw_dup(key);
	fake.cache_data = hyfw_new(size);
	memcpy(fake.cache_data, data, size);
	fake.cache_size = size;
}

static uint64_t fake_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Of this process alone: other runs on the machine have their own objects. */
static char fake_owner[16];

static const struct hyfw_host fake_host = {
	.size = sizeof(fake_host),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.owner = fake_owner,
	.fail = hyfw_fail,
	.wrap = hyfw_wrap,
	.forget = hyfw_forget,
	.log = fake_log,
	.alloc = hyfw_arena_alloc,
	.format = hyfw_arena_format,
	.plan_step = fake_plan_step,
	.note = fake_note,
	.cache_get = fake_cache_get,
	.cache_put = fake_cache_put,
	.clock = fake_clock,
	.arena_new = hyfw_arena_new,
	.arena_free = hyfw_arena_free,
};

static inline int fake_host_begin(void **state)
{
	(void)state;
	memset(&fake, 0, sizeof(fake));
	snprintf(fake_owner, sizeof(fake_owner), "hyfw-t%d", (int)getpid());
	fake.arena = hyfw_arena_new();
	return 0;
}

static inline int fake_host_end(void **state)
{
	(void)state;
	hyfw_pairs_finish(&fake.notes);
	free(fake.cache_key);
	free(fake.cache_data);
	hyfw_arena_free(fake.arena);
	return 0;
}

#endif
