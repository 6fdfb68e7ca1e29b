/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw oci update`: resources as JSON, or each by a flag. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/oci.h"

enum { BLKIO_WEIGHT = 256, CPU_PERIOD, CPU_QUOTA, CPU_BURST, CPU_RT_PERIOD, CPU_RT_RUNTIME, CPU_SHARE, CPU_IDLE,
       CPUSET_CPUS, CPUSET_MEMS, KERNEL_MEMORY, KERNEL_MEMORY_TCP, MEMORY, MEMORY_RESERVATION, MEMORY_SWAP,
       PIDS_LIMIT, L3_CACHE, MEM_BW };

static const struct option update_flags[] = {
	{ "resources", required_argument, NULL, 'r' },
	{ "blkio-weight", required_argument, NULL, BLKIO_WEIGHT },
	{ "cpu-period", required_argument, NULL, CPU_PERIOD },
	{ "cpu-quota", required_argument, NULL, CPU_QUOTA },
	{ "cpu-burst", required_argument, NULL, CPU_BURST },
	{ "cpu-rt-period", required_argument, NULL, CPU_RT_PERIOD },
	{ "cpu-rt-runtime", required_argument, NULL, CPU_RT_RUNTIME },
	{ "cpu-share", required_argument, NULL, CPU_SHARE },
	{ "cpu-shares", required_argument, NULL, CPU_SHARE },
	{ "cpu-idle", required_argument, NULL, CPU_IDLE },
	{ "cpuset-cpus", required_argument, NULL, CPUSET_CPUS },
	{ "cpuset-mems", required_argument, NULL, CPUSET_MEMS },
	{ "kernel-memory", required_argument, NULL, KERNEL_MEMORY },
	{ "kernel-memory-tcp", required_argument, NULL, KERNEL_MEMORY_TCP },
	{ "memory", required_argument, NULL, MEMORY },
	{ "memory-reservation", required_argument, NULL, MEMORY_RESERVATION },
	{ "memory-swap", required_argument, NULL, MEMORY_SWAP },
	{ "pids-limit", required_argument, NULL, PIDS_LIMIT },
	{ "l3-cache-schema", required_argument, NULL, L3_CACHE },
	{ "mem-bw-schema", required_argument, NULL, MEM_BW },
	OCI_FLAG_HELP,
	{ 0 },
};

static struct hyfw_oci_number *member_of(int flag, struct hyfw_oci_resources *resources)
{
	switch (flag) {
	case BLKIO_WEIGHT: return &resources->block_weight;
	case CPU_PERIOD: return &resources->cpu_period;
	case CPU_QUOTA: return &resources->cpu_quota;
	case CPU_BURST: return &resources->cpu_burst;
	case CPU_RT_PERIOD: return &resources->cpu_realtime_period;
	case CPU_RT_RUNTIME: return &resources->cpu_realtime_runtime;
	case CPU_SHARE: return &resources->cpu_shares;
	case CPU_IDLE: return &resources->cpu_idle;
	case KERNEL_MEMORY: return &resources->memory_kernel;
	case KERNEL_MEMORY_TCP: return &resources->memory_kernel_tcp;
	case MEMORY: return &resources->memory_limit;
	case MEMORY_RESERVATION: return &resources->memory_reservation;
	case MEMORY_SWAP: return &resources->memory_swap;
	case PIDS_LIMIT: return &resources->pids_limit;
	default: return NULL;
	}
}

/* With K, M, G, T as powers of 1024. */
static bool read_number(const char *text, int64_t *ret_number)
{
	static const char units[] = "kmgt";
	const char *unit;
	char *end;
	int64_t factor = 1;

	errno = 0;
	*ret_number = strtoll(text, &end, 10);
	if (end == text || errno)
		return false;
	unit = *end ? strchr(units, *end | 0x20) : NULL;
	if (unit) {
		factor = INT64_C(1) << (10 * (unit - units + 1));
		end++;
		if (*end == 'b' || *end == 'B')
			end++;
	}
	return *end == '\0' && !__builtin_mul_overflow(*ret_number, factor, ret_number);
}

static int take_flag(int flag, struct hyfw_oci_resources *resources, struct hyfw_error **err)
{
	struct hyfw_oci_number *number = member_of(flag, resources);

	if (flag == CPUSET_CPUS)
		resources->cpus = optarg;
	else if (flag == CPUSET_MEMS)
		resources->mems = optarg;
	else if (!number)
		return hyfw_fail(err, EOPNOTSUPP, "intelRdt: not supported: hyfw does not manage cache allocation");
	else if (!read_number(optarg, &number->value))
		return hyfw_fail(err, EINVAL, "%s is not a number", optarg);
	else
		number->set = true;
	return 0;
}

static int read_resources(const char *path, struct hyfw_arena *arena, struct hyfw_oci_resources *resources,
			  struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *text = NULL;
	size_t size = 0;
	int result = oci_read_document(path, &text, &size, err);

	if (result < 0)
		return result;
	result = hyfw_oci_resources_read(text, size, arena, resources, err);
	return result < 0 ? hyfw_wrap(err, "resources %s", path) : 0;
}

static int parse(struct oci_cli *cli, int argc, char **argv, struct hyfw_arena *arena,
		 struct hyfw_oci_resources *resources, int *ret_status)
{
	struct hyfw_error *err = NULL;
	int flag, result = 0;

	while ((flag = oci_flag(cli, &oci_verb_update, argc, argv, "r:h", update_flags, 1, 1, ret_status)) >= 0) {
		result = flag == 'r' ? read_resources(optarg, arena, resources, &err) : take_flag(flag, resources, &err);
		if (result < 0) {
			*ret_status = oci_log_error(cli, err);
			return -1;
		}
	}
	return flag == -2 ? -1 : 0;
}

static int update(struct oci_cli *cli, int argc, char **argv)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
	struct hyfw_oci_resources resources = { 0 };
	struct hyfw_error *err = NULL;
	int status = 0;

	if (parse(cli, argc, argv, arena, &resources, &status) < 0)
		return status;
	if (hyfw_oci_open(cli->root, argv[optind], true, &container, &err) < 0 ||
	    hyfw_oci_update(container, &resources, &err) < 0)
		return oci_log_error(cli, err);
	return 0;
}

const struct oci_verb oci_verb_update = {
	"update", "update [OPTION]... CONTAINER", "Change the limits of a container", update
};
