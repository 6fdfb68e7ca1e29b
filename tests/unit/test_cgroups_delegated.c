/* SPDX-License-Identifier: BSD-3-Clause
 * Control groups of an ordinary user: those that were delegated to them, as systemd does
 * it and anybody can by hand (cgroup-v2.rst, Delegation), and none where none was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "cgroups_live.h"
#include "security/cgroups/oci.h"

#define USER 61234 /* is nobody else's */

/* Of others, with what they may hand down; in it the group of the user, and in that one
 * "shell", where the user's processes are. */
static char *above, *delegated;

static char *below(const char *path, const char *name)
{
	return hyfw_arena_format(fake.arena, "%s/%s", path, name);
}

static int begin(void **state)
{
	const uint32_t handed_down = CONTROLLER_BIT(CONTROLLER_PIDS) | CONTROLLER_BIT(CONTROLLER_MEMORY);
	struct hierarchy found;

	live_begin(state);
	delegated = NULL;
	if (geteuid() != 0 || hierarchy_find(&fake_host, "/sys/fs/cgroup", &found, NULL) < 0)
		return 0;
	if ((found.unified_has & handed_down) == handed_down) {
		AUTO_CLOSE int root = group_open(found.unified);
		AUTO_CLOSE int group = -1;

		above = hyfw_arena_format(fake.arena, "%s/%s-above", found.unified, fake_owner);
		delegated = below(above, "user");
		assert_return_code(mkdir(above, 0755), errno);
		group = group_open(above);
		assert_int_equal(v2_enable(root, handed_down, true), 0);
		assert_int_equal(v2_enable(group, handed_down, true), 0);
		assert_return_code(mkdir(delegated, 0755), errno);
		assert_return_code(mkdir(below(delegated, "shell"), 0755), errno);
	}
	hierarchy_finish(&found);
	return 0;
}

static int end(void **state)
{
	if (delegated) {
		rmdir(below(delegated, "shell"));
		assert_return_code(rmdir(delegated), errno);
		assert_return_code(rmdir(above), errno);
	}
	return live_end(state);
}

static void need_version_2(void)
{
	if (delegated)
		return;
	print_message("skipped: takes root and controllers of cgroup v2\n");
	skip();
}

