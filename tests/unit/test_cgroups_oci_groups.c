/* SPDX-License-Identifier: BSD-3-Clause
 * linux.cgroupsPath of an OCI bundle, and what is done to its groups; on files of our own
 * making. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cgroups_hierarchies.h"

static const char *place(const struct hierarchy *hierarchy, const char *path, const char *controllers)
{
	struct group groups[GROUPS_MAX];
	struct hyfw_error *err = NULL;
	size_t count, i;

	if (oci_place(&fake_host, fake.arena, hierarchy, path, "web", groups, &count, &err) < 0) {
		const char *text = hyfw_arena_format(fake.arena, "refused: %s", err->message);

		hyfw_forget(&err);
		return text;
	}
	for (i = 0; i < count; i++)
		if (strcmp(groups[i].controllers, controllers) == 0)
			return groups[i].path;
	return "none";
}

static void each_hierarchy_has_the_path(void **state)
{
	(void)state;
	assert_string_equal(place(&v1, "/pod/web", "memory"), "/v1/memory/pod/web");
	assert_string_equal(place(&v1, "//pod/./web/", "cpu,cpuacct"), "/v1/cpu,cpuacct/pod/web");
	assert_string_equal(place(&v1, "/pod/web", "net_cls,net_prio"), "/v1/net_cls,net_prio/pod/web");
	assert_string_equal(place(&v1, "/pod/web", "systemd"), "/v1/systemd/pod/web");
	assert_string_equal(place(&v1, "/pod/web", "unified"), "none");
	assert_string_equal(place(&v2, "/pod/web", "unified"), "/v2/pod/web");
	assert_string_equal(place(&v2, NULL, "unified"), "/v2/web");
	assert_non_null(strstr(place(&v2, "/a/../../b", "unified"), "refused: linux.cgroupsPath: \"..\""));
	assert_non_null(strstr(place(&v2, "/a\nb", "unified"), "control character"));
}

/* What was delegated to an ordinary user is where their groups are, but a path is from the
 * mount point on. */
static void a_path_is_below_the_mount_point(void **state)
{
	char given[] = "/v2/user.slice/user@7.service";
	const struct hierarchy user = { .unified = given, .unified_mount = unified, .delegated = true,
					.unified_has = ALL_V2 };

	(void)state;
	assert_string_equal(place(&user, "/pod/web", "unified"), "/v2/pod/web");
	assert_string_equal(place(&user, NULL, "unified"), "/v2/user.slice/user@7.service/web");
}

static void a_relative_path_begins_at_our_own_group(void **state)
{
	char text[8192], own[4096] = "/", *line;
	const char *found;

	(void)state;
	if (file_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0)
		skip();
	line = strstr(text, ":memory:");
	if (!line)
		skip();
	snprintf(own, sizeof(own), "%.*s", (int)strcspn(line + 8, "\n"), line + 8);
	found = place(&v1, "web", "memory");
	assert_string_equal(found, hyfw_arena_format(fake.arena, "/v1/memory%s/web", strcmp(own, "/") ? own : ""));
}

/* What a controller needs is switched on from the mount down; others as far as they can. */
static void v2_controllers_are_handed_down(void **state)
{
	char root[] = "/tmp/hyfw-cgroups-XXXXXX";
	struct group group = { .controllers = "unified", .unified = true, .mask = ALL_V2 };
	struct hyfw_error *err = NULL;
	char text[64];

	(void)state;
	assert_non_null(mkdtemp(root));
	put(hyfw_arena_format(fake.arena, "%s/cgroup.controllers", root), "cpu memory pids\n");
	put(hyfw_arena_format(fake.arena, "%s/cgroup.subtree_control", root), "memory\n");
	group.path = hyfw_arena_format(fake.arena, "%s/pod/web", root);
	assert_string_equal(oci_first_missing(&fake_host, fake.arena, root, group.path),
			    hyfw_arena_format(fake.arena, "%s/pod", root));
	assert_int_equal(oci_make(&fake_host, fake.arena, root, &group, 0, false, &err), 0);
	assert_true(file_read(AT_FDCWD, hyfw_arena_format(fake.arena, "%s/cgroup.subtree_control", root), text,
			      sizeof(text)) > 0);
	assert_string_equal(text, "+cpu +pids");
	/* a threaded one has no memory controller */
	put(hyfw_arena_format(fake.arena, "%s/cgroup.type", group.path), "domain invalid\n");
	assert_int_equal(oci_make(&fake_host, fake.arena, root, &group, CONTROLLER_BIT(CONTROLLER_MEMORY), false, &err), -ENOTSUP);
	assert_non_null(strstr(err->message, "it is in an invalid mode"));
	hyfw_forget(&err);
	put(hyfw_arena_format(fake.arena, "%s/cgroup.controllers", group.path), "cpu pids\n");
	assert_int_equal(oci_make(&fake_host, fake.arena, root, &group, CONTROLLER_BIT(CONTROLLER_CPU), false, &err), 0);
	assert_true(file_read(AT_FDCWD, hyfw_arena_format(fake.arena, "%s/cgroup.type", group.path), text, sizeof(text)) > 0);
	assert_memory_equal(text, "threaded", 8);
	put(hyfw_arena_format(fake.arena, "%s/cgroup.type", group.path), "domain\n");
	assert_int_equal(oci_make(&fake_host, fake.arena, root, &group, CONTROLLER_BIT(CONTROLLER_MEMORY), false, &err), -ENOTSUP);
	assert_non_null(strstr(err->message, "do not hand it the controller memory"));
	hyfw_forget(&err);
	/* in use by others */
	put(hyfw_arena_format(fake.arena, "%s/cgroup.procs", group.path), "17\n");
	assert_int_equal(oci_make(&fake_host, fake.arena, root, &group, 0, false, &err), -EBUSY);
	assert_non_null(strstr(err->message, "container's cgroup is not empty: 1 process(es)"));
	hyfw_forget(&err);
	assert_int_equal(hyfw_remove_tree(AT_FDCWD, root, NULL), 0);
}

