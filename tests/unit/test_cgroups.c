/* SPDX-License-Identifier: BSD-3-Clause
 * The parts that need no kernel are tested everywhere (v2 against files of our
 * own making), the rest on the control groups of the machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "fake_host.h"
#include "security/cgroups/cgroups.h"

#define SETTINGS(...)                                                              \
	{                                                                          \
		sizeof((struct hyfw_pair[]){ __VA_ARGS__ }) / sizeof(struct hyfw_pair), \
			(struct hyfw_pair[]){ __VA_ARGS__ }                         \
	}
#define WORKLOAD(name_, ...)                                                                 \
	{                                                                                    \
		.size = sizeof(struct hyfw_subject), .kind = HYFW_SUBJECT_WORKLOAD, .name = (name_), \
		.idmap = { 100000, 100000, 65536 }, .settings = SETTINGS(__VA_ARGS__)          \
	}

/* ---- values, on any machine ---- */

static void weights_follow_the_curve(void **state)
{
	(void)state;
	assert_int_equal(v2_weight(2), 1);
	assert_int_equal(v2_weight(1024), 100);
	assert_int_equal(v2_weight(2000), 170);
	assert_int_equal(v2_weight(262144), 10000);
	assert_int_equal(v2_weight(262143), 10000);
}

static const char *text_of(const struct values *values, const char *file)
{
	size_t i;

	for (i = 0; i < values->count; i++)
		if (strcmp(values->items[i].file, file) == 0)
			return values->items[i].text;
	return "";
}

static void values_of_both_versions(void **state)
{
	struct hyfw_map settings = SETTINGS({ "cpus", "250" }, { "memory", "52428800" }, { "pids", "64" },
					    { "cpu_shares", "1024" }, { "cpuset", "0" });
	struct values values = { 0 };
	struct limits limits;

	(void)state;
	limits_read(&settings, &limits);
	v1_values(&fake_host, fake.arena, &limits, &values);
	assert_string_equal(text_of(&values, "cpu.cfs_quota_us"), "25000");
	assert_string_equal(text_of(&values, "memory.limit_in_bytes"), "52428800");
	assert_string_equal(text_of(&values, "memory.memsw.limit_in_bytes"), "52428800");
	assert_string_equal(text_of(&values, "pids.max"), "64");
	assert_string_equal(text_of(&values, "devices.deny"), "");
	values.count = 0;
	v2_values(&fake_host, fake.arena, &limits, &values);
	assert_string_equal(text_of(&values, "cpu.max"), "25000 100000");
	assert_string_equal(text_of(&values, "cpu.weight"), "100");
	assert_string_equal(text_of(&values, "memory.max"), "52428800");
	assert_string_equal(text_of(&values, "memory.swap.max"), "0");
	assert_string_equal(text_of(&values, "cpuset.cpus"), "0");
}

/* What a hypervisor needs is on top of the guest's memory, in the arguments too. */
static void overhead_raises_limits_of_memory(void **state)
{
	struct hyfw_map settings = SETTINGS({ "memory", "104857600" }, { "memory_swap", "157286400" });
	struct hyfw_map arguments = SETTINGS({ "memory", "104857600" }, { "overhead", "1048576" });
	struct hyfw_map nothing = SETTINGS({ "overhead", "1048576" });
	struct limits limits;

	(void)state;
	limits_read(&settings, &limits);
	limits_add_overhead(&limits, 1048576);
	assert_int_equal(limits.memory, 105906176);
	assert_int_equal(limits.memory_swap, 158334976);
	limits_read(&arguments, &limits);
	assert_int_equal(limits.memory, 105906176);
	assert_int_equal(limits.memory_swap, LIMIT_NONE);
	/* without the setting it is the limit */
	limits_read(&nothing, &limits);
	assert_int_equal(limits.memory, 1048576);
}

