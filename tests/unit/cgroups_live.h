/* SPDX-License-Identifier: BSD-3-Clause
 * The driver on the control groups of this machine. */
#ifndef HYFW_TEST_CGROUPS_LIVE_H
#define HYFW_TEST_CGROUPS_LIVE_H

#include "cgroups_fixture.h"

static struct live {
	const struct hyfw_plugin *plugin;
	const struct hyfw_security_ops *ops;
	void *instance;
	struct hyfw_call call;
} live;

static inline int live_begin(void **state)
{
	fake_host_begin(state);
	memset(&live, 0, sizeof(live));
	live.plugin = hyfw_plugin_entry_v1();
	live.ops = live.plugin->ops;
	return live.plugin->common->open(&fake_host, NULL, &live.instance, NULL);
}

static inline int live_end(void **state)
{
	struct hyfw_alive nobody = { .size = sizeof(nobody) };

	live.plugin->common->gc(live.instance, &nobody, NULL);
	live.plugin->common->close(live.instance);
	return fake_host_end(state);
}

static inline void need_groups(void)
{
	struct hyfw_probe probe = { .size = sizeof(probe) };

	if (geteuid() != 0)
		skip();
	assert_int_equal(live.plugin->common->probe(&fake_host, fake.arena, &probe, NULL), 0);
	if (probe.result == HYFW_PROBE_NO) {
		print_message("skipped: %s\n", probe.reason);
		skip();
	}
}

/* Plans and applies; the result of apply(). */
static inline int up(const struct hyfw_subject *subject, struct hyfw_error **err)
{
	int result = live.plugin->common->check(live.instance, subject, err);

	if (result == 0)
		result = live.plugin->common->plan(live.instance, subject, NULL, fake.arena, err);
	if (result < 0)
		return result;
	live.call = (struct hyfw_call){ .size = sizeof(live.call), .step = &fake.steps[fake.step_count - 1],
					.arena = fake.arena, .workload = subject->name, .netns_fd = -1 };
	return live.plugin->common->apply(live.instance, &live.call, err);
}

static inline void down(void)
{
	struct hyfw_error *err = NULL;

	live.call.record = hyfw_pairs_map(&fake.notes);
	if (live.plugin->common->undo(live.instance, &live.call, &err) < 0)
		fail_msg("undo: %s", err->message);
}

/* A child that is in all groups before it runs 'body'. */
static inline pid_t spawn(void (*body)(void))
{
	struct hyfw_map record = hyfw_pairs_map(&fake.notes);
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(&record, groups), i;
	pid_t pid;
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		for (i = 0; i < count; i++) {
			int fd = group_open(groups[i].path);

			if (file_write(fd, groups[i].unified ? "cgroup.procs" : "tasks", "0") < 0)
				_exit(99);
		}
		if (write(ready[1], "x", 1) != 1)
			_exit(98);
		close(ready[0]);
		close(ready[1]);
		body();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static inline void sleep_long(void)
{
	for (;;)
		pause();
}

/* Touches 64 MiB of memory, until the kernel stops it. */
static inline void eat(void)
{
	unsigned char *memory = malloc(64 << 20);
	size_t at;

	for (at = 0; memory && at < 64 << 20; at += 4096)
		*(volatile unsigned char *)(memory + at) = 1;
}

static inline bool noted_exists(void)
{
	size_t i;

	for (i = 0; i < fake.notes.count; i++)
		if (access(fake.notes.items[i].value, F_OK) == 0)
			return true;
	return false;
}

#define LIVE(function) cmocka_unit_test_setup_teardown(function, live_begin, live_end)

#endif
