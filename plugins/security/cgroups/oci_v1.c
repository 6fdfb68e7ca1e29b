/* SPDX-License-Identifier: BSD-3-Clause
 * linux.resources as files of cgroup v1 (cgroup-v1/ of the kernel's documentation). */
#include "oci.h"

#include <errno.h>
#include <inttypes.h>

/* Memory with swap can never be less than memory: which goes first depends on what is in
 * effect, so that whoever writes tries once more what was refused. */
static void memory(const struct oci_context *context, const struct hyfw_oci_resources *r)
{
	const enum controller which = CONTROLLER_MEMORY;

	if (r->memory_use_hierarchy)
		oci_put(context, which, OCI_MAY, "memory.useHierarchy", "memory.use_hierarchy", "1");
	if (oci_asked(r->memory_limit))
		oci_put_number(context, which, 0, "memory.limit", "memory.limit_in_bytes", r->memory_limit.value);
	if (oci_asked(r->memory_swap))
		oci_put_number(context, which, r->memory_swap.value < 0 ? OCI_MAY : 0, "memory.swap",
			       "memory.memsw.limit_in_bytes", r->memory_swap.value);
	else if (r->memory_limit.set && r->memory_limit.value < 0) /* no limit is none on both */
		oci_put(context, which, OCI_MAY, "memory.limit", "memory.memsw.limit_in_bytes", "-1");
	if (oci_asked(r->memory_reservation))
		oci_put_number(context, which, 0, "memory.reservation", "memory.soft_limit_in_bytes",
			       r->memory_reservation.value);
	if (oci_asked(r->memory_kernel))
		oci_put_number(context, which, OCI_OBSOLETE | (r->memory_kernel.value < 0 ? OCI_MAY : 0), "memory.kernel",
			       "memory.kmem.limit_in_bytes", r->memory_kernel.value);
	if (oci_asked(r->memory_kernel_tcp))
		oci_put_number(context, which, r->memory_kernel_tcp.value < 0 ? OCI_MAY : 0, "memory.kernelTCP",
			       "memory.kmem.tcp.limit_in_bytes", r->memory_kernel_tcp.value);
	if (r->memory_swappiness.set)
		oci_put_number(context, which, 0, "memory.swappiness", "memory.swappiness",
			       r->memory_swappiness.value);
	if (r->memory_disable_oom_killer)
		oci_put(context, which, 0, "memory.disableOOMKiller", "memory.oom_control", "1");
}

/* A group that is idle takes no shares, so it is made idle last and woken first. */
static void cpu(const struct oci_context *context, const struct hyfw_oci_resources *r)
{
	const enum controller which = CONTROLLER_CPU;

	if (r->cpu_idle.set && r->cpu_idle.value == 0)
		oci_put(context, which, OCI_MAY, "cpu.idle", "cpu.idle", "0");
	if (oci_asked(r->cpu_shares))
		oci_put_number(context, which, 0, "cpu.shares", "cpu.shares", r->cpu_shares.value);
	if (oci_asked(r->cpu_realtime_period))
		oci_put_number(context, which, 0, "cpu.realtimePeriod", "cpu.rt_period_us",
			       r->cpu_realtime_period.value);
	if (oci_asked(r->cpu_realtime_runtime))
		oci_put_number(context, which, 0, "cpu.realtimeRuntime", "cpu.rt_runtime_us",
			       r->cpu_realtime_runtime.value);
	if (oci_asked(r->cpu_period))
		oci_put_number(context, which, 0, "cpu.period", "cpu.cfs_period_us", r->cpu_period.value);
	if (oci_asked(r->cpu_quota))
		oci_put_number(context, which, r->cpu_quota.value < 0 ? OCI_MAY : 0, "cpu.quota", "cpu.cfs_quota_us",
			       r->cpu_quota.value < 0 ? -1 : r->cpu_quota.value);
	if (r->cpu_burst.set)
		oci_put_number(context, which, r->cpu_burst.value ? 0 : OCI_MAY, "cpu.burst", "cpu.cfs_burst_us",
			       r->cpu_burst.value);
	if (oci_asked(r->cpu_idle))
		oci_put_number(context, which, 0, "cpu.idle", "cpu.idle", r->cpu_idle.value);
}

static void each_device(const struct oci_context *context, unsigned flags, const char *key, const char *file,
			const struct hyfw_oci_block_limit *limit)
{
	oci_put(context, CONTROLLER_BLKIO, flags, key, file,
		context->host->format(context->arena, "%" PRIu32 ":%" PRIu32 " %" PRIu64, limit->major, limit->minor,
				      limit->value));
}

static void limits(const struct oci_context *context, const char *key, const char *file,
		   const struct hyfw_oci_block_limits *limits)
{
	size_t i;

	for (i = 0; i < limits->count; i++)
		each_device(context, 0, key, file, &limits->items[i]);
}