static void swap_is_the_total_less_memory(void **state)
{
	struct hyfw_map some = SETTINGS({ "memory", "104857600" }, { "memory_swap", "157286400" });
	struct hyfw_map any = SETTINGS({ "memory", "104857600" }, { "memory_swap", "-1" });
	struct values values = { 0 };
	struct limits limits;

	(void)state;
	limits_read(&some, &limits);
	v1_values(&fake_host, fake.arena, &limits, &values);
	assert_string_equal(text_of(&values, "memory.memsw.limit_in_bytes"), "157286400");
	v2_values(&fake_host, fake.arena, &limits, &values);
	assert_string_equal(text_of(&values, "memory.swap.max"), "52428800");
	values.count = 0;
	limits_read(&any, &limits);
	v1_values(&fake_host, fake.arena, &limits, &values);
	v2_values(&fake_host, fake.arena, &limits, &values);
	assert_string_equal(text_of(&values, "memory.memsw.limit_in_bytes"), "");
	assert_string_equal(text_of(&values, "memory.swap.max"), "");
}

static void refused(const char *key, const char *value, const char *message)
{
	struct hyfw_map settings = SETTINGS({ key, value });
	struct hyfw_error *err = NULL;
	struct limits limits;

	limits_read(&settings, &limits);
	assert_true(limits_check(&fake_host, &limits, &err) < 0);
	if (!strstr(err->message, message))
		fail_msg("\"%s\" does not say \"%s\"", err->message, message);
	hyfw_forget(&err);
}

static void impossible_limits_are_refused(void **state)
{
	(void)state;
	refused("cpus", "8000000", "more than the");
	refused("cpus", "5", "smallest share");
	refused("cpuset", "0-8000", "there is no CPU");
	refused("cpuset", "0-", "not a list");
	refused("cpuset", "1,,2", "not a list");
	refused("cpuset", "999999", "not a list");
	refused("cpu_shares", "1", "not within");
	refused("memory", "1048576", "4 MiB");
	refused("memory_swap", "104857600", "needs memory");
	refused("pids", "99999999", "more than the kernel");
}

static void ownership_is_in_the_path(void **state)
{
	(void)state;
	assert_true(group_is_ours("/sys/fs/cgroup/pids/hyfw/web", "hyfw", "web"));
	assert_false(group_is_ours("/sys/fs/cgroup/pids/xhyfw/web", "hyfw", "web"));
	assert_false(group_is_ours("/sys/fs/cgroup/pids/hyfw/web2", "hyfw", "web"));
	assert_false(group_is_ours("/sys/fs/cgroup/pids/hyfw/", "hyfw", ""));
	assert_false(group_is_ours("/hyfw/web", "hyfw", "web"));
	assert_false(group_is_ours("/sys/fs/../hyfw/web", "hyfw", "web"));
}

/* ---- cgroup v2 against plain files ---- */

static void put(const char *path, const char *text)
{
	assert_int_equal(hyfw_file_write(path, text, strlen(text), 0600, false, NULL), 0);
}

