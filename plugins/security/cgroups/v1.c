/* SPDX-License-Identifier: BSD-3-Clause
 * cgroup v1: which files take which values. */
#include "cgroups.h"

#include <errno.h>
#include <inttypes.h>

#define PERIOD_US 100000

void values_add(struct values *values, enum controller controller, const char *key, const char *file,
		const char *text, bool optional)
{
	if (values->count < VALUES_MAX)
		values->items[values->count++] = (struct value){ controller, key, file, text, optional };
}

uint32_t v1_needs(const struct limits *limits)
{
	uint32_t needs = CONTROLLER_BIT(CONTROLLER_PIDS); /* its list of processes serves kill() */

	if (limits->cpus != LIMIT_NONE || limits->cpu_shares != LIMIT_NONE)
		needs |= CONTROLLER_BIT(CONTROLLER_CPU);
	if (limits->cpuset)
		needs |= CONTROLLER_BIT(CONTROLLER_CPUSET);
	if (limits->memory != LIMIT_NONE || limits->figures)
		needs |= CONTROLLER_BIT(CONTROLLER_MEMORY);
	if (limits->figures)
		needs |= CONTROLLER_BIT(CONTROLLER_CPUACCT);
	if (limits->devices)
		needs |= CONTROLLER_BIT(CONTROLLER_DEVICES);
	if (limits->io_count > 0)
		needs |= CONTROLLER_BIT(CONTROLLER_BLKIO);
	return needs;
}

static void memory_values(const struct hyfw_host *host, struct hyfw_arena *arena, const struct limits *limits,
			  struct values *values)
{
	bool asked = limits->memory_swap != LIMIT_NONE;
	int64_t total = asked ? limits->memory_swap : limits->memory;

	if (limits->memory == LIMIT_NONE)
		return;
	values_add(values, CONTROLLER_MEMORY, "memory", "memory.limit_in_bytes",
		   host->format(arena, "%" PRId64, limits->memory), false);
	/* Swap accounting can be off; only a wish of the user's makes that an error. */
	if (!limits->swap_unlimited)
		values_add(values, CONTROLLER_MEMORY, asked ? "memory_swap" : "memory",
			   "memory.memsw.limit_in_bytes", host->format(arena, "%" PRId64, total), !asked);
}

void v1_values(const struct hyfw_host *host, struct hyfw_arena *arena, const struct limits *limits,
	       struct values *values)
{
	memory_values(host, arena, limits, values);
	if (limits->cpus != LIMIT_NONE) {
		values_add(values, CONTROLLER_CPU, "cpus", "cpu.cfs_period_us",
			   host->format(arena, "%d", PERIOD_US), false);
		values_add(values, CONTROLLER_CPU, "cpus", "cpu.cfs_quota_us",
			   host->format(arena, "%" PRId64, limits->cpus * (PERIOD_US / 1000)), false);
	}
	if (limits->cpu_shares != LIMIT_NONE)
		values_add(values, CONTROLLER_CPU, "cpu_shares", "cpu.shares",
			   host->format(arena, "%" PRId64, limits->cpu_shares), false);
	if (limits->cpuset)
		values_add(values, CONTROLLER_CPUSET, "cpuset", "cpuset.cpus", limits->cpuset, false);
	if (limits->pids != LIMIT_NONE)
		values_add(values, CONTROLLER_PIDS, "pids", "pids.max",
			   host->format(arena, "%" PRId64, limits->pids), false);
	io_values(host, arena, false, limits, values);
}

/* Only where nothing was set yet. */
static int inherit(int parent, int child, const char *file)
{
	char text[4096];
	int length = file_read(child, file, text, sizeof(text));

	if (length < 0)
		return length;
	if (length > 1)
		return 0;
	length = file_read(parent, file, text, sizeof(text));
	if (length < 0)
		return length;
	text[strcspn(text, "\n")] = '\0';
	return file_write(child, file, text);
}

int v1_inherit_cpuset(int parent, int child)
{
	int result = inherit(parent, child, "cpuset.mems");

	return result < 0 ? result : inherit(parent, child, "cpuset.cpus");
}
