/* SPDX-License-Identifier: BSD-3-Clause
 * Figures of a workload's groups.  What is not known stays HYFW_STAT_NONE. */
#include "cgroups.h"

#define NO_LIMIT (UINT64_C(1) << 62) /* v1 says "none" with the largest page count */

static uint64_t times(uint64_t value, uint64_t factor)
{
	return value == HYFW_STAT_NONE ? value : value * factor;
}

static uint64_t limit(int group, const char *file)
{
	uint64_t value = file_number(group, file);

	return value >= NO_LIMIT ? HYFW_STAT_NONE : value;
}

static uint64_t difference(uint64_t a, uint64_t b)
{
	if (a == HYFW_STAT_NONE || b == HYFW_STAT_NONE)
		return HYFW_STAT_NONE;
	return a > b ? a - b : 0;
}

static void v1_cpu(int group, struct hyfw_stats *stats)
{
	uint64_t quota = file_number(group, "cpu.cfs_quota_us"), period = file_number(group, "cpu.cfs_period_us");

	stats->event_cpu_throttled = file_field(group, "cpu.stat", "nr_throttled");
	stats->cpu_throttled_ns = file_field(group, "cpu.stat", "throttled_time");
	if (quota != HYFW_STAT_NONE && period != HYFW_STAT_NONE && period > 0)
		stats->cpu_limit_milli = quota * 1000 / period;
}

static void v1_memory(int group, struct hyfw_stats *stats)
{
	stats->memory_bytes = file_number(group, "memory.usage_in_bytes");
	stats->memory_peak_bytes = file_number(group, "memory.max_usage_in_bytes");
	stats->memory_limit_bytes = limit(group, "memory.limit_in_bytes");
	stats->swap_bytes = difference(file_number(group, "memory.memsw.usage_in_bytes"), stats->memory_bytes);
	stats->swap_limit_bytes = difference(limit(group, "memory.memsw.limit_in_bytes"), stats->memory_limit_bytes);
	stats->event_memory_max = file_number(group, "memory.failcnt");
	stats->event_oom_kill = file_field(group, "memory.oom_control", "oom_kill");
}

static void v1_stats(const struct group *group, int fd, struct hyfw_stats *stats)
{
	if (group->mask & CONTROLLER_BIT(CONTROLLER_CPU))
		v1_cpu(fd, stats);
	if (group->mask & CONTROLLER_BIT(CONTROLLER_CPUACCT)) {
		stats->cpu_ns = file_number(fd, "cpuacct.usage");
		stats->cpu_user_ns = file_number(fd, "cpuacct.usage_user");
		stats->cpu_system_ns = file_number(fd, "cpuacct.usage_sys");
	}
	if (group->mask & CONTROLLER_BIT(CONTROLLER_MEMORY))
		v1_memory(fd, stats);
}

/* "QUOTA PERIOD", QUOTA may be "max". */
static uint64_t v2_cpu_limit(int fd)
{
	unsigned long long quota, period;
	char text[64], *end;

	if (file_read(fd, "cpu.max", text, sizeof(text)) < 0 || text[0] < '0' || text[0] > '9')
		return HYFW_STAT_NONE;
	quota = strtoull(text, &end, 10);
	period = strtoull(end, NULL, 10);
	return period ? quota * 1000 / period : HYFW_STAT_NONE;
}

static void v2_stats(int fd, struct hyfw_stats *stats)
{
	stats->cpu_ns = times(file_field(fd, "cpu.stat", "usage_usec"), 1000);
	stats->cpu_user_ns = times(file_field(fd, "cpu.stat", "user_usec"), 1000);
	stats->cpu_system_ns = times(file_field(fd, "cpu.stat", "system_usec"), 1000);
	stats->cpu_throttled_ns = times(file_field(fd, "cpu.stat", "throttled_usec"), 1000);
	stats->event_cpu_throttled = file_field(fd, "cpu.stat", "nr_throttled");
	stats->cpu_limit_milli = v2_cpu_limit(fd);
	stats->memory_bytes = file_number(fd, "memory.current");
	stats->memory_peak_bytes = file_number(fd, "memory.peak");
	stats->memory_limit_bytes = file_number(fd, "memory.max");
	stats->swap_bytes = file_number(fd, "memory.swap.current");
	stats->swap_limit_bytes = file_number(fd, "memory.swap.max");
	stats->event_memory_max = file_field(fd, "memory.events", "max");
	stats->event_oom_kill = file_field(fd, "memory.events", "oom_kill");
}

static void keep(uint64_t *member, uint64_t known)
{
	if (*member == HYFW_STAT_NONE)
		*member = known;
}

void group_stats(const struct group *group, struct hyfw_stats *stats)
{
	AUTO_CLOSE int fd = group_open(group->path);
	struct hyfw_stats before = *stats;

	if (fd < 0)
		return;
	if (group->unified)
		v2_stats(fd, stats);
	else
		v1_stats(group, fd, stats);
	if (group->unified || (group->mask & CONTROLLER_BIT(CONTROLLER_PIDS))) {
		stats->pids = file_number(fd, "pids.current");
		stats->pids_limit = file_number(fd, "pids.max");
		stats->event_pids_max = file_field(fd, "pids.events", "max");
	}
	/* Another group of a mixed machine may have told already. */
	keep(&stats->cpu_ns, before.cpu_ns);
	keep(&stats->cpu_user_ns, before.cpu_user_ns);
	keep(&stats->cpu_system_ns, before.cpu_system_ns);
	keep(&stats->cpu_throttled_ns, before.cpu_throttled_ns);
	keep(&stats->cpu_limit_milli, before.cpu_limit_milli);
	keep(&stats->event_cpu_throttled, before.event_cpu_throttled);
	keep(&stats->memory_bytes, before.memory_bytes);
	keep(&stats->memory_peak_bytes, before.memory_peak_bytes);
	keep(&stats->memory_limit_bytes, before.memory_limit_bytes);
	keep(&stats->swap_bytes, before.swap_bytes);
	keep(&stats->swap_limit_bytes, before.swap_limit_bytes);
	keep(&stats->event_memory_max, before.event_memory_max);
	keep(&stats->event_oom_kill, before.event_oom_kill);
	keep(&stats->pids, before.pids);
	keep(&stats->pids_limit, before.pids_limit);
	keep(&stats->event_pids_max, before.event_pids_max);
}
