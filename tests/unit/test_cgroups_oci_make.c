/* SPDX-License-Identifier: BSD-3-Clause
 * Directories of a bundle's groups, with a directory of our own in place of the mount. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "cgroups_hierarchies.h"

static char mount[] = "/tmp/hyfw-groups-XXXXXX";

static const char *below(const char *path)
{
	return hyfw_arena_format(fake.arena, "%s%s", mount, path);
}

static const char *make(const char *path)
{
	struct group group = { .path = below(path), .controllers = "memory",
			       .mask = CONTROLLER_BIT(CONTROLLER_MEMORY) };
	const char *made = oci_first_missing(&fake_host, fake.arena, mount, group.path);
	struct hyfw_error *err = NULL;

	if (oci_make(&fake_host, fake.arena, mount, &group, 0, false, &err) < 0)
		fail_msg("%s", err->message);
	return made;
}

static void take_away(const char *path, const char *made)
{
	struct hyfw_error *err = NULL;

	if (oci_remove(&fake_host, below(path), made, &err) < 0)
		fail_msg("%s", err->message);
}

static bool is_there(const char *path)
{
	return access(below(path), F_OK) == 0;
}

static int begin(void **state)
{
	strcpy(mount + strlen(mount) - 6, "XXXXXX");
	return mkdtemp(mount) ? fake_host_begin(state) : -1;
}

static int end(void **state)
{
	hyfw_remove_tree(AT_FDCWD, mount, NULL);
	return fake_host_end(state);
}

static void the_last_one_removes_what_was_made_above(void **state)
{
	const char *first, *second;

	(void)state;
	first = make("/a/pod/one");
	second = make("/a/pod/two");
	assert_string_equal(first, below("/a"));
	assert_string_equal(second, below("/a/pod/two"));
	take_away("/a/pod/one", first);
	assert_true(is_there("/a/pod/two"));
	take_away("/a/pod/two", second);
	assert_false(is_there("/a"));
}

static void what_others_made_stays(void **state)
{
	const char *first;

	(void)state;
	assert_int_equal(mkdir(below("/pod"), 0755), 0);
	first = make("/pod/a/one");
	assert_string_equal(first, below("/pod/a"));
	take_away("/pod/a/one", first);
	assert_false(is_there("/pod/a"));
	assert_true(is_there("/pod"));
}

static void a_group_is_handed_over(void **state)
{
	struct stat st;

	(void)state;
	if (geteuid() != 0)
		skip();
	make("/one");
	put(below("/one/cgroup.procs"), "");
	put(below("/one/memory.max"), "");
	assert_int_equal(oci_hand_over(&fake_host, below("/one"), 12345, NULL), 0);
	assert_int_equal(stat(below("/one"), &st), 0);
	assert_int_equal(st.st_uid, 12345);
	assert_int_equal(stat(below("/one/cgroup.procs"), &st), 0);
	assert_int_equal(st.st_uid, 12345);
	assert_int_equal(stat(below("/one/memory.max"), &st), 0);
	assert_int_equal(st.st_uid, 0);
}

static const char *budget(const char *path)
{
	AUTO_CLOSE int group = group_open(below(path));
	char period[64] = "", runtime[64] = "";

	file_read(group, "cpu.rt_period_us", period, sizeof(period));
	file_read(group, "cpu.rt_runtime_us", runtime, sizeof(runtime));
	return hyfw_arena_format(fake.arena, "%s/%s", runtime, period);
}

static void realtime_comes_down_to_the_group(void **state)
{
	struct oci_write items[] = { { CONTROLLER_CPU, 0, "", "cpu.rt_period_us", "800000" },
				     { CONTROLLER_CPU, 0, "", "cpu.rt_runtime_us", "400000" } };
	const struct oci_writes writes = { 2, 2, items };
	static const char *const levels[] = { "/there", "/there/a", "/there/a/b", "/there/a/b/one" };
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		assert_int_equal(mkdir(below(levels[i]), 0755), 0);
		put(hyfw_arena_format(fake.arena, "%s/cpu.rt_period_us", below(levels[i])), "100000");
		put(hyfw_arena_format(fake.arena, "%s/cpu.rt_runtime_us", below(levels[i])), i == 2 ? "5" : "0");
	}
	oci_budget_above(&fake_host, fake.arena, below("/there/a"), below("/there/a/b/one"), &writes);
	assert_string_equal(budget("/there"), "0/100000");
	assert_string_equal(budget("/there/a"), "400000/800000");
	assert_string_equal(budget("/there/a/b"), "5/100000"); /* has one */
	assert_string_equal(budget("/there/a/b/one"), "0/100000"); /* comes with the values */
}

#undef TEST
#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_last_one_removes_what_was_made_above),
		TEST(what_others_made_stays),
		TEST(a_group_is_handed_over),
		TEST(realtime_comes_down_to_the_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
