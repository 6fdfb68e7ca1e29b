/* SPDX-License-Identifier: BSD-3-Clause
 * linux.resources as files of cgroup v2 (cgroup-v2.rst), translated as runc and crun do.
 * What cgroup v2 has nothing for is refused by name. */
#include "oci.h"

#include <errno.h>
#include <inttypes.h>

#define PERIOD_US 100000 /* the kernel's own */

static int refused(const struct oci_context *context, const char *key, struct hyfw_error **err)
{
	return context->host->fail(err, ENOTSUP, "linux.resources.%s: cgroup v2 has nothing for it", key);
}

static void put_limit(const struct oci_context *context, enum controller controller, const char *key,
		      const char *file, int64_t number)
{
	if (number < 0)
		oci_put(context, controller, OCI_MAY, key, file, "max");
	else
		oci_put_number(context, controller, 0, key, file, number);
}

/* ---- memory ---- */

/* Bytes of memory that are to be in effect, -1 for no limit, 0 when that is not known. */
static int64_t memory_in_effect(const struct oci_context *context, const struct hyfw_oci_resources *r)
{
	uint64_t now;
	char text[64];

	if (oci_asked(r->memory_limit))
		return r->memory_limit.value;
	if (context->current < 0 || file_read(context->current, "memory.max", text, sizeof(text)) < 0)
		return 0;
	now = file_number(context->current, "memory.max");
	return now > INT64_MAX ? -1 : (int64_t)now;
}

/* The specification counts swap together with memory, cgroup v2 apart. */
static int swap(const struct oci_context *context, const struct hyfw_oci_resources *r, struct hyfw_error **err)
{
	const int64_t limit = memory_in_effect(context, r), both = r->memory_swap.value;
	static const char key[] = "memory.swap", file[] = "memory.swap.max";

	if (oci_no_swap(r)) {
		oci_put(context, CONTROLLER_MEMORY, OCI_MAY, key, file, "0");
		return 0;
	}
	if (!oci_asked(r->memory_swap)) {
		if (r->memory_limit.set && r->memory_limit.value < 0)
			put_limit(context, CONTROLLER_MEMORY, key, file, -1);
		return 0;
	}
	if (both < 0 || limit < 0) {
		put_limit(context, CONTROLLER_MEMORY, key, file, both);
		return 0;
	}
	if (limit == 0)
		return context->host->fail(err, EINVAL, "linux.resources.memory.swap: counts memory and swap together, "
					   "so it needs memory.limit too (0 is no swap at all)");
	if (both < limit)
		return context->host->fail(err, EINVAL, "linux.resources.memory.swap: %" PRId64 " is less than "
					   "memory.limit, %" PRId64 ", which it has in it", both, limit);
	oci_put_number(context, CONTROLLER_MEMORY, both == limit ? OCI_MAY : 0, key, file, both - limit);
	return 0;
}

/* The kernel would end processes for it; runc's words, which clients look for. */
static int check_usage(const struct oci_context *context, const struct hyfw_oci_resources *r, struct hyfw_error **err)
{
	const int64_t limit = r->memory_limit.value, both = r->memory_swap.value;
	uint64_t now;

	if (!r->memory_check_before_update || context->current < 0 || (limit <= 0 && both <= 0))
		return 0;
	now = file_number(context->current, "memory.current");
	if (now == HYFW_STAT_NONE)
		return 0;
	if (both > 0 && (uint64_t)both <= now)
		return context->host->fail(err, EBUSY, "linux.resources.memory.swap: rejecting memory+swap limit %" PRId64
					   " <= usage %" PRIu64, both, now);
	if (limit > 0 && (uint64_t)limit <= now)
		return context->host->fail(err, EBUSY, "linux.resources.memory.limit: rejecting memory limit %" PRId64
					   " <= usage %" PRIu64, limit, now);
	return 0;
}

