/* SPDX-License-Identifier: BSD-3-Clause
 * linux.resources of an OCI bundle, as values in files; needs no kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cgroups_hierarchies.h"

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
	const struct hyfw_oci_resources off = { .memory_swap = N(0) };
	const struct hyfw_oci_resources limit_off = { .memory_limit = N(100), .memory_swap = N(0) };
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
	expect(&off, "", "memory.swap.max=0?");
	expect(&limit_off, "memory.limit_in_bytes=100", "memory.swap.max=0?;memory.max=100");
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
	assert_non_null(strstr(values_of(&mixed, &any), "invalid configuration: cannot be used with cgroup v1"));
	assert_non_null(strstr(values_of(&v2, &out), "has not the form CONTROLLER.VALUE"));
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
