/* SPDX-License-Identifier: BSD-3-Clause
 * Limits that hold, groups that are made and removed, on this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cgroups_live.h"

static void bomb(void)
{
	for (;;)
		if (fork() < 0)
			usleep(1000);
}

static void limits_hold_and_are_counted(void **state)
{
	struct hyfw_subject web = WORKLOAD("web", { "memory", "16777216" }, { "pids", "20" }, { "cpus", "250" },
					   { "cpuset", "0" });
	struct hyfw_error *err = NULL;
	struct hyfw_stats stats = { 0 };
	struct hyfw_map record;
	int status;

	(void)state;
	need_groups();
	if (up(&web, &err) < 0)
		fail_msg("%s", err->message);
	record = hyfw_pairs_map(&fake.notes);
	waitpid(spawn(eat), &status, 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	hyfw_stats_init(&stats);
	assert_int_equal(live.ops->stats(live.instance, &record, &stats, &err), 0);
	assert_int_equal(stats.memory_limit_bytes, 16777216);
	assert_true(stats.memory_peak_bytes <= 16777216 && stats.memory_peak_bytes > 8388608);
	assert_int_equal(stats.event_oom_kill, 1);
	assert_int_equal(stats.pids_limit, 20);
	assert_int_equal(stats.pids, 0);
	assert_int_equal(stats.cpu_limit_milli, 250);
	assert_true(stats.cpu_ns > 0 && stats.cpu_ns != HYFW_STAT_NONE);
	down();
	assert_false(noted_exists());
	down(); /* gone is success */
}

