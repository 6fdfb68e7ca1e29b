/* SPDX-License-Identifier: BSD-3-Clause
 * linux.resources and linux.cgroupsPath of an OCI bundle; needs no kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cgroups_fixture.h"
#include "security/cgroups/oci.h"

#define N(number) { true, number }
#define ALL_V2                                                                                             \
	(CONTROLLER_BIT(CONTROLLER_CPU) | CONTROLLER_BIT(CONTROLLER_CPUSET) | CONTROLLER_BIT(CONTROLLER_MEMORY) | \
	 CONTROLLER_BIT(CONTROLLER_PIDS) | CONTROLLER_BIT(CONTROLLER_BLKIO) | CONTROLLER_BIT(CONTROLLER_HUGETLB) |  \
	 CONTROLLER_BIT(CONTROLLER_RDMA))

static char cpu[] = "/v1/cpu,cpuacct", cpuset[] = "/v1/cpuset", memory[] = "/v1/memory", pids[] = "/v1/pids",
	    blkio[] = "/v1/blkio", rdma[] = "/v1/rdma", network[] = "/v1/net_cls,net_prio", named[] = "/v1/systemd",
	    devices[] = "/v1/devices", unified[] = "/v2";

static const struct hierarchy v1 = { .v1 = { [CONTROLLER_CPU] = cpu,
					     [CONTROLLER_CPUACCT] = cpu,
					     [CONTROLLER_CPUSET] = cpuset,
					     [CONTROLLER_MEMORY] = memory,
					     [CONTROLLER_PIDS] = pids,
					     [CONTROLLER_DEVICES] = devices,
					     [CONTROLLER_BLKIO] = blkio,
					     [CONTROLLER_RDMA] = rdma,
					     [CONTROLLER_NET_CLS] = network,
					     [CONTROLLER_NET_PRIO] = network,
					     [CONTROLLER_SYSTEMD] = named } };
static const struct hierarchy v2 = { .unified = unified, .unified_has = ALL_V2 };

/* "FILE=TEXT;FILE=TEXT", "?" behind what may be missing, "|" behind an alternative. */
static const char *values_of(const struct hierarchy *hierarchy, const struct hyfw_oci_resources *resources)
{
	struct oci_writes writes = { 0 };
	struct hyfw_error *err = NULL;
	const char *text = "";
	size_t i;

	if (oci_values(&fake_host, fake.arena, hierarchy, resources, -1, &writes, &err) < 0) {
		text = hyfw_arena_format(fake.arena, "refused: %s", err->message);
		hyfw_forget(&err);
		return text;
	}
	for (i = 0; i < writes.count; i++)
		text = hyfw_arena_format(fake.arena, "%s%s%s=%s%s%s", text, i ? ";" : "", writes.items[i].file,
					 writes.items[i].text, writes.items[i].flags & OCI_MAY ? "?" : "",
					 writes.items[i].flags & OCI_OR_NEXT ? "|" : "");
	return text;
}

static void expect(const struct hyfw_oci_resources *resources, const char *v1_text, const char *v2_text)
{
	assert_string_equal(values_of(&v1, resources), v1_text);
	assert_string_equal(values_of(&v2, resources), v2_text);
}

static void memory_and_swap_are_translated(void **state)
{
	const struct hyfw_oci_resources both = { .memory_limit = N(100), .memory_swap = N(150),
						 .memory_reservation = N(50) };
	const struct hyfw_oci_resources no_swap = { .memory_limit = N(100), .memory_swap = N(100) };
	const struct hyfw_oci_resources any_swap = { .memory_limit = N(100), .memory_swap = N(-1) };
	const struct hyfw_oci_resources none = { .memory_limit = N(-1) };
	const struct hyfw_oci_resources zero = { .memory_limit = N(0), .memory_swap = N(0) };
	const struct hyfw_oci_resources alone = { .memory_swap = N(100) };
	const struct hyfw_oci_resources less = { .memory_limit = N(100), .memory_swap = N(50) };

	(void)state;
	expect(&both, "memory.limit_in_bytes=100;memory.memsw.limit_in_bytes=150;memory.soft_limit_in_bytes=50",
	       "memory.swap.max=50;memory.max=100;memory.low=50");
	expect(&no_swap, "memory.limit_in_bytes=100;memory.memsw.limit_in_bytes=100", "memory.swap.max=0?;memory.max=100");
	expect(&any_swap, "memory.limit_in_bytes=100;memory.memsw.limit_in_bytes=-1?",
	       "memory.swap.max=max?;memory.max=100");
	expect(&none, "memory.limit_in_bytes=-1;memory.memsw.limit_in_bytes=-1?", "memory.swap.max=max?;memory.max=max?");
	expect(&zero, "", "");
	assert_non_null(strstr(values_of(&v2, &alone), "refused: linux.resources.memory.swap: counts memory and swap"));
	assert_non_null(strstr(values_of(&v2, &less), "less than memory.limit"));
}

