/* SPDX-License-Identifier: BSD-3-Clause
 * Control groups of an OCI bundle on this machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cgroups_live.h"
#include "security/cgroups/oci.h"

static struct hyfw_oci_config config;
static struct hyfw_subject subject;

static void bundle(const char *path)
{
	config = (struct hyfw_oci_config){ .size = sizeof(config), .id = "box", .cgroups_path = path };
	subject = (struct hyfw_subject){ .size = sizeof(subject), .kind = HYFW_SUBJECT_WORKLOAD, .name = "box",
					 .oci = &config };
}

static const char *group_of(const char *controller)
{
	struct hyfw_map record = hyfw_pairs_map(&fake.notes);
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(&record, groups), i;

	for (i = 0; i < count; i++)
		if (strstr(groups[i].controllers, controller))
			return groups[i].path;
	for (i = 0; i < count; i++)
		if (groups[i].unified)
			return groups[i].path;
	return "/nonexistent";
}

static int64_t value_of(const char *controller, const char *v1_file, const char *v2_file)
{
	int fd = group_open(group_of(controller));
	bool has_v1 = faccessat(fd, v1_file, F_OK, 0) == 0;
	uint64_t value = file_number(fd, has_v1 ? v1_file : v2_file);

	close(fd);
	return (int64_t)value;
}

static void limits_are_made_changed_and_removed(void **state)
{
	struct hyfw_error *err = NULL;
	struct hyfw_stats stats = { 0 };
	struct hyfw_map record;
	const char *path, *report;
	int status;

	(void)state;
	need_groups();
	bundle(hyfw_arena_format(fake.arena, "/%s.test/pod/box", fake_host.owner));
	config.resources.memory_limit = (struct hyfw_oci_number){ true, 16777216 };
	config.resources.pids_limit = (struct hyfw_oci_number){ true, 20 };
	config.resources.cpus = "0";
	config.resources.cpu_shares = (struct hyfw_oci_number){ true, 512 };
	if (up(&subject, &err) < 0)
		fail_msg("%s", err->message);
	assert_non_null(strstr(group_of("memory"), ".test/pod/box"));
	assert_int_equal(value_of("memory", "memory.limit_in_bytes", "memory.max"), 16777216);
	record = hyfw_pairs_map(&fake.notes);
	waitpid(spawn(sleep_long), &status, WNOHANG);
	hyfw_stats_init(&stats);
	assert_int_equal(live.ops->stats(live.instance, &record, &stats, &err), 0);
	assert_int_equal(stats.pids, 1);
	assert_int_equal(stats.pids_limit, 20);
	assert_int_equal(live.ops->report(live.instance, &record, fake.arena, &report, &err), 0);
	assert_non_null(strstr(report, "\"pids\":{\"current\":1,\"limit\":20}"));
	assert_non_null(strstr(report, "\"limit\":16777216"));
	assert_non_null(strstr(report, "\"throttling\":{\"periods\":"));
	assert_non_null(strstr(report, "\"raw\":{"));
	/* all of it or nothing */
	config.resources = (struct hyfw_oci_resources){ .memory_limit = { true, 33554432 }, .cpus = "0-9999" };
	assert_true(live.ops->update(live.instance, &subject, &record, &err) < 0);
	assert_non_null(strstr(err->message, "linux.resources.cpu.cpus: cannot write 0-9999"));
	hyfw_forget(&err);
	assert_int_equal(value_of("memory", "memory.limit_in_bytes", "memory.max"), 16777216);
	config.resources.cpus = NULL;
	if (live.ops->update(live.instance, &subject, &record, &err) < 0)
		fail_msg("%s", err->message);
	assert_int_equal(value_of("memory", "memory.limit_in_bytes", "memory.max"), 33554432);
	path = hyfw_arena_format(fake.arena, "%s", group_of("memory"));
	down();
	wait(&status);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(access(path, F_OK), -1);
	*strstr((char *)(uintptr_t)path, "/pod/box") = '\0';
	assert_int_equal(access(path, F_OK), -1); /* made by us, and empty */
	down(); /* gone is success */
}

