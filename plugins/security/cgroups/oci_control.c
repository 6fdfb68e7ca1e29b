/* SPDX-License-Identifier: BSD-3-Clause
 * What is done later to the groups of a bundle, which are found in the notes. */
#include "systemd.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

bool oci_is_record(const struct hyfw_map *record)
{
	return hyfw_map_get(record, OCI_NOTE_MARK) != NULL;
}

#define DEPTH_MOST 8

/* The first group from here on that has processes, into 'path' with room for it. */
static bool find_populated(char *path, size_t room, unsigned depth)
{
	const size_t length = strlen(path);
	AUTO_CLOSE int fd = group_open(path);
	AUTO_FREE int *pids = NULL;
	struct dirent *entry;
	size_t count = 0;
	bool found = false;
	DIR *dir;

	if (fd < 0)
		return false;
	if (group_processes(fd, &pids, &count) == 0 && count > 0)
		return true;
	dir = depth < DEPTH_MOST ? opendir(path) : NULL;
	while (dir && !found && (entry = readdir(dir))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    length + strlen(entry->d_name) + 2 > room)
			continue;
		sprintf(path + length, "/%s", entry->d_name);
		found = find_populated(path, room, depth + 1);
		if (!found)
			path[length] = '\0';
	}
	if (dir)
		closedir(dir);
	return found;
}

/* A container with a systemd of its own has handed its controllers on, so that its group
 * can have no process any more (cgroup-v2.rst, "No Internal Process Constraint"). */
const char *oci_group_to_join(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *group)
{
	AUTO_CLOSE int fd = group->unified ? group_open(group->path) : -1;
	char on[512], *path;

	if (fd < 0 || file_read(fd, "cgroup.subtree_control", on, sizeof(on)) <= 1)
		return group->path;
	path = host->alloc(arena, PATH_MAX);
	snprintf(path, PATH_MAX, "%s", group->path);
	return find_populated(path, PATH_MAX, 0) ? path : group->path;
}

static int freeze_v1(int group, bool frozen)
{
	const struct timespec wait = { 0, 1000000 };
	const char *word = frozen ? "FROZEN" : "THAWED";
	char state[32];
	int tries, result = 0;

	for (tries = 0; tries < 2000; tries++) {
		result = file_write(group, "freezer.state", word);
		if (result < 0)
			return result;
		if (file_read(group, "freezer.state", state, sizeof(state)) > 0 && strncmp(state, word, 6) == 0)
			return 0;
		nanosleep(&wait, NULL);
	}
	file_write(group, "freezer.state", "THAWED");
	return -ETIMEDOUT;
}

/* On a machine with both, cgroup v2 does it: what is frozen there can be ended. */
static const struct group *freezable(const struct group *groups, size_t count)
{
	const struct group *chosen = NULL;
	size_t i;

	for (i = 0; i < count; i++) {
		AUTO_CLOSE int fd = groups[i].unified ? group_open(groups[i].path) : -1;

		if (fd >= 0 && faccessat(fd, "cgroup.freeze", F_OK, 0) == 0)
			return &groups[i];
		if (groups[i].mask & CONTROLLER_BIT(CONTROLLER_FREEZER))
			chosen = &groups[i];
	}
	return chosen;
}

int oci_freeze(const struct hyfw_host *host, const struct hyfw_map *record, bool frozen, struct hyfw_error **err)
{
	struct group groups[GROUPS_MAX];
	const struct group *group = freezable(groups, groups_recorded(record, groups));
	AUTO_CLOSE int fd = -1;
	int result;

	if (!group)
		return host->fail(err, ENOTSUP, "the container has no control group that can be frozen");
	if (group->unified)
		return groups_freeze(host, NULL, group, 1, frozen, err);
	fd = group_open(group->path);
	result = fd < 0 ? fd : freeze_v1(fd, frozen);
	return result < 0 ? host->fail(err, -result, "%s control group %s: %s", frozen ? "freeze" : "thaw", group->path,
				       strerror(-result)) : 0;
}

int oci_kill(const struct hyfw_host *host, const struct hyfw_map *record, struct hyfw_error **err)
{
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(record, groups), i;
	int result = 0;

	if (count == 0)
		return host->fail(err, ENOTSUP, "the container has no control group, so not all of its processes are known");
	/* Frozen ones first: they have to be woken to die. */
	for (i = 0; result == 0 && i < count; i++)
		if (groups[i].mask & CONTROLLER_BIT(CONTROLLER_FREEZER))
			result = group_kill(host, groups[i].path, err);
	for (i = 0; result == 0 && i < count; i++)
		result = group_kill(host, groups[i].path, err);
	return result;
}

