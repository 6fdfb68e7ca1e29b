/* SPDX-License-Identifier: BSD-3-Clause
 * cgroup v2: which files take which values (cgroup-v2.rst). */
#include "cgroups.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define PERIOD_US 100000

uint32_t v2_needs(const struct limits *limits)
{
	/* CPU time, freezing and killing belong to every group. */
	return v1_needs(limits) & ~(CONTROLLER_BIT(CONTROLLER_CPUACCT) | CONTROLLER_BIT(CONTROLLER_DEVICES) |
				    CONTROLLER_BIT(CONTROLLER_FREEZER));
}

/* log2 of 1..2^32 and 10 to the power of 0..5, good for six digits: what libm
 * would cost to load is more than the rest of this driver does. */
static double binary_log(double x)
{
	double result = 0, part = 1;
	int i;

	while (x >= 2) {
		x /= 2;
		result += 1;
	}
	for (i = 0; i < 40; i++) {
		x *= x;
		part /= 2;
		if (x >= 2) {
			x /= 2;
			result += part;
		}
	}
	return result;
}

static double power_of_ten(double x)
{
	double y = x * 2.302585092994046 / 64, term = 1, sum = 1;
	int i;

	for (i = 1; i < 16; i++)
		sum += term *= y / i;
	for (i = 0; i < 6; i++)
		sum *= sum;
	return sum;
}

/* The curve that crun 1.23 and runc 1.3.2 use: it maps 2, 1024 and 262144 to
 * 1, 100 and 10000. */
unsigned v2_weight(uint64_t shares)
{
	double log, exact;
	unsigned weight;

	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	log = binary_log((double)shares);
	exact = power_of_ten((log * log + 125 * log) / 612 - 7.0 / 34) - 1e-6;
	weight = (unsigned)exact;
	return weight + (exact > weight);
}

/* memory.oom.group stays 0: who goes is the process that the kernel chooses, as with
 * control groups of version 1. */
static void memory_values(const struct hyfw_host *host, struct hyfw_arena *arena, const struct limits *limits,
			  struct values *values)
{
	bool asked = limits->memory_swap != LIMIT_NONE;

	if (limits->memory == LIMIT_NONE)
		return;
	values_add(values, CONTROLLER_MEMORY, "memory", "memory.max",
		   host->format(arena, "%" PRId64, limits->memory), false);
	if (!limits->swap_unlimited)
		values_add(values, CONTROLLER_MEMORY, asked ? "memory_swap" : "memory", "memory.swap.max",
			   host->format(arena, "%" PRId64, asked ? limits->memory_swap - limits->memory : 0), !asked);
}

void v2_values(const struct hyfw_host *host, struct hyfw_arena *arena, const struct limits *limits,
	       struct values *values)
{
	memory_values(host, arena, limits, values);
	if (limits->cpus != LIMIT_NONE)
		values_add(values, CONTROLLER_CPU, "cpus", "cpu.max",
			   host->format(arena, "%" PRId64 " %d", limits->cpus * (PERIOD_US / 1000), PERIOD_US),
			   false);
	if (limits->cpu_shares != LIMIT_NONE)
		values_add(values, CONTROLLER_CPU, "cpu_shares", "cpu.weight",
			   host->format(arena, "%u", v2_weight((uint64_t)limits->cpu_shares)), false);
	if (limits->cpuset)
		values_add(values, CONTROLLER_CPUSET, "cpuset", "cpuset.cpus", limits->cpuset, false);
	if (limits->pids != LIMIT_NONE)
		values_add(values, CONTROLLER_PIDS, "pids", "pids.max",
			   host->format(arena, "%" PRId64, limits->pids), false);
	io_values(host, arena, true, limits, values);
}

/* True when 'list' ("cpu io memory\n") has 'word'. */
static bool listed(const char *list, const char *word)
{
	size_t length = strlen(word);
	const char *at = list;

	while ((at = strstr(at, word))) {
		if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\n' || !at[length]))
			return true;
		at += length;
	}
	return false;
}

int v2_enable(int group, uint32_t controllers, bool wait)
{
	char on[4096] = "", words[256] = "", *end = words;
	int i, result = wait ? 0 : file_read(group, "cgroup.subtree_control", on, sizeof(on));

	if (result < 0)
		return result;
	for (i = 0; i < CONTROLLER_COUNT; i++)
		if ((controllers & CONTROLLER_BIT(i)) && i != CONTROLLER_DEVICES && !listed(on, controller_v2_name(i)))
			end += sprintf(end, "+%s ", controller_v2_name(i));
	return *words ? file_write(group, "cgroup.subtree_control", words) : 0;
}