/* A pod's group is used and stays. */
static void what_was_there_stays(void **state)
{
	struct hyfw_error *err = NULL;
	const char *pod, *leaf;
	pid_t pid;

	(void)state;
	need_groups();
	bundle(hyfw_arena_format(fake.arena, "/%s.test/pod/box", fake_host.owner));
	assert_int_equal(up(&subject, &err), 0);
	leaf = hyfw_arena_format(fake.arena, "%s", group_of("pids"));
	pod = hyfw_arena_format(fake.arena, "%.*s", (int)(strstr(leaf, "/box") - leaf), leaf);
	down();
	assert_int_equal(access(pod, F_OK), -1);
	hyfw_pairs_finish(&fake.notes);
	mkdir(hyfw_arena_format(fake.arena, "%.*s", (int)(strstr(leaf, "/pod") - leaf), leaf), 0755);
	assert_int_equal(mkdir(pod, 0755), 0);
	assert_int_equal(up(&subject, &err), 0);
	pid = spawn(sleep_long);
	/* another container of the same group is refused, and ends nothing */
	hyfw_pairs_finish(&fake.notes);
	assert_int_equal(up(&subject, &err), -EBUSY);
	assert_non_null(strstr(err->message, "container's cgroup is not empty: 1 process(es) found"));
	hyfw_forget(&err);
	down();
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	hyfw_pairs_finish(&fake.notes);
	assert_int_equal(up(&subject, &err), 0); /* a leaf that was there, and is empty, is used ... */
	pid = spawn(sleep_long);
	down();
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(access(leaf, F_OK), 0); /* ... and stays */
	hyfw_pairs_finish(&fake.notes);
	{
		struct group groups[GROUPS_MAX];
		struct hierarchy hierarchy;
		size_t count, i, length = strlen(fake_host.owner);

		assert_int_equal(hierarchy_find(&fake_host, DEFAULT_MOUNT, &hierarchy, NULL), 0);
		assert_int_equal(oci_place(&fake_host, fake.arena, &hierarchy, config.cgroups_path, "box", groups, &count, NULL), 0);
		for (i = 0; i < count; i++) {
			char *path = hyfw_arena_format(fake.arena, "%s", groups[i].path), *slash;

			rmdir(path);
			while ((slash = strrchr(path, '/')) && strncmp(slash + 1, fake_host.owner, length) != 0) {
				*slash = '\0';
				rmdir(path);
			}
		}
		hierarchy_finish(&hierarchy);
	}
	assert_int_equal(access(pod, F_OK), -1);
}

static void paused_processes_stand_still_and_can_be_killed(void **state)
{
	struct hyfw_confinement confinement = { sizeof(confinement) };
	struct hyfw_error *err = NULL;
	struct hyfw_map record;
	pid_t pid;

	(void)state;
	need_groups();
	bundle(NULL);
	assert_int_equal(up(&subject, &err), 0);
	record = hyfw_pairs_map(&fake.notes);
	assert_int_equal(live.ops->confine(live.instance, &subject, &record, fake.arena, &confinement, &err), 0);
	assert_true(confinement.cgroup_count > 0);
	pid = spawn(sleep_long);
	if (live.ops->freeze(live.instance, &record, true, &err) < 0)
		fail_msg("%s", err->message);
	assert_int_equal(live.ops->freeze(live.instance, &record, true, &err), 0);
	assert_int_equal(live.ops->freeze(live.instance, &record, false, &err), 0);
	assert_int_equal(live.ops->freeze(live.instance, &record, true, &err), 0);
	assert_int_equal(live.ops->kill(live.instance, &record, &err), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	down();
	assert_false(noted_exists());
}

/* An ordinary user has no groups, and needs none without limits. */
static void without_rights_there_are_no_groups(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	need_groups();
	pid = fork();
	if (pid == 0) {
		struct hyfw_error *err = NULL;

		bundle(NULL);
		if (setgid(65534) < 0 || setuid(65534) < 0 || up(&subject, &err) < 0)
			_exit(1);
		config.resources.pids_limit = (struct hyfw_oci_number){ true, 20 };
		fake.step_count = 0;
		if (up(&subject, &err) == 0 || !strstr(err->message, "rootless needs no limits + no cgrouppath"))
			_exit(2);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE(limits_are_made_changed_and_removed),
		LIVE(what_was_there_stays),
		LIVE(paused_processes_stand_still_and_can_be_killed),
		LIVE(without_rights_there_are_no_groups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