/* Weights belong to the I/O scheduler: to CFQ before Linux 5.0, to BFQ since. */
static void block(const struct oci_context *context, const struct hyfw_oci_resources *r)
{
	const enum controller which = CONTROLLER_BLKIO;
	size_t i;

	if (oci_asked(r->block_weight)) {
		oci_put_number(context, which, OCI_OR_NEXT, "blockIO.weight", "blkio.weight", r->block_weight.value);
		oci_put_number(context, which, 0, "blockIO.weight", "blkio.bfq.weight", r->block_weight.value);
	}
	if (oci_asked(r->block_leaf_weight))
		oci_put_number(context, which, 0, "blockIO.leafWeight", "blkio.leaf_weight",
			       r->block_leaf_weight.value);
	for (i = 0; i < r->block_weight_device.count; i++) {
		each_device(context, OCI_OR_NEXT, "blockIO.weightDevice", "blkio.weight_device",
			    &r->block_weight_device.items[i]);
		each_device(context, 0, "blockIO.weightDevice", "blkio.bfq.weight_device",
			    &r->block_weight_device.items[i]);
	}
	limits(context, "blockIO.weightDevice", "blkio.leaf_weight_device", &r->block_leaf_weight_device);
	limits(context, "blockIO.throttleReadBpsDevice", "blkio.throttle.read_bps_device", &r->block_read_bps);
	limits(context, "blockIO.throttleWriteBpsDevice", "blkio.throttle.write_bps_device", &r->block_write_bps);
	limits(context, "blockIO.throttleReadIOPSDevice", "blkio.throttle.read_iops_device", &r->block_read_iops);
	limits(context, "blockIO.throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", &r->block_write_iops);
}

static void hugepages(const struct oci_context *context, const struct hyfw_oci_resources *r)
{
	const struct hyfw_host *host = context->host;
	size_t i;

	for (i = 0; i < r->hugepage_count; i++) {
		const char *size = r->hugepages[i].page_size;
		char *text = host->format(context->arena, "%" PRIu64, r->hugepages[i].limit);

		oci_put(context, CONTROLLER_HUGETLB, 0, "hugepageLimits",
			host->format(context->arena, "hugetlb.%s.limit_in_bytes", size), text);
		/* what is reserved counts too, where the kernel knows how (5.7) */
		oci_put(context, CONTROLLER_HUGETLB, OCI_MAY, "hugepageLimits",
			host->format(context->arena, "hugetlb.%s.rsvd.limit_in_bytes", size), text);
	}
}

static void network(const struct oci_context *context, enum controller controller,
		    const struct hyfw_oci_resources *r)
{
	size_t i;

	if (controller == CONTROLLER_NET_CLS)
		oci_put_number(context, controller, 0, "network.classID", "net_cls.classid", r->network_class_id.value);
	for (i = 0; controller == CONTROLLER_NET_PRIO && i < r->network_priorities.count; i++)
		oci_put(context, controller, 0, "network.priorities", "net_prio.ifpriomap",
			context->host->format(context->arena, "%s %s", r->network_priorities.items[i].key,
					      r->network_priorities.items[i].value));
}

static void each_rdma(const struct oci_context *context, const struct hyfw_oci_rdma *rdma)
{
	const struct hyfw_host *host = context->host;
	char *text = host->format(context->arena, "%s", rdma->device);

	if (rdma->handles.set)
		text = host->format(context->arena, "%s hca_handle=%" PRId64, text, rdma->handles.value);
	if (rdma->objects.set)
		text = host->format(context->arena, "%s hca_object=%" PRId64, text, rdma->objects.value);
	oci_put(context, CONTROLLER_RDMA, 0, "rdma", "rdma.max", text);
}

int oci_v1_values(const struct oci_context *context, enum controller controller,
		  const struct hyfw_oci_resources *r, struct hyfw_error **err)
{
	size_t i;

	(void)err;
	switch (controller) {
	case CONTROLLER_CPU:
		cpu(context, r);
		break;
	case CONTROLLER_CPUSET:
		if (r->cpus)
			oci_put(context, controller, 0, "cpu.cpus", "cpuset.cpus", r->cpus);
		if (r->mems)
			oci_put(context, controller, 0, "cpu.mems", "cpuset.mems", r->mems);
		break;
	case CONTROLLER_MEMORY:
		memory(context, r);
		break;
	case CONTROLLER_PIDS:
		if (r->pids_limit.value < 0)
			oci_put(context, controller, OCI_MAY, "pids.limit", "pids.max", "max");
		else
			oci_put_number(context, controller, 0, "pids.limit", "pids.max", r->pids_limit.value);
		break;
	case CONTROLLER_BLKIO:
		block(context, r);
		break;
	case CONTROLLER_HUGETLB:
		hugepages(context, r);
		break;
	case CONTROLLER_RDMA:
		for (i = 0; i < r->rdma_count; i++)
			each_rdma(context, &r->rdma[i]);
		break;
	default:
		network(context, controller, r);
		break;
	}
	return 0;
}