static void a_fork_bomb_is_killed(void **state)
{
	struct hyfw_subject web = WORKLOAD("bomb", { "pids", "200" });
	struct hyfw_error *err = NULL;
	struct hyfw_stats stats = { 0 };
	struct hyfw_map record;
	pid_t pid;
	int i;

	(void)state;
	need_groups();
	assert_int_equal(up(&web, &err), 0);
	record = hyfw_pairs_map(&fake.notes);
	pid = spawn(bomb);
	for (i = 0; i < 1000; i++) {
		usleep(10000);
		hyfw_stats_init(&stats);
		assert_int_equal(live.ops->stats(live.instance, &record, &stats, &err), 0);
		assert_true(stats.pids <= 202); /* attempts count until they are refused */
		if (stats.event_pids_max > 0)
			break;
	}
	assert_true(stats.event_pids_max > 0 && stats.event_pids_max != HYFW_STAT_NONE);
	assert_true(stats.pids >= 190);
	assert_int_equal(live.ops->kill(live.instance, &record, &err), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	hyfw_stats_init(&stats);
	live.ops->stats(live.instance, &record, &stats, &err);
	assert_int_equal(stats.pids_limit, 200); /* as before */
	down();
	assert_false(noted_exists());
}

static void undo_clears_what_is_left(void **state)
{
	struct hyfw_subject web = WORKLOAD("left", { "pids", "50" });
	struct hyfw_error *err = NULL;
	pid_t pid;
	int status;

	(void)state;
	need_groups();
	assert_int_equal(up(&web, &err), 0);
	pid = spawn(sleep_long);
	/* A second one of that name is refused and does not harm the first. */
	hyfw_pairs_finish(&fake.notes);
	assert_int_equal(up(&web, &err), -EEXIST);
	assert_non_null(strstr(err->message, "still in use"));
	hyfw_forget(&err);
	down();
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	hyfw_pairs_finish(&fake.notes);
	assert_int_equal(up(&web, &err), 0); /* empty leftovers are taken over */
	pid = spawn(sleep_long);
	down();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_false(noted_exists());
}

static uint64_t cpu_time(const struct hyfw_map *record)
{
	struct hyfw_stats stats = { 0 };

	hyfw_stats_init(&stats);
	live.ops->stats(live.instance, record, &stats, NULL);
	return stats.cpu_ns;
}

static void spin(void)
{
	for (;;)
		__asm__ volatile("");
}

static void frozen_processes_stand_still_and_can_be_killed(void **state)
{
	struct hyfw_subject web = WORKLOAD("cold", { "pids", "50" });
	struct hyfw_error *err = NULL;
	struct hyfw_map record;
	uint64_t before;
	pid_t pid;
	int i;

	(void)state;
	need_groups();
	assert_int_equal(up(&web, &err), 0);
	record = hyfw_pairs_map(&fake.notes);
	pid = spawn(spin);
	if (live.ops->freeze(live.instance, &record, true, &err) < 0)
		fail_msg("%s", err->message);
	before = cpu_time(&record);
	usleep(300000);
	assert_true(cpu_time(&record) - before < 100000000); /* the last tick may be booked late */
	assert_int_equal(live.ops->freeze(live.instance, &record, false, &err), 0);
	before = cpu_time(&record);
	for (i = 0; i < 500 && cpu_time(&record) < before + 100000000; i++)
		usleep(10000);
	assert_true(cpu_time(&record) >= before + 100000000);
	assert_int_equal(live.ops->freeze(live.instance, &record, true, &err), 0);
	assert_int_equal(live.ops->kill(live.instance, &record, &err), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	down();
	assert_false(noted_exists());
}

static void gc_removes_only_the_dead(void **state)
{
	struct hyfw_subject dead = WORKLOAD("dead", { "pids", "50" }), kept = WORKLOAD("kept", { "pids", "50" });
	const char *const names[] = { "kept", NULL };
	struct hyfw_alive alive = { .size = sizeof(alive), .running = names };
	struct hyfw_error *err = NULL;
	struct hyfw_map record;
	struct group groups[GROUPS_MAX];
	char *path;
	pid_t pid;

	(void)state;
	need_groups();
	assert_int_equal(up(&dead, &err), 0);
	record = hyfw_pairs_map(&fake.notes);
	assert_true(groups_recorded(&record, groups) > 0);
	path = hyfw_arena_format(fake.arena, "%s", groups[0].path);
	pid = spawn(sleep_long);
	assert_int_equal(live.ops->freeze(live.instance, &record, true, &err), 0);
	hyfw_pairs_finish(&fake.notes);
	assert_int_equal(up(&kept, &err), 0);
	assert_int_equal(live.plugin->common->gc(live.instance, &alive, &err), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(access(path, F_OK), -1);
	assert_true(noted_exists());
	down();
	assert_false(noted_exists());
}

/* A pid of the user that the group was handed to, in it: divides it, and no more. */
static void divide(void)
{
	const struct hyfw_map record = hyfw_pairs_map(&fake.notes);
	struct group groups[GROUPS_MAX];
	int group, result;

	if (groups_recorded(&record, groups) != 1 || setresgid(100000, 100000, 100000) < 0 ||
	    setresuid(100000, 100000, 100000) < 0)
		_exit(1);
	group = group_open(groups[0].path);
	if (group < 0 || mkdirat(group, "init.scope", 0755) < 0 || file_write(group, "init.scope/cgroup.procs", "0") < 0)
		_exit(2);
	result = file_write(group, "cgroup.subtree_control", "+memory +pids");
	if (result < 0)
		_exit(3);
	if (file_write(group, "pids.max", "max") == 0 || file_write(group, "cgroup.max.depth", "max") == 0)
		_exit(4);
	_exit(file_write(group, "init.scope/pids.max", "5") == 0 ? 0 : 5);
}

static void a_group_is_handed_to_the_systemd_in_it(void **state)
{
	struct hyfw_subject web = WORKLOAD("units", { "systemd", "always" }, { "pids", "20" });
	struct hyfw_confinement confinement = { 0 };
	struct hyfw_error *err = NULL;
	struct hyfw_map record;
	int status;

	(void)state;
	need_groups();
	web.idmap = (struct hyfw_idmap){ 100000, 100000, 65536 };
	if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) < 0) {
		assert_int_equal(up(&web, &err), -ENOTSUP);
		assert_non_null(strstr(err->message, "version 2 alone"));
		hyfw_forget(&err);
		return;
	}
	assert_int_equal(up(&web, &err), 0);
	waitpid(spawn(divide), &status, 0);
	assert_int_equal(status, 0);
	/* A further command does not go to where none may be any more. */
	record = hyfw_pairs_map(&fake.notes);
	assert_int_equal(live.ops->confine(live.instance, &web, &record, fake.arena, &confinement, &err), 0);
	assert_non_null(strstr(confinement.cgroups[0].path, "/units/init.scope"));
	down();
	assert_false(noted_exists());
}

static void confinement_lists_the_groups(void **state)
{
	struct hyfw_subject web = WORKLOAD("list", { "pids", "50" });
	struct hyfw_confinement confinement = { sizeof(confinement) };
	struct hyfw_error *err = NULL;
	struct hyfw_map record;
	size_t i;

	(void)state;
	need_groups();
	web.transient = true;
	assert_int_equal(up(&web, &err), 0);
	record = hyfw_pairs_map(&fake.notes);
	assert_int_equal(live.ops->confine(live.instance, &web, &record, fake.arena, &confinement, &err), 0);
	assert_int_equal(confinement.cgroup_count, 1); /* pids alone, or the unified one */
	for (i = 0; i < confinement.cgroup_count; i++)
		assert_int_equal(access(confinement.cgroups[i].path, F_OK), 0);
	assert_non_null(strstr(fake.steps[0].commands, "mkdir -p "));
	assert_string_equal(fake.steps[0].summary, "limit list to 50 processes");
	down();
	assert_false(noted_exists());
}

/* Two processes that make and remove groups below one parent never fail. */
static void parents_may_vanish_meanwhile(void **state)
{
	struct hyfw_subject one = WORKLOAD("one", { "pids", "5" }, { "cpuset", "0" });
	struct hyfw_subject two = WORKLOAD("two", { "pids", "5" }, { "cpuset", "0" });
	struct hyfw_error *err = NULL;
	pid_t other;
	int i, status, failures = 0;

	(void)state;
	need_groups();
	other = fork();
	for (i = 0; i < 300; i++) {
		fake.step_count = 0;
		if (up(other ? &one : &two, &err) < 0) {
			print_message("%s\n", err->message);
			hyfw_forget(&err);
			failures++;
		}
		down();
		hyfw_pairs_finish(&fake.notes);
	}
	if (other == 0)
		_exit(failures != 0);
	waitpid(other, &status, 0);
	assert_int_equal(failures, 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(limits_hold_and_are_counted),
		LIVE(a_fork_bomb_is_killed),
		LIVE(undo_clears_what_is_left),
		LIVE(frozen_processes_stand_still_and_can_be_killed),
		LIVE(gc_removes_only_the_dead),
		LIVE(a_group_is_handed_to_the_systemd_in_it),
		LIVE(confinement_lists_the_groups),
		LIVE(parents_may_vanish_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