/* Alternatives, files that are missing, and what was before. */
static void values_are_written_or_put_back(void **state)
{
	char root[] = "/tmp/hyfw-cgroups-XXXXXX";
	const struct group group = { .path = root, .controllers = "unified", .unified = true, .mask = ALL_V2 };
	const struct hyfw_oci_resources weight = { .block_weight = N(1000), .pids_limit = N(7) };
	const struct hyfw_oci_resources limit = { .pids_limit = N(9), .memory_limit = N(100) };
	struct oci_writes writes = { 0 };
	struct hyfw_error *err = NULL;
	char text[64];

	(void)state;
	assert_non_null(mkdtemp(root));
	put(hyfw_arena_format(fake.arena, "%s/pids.max", root), "5\n");
	put(hyfw_arena_format(fake.arena, "%s/io.weight", root), "1\n");
	assert_int_equal(oci_values(&fake_host, fake.arena, &v2, &weight, -1, &writes, NULL), 0);
	assert_int_equal(oci_write(&fake_host, fake.arena, &group, 1, &writes, &err), 0);
	assert_true(file_read(AT_FDCWD, hyfw_arena_format(fake.arena, "%s/io.weight", root), text, sizeof(text)) > 0);
	assert_memory_equal(text, "default 10000", 13);
	put(hyfw_arena_format(fake.arena, "%s/io.bfq.weight", root), "1\n");
	put(hyfw_arena_format(fake.arena, "%s/io.weight", root), "1\n");
	assert_int_equal(oci_write(&fake_host, fake.arena, &group, 1, &writes, &err), 0);
	assert_true(file_read(AT_FDCWD, hyfw_arena_format(fake.arena, "%s/io.weight", root), text, sizeof(text)) > 0);
	assert_string_equal(text, "1\n");
	assert_int_equal(oci_values(&fake_host, fake.arena, &v2, &limit, -1, &writes, NULL), 0);
	assert_int_equal(oci_write(&fake_host, fake.arena, &group, 1, &writes, &err), -ENOENT);
	assert_non_null(strstr(err->message, "linux.resources.memory.limit: cannot write 100 to"));
	hyfw_forget(&err);
	assert_true(file_read(AT_FDCWD, hyfw_arena_format(fake.arena, "%s/pids.max", root), text, sizeof(text)) > 0);
	assert_memory_equal(text, "7", 1);
	assert_int_equal(hyfw_remove_tree(AT_FDCWD, root, NULL), 0);
}

/* A group that hands controllers on has no processes: who comes later joins below. */
static void further_processes_join_where_some_are(void **state)
{
	char root[] = "/tmp/hyfw-cgroups-XXXXXX";
	const struct group group = { .path = root, .controllers = "unified", .unified = true };

	(void)state;
	assert_non_null(mkdtemp(root));
	put(hyfw_arena_format(fake.arena, "%s/cgroup.subtree_control", root), "\n");
	put(hyfw_arena_format(fake.arena, "%s/cgroup.procs", root), "");
	assert_int_equal(mkdir(hyfw_arena_format(fake.arena, "%s/empty", root), 0700), 0);
	assert_int_equal(mkdir(hyfw_arena_format(fake.arena, "%s/init.scope", root), 0700), 0);
	put(hyfw_arena_format(fake.arena, "%s/empty/cgroup.procs", root), "");
	put(hyfw_arena_format(fake.arena, "%s/init.scope/cgroup.procs", root), "17\n");
	assert_string_equal(oci_group_to_join(&fake_host, fake.arena, &group), root);
	put(hyfw_arena_format(fake.arena, "%s/cgroup.subtree_control", root), "memory pids\n");
	assert_string_equal(oci_group_to_join(&fake_host, fake.arena, &group),
			    hyfw_arena_format(fake.arena, "%s/init.scope", root));
	put(hyfw_arena_format(fake.arena, "%s/init.scope/cgroup.procs", root), "");
	assert_string_equal(oci_group_to_join(&fake_host, fake.arena, &group), root);
	assert_int_equal(hyfw_remove_tree(AT_FDCWD, root, NULL), 0);
}