static void v2_is_made_below_its_parents(void **state)
{
	char root[] = "/tmp/hyfw-cgroups-XXXXXX";
	struct hierarchy hierarchy = { .unified = root,
		.unified_has = CONTROLLER_BIT(CONTROLLER_PIDS) | CONTROLLER_BIT(CONTROLLER_MEMORY) };
	struct hyfw_map settings = SETTINGS({ "memory", "52428800" }, { "pids", "64" });
	struct hyfw_map cpus = SETTINGS({ "cpus", "500" });
	struct group groups[GROUPS_MAX];
	struct hyfw_error *err = NULL;
	struct limits limits;
	char text[64];
	size_t count;

	(void)state;
	assert_non_null(mkdtemp(root));
	limits_read(&settings, &limits);
	assert_int_equal(groups_choose(&fake_host, fake.arena, &hierarchy, &limits, "web", groups, &count, &err), 0);
	assert_int_equal(count, 1);
	assert_true(groups[0].unified);
	assert_true(group_is_ours(groups[0].path, fake_host.owner, "web"));
	/* The kernel would make these files. */
	put(hyfw_arena_format(fake.arena, "%s/cgroup.subtree_control", root), "memory\n");
	assert_int_equal(mkdir(hyfw_arena_format(fake.arena, "%s/%s", root, fake_host.owner), 0700), 0);
	put(hyfw_arena_format(fake.arena, "%s/%s/cgroup.subtree_control", root, fake_host.owner), "");
	assert_int_equal(group_make(&fake_host, fake.arena, &groups[0], &limits, &err), -ENOENT);
	assert_non_null(strstr(err->message, "memory.max")); /* the directory was made */
	hyfw_forget(&err);
	assert_true(file_read(AT_FDCWD, hyfw_arena_format(fake.arena, "%s/cgroup.subtree_control", root), text,
			      sizeof(text)) > 0);
	assert_non_null(strstr(text, "+pids"));   /* was missing */
	assert_null(strstr(text, "+memory"));     /* was on already */
	limits_read(&cpus, &limits);
	assert_int_equal(groups_choose(&fake_host, fake.arena, &hierarchy, &limits, "web", groups, &count, &err),
			 -ENOTSUP);
	assert_non_null(strstr(err->message, "cpus: this kernel offers no cpu"));
	hyfw_forget(&err);
	assert_int_equal(hyfw_remove_tree(AT_FDCWD, root, NULL), 0);
}

/* Controllers of both versions on one machine: each is used where it is. */
static void a_mixed_machine_uses_both_versions(void **state)
{
	char cpu[] = "/v1/cpu,cpuacct", pids[] = "/v1/pids", unified[] = "/v2";
	struct hierarchy hierarchy = { .v1 = { [CONTROLLER_CPU] = cpu, [CONTROLLER_CPUACCT] = cpu,
					       [CONTROLLER_PIDS] = pids },
				       .unified = unified,
				       .unified_has = CONTROLLER_BIT(CONTROLLER_MEMORY) };
	struct hyfw_map settings = SETTINGS({ "memory", "52428800" }, { "pids", "64" }, { "cpus", "500" });
	struct group groups[GROUPS_MAX];
	struct hyfw_error *err = NULL;
	struct values values;
	struct limits limits;
	size_t count;

	(void)state;
	limits_read(&settings, &limits);
	assert_int_equal(groups_choose(&fake_host, fake.arena, &hierarchy, &limits, "web", groups, &count, &err), 0);
	assert_int_equal(count, 3);
	assert_string_equal(groups[0].controllers, "cpu,cpuacct");
	assert_true(group_is_ours(groups[0].path, fake_host.owner, "web"));
	assert_memory_equal(groups[0].path, "/v1/cpu,cpuacct/", 16);
	assert_string_equal(groups[1].controllers, "pids");
	assert_true(groups[2].unified);
	groups_values(&fake_host, fake.arena, &groups[2], &limits, &values);
	assert_string_equal(text_of(&values, "memory.max"), "52428800");
	assert_string_equal(text_of(&values, "pids.max"), ""); /* is on v1 */
	/* Where the controllers of the unified hierarchy are all on v1, it is left alone. */
	hierarchy.unified_has = 0;
	limits.memory = LIMIT_NONE;
	assert_int_equal(groups_choose(&fake_host, fake.arena, &hierarchy, &limits, "web", groups, &count, &err), 0);
	assert_int_equal(count, 2);
	limits.memory = 52428800;
	assert_int_equal(groups_choose(&fake_host, fake.arena, &hierarchy, &limits, "web", groups, &count, &err),
			 -ENOTSUP);
	hyfw_forget(&err);
}

