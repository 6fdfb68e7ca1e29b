/* SPDX-License-Identifier: BSD-3-Clause
 * From settings to limits, and those refused that could never work. */
#include "cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#define CPUS_LEAST 10                      /* a quota of 1 ms in 100 ms, sched-bwc.rst */
#define MEMORY_LEAST (INT64_C(4) << 20)    /* below it not even exec gets through */
#define SHARES_LEAST 2                     /* MIN_SHARES and MAX_SHARES of the scheduler */
#define SHARES_MOST 262144
#define PIDS_MOST 4194304                  /* PID_MAX_LIMIT */
#define CPU_NUMBER_MOST 8191

static int64_t positive(const struct hyfw_map *settings, const char *key)
{
	int64_t value = hyfw_map_int(settings, key, LIMIT_NONE);

	return value > 0 ? value : LIMIT_NONE;
}

void limits_read(const struct hyfw_map *settings, struct limits *ret_limits)
{
	struct limits limits = {
		.cpus = positive(settings, "cpus"),
		.cpu_shares = positive(settings, "cpu_shares"),
		.pids = positive(settings, "pids"),
		.memory = positive(settings, "memory"),
		.memory_swap = positive(settings, "memory_swap"),
		.swap_unlimited = hyfw_map_int(settings, "memory_swap", 0) < 0,
		.cpuset = hyfw_map_get(settings, "cpuset"),
		.figures = hyfw_map_bool(settings, "figures", false),
		.delegate = hyfw_map_get(settings, "delegate"),
	};

	if (limits.pids == LIMIT_NONE) {
		limits.pids = positive(settings, "pids_default");
		limits.pids_by_default = limits.pids != LIMIT_NONE;
	}
	if (limits.cpuset && !*limits.cpuset)
		limits.cpuset = NULL;
	io_read(settings, &limits);
	limits_add_overhead(&limits, hyfw_map_int(settings, "overhead", 0));
	if (hyfw_map_bool(settings, "devices", false))
		limits_restrict_devices(&limits);
	*ret_limits = limits;
}

void limits_restrict_devices(struct limits *limits)
{
	limits->devices = device_rules_harmless;
	limits->device_count = device_rules_harmless_count;
}

void limits_add_overhead(struct limits *limits, int64_t bytes)
{
	if (bytes <= 0)
		return;
	limits->overhead += bytes;
	limits->memory = limits->memory != LIMIT_NONE ? limits->memory + bytes : bytes;
	if (limits->memory_swap != LIMIT_NONE)
		limits->memory_swap += bytes;
}

/* Who may change mounts takes "nodev" away from them, and so could open a device
 * file in a directory that was handed in, also from within a user namespace. */
static bool may_change_mounts(const struct hyfw_subject *subject)
{
	const char *name;
	size_t cursor = 0;

	while ((name = hyfw_map_next(&subject->settings, "cap_add", &cursor))) {
		if (strncasecmp(name, "CAP_", 4) == 0)
			name += 4;
		if (strcasecmp(name, "SYS_ADMIN") == 0 || strcasecmp(name, "ALL") == 0)
			return true;
	}
	return false;
}

void limits_of_subject(const struct hyfw_subject *subject, struct limits *ret_limits)
{
	const char *figures = hyfw_map_get(&subject->settings, "statistics");

	limits_read(&subject->settings, ret_limits);
	limits_add_overhead(ret_limits, (int64_t)subject->memory_overhead);
	if (subject->idmap.count == 0 || may_change_mounts(subject))
		limits_restrict_devices(ret_limits);
	if (!figures || strcmp(figures, "auto") == 0)
		ret_limits->figures = !subject->transient;
	else
		ret_limits->figures = strcmp(figures, "yes") == 0;
}

