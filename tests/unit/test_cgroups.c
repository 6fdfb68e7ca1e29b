/* SPDX-License-Identifier: BSD-3-Clause
 * What settings mean on both versions of control groups; needs no kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/sysmacros.h>

#include "base/cleanup.h"
#include "cgroups_fixture.h"

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

/* A node of a disk of this machine, made below the fixture's directory: PATH, or NULL. */
static char *disk_node(unsigned *ret_major, unsigned *ret_minor)
{
	char *path = hyfw_arena_format(fake.arena, "/tmp/hyfw-test-disk-%d", (int)getpid());
	HYFW_AUTO_DIR DIR *dir = opendir("/sys/block");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char *file = hyfw_arena_format(fake.arena, "/sys/block/%s/dev", entry->d_name), text[32];

		if (entry->d_name[0] == '.' || file_read(AT_FDCWD, file, text, sizeof(text)) <= 0 ||
		    sscanf(text, "%u:%u", ret_major, ret_minor) != 2)
			continue;
		unlink(path);
		return mknod(path, S_IFBLK | 0600, makedev(*ret_major, *ret_minor)) == 0 ? path : NULL;
	}
	return NULL;
}

static void limits_of_disks(void **state)
{
	unsigned major_number = 0, minor_number = 0;
	char *node = disk_node(&major_number, &minor_number), *number, *one, *two;
	struct values values = { 0 };
	struct limits limits;

	(void)state;
	if (!node) {
		print_message("skipped: takes root and a disk\n");
		skip();
	}
	number = hyfw_arena_format(fake.arena, "%u:%u", major_number, minor_number);
	one = hyfw_arena_format(fake.arena, "%s|rbps=1048576|wiops=7", node);
	two = hyfw_arena_format(fake.arena, "%s|wiops=9", node); /* the last word */
	{
		const struct hyfw_map settings = SETTINGS({ "io_max", one }, { "io_max", two });

		limits_read(&settings, &limits);
		assert_int_equal(limits.io_count, 1);
		assert_int_equal(limits_check(&fake_host, &limits, NULL), 0);
		assert_true(v1_needs(&limits) & CONTROLLER_BIT(CONTROLLER_BLKIO));
		v1_values(&fake_host, fake.arena, &limits, &values);
		assert_string_equal(text_of(&values, "blkio.throttle.read_bps_device"),
				    hyfw_arena_format(fake.arena, "%s 1048576", number));
		assert_string_equal(text_of(&values, "blkio.throttle.write_iops_device"),
				    hyfw_arena_format(fake.arena, "%s 9", number));
		assert_string_equal(text_of(&values, "blkio.throttle.write_bps_device"), "");
		values.count = 0;
		v2_values(&fake_host, fake.arena, &limits, &values);
		assert_string_equal(text_of(&values, "io.max"),
				    hyfw_arena_format(fake.arena, "%s rbps=1048576 wiops=9", number));
	}
	unlink(node);
}

/* What a change takes away is what the group's own files have beyond it, and what was
 * before can be written back. */
static void limits_of_disks_are_taken_away(void **state)
{
	static const char before[] = "8:0 rbps=1000 wbps=max riops=max wiops=20\n8:16 rbps=max wbps=5 riops=max wiops=max\n";
	char *directory = hyfw_arena_format(fake.arena, "/tmp/hyfw-test-io-%d", (int)getpid()), was[256];
	char *file = hyfw_arena_format(fake.arena, "%s/io.max", directory);
	struct limits limits = { .io_count = 1, .io = { { .major = 8, .minor = 0,
							  .most = { 2000, LIMIT_NONE, LIMIT_NONE, LIMIT_NONE } } } };
	struct values values = { 0 };
	int fd;

	(void)state;
	assert_return_code(mkdir(directory, 0700), errno);
	assert_int_equal(hyfw_file_write(file, before, strlen(before), 0600, false, NULL), 0);
	fd = group_open(directory);
	assert_true(fd >= 0);
	io_values_absent(&fake_host, fake.arena, true, fd, &limits, &values);
	assert_int_equal(values.count, 2);
	assert_string_equal(values.items[0].text, "8:0 wbps=max riops=max wiops=max");
	assert_string_equal(values.items[1].text, "8:16 rbps=max wbps=max riops=max wiops=max");
	io_before(fd, &values.items[1], was, sizeof(was));
	assert_string_equal(was, "8:16 rbps=max wbps=5 riops=max wiops=max");
	values.items[1].text = "8:1 rbps=5"; /* of which the file says nothing */
	io_before(fd, &values.items[1], was, sizeof(was));
	assert_string_equal(was, "8:1 rbps=max wbps=max riops=max wiops=max");
	auto_close(&fd);
	unlink(file);
	rmdir(directory);
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
	refused("io_max", "/dev/null|rbps=1", "is not the device of a disk");
	refused("io_max", "/no/such|rbps=1", "io_max: /no/such: No such file");
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(weights_follow_the_curve),
		TEST(values_of_both_versions),
		TEST(overhead_raises_limits_of_memory),
		TEST(swap_is_the_total_less_memory),
		TEST(limits_of_disks),
		TEST(limits_of_disks_are_taken_away),
		TEST(impossible_limits_are_refused),
		TEST(ownership_is_in_the_path),
		TEST(v2_is_made_below_its_parents),
		TEST(a_mixed_machine_uses_both_versions),
		TEST(v2_figures_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