static void delegate(void)
{
	static const char *const files[] = { "", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads" };
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_return_code(chown(below(delegated, files[i]), USER, USER), errno);
}

static int join(const char *group)
{
	AUTO_CLOSE int fd = group_open(group);

	return file_write(fd, "cgroup.procs", "0");
}

/* 'body' as the user, in the group; its result. */
static int as_user(const char *group, int (*body)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (join(group) < 0 || setresgid(USER, USER, USER) < 0 || setresuid(USER, USER, USER) < 0)
			_exit(90);
		_exit(body());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static struct hyfw_subject web = WORKLOAD("web", { "memory", "16777216" }, { "pids", "20" });

static int wrong(const char *what, const struct hyfw_error *err)
{
	print_message("%s: %s\n", what, err ? err->message : "");
	return 1;
}

static int use_limits(void)
{
	struct hyfw_error *err = NULL;
	struct hyfw_stats stats = { 0 };
	struct hyfw_map record;
	int status;

	if (up(&web, &err) < 0)
		return wrong("up", err);
	record = hyfw_pairs_map(&fake.notes);
	if (strncmp(record.items[0].value, delegated, strlen(delegated)) != 0)
		return wrong(record.items[0].value, NULL);
	waitpid(spawn(eat), &status, 0);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		return wrong("it was not killed", NULL);
	hyfw_stats_init(&stats);
	live.ops->stats(live.instance, &record, &stats, &err);
	if (stats.memory_limit_bytes != 16777216 || stats.memory_peak_bytes > 16777216 || stats.event_oom_kill != 1 ||
	    stats.pids_limit != 20)
		return wrong("limits", NULL);
	spawn(sleep_long);
	if (live.ops->freeze(live.instance, &record, true, &err) < 0 ||
	    live.ops->kill(live.instance, &record, &err) < 0)
		return wrong("freeze or kill", err);
	down();
	return noted_exists() ? wrong("something is left", NULL) : 0;
}

static void limits_hold_in_what_was_delegated(void **state)
{
	(void)state;
	need_version_2();
	delegate();
	assert_int_equal(as_user(below(delegated, "shell"), use_limits), 0);
}

static int refused(const char *text)
{
	struct hyfw_error *err = NULL;

	if (up(&web, &err) == 0)
		return wrong("it was made", NULL);
	if (!strstr(err->message, text))
		return wrong("message", err);
	if (live.call.step) /* it came as far as that */
		down();
	return noted_exists() ? wrong("something is left", NULL) : 0;
}

static int refused_without(void)
{
	return refused("memory: no control group has been delegated to this user");
}

static void without_it_is_refused(void **state)
{
	(void)state;
	need_version_2();
	assert_int_equal(as_user(below(delegated, "shell"), refused_without), 0);
}

static int refused_controller(void)
{
	web.settings = (struct hyfw_map)SETTINGS({ "cpuset", "0" });
	return refused("cpuset: this user has been delegated no cpuset control group controller");
}

/* Only what the parent hands down can be used. */
static void a_controller_that_was_not_is_refused(void **state)
{
	(void)state;
	need_version_2();
	delegate();
	assert_int_equal(as_user(below(delegated, "shell"), refused_controller), 0);
}

static int refused_busy(void)
{
	return refused("its parents hold processes of their own");
}

static void a_group_with_processes_has_no_children(void **state)
{
	(void)state;
	need_version_2();
	delegate();
	assert_int_equal(as_user(delegated, refused_busy), 0);
}

/* ---- bundles ---- */

static struct hyfw_oci_config config;
static const struct hyfw_subject bundle = { .size = sizeof(bundle), .kind = HYFW_SUBJECT_WORKLOAD, .name = "box",
					    .oci = &config };

static void take_bundle(bool limits)
{
	config = (struct hyfw_oci_config){ .size = sizeof(config), .id = "box", .cgroups_path = "/not/mine/box" };
	if (!limits)
		return;
	config.resources.memory_limit = (struct hyfw_oci_number){ true, 16777216 };
	config.resources.memory_swap = config.resources.memory_limit;
	config.resources.pids_limit = (struct hyfw_oci_number){ true, 20 };
}

/* A path that the user may not make is one below what they were given. */
static int use_bundle(void)
{
	struct hyfw_error *err = NULL;
	struct hyfw_map record;
	const char *group;
	int status;

	take_bundle(true);
	if (up(&bundle, &err) < 0)
		return wrong("up", err);
	record = hyfw_pairs_map(&fake.notes);
	group = hyfw_map_get(&record, "cgroup.unified");
	if (!group || strcmp(group, below(delegated, "not/mine/box")) != 0)
		return wrong(group ? group : "no group", NULL);
	waitpid(spawn(eat), &status, 0);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		return wrong("it was not killed", NULL);
	config.resources = (struct hyfw_oci_resources){ .pids_limit = { true, 30 } };
	if (live.ops->update(live.instance, &bundle, &record, &err) < 0)
		return wrong("update", err);
	spawn(sleep_long);
	if (live.ops->freeze(live.instance, &record, true, &err) < 0)
		return wrong("freeze", err);
	down();
	return access(below(delegated, "not"), F_OK) == 0 ? wrong("something is left", NULL) : 0;
}

static void a_bundle_is_below_what_was_delegated(void **state)
{
	(void)state;
	need_version_2();
	delegate();
	assert_int_equal(as_user(below(delegated, "shell"), use_bundle), 0);
}

static int bundle_without(void)
{
	struct hyfw_error *err = NULL;

	take_bundle(true);
	if (up(&bundle, &err) == 0)
		return wrong("it was made", NULL);
	if (!strstr(err->message, "rootless needs no limits + no cgrouppath"))
		return wrong("message", err);
	hyfw_forget(&err);
	down();
	hyfw_pairs_finish(&fake.notes);
	take_bundle(false);
	if (up(&bundle, &err) < 0)
		return wrong("up", err);
	down();
	return noted_exists() ? wrong("something is left", NULL) : 0;
}

static void without_it_a_bundle_has_no_limits(void **state)
{
	(void)state;
	need_version_2();
	assert_int_equal(as_user(below(delegated, "shell"), bundle_without), 0);
}

int main(void)
{
#define DELEGATED(function) cmocka_unit_test_setup_teardown(function, begin, end)
	const struct CMUnitTest tests[] = {
		DELEGATED(limits_hold_in_what_was_delegated),
		DELEGATED(without_it_is_refused),
		DELEGATED(a_controller_that_was_not_is_refused),
		DELEGATED(a_group_with_processes_has_no_children),
		DELEGATED(a_bundle_is_below_what_was_delegated),
		DELEGATED(without_it_a_bundle_has_no_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