static void v2_figures_are_read(void **state)
{
	char path[] = "/tmp/hyfw-cgroups-XXXXXX";
	struct group group = { path, "", 0, true };
	struct hyfw_stats stats = { 0 };

	(void)state;
	assert_non_null(mkdtemp(path));
	put(hyfw_arena_format(fake.arena, "%s/cpu.stat", path),
	    "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 4\nnr_throttled 3\nthrottled_usec 7\n");
	put(hyfw_arena_format(fake.arena, "%s/cpu.max", path), "25000 100000\n");
	put(hyfw_arena_format(fake.arena, "%s/memory.max", path), "max\n");
	put(hyfw_arena_format(fake.arena, "%s/memory.current", path), "4096\n");
	put(hyfw_arena_format(fake.arena, "%s/memory.events", path), "low 0\nmax 9\noom 1\noom_kill 2\n");
	put(hyfw_arena_format(fake.arena, "%s/pids.max", path), "64\n");
	hyfw_stats_init(&stats);
	group_stats(&group, &stats);
	assert_int_equal(stats.cpu_ns, 1500000);
	assert_int_equal(stats.cpu_throttled_ns, 7000);
	assert_int_equal(stats.event_cpu_throttled, 3);
	assert_int_equal(stats.cpu_limit_milli, 250);
	assert_true(stats.memory_limit_bytes == HYFW_STAT_NONE);
	assert_int_equal(stats.memory_bytes, 4096);
	assert_int_equal(stats.event_memory_max, 9);
	assert_int_equal(stats.event_oom_kill, 2);
	assert_int_equal(stats.pids_limit, 64);
	assert_true(stats.pids == HYFW_STAT_NONE);
	assert_int_equal(hyfw_remove_tree(AT_FDCWD, path, NULL), 0);
}

/* ---- on the machine ---- */

static struct live {
	const struct hyfw_plugin *plugin;
	const struct hyfw_security_ops *ops;
	void *instance;
	struct hyfw_call call;
} live;

static int live_begin(void **state)
{
	fake_host_begin(state);
	memset(&live, 0, sizeof(live));
	live.plugin = hyfw_plugin_entry_v1();
	live.ops = live.plugin->ops;
	return live.plugin->common->open(&fake_host, NULL, &live.instance, NULL);
}

static int live_end(void **state)
{
	struct hyfw_alive nobody = { .size = sizeof(nobody) };

	live.plugin->common->gc(live.instance, &nobody, NULL);
	live.plugin->common->close(live.instance);
	return fake_host_end(state);
}

static void need_groups(void)
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
static int up(const struct hyfw_subject *subject, struct hyfw_error **err)
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

static void down(void)
{
	struct hyfw_error *err = NULL;

	live.call.record = hyfw_pairs_map(&fake.notes);
	if (live.plugin->common->undo(live.instance, &live.call, &err) < 0)
		fail_msg("undo: %s", err->message);
}

/* A child that is in all groups before it runs 'body'. */
static pid_t spawn(void (*body)(void))
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

static void sleep_long(void)
{
	for (;;)
		pause();
}

static void bomb(void)
{
	for (;;)
		if (fork() < 0)
			usleep(1000);
}

/* As stress-ng does: touch memory until the kernel stops it. */
static void eat(void)
{
	size_t i;

	for (i = 0; i < 64; i++)
		memset(malloc(1 << 20), 1, 1 << 20);
}

static bool noted_exists(void)
{
	size_t i;

	for (i = 0; i < fake.notes.count; i++)
		if (access(fake.notes.items[i].value, F_OK) == 0)
			return true;
	return false;
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

#define TEST(function) cmocka_unit_test_setup_teardown(function, fake_host_begin, fake_host_end)
#define LIVE(function) cmocka_unit_test_setup_teardown(function, live_begin, live_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(weights_follow_the_curve),
		TEST(values_of_both_versions),
		TEST(overhead_raises_limits_of_memory),
		TEST(swap_is_the_total_less_memory),
		TEST(impossible_limits_are_refused),
		TEST(ownership_is_in_the_path),
		TEST(v2_is_made_below_its_parents),
		TEST(a_mixed_machine_uses_both_versions),
		TEST(v2_figures_are_read),
		LIVE(limits_hold_and_are_counted),
		LIVE(a_fork_bomb_is_killed),
		LIVE(undo_clears_what_is_left),
		LIVE(frozen_processes_stand_still_and_can_be_killed),
		LIVE(gc_removes_only_the_dead),
		LIVE(confinement_lists_the_groups),
		LIVE(parents_may_vanish_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