static void what_v2_lacks_is_refused_by_name(void **state)
{
	const struct hyfw_oci_resources swappiness = { .memory_swappiness = N(0) };
	const struct hyfw_oci_resources killer = { .memory_disable_oom_killer = true };
	const struct hyfw_oci_resources kernel = { .memory_kernel = N(1), .memory_kernel_tcp = N(2) };
	const struct hyfw_oci_resources realtime = { .cpu_realtime_period = N(5), .cpu_realtime_runtime = N(4) };
	const struct hyfw_oci_resources leaf = { .block_leaf_weight = N(10) };
	const struct hyfw_oci_resources class_id = { .network_class_id = N(7) };
	const struct hyfw_pair pair = { "eth0", "3" };
	const struct hyfw_oci_resources priority = { .network_priorities = { 1, &pair } };

	(void)state;
	expect(&swappiness, "memory.swappiness=0",
	       "refused: linux.resources.memory.swappiness: cgroup v2 has nothing for it");
	expect(&killer, "memory.oom_control=1",
	       "refused: linux.resources.memory.disableOOMKiller: cgroup v2 has nothing for it");
	expect(&kernel, "memory.kmem.limit_in_bytes=1;memory.kmem.tcp.limit_in_bytes=2",
	       "refused: linux.resources.memory.kernel: cgroup v2 has nothing for it");
	expect(&realtime, "cpu.rt_period_us=5;cpu.rt_runtime_us=4",
	       "refused: linux.resources.cpu.realtimeRuntime: cgroup v2 has nothing for it");
	expect(&leaf, "blkio.leaf_weight=10",
	       "refused: linux.resources.blockIO.leafWeight: cgroup v2 has nothing for it");
	expect(&class_id, "net_cls.classid=7", "refused: linux.resources.network.classID: cgroup v2 has nothing for it");
	expect(&priority, "net_prio.ifpriomap=eth0 3",
	       "refused: linux.resources.network.priorities: cgroup v2 has nothing for it");
}

static void cpu_time_is_translated(void **state)
{
	const struct hyfw_oci_resources all = { .cpu_shares = N(1024), .cpu_quota = N(50000), .cpu_period = N(200000),
						.cpu_burst = N(10), .cpu_idle = N(0), .cpus = "0-1", .mems = "0" };
	const struct hyfw_oci_resources none = { .cpu_quota = N(-1), .pids_limit = N(-1) };
	const struct hyfw_oci_resources quota = { .cpu_quota = N(50000), .pids_limit = N(64) };
	const struct hyfw_oci_resources period = { .cpu_period = N(200000) };
	const struct hyfw_oci_resources idle = { .cpu_shares = N(2), .cpu_idle = N(1) };

	(void)state;
	expect(&all,
	       "cpu.idle=0?;cpu.shares=1024;cpu.cfs_period_us=200000;cpu.cfs_quota_us=50000;cpu.cfs_burst_us=10;"
	       "cpuset.cpus=0-1;cpuset.mems=0",
	       "cpu.idle=0?;cpu.weight=100;cpu.max=50000 200000;cpu.max.burst=10;cpuset.cpus=0-1;cpuset.mems=0");
	expect(&none, "cpu.cfs_quota_us=-1?;pids.max=max?", "cpu.max=max?;pids.max=max?");
	expect(&quota, "cpu.cfs_quota_us=50000;pids.max=64", "cpu.max=50000;pids.max=64");
	expect(&period, "cpu.cfs_period_us=200000", "cpu.max=max 200000");
	expect(&idle, "cpu.shares=2;cpu.idle=1", "cpu.weight=1;cpu.idle=1");
}

static void block_devices_are_translated(void **state)
{
	const struct hyfw_oci_block_limit one = { 8, 0, 500 }, none = { 8, 16, 0 };
	const struct hyfw_oci_resources weight = { .block_weight = N(1000), .block_weight_device = { &one, 1 } };
	const struct hyfw_oci_resources rates = { .block_read_bps = { &one, 1 }, .block_write_bps = { &none, 1 },
						  .block_read_iops = { &one, 1 }, .block_write_iops = { &one, 1 } };

	(void)state;
	expect(&weight,
	       "blkio.weight=1000|;blkio.bfq.weight=1000;blkio.weight_device=8:0 500|;blkio.bfq.weight_device=8:0 500",
	       "io.bfq.weight=1000|;io.weight=default 10000;io.bfq.weight=8:0 500|;io.weight=8:0 4950");
	expect(&rates,
	       "blkio.throttle.read_bps_device=8:0 500;blkio.throttle.write_bps_device=8:16 0;"
	       "blkio.throttle.read_iops_device=8:0 500;blkio.throttle.write_iops_device=8:0 500",
	       "io.max=8:0 rbps=500;io.max=8:16 wbps=max;io.max=8:0 riops=500;io.max=8:0 wiops=500");
}

