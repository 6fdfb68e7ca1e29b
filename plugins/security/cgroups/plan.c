/* SPDX-License-Identifier: BSD-3-Clause
 * What the reader of a plan sees, and what apply() gets from it. */
#include "cgroups.h"

#include <inttypes.h>

static char *bytes(const struct hyfw_host *host, struct hyfw_arena *arena, int64_t value)
{
	if (value % (1 << 20) == 0)
		return host->format(arena, "%" PRId64 " MiB", value >> 20);
	return host->format(arena, "%" PRId64 " bytes", value);
}

char *plan_summary(const struct hyfw_host *host, struct hyfw_arena *arena, const struct limits *limits,
		   const char *workload)
{
	char *text = host->format(arena, "limit %s to", workload);
	size_t empty = strlen(text), i;

	if (limits->cpus != LIMIT_NONE)
		text = host->format(arena, "%s %" PRId64 ".%03" PRId64 " CPUs,", text, limits->cpus / 1000,
				    limits->cpus % 1000);
	if (limits->cpuset)
		text = host->format(arena, "%s CPUs %s,", text, limits->cpuset);
	if (limits->cpu_shares != LIMIT_NONE)
		text = host->format(arena, "%s %" PRId64 " CPU shares,", text, limits->cpu_shares);
	if (limits->memory != LIMIT_NONE)
		text = host->format(arena, "%s %s of memory%s", text, bytes(host, arena, limits->memory),
				    limits->overhead > 0 && limits->memory > limits->overhead ? "" : ",");
	if (limits->memory != LIMIT_NONE && limits->overhead > 0 && limits->memory > limits->overhead)
		text = host->format(arena, "%s (%s of it for the hypervisor),", text, bytes(host, arena, limits->overhead));
	if (limits->memory != LIMIT_NONE && !limits->swap_unlimited)
		text = host->format(arena, "%s %s swap,", text,
				    limits->memory_swap > limits->memory ?
				    host->format(arena, "%s of",
						 bytes(host, arena, limits->memory_swap - limits->memory)) :
				    "no");
	if (limits->pids != LIMIT_NONE)
		text = host->format(arena, "%s %" PRId64 " processes,", text, limits->pids);
	for (i = 0; i < limits->io_count; i++)
		text = host->format(arena, "%s %s,", text, io_summary(host, arena, &limits->io[i]));
	if (limits->devices)
		text = host->format(arena, "%s harmless devices,", text);
	if (limits->delegate)
		text = host->format(arena, "%s groups of its systemd within that,", text);
	if (strlen(text) == empty)
		return host->format(arena, "count what %s uses, without limits", workload);
	text[strlen(text) - 1] = '\0';
	return text;
}

static char *device_commands(const struct hyfw_host *host, struct hyfw_arena *arena, char *text,
			     const struct limits *limits, const struct group *group)
{
	char rule[DEVICE_RULE_TEXT];
	size_t i;

	for (i = 0; i < limits->device_count; i++) {
		device_rule_text(&limits->devices[i], rule);
		if (group->unified)
			text = host->format(arena, "%s\n# program for devices of %s: %s", text, group->path, rule);
		else
			text = host->format(arena, "%s\necho %s > %s/devices.%s", text, strchr(rule, ' ') + 1,
					    group->path, limits->devices[i].allow ? "allow" : "deny");
	}
	return text;
}

char *plan_commands(const struct hyfw_host *host, struct hyfw_arena *arena, const struct limits *limits,
		    const struct group *groups, size_t count)
{
	char *text = host->format(arena, "%s", "");
	struct values values;
	size_t i, j;

	for (i = 0; i < count; i++) {
		text = host->format(arena, "%s%smkdir -p %s", text, i ? "\n" : "", groups[i].path);
		groups_values(host, arena, &groups[i], limits, &values);
		for (j = 0; j < values.count; j++)
			text = host->format(arena, "%s\necho %s > %s/%s", text, values.items[j].text,
					    groups[i].path, values.items[j].file);
		if (groups[i].mask & CONTROLLER_BIT(CONTROLLER_DEVICES))
			text = device_commands(host, arena, text, limits, &groups[i]);
		if (limits->delegate)
			text = host->format(arena, "%s\nchown %s %s %s/cgroup.{procs,threads,subtree_control}", text,
					    limits->delegate, groups[i].path, groups[i].path);
	}
	return text;
}

/* The step's arguments: what limits_read() takes back in. */
size_t plan_arguments(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_subject *subject,
		      const struct limits *limits, struct hyfw_pair ret_pairs[ARGUMENTS_MAX])
{
	static const char *const keys[] = { "cpus", "cpuset", "cpu_shares", "pids", "pids_default", "memory", "memory_swap" };
	size_t count = 0, cursor = 0, i;
	const char *text;

	ret_pairs[count++] = (struct hyfw_pair){ "workload", subject->name };
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *value = hyfw_map_get(&subject->settings, keys[i]);

		if (value && *value)
			ret_pairs[count++] = (struct hyfw_pair){ keys[i], value };
	}
	for (i = 0; i < IO_SETTINGS_MOST && (text = hyfw_map_next(&subject->settings, "io_max", &cursor)); i++)
		ret_pairs[count++] = (struct hyfw_pair){ "io_max", text };
	if (limits->overhead > 0)
		ret_pairs[count++] = (struct hyfw_pair){ "overhead", host->format(arena, "%" PRId64, limits->overhead) };
	if (limits->delegate)
		ret_pairs[count++] = (struct hyfw_pair){ "delegate", limits->delegate };
	ret_pairs[count++] = (struct hyfw_pair){ "devices", limits->devices ? "true" : "false" };
	ret_pairs[count++] = (struct hyfw_pair){ "figures", limits->figures ? "true" : "false" };
	return count;
}