/* A list such as "0-1,3" (cpuset(7)) into flags.  -EINVAL for anything else. */
static int parse_list(const char *text, uint8_t flags[CPU_NUMBER_MOST + 1])
{
	while (*text && *text != '\n') {
		unsigned long first, last;
		char *end;

		if (*text < '0' || *text > '9')
			return -EINVAL;
		first = last = strtoul(text, &end, 10);
		if (end[0] == '-' && end[1] >= '0' && end[1] <= '9')
			last = strtoul(end + 1, &end, 10);
		if (last > CPU_NUMBER_MOST || last < first)
			return -EINVAL;
		memset(flags + first, 1, last - first + 1);
		if (*end == ',' && end[1] >= '0' && end[1] <= '9')
			end++;
		else if (*end && *end != '\n')
			return -EINVAL;
		text = end;
	}
	return 0;
}

static int check_cpuset(const struct hyfw_host *host, const char *cpuset, struct hyfw_error **err)
{
	uint8_t wanted[CPU_NUMBER_MOST + 1] = { 0 }, online[CPU_NUMBER_MOST + 1] = { 0 };
	char text[4096];
	unsigned i;

	if (parse_list(cpuset, wanted) < 0)
		return host->fail(err, EINVAL, "cpuset: \"%s\" is not a list of CPUs such as 0-1,3", cpuset);
	if (file_read(AT_FDCWD, "/sys/devices/system/cpu/online", text, sizeof(text)) < 0 ||
	    parse_list(text, online) < 0)
		return 0; /* the kernel will tell */
	text[strcspn(text, "\n")] = '\0';
	for (i = 0; i <= CPU_NUMBER_MOST; i++)
		if (wanted[i] && !online[i])
			return host->fail(err, EINVAL, "cpuset: there is no CPU %u; this machine has %s", i, text);
	return 0;
}

static int check_memory(const struct hyfw_host *host, const struct limits *limits, struct hyfw_error **err)
{
	if (limits->memory != LIMIT_NONE && limits->memory < MEMORY_LEAST)
		return host->fail(err, EINVAL,
				  "memory: %" PRId64 " bytes are less than the 4 MiB that starting a process takes",
				  limits->memory);
	if (limits->memory_swap == LIMIT_NONE)
		return 0;
	if (limits->memory == LIMIT_NONE)
		return host->fail(err, EINVAL,
				  "memory_swap: limits memory and swap together and needs memory to be set too");
	if (limits->memory_swap < limits->memory)
		return host->fail(err, EINVAL,
				  "memory_swap: %" PRId64 " bytes for memory and swap together are less than memory, %"
				  PRId64, limits->memory_swap, limits->memory);
	return 0;
}

int limits_check(const struct hyfw_host *host, const struct limits *limits, struct hyfw_error **err)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int result;

	if (limits->cpus != LIMIT_NONE && limits->cpus < CPUS_LEAST)
		return host->fail(err, EINVAL, "cpus: less than 0.01, the smallest share the kernel can give");
	if (limits->cpus != LIMIT_NONE && limits->cpus > cpus * 1000)
		return host->fail(err, EINVAL, "cpus: %" PRId64 ".%03" PRId64 " are more than the %ld of this machine",
				  limits->cpus / 1000, limits->cpus % 1000, cpus);
	if (limits->cpu_shares != LIMIT_NONE &&
	    (limits->cpu_shares < SHARES_LEAST || limits->cpu_shares > SHARES_MOST))
		return host->fail(err, EINVAL, "cpu_shares: %" PRId64 " is not within %d..%d", limits->cpu_shares,
				  SHARES_LEAST, SHARES_MOST);
	if (limits->pids > PIDS_MOST)
		return host->fail(err, EINVAL, "pids: %" PRId64 " is more than the kernel's %d", limits->pids,
				  PIDS_MOST);
	result = check_memory(host, limits, err);
	if (result == 0)
		result = io_check(host, limits, err);
	if (result == 0 && limits->cpuset)
		result = check_cpuset(host, limits->cpuset, err);
	return result;
}