static void the_rest_is_translated(void **state)
{
	const struct hyfw_oci_hugepages pages = { "2MB", 4194304 };
	const struct hyfw_oci_rdma device = { "mlx5_1", N(3), N(10000) }, half = { "mlx4_0", N(1), { 0 } };
	const struct hyfw_oci_rdma both[] = { device, half };
	const struct hyfw_oci_resources huge = { .hugepages = &pages, .hugepage_count = 1 };
	const struct hyfw_oci_resources cards = { .rdma = both, .rdma_count = 2 };
	const struct hyfw_pair keys[] = { { "memory.high", "5" }, { "io.max", "8:0 rbps=5" } };
	const struct hyfw_pair path = { "../memory.high", "5" };
	const struct hyfw_oci_resources any = { .pids_limit = N(5), .unified = { 2, keys } };
	const struct hyfw_oci_resources out = { .unified = { 1, &path } };
	struct hierarchy mixed = v1;

	(void)state;
	expect(&cards, "rdma.max=mlx5_1 hca_handle=3 hca_object=10000;rdma.max=mlx4_0 hca_handle=1",
	       "rdma.max=mlx5_1 hca_handle=3 hca_object=10000;rdma.max=mlx4_0 hca_handle=1");
	expect(&huge, "refused: linux.resources.hugepageLimits: this machine has no hugetlb control group controller",
	       "hugetlb.2MB.max=4194304;hugetlb.2MB.rsvd.max=4194304?");
	/* a mixture: where the controller is, counts */
	mixed.unified = unified;
	mixed.unified_has = CONTROLLER_BIT(CONTROLLER_HUGETLB);
	assert_string_equal(values_of(&mixed, &huge), "hugetlb.2MB.max=4194304;hugetlb.2MB.rsvd.max=4194304?");
	assert_string_equal(values_of(&v2, &any), "pids.max=5;memory.high=5;io.max=8:0 rbps=5");
	assert_non_null(strstr(values_of(&mixed, &any), "refused: linux.resources.unified: cannot be used with cgroup v1"));
	assert_non_null(strstr(values_of(&v2, &out), "is not the name of a file"));
}

/* A limit needs its controller, the absence of one does not. */
static void a_missing_controller_is_told_by_name(void **state)
{
	const struct hierarchy bare = { .v1 = { [CONTROLLER_PIDS] = pids } };
	const struct hyfw_oci_resources limit = { .memory_limit = N(100) };
	const struct hyfw_oci_resources none = { .memory_limit = N(-1), .memory_swap = N(-1), .cpu_quota = N(-1) };

	(void)state;
	assert_string_equal(values_of(&bare, &limit), "refused: linux.resources.memory.limit: this machine has no "
			    "memory control group controller");
	assert_string_equal(values_of(&bare, &none), "");
}

static bool permits(const struct device_rule *rules, size_t count, char type, int major, int minor, unsigned access)
{
	return device_rules_allow(rules, count, type, major, minor, access);
}

static void devices_get_what_every_runtime_permits(void **state)
{
	const struct hyfw_oci_device_rule list[] = {
		{ false, 'a', -1, -1, true, true, true }, { true, 'c', 10, 229, true, true, false },
		{ true, 'a', -1, -1, true, true, true }
	};
	struct hyfw_oci_resources resources = { .devices = list, .device_count = 2 };
	const struct device_rule *rules;
	size_t count = oci_devices(&fake_host, fake.arena, &resources, &rules);

	(void)state;
	assert_true(permits(rules, count, 'c', 1, 3, DEVICE_READ | DEVICE_WRITE));
	assert_true(permits(rules, count, 'c', 136, 4, DEVICE_READ | DEVICE_WRITE));
	assert_true(permits(rules, count, 'c', 10, 229, DEVICE_READ | DEVICE_WRITE));
	assert_true(permits(rules, count, 'b', 8, 0, DEVICE_MKNOD));
	assert_false(permits(rules, count, 'b', 8, 0, DEVICE_READ));
	assert_false(permits(rules, count, 'c', 1, 1, DEVICE_READ));
	/* everything: nothing to restrict */
	resources.device_count = 3;
	assert_int_equal(oci_devices(&fake_host, fake.arena, &resources, &rules), 0);
	/* nothing said: the defaults alone */
	resources.device_count = 0;
	count = oci_devices(&fake_host, fake.arena, &resources, &rules);
	assert_true(permits(rules, count, 'c', 1, 3, DEVICE_READ));
	assert_false(permits(rules, count, 'c', 10, 229, DEVICE_READ));
}

/* ---- places ---- */

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
	assert_string_equal(place(&v2, NULL, "unified"),
			    hyfw_arena_format(fake.arena, "/v2/%s.oci-web", fake_host.owner));
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
	assert_string_equal(place(&user, NULL, "unified"),
			    hyfw_arena_format(fake.arena, "/v2/user.slice/user@7.service/%s.oci-web", fake_host.owner));
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
		"\"throttling\":{\"periods\":4,\"throttledPeriods\":3,\"throttledTime\":7000}},"
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
		TEST(memory_and_swap_are_translated),
		TEST(what_v2_lacks_is_refused_by_name),
		TEST(cpu_time_is_translated),
		TEST(block_devices_are_translated),
		TEST(the_rest_is_translated),
		TEST(a_missing_controller_is_told_by_name),
		TEST(devices_get_what_every_runtime_permits),
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