/* systemd would put its own values back when it looks next. */
static int change_scope(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
			const struct hyfw_oci_resources *resources, const char *unit, struct hyfw_error **err)
{
	struct scope_properties properties = { 0 };
	struct sd_bus *bus = NULL;
	int result;

	scope_limits(host, arena, hierarchy, resources, &properties);
	scope_devices(host, arena, resources, &properties);
	if (properties.count == 0)
		return 0;
	result = systemd_open(host, &bus, err);
	if (result == 0)
		result = systemd_change(host, bus, unit, &properties, err);
	systemd_close(bus);
	return result;
}

static const struct group *devices_group(const struct group *groups, size_t count)
{
	const struct group *chosen = NULL;
	size_t i;

	for (i = 0; i < count; i++)
		if ((groups[i].mask & CONTROLLER_BIT(CONTROLLER_DEVICES)) || (groups[i].unified && !chosen))
			chosen = &groups[i];
	return chosen;
}

/* A list is the whole list; without one they stay as they are. */
static int change_devices(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *groups,
			  size_t count, const struct hyfw_oci_resources *resources, struct hyfw_error **err)
{
	static const struct device_rule everything = { true, 'a', DEVICE_ANY, DEVICE_ANY, DEVICE_ACCESS_ALL };
	const struct device_rule *rules = &everything;
	const struct group *group = devices_group(groups, count);
	size_t rule_count = oci_devices(host, arena, resources, &rules);
	AUTO_CLOSE int fd = -1;
	int result;

	if (resources->device_count == 0)
		return 0;
	if (!group)
		return host->fail(err, ENOTSUP, "linux.resources.devices: the container has no control group for it");
	fd = group_open(group->path);
	if (fd < 0)
		return host->fail(err, -fd, "control group %s: %s", group->path, strerror(-fd));
	if (group->unified)
		result = device_rules_change_v2(fd, rules, rule_count);
	else
		result = device_rules_change_v1(fd, rules, rule_count ? rule_count : 1);
	return result < 0 ? oci_devices_refused(host, group, result, err) : 0;
}

static void budget_above(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *groups,
			 size_t count, const struct hyfw_map *record, const struct oci_writes *writes)
{
	size_t i;

	for (i = 0; i < count; i++) {
		const char *made = groups[i].unified || !(groups[i].mask & CONTROLLER_BIT(CONTROLLER_CPU)) ? NULL :
			hyfw_map_get(record, host->format(arena, OCI_NOTE_MADE "%s", groups[i].controllers));

		if (made)
			oci_budget_above(host, arena, made, groups[i].path, writes);
	}
}

int oci_update(const struct hyfw_host *host, const struct hierarchy *hierarchy, const struct hyfw_subject *subject,
	       const struct hyfw_map *record, struct hyfw_error **err)
{
	struct hyfw_arena *arena = host->arena_new();
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(record, groups), i;
	struct oci_writes writes = { 0 };
	AUTO_CLOSE int unified = -1;
	uint32_t v1 = 0;
	int result;

	for (i = 0; i < count; i++)
		v1 |= groups[i].mask;
	for (i = 0; i < count; i++) {
		if (!groups[i].unified)
			continue;
		groups[i].mask = hierarchy->unified_has & ~v1;
		unified = group_open(groups[i].path);
	}
	result = oci_values(host, arena, hierarchy, &subject->oci->resources, unified, &writes, err);
	if (result == 0)
		result = oci_devices_check(host, arena, hierarchy, &subject->oci->resources, err);
	if (result == 0 && hyfw_map_get(record, OCI_NOTE_SCOPE))
		result = change_scope(host, arena, hierarchy, &subject->oci->resources,
				      hyfw_map_get(record, OCI_NOTE_SCOPE), err);
	if (result == 0) {
		budget_above(host, arena, groups, count, record, &writes);
		result = oci_write(host, arena, groups, count, &writes, err);
	}
	if (result == 0)
		result = change_devices(host, arena, groups, count, &subject->oci->resources, err);
	host->arena_free(arena);
	return result;
}