static int memory(const struct oci_context *context, const struct hyfw_oci_resources *r, struct hyfw_error **err)
{
	int result = 0;

	if (r->memory_swappiness.set)
		result = refused(context, "memory.swappiness", err);
	else if (r->memory_disable_oom_killer)
		result = refused(context, "memory.disableOOMKiller", err);
	else if (oci_asked(r->memory_kernel) && r->memory_kernel.value > 0)
		result = refused(context, "memory.kernel", err);
	else if (oci_asked(r->memory_kernel_tcp) && r->memory_kernel_tcp.value > 0)
		result = refused(context, "memory.kernelTCP", err);
	if (result == 0)
		result = check_usage(context, r, err);
	if (result == 0)
		result = swap(context, r, err);
	if (result < 0)
		return result;
	if (oci_asked(r->memory_limit))
		put_limit(context, CONTROLLER_MEMORY, "memory.limit", "memory.max", r->memory_limit.value);
	if (oci_asked(r->memory_reservation))
		put_limit(context, CONTROLLER_MEMORY, "memory.reservation", "memory.low", r->memory_reservation.value);
	return 0;
}

/* ---- cpu ---- */

/* A period alone leaves the quota as it is. */
static void quota(const struct oci_context *context, const struct hyfw_oci_resources *r)
{
	const struct hyfw_host *host = context->host;
	const char *amount = "max", *text;
	char now[64];

	if (!oci_asked(r->cpu_quota) && !oci_asked(r->cpu_period))
		return;
	if (oci_asked(r->cpu_quota) && r->cpu_quota.value > 0) {
		amount = host->format(context->arena, "%" PRId64, r->cpu_quota.value);
	} else if (!oci_asked(r->cpu_quota) && context->current >= 0 &&
		   file_read(context->current, "cpu.max", now, sizeof(now)) > 0) {
		now[strcspn(now, " \n")] = '\0';
		amount = host->format(context->arena, "%s", now);
	}
	/* without a period the one in effect stays, which is the kernel's own for a new group */
	text = oci_asked(r->cpu_period) ? host->format(context->arena, "%s %" PRId64, amount, r->cpu_period.value) : amount;
	oci_put(context, CONTROLLER_CPU, strcmp(text, "max") == 0 ? OCI_MAY : 0u,
		oci_asked(r->cpu_quota) ? "cpu.quota" : "cpu.period", "cpu.max", text);
}

static int cpu(const struct oci_context *context, const struct hyfw_oci_resources *r, struct hyfw_error **err)
{
	const enum controller which = CONTROLLER_CPU;

	if (oci_asked(r->cpu_realtime_runtime) || oci_asked(r->cpu_realtime_period))
		return refused(context, oci_asked(r->cpu_realtime_runtime) ? "cpu.realtimeRuntime" :
									      "cpu.realtimePeriod", err);
	/* A group that is idle takes no weight: made idle last, woken first. */
	if (r->cpu_idle.set && r->cpu_idle.value == 0)
		oci_put(context, which, OCI_MAY, "cpu.idle", "cpu.idle", "0");
	if (oci_asked(r->cpu_shares))
		oci_put_number(context, which, 0, "cpu.shares", "cpu.weight", v2_weight((uint64_t)r->cpu_shares.value));
	quota(context, r);
	if (r->cpu_burst.set)
		oci_put_number(context, which, r->cpu_burst.value ? 0 : OCI_MAY, "cpu.burst", "cpu.max.burst",
			       r->cpu_burst.value);
	if (oci_asked(r->cpu_idle))
		oci_put_number(context, which, 0, "cpu.idle", "cpu.idle", r->cpu_idle.value);
	return 0;
}

/* ---- block devices ---- */

