/* SPDX-License-Identifier: BSD-3-Clause
 * The namespaces driver: control groups that a container joins. */
#include "namespaces_fixture.h"

/* In a group that the test makes below 'parent'; what the container sees of it. */
static void in_cgroup(const char *parent, bool unified, const char *script, const char *expected)
{
	AUTO_CONTAINER container = { 0 };
	struct hyfw_cgroup cgroup = { .controllers = unified ? "" : "pids", .unified = unified };
	char *path = hyfw_format("%s/hyfw-test-%d", parent, (int)getpid()), *output = NULL;

	container_init(&container, "sleep 100");
	if (mkdir(path, 0755) < 0) {
		free(path);
		container_finish(&container);
		skip(); /* no such hierarchy, or not writable */
	}
	cgroup.path = path;
	container.workload.confinement.cgroups = &cgroup;
	container.workload.confinement.cgroup_count = 1;
	assert_int_equal(container_create(&container), 0);
	assert_int_equal(container_start(&container), 0);
	char *members = hyfw_format("%s/cgroup.procs", path);
	char *first = hyfw_format("%d\n", container.running.pid);
	FILE *file = fopen(members, "r");
	char line[64] = "";

	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	assert_string_equal(line, first);
	assert_int_equal(container_exec(&container, script, &output), 0);
	assert_string_equal(output, expected);
	container_finish(&container);
	for (int i = 0; i < 100 && rmdir(path) < 0; i++)
		usleep(10000);
	assert_int_equal(access(path, F_OK), -1);
	free(output);
	free(first);
	free(members);
	free(path);
}

static void it_joins_groups_of_version_1(void **state)
{
	(void)state;
	in_cgroup("/sys/fs/cgroup/pids", false, "grep :pids: /proc/self/cgroup | grep -c ':/$'; "
		  "grep :pids: /proc/1/cgroup | grep -c ':/$'", "1\n1\n");
}

static void it_joins_groups_of_version_2(void **state)
{
	const char *parent = access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) == 0 ? "/sys/fs/cgroup/unified" :
			     "/sys/fs/cgroup";

	(void)state;
	if (access("/sys/fs/cgroup/cgroup.procs", F_OK) < 0 && access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) < 0)
		skip(); /* no cgroup v2 mounted */
	in_cgroup(parent, true, "grep ^0: /proc/self/cgroup; grep ^0: /proc/1/cgroup; cat /sys/fs/cgroup/cgroup.procs | head -n1; "
		  "grep ' /sys/fs/cgroup ' /proc/mounts | grep -c ro,", "0::/\n0::/\n1\n1\n");
}

int namespaces_groups_tests(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_joins_groups_of_version_1),
		cmocka_unit_test(it_joins_groups_of_version_2),
	};

	return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
