/* SPDX-License-Identifier: BSD-3-Clause
 * A machine in a network namespace of its own, for tests of network drivers: the
 * test process itself lives in it, workloads are further namespaces, and every
 * step's notes are kept as the journal would. */
#ifndef BRIDGE_FIXTURE_H
#define BRIDGE_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <hyfw/network.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/context.h"
#include "base/files.h"
#include "plugin/host.h"

const struct hyfw_plugin *hyfw_plugin_entry_v1(void);

/* ---- steps ---------------------------------------------------------------- */

#define MAX_STEPS 8

struct planned {
	struct hyfw_step step;
	struct hyfw_pairs args, record;
	bool applied;
};

struct journal {
	struct planned steps[MAX_STEPS];
	size_t count;
	char workload[64];
};

struct fixture {
	struct hyfw_context context;
	char directory[64];
	const struct hyfw_common_ops *common;
	const struct hyfw_network_ops *network;
	void *instance;
	struct hyfw_arena *arena;
};

static int fixture_plan_step(struct hyfw_plan *plan, const struct hyfw_step *step, struct hyfw_error **err)
{
	struct journal *journal = (struct journal *)plan;
	struct planned *planned = &journal->steps[journal->count++];

	(void)err;
	assert_true(journal->count <= MAX_STEPS);
	assert_non_null(step->object);
	assert_non_null(step->summary);
	planned->step = *step;
	planned->step.verb = hyfw_dup(step->verb);
	planned->step.commands = hyfw_dup(step->commands);
	hyfw_pairs_add_map(&planned->args, &step->args);
	planned->step.args = hyfw_pairs_map(&planned->args);
	return 0;
}

static int fixture_note(struct hyfw_call *call, const char *key, const char *value, struct hyfw_error **err)
{
	struct hyfw_pairs *record = call->core;

	(void)err;
	hyfw_pairs_set(record, key, value);
	call->record = hyfw_pairs_map(record);
	return 0;
}

static struct hyfw_call fixture_call(struct fixture *fixture, struct journal *journal, struct planned *planned)
{
	return (struct hyfw_call){
		.size = sizeof(struct hyfw_call),
		.step = &planned->step,
		.record = hyfw_pairs_map(&planned->record),
		.arena = fixture->arena,
		.workload = *journal->workload ? journal->workload : NULL,
		.netns_fd = -1,
		.core = &planned->record,
	};
}

static int journal_undo(struct fixture *fixture, struct journal *journal)
{
	struct hyfw_error *err = NULL;
	size_t i;
	int r = 0, failed;

	for (i = journal->count; i-- > 0;) {
		struct hyfw_call call = fixture_call(fixture, journal, &journal->steps[i]);

		if (!journal->steps[i].applied)
			continue;
		failed = fixture->common->undo(fixture->instance, &call, &err);
		if (failed < 0) {
			print_message("undo %s: %s\n", journal->steps[i].step.verb, err->message);
			hyfw_forget(&err);
			r = failed;
		}
	}
	return r;
}

/* Plans 'subject' and applies it; undone again when a step fails. */
static int journal_apply(struct fixture *fixture, struct journal *journal, const struct hyfw_subject *subject,
			 int netns_fd, const struct hyfw_map *peers, struct hyfw_error **err)
{
	size_t i;
	int r;

	memset(journal, 0, sizeof(*journal));
	if (subject->workload)
		snprintf(journal->workload, sizeof(journal->workload), "%s", subject->workload);
	r = fixture->common->check(fixture->instance, subject, err);
	if (r >= 0)
		r = fixture->common->plan(fixture->instance, subject, (struct hyfw_plan *)journal, fixture->arena, err);
	for (i = 0; i < journal->count && r >= 0; i++) {
		struct hyfw_call call = fixture_call(fixture, journal, &journal->steps[i]);

		call.netns_fd = netns_fd;
		if (peers)
			call.peers = *peers;
		journal->steps[i].applied = true;
		r = fixture->common->apply(fixture->instance, &call, err);
	}
	if (r < 0)
		assert_int_equal(journal_undo(fixture, journal), 0);
	return r;
}

static const char *journal_note(const struct journal *journal, const char *key)
{
	size_t i;

	for (i = 0; i < journal->count; i++) {
		struct hyfw_map map = hyfw_pairs_map(&journal->steps[i].record);
		const char *value = hyfw_map_get(&map, key);

		if (value)
			return value;
	}
	return NULL;
}

static void journal_finish(struct journal *journal)
{
	size_t i;

	for (i = 0; i < journal->count; i++) {
		free((char *)(uintptr_t)journal->steps[i].step.verb);
		free((char *)(uintptr_t)journal->steps[i].step.commands);
		hyfw_pairs_finish(&journal->steps[i].args);
		hyfw_pairs_finish(&journal->steps[i].record);
	}
	journal->count = 0;
}

/* ---- namespaces ----------------------------------------------------------- */

static void netns_loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	close(fd);
}

static int netns_new(void)
{
	HYFW_AUTO_CLOSE int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int fd;

	assert_int_equal(unshare(CLONE_NEWNET), 0);
	fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	assert_int_equal(setns(home, CLONE_NEWNET), 0);
	return fd;
}

/* The test program becomes a machine of its own; false without the rights. */
static bool fixture_can_run(void)
{
	return geteuid() == 0 && unshare(CLONE_NEWNET) == 0;
}

static int fixture_set_up(struct fixture *fixture)
{
	struct hyfw_context_options options = { 0 };
	HYFW_AUTO_FREE char *runtime = NULL, *data = NULL;
	struct hyfw_error *err = NULL;

	netns_loopback_up();
	snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/hyfw-bridge-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	options.runtime = runtime = hyfw_format("%s/run", fixture->directory);
	options.data = data = hyfw_format("%s/lib", fixture->directory);
	assert_int_equal(hyfw_context_init(&fixture->context, &options, &err), 0);
	hyfw_host_set_hooks(&(struct hyfw_host_hooks){ fixture_plan_step, fixture_note });
	fixture->common = hyfw_plugin_entry_v1()->common;
	fixture->network = hyfw_plugin_entry_v1()->ops;
	fixture->arena = hyfw_arena_new();
	return fixture->common->open(hyfw_host_table(), &(struct hyfw_map){ 0 }, &fixture->instance, &err);
}

static void fixture_tear_down(struct fixture *fixture)
{
	if (fixture->common->close)
		fixture->common->close(fixture->instance);
	hyfw_arena_free(fixture->arena);
	hyfw_context_finish(&fixture->context);
	hyfw_remove_tree(AT_FDCWD, fixture->directory, NULL);
}

#endif