/* Figures of cgroup v2, in the words of v1 that clients know. */
static void figures_are_told_in_json(void **state)
{
	char root[] = "/tmp/hyfw-cgroups-XXXXXX";
	struct hyfw_pair note = { "cgroup.unified", root };
	const struct hyfw_map record = { 1, &note };
	const char *report;

	(void)state;
	assert_non_null(mkdtemp(root));
	put(hyfw_arena_format(fake.arena, "%s/cpu.stat", root),
	    "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 4\nnr_throttled 3\nthrottled_usec 7\n");
	put(hyfw_arena_format(fake.arena, "%s/cpu.pressure", root),
	    "some avg10=0.29 avg60=1.00 avg300=0.00 total=12\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n");
	put(hyfw_arena_format(fake.arena, "%s/memory.current", root), "4096\n");
	put(hyfw_arena_format(fake.arena, "%s/memory.max", root), "max\n");
	put(hyfw_arena_format(fake.arena, "%s/memory.swap.current", root), "1\n");
	put(hyfw_arena_format(fake.arena, "%s/memory.stat", root), "anon 10\nfile 20\n");
	put(hyfw_arena_format(fake.arena, "%s/pids.current", root), "2\n");
	put(hyfw_arena_format(fake.arena, "%s/pids.max", root), "max\n");
	put(hyfw_arena_format(fake.arena, "%s/io.stat", root), "8:16 rbytes=100 wbytes=7 rios=3 wios=1 dbytes=0 dios=0\n");
	put(hyfw_arena_format(fake.arena, "%s/hugetlb.2MB.current", root), "2097152\n");
	put(hyfw_arena_format(fake.arena, "%s/hugetlb.2MB.events", root), "max 5\n");
	put(hyfw_arena_format(fake.arena, "%s/rdma.current", root), "mlx4_0 hca_handle=2 hca_object=2000\n");
	assert_int_equal(oci_report(&fake_host, &record, fake.arena, &report, NULL), 0);
	assert_string_equal(report,
		"{\"cpu\":{\"usage\":{\"total\":1500000,\"kernel\":500000,\"user\":1000000},"
		"\"throttling\":{\"periods\":4,\"throttledPeriods\":3,\"throttledTime\":7000},"
		"\"psi\":{\"some\":{\"avg10\":0.29,\"avg60\":1.00,\"avg300\":0.00,\"total\":12},"
		"\"full\":{\"avg10\":0.00,\"avg60\":0.00,\"avg300\":0.00,\"total\":0}}},"
		"\"memory\":{\"cache\":20,\"usage\":{\"usage\":4096,\"limit\":18446744073709551615},"
		"\"swap\":{\"usage\":4097},\"raw\":{\"anon\":10,\"file\":20}},\"pids\":{\"current\":2},"
		"\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"minor\":16,\"op\":\"Read\",\"value\":100},"
		"{\"major\":8,\"minor\":16,\"op\":\"Write\",\"value\":7},"
		"{\"major\":8,\"minor\":16,\"op\":\"Discard\",\"value\":0}],"
		"\"ioServicedRecursive\":[{\"major\":8,\"minor\":16,\"op\":\"Read\",\"value\":3},"
		"{\"major\":8,\"minor\":16,\"op\":\"Write\",\"value\":1},"
		"{\"major\":8,\"minor\":16,\"op\":\"Discard\",\"value\":0}]},"
		"\"hugetlb\":{\"2MB\":{\"usage\":2097152,\"failcnt\":5}},"
		"\"rdma\":{\"current\":{\"mlx4_0\":{\"hca_handle\":2,\"hca_object\":2000}}}}");
	assert_int_equal(hyfw_remove_tree(AT_FDCWD, root, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_hierarchy_has_the_path),
		TEST(a_path_is_below_the_mount_point),
		TEST(a_relative_path_begins_at_our_own_group),
		TEST(v2_controllers_are_handed_down),
		TEST(values_are_written_or_put_back),
		TEST(further_processes_join_where_some_are),
		TEST(figures_are_told_in_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