/* 10..1000 of the specification to 1..10000. */
static uint64_t io_weight(uint64_t weight)
{
	return weight <= 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

/* BFQ has weights of its own, in the specification's range. */
static void weights(const struct oci_context *context, const struct hyfw_oci_resources *r)
{
	const struct hyfw_host *host = context->host;
	size_t i;

	if (oci_asked(r->block_weight)) {
		const uint64_t weight = (uint64_t)r->block_weight.value;

		oci_put(context, CONTROLLER_BLKIO, OCI_OR_NEXT, "blockIO.weight", "io.bfq.weight",
			host->format(context->arena, "%" PRIu64, weight));
		oci_put(context, CONTROLLER_BLKIO, 0, "blockIO.weight", "io.weight",
			host->format(context->arena, "default %" PRIu64, io_weight(weight)));
	}
	for (i = 0; i < r->block_weight_device.count; i++) {
		const struct hyfw_oci_block_limit *limit = &r->block_weight_device.items[i];

		oci_put(context, CONTROLLER_BLKIO, OCI_OR_NEXT, "blockIO.weightDevice", "io.bfq.weight",
			host->format(context->arena, "%" PRIu32 ":%" PRIu32 " %" PRIu64, limit->major, limit->minor,
				     limit->value));
		oci_put(context, CONTROLLER_BLKIO, 0, "blockIO.weightDevice", "io.weight",
			host->format(context->arena, "%" PRIu32 ":%" PRIu32 " %" PRIu64, limit->major, limit->minor,
				     io_weight(limit->value)));
	}
}

static void throttle(const struct oci_context *context, const char *key, const char *word,
		     const struct hyfw_oci_block_limits *limits)
{
	const struct hyfw_host *host = context->host;
	size_t i;

	for (i = 0; i < limits->count; i++) {
		const struct hyfw_oci_block_limit *limit = &limits->items[i];
		char *amount = host->format(context->arena, "%" PRIu64, limit->value);

		oci_put(context, CONTROLLER_BLKIO, 0, key, "io.max",
			host->format(context->arena, "%" PRIu32 ":%" PRIu32 " %s=%s", limit->major, limit->minor, word,
				     limit->value ? amount : "max"));
	}
}

static int block(const struct oci_context *context, const struct hyfw_oci_resources *r, struct hyfw_error **err)
{
	if (oci_asked(r->block_leaf_weight) || r->block_leaf_weight_device.count)
		return refused(context, "blockIO.leafWeight", err);
	weights(context, r);
	throttle(context, "blockIO.throttleReadBpsDevice", "rbps", &r->block_read_bps);
	throttle(context, "blockIO.throttleWriteBpsDevice", "wbps", &r->block_write_bps);
	throttle(context, "blockIO.throttleReadIOPSDevice", "riops", &r->block_read_iops);
	throttle(context, "blockIO.throttleWriteIOPSDevice", "wiops", &r->block_write_iops);
	return 0;
}

static void hugepages(const struct oci_context *context, const struct hyfw_oci_resources *r)
{
	const struct hyfw_host *host = context->host;
	size_t i;

	for (i = 0; i < r->hugepage_count; i++) {
		const char *size = r->hugepages[i].page_size;
		char *text = host->format(context->arena, "%" PRIu64, r->hugepages[i].limit);

		oci_put(context, CONTROLLER_HUGETLB, 0, "hugepageLimits",
			host->format(context->arena, "hugetlb.%s.max", size), text);
		oci_put(context, CONTROLLER_HUGETLB, OCI_MAY, "hugepageLimits",
			host->format(context->arena, "hugetlb.%s.rsvd.max", size), text);
	}
}

int oci_v2_values(const struct oci_context *context, enum controller controller,
		  const struct hyfw_oci_resources *r, struct hyfw_error **err)
{
	switch (controller) {
	case CONTROLLER_CPU:
		return cpu(context, r, err);
	case CONTROLLER_MEMORY:
		return memory(context, r, err);
	case CONTROLLER_BLKIO:
		return block(context, r, err);
	case CONTROLLER_HUGETLB:
		hugepages(context, r);
		return 0;
	default: /* cpuset, pids and rdma have the files that they had */
		return oci_v1_values(context, controller, r, err);
	}
}
