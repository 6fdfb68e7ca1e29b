/* SPDX-License-Identifier: BSD-3-Clause
 * apply() makes what the arguments of a bundle's step say, and undo() takes back what was
 * noted. */
#include "systemd.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_GROUP "cgroup."

/* ---- the step's arguments ---- */

static size_t parse_groups(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
			   const struct hyfw_map *args, struct group groups[GROUPS_MAX])
{
	const char *text;
	size_t cursor = 0, count = 0;
	uint32_t v1 = 0;

	while (count < GROUPS_MAX && (text = hyfw_map_next(args, "group", &cursor))) {
		const char *path = strchr(text, ' ');
		struct group *group = &groups[count];

		if (!path || path[1] != '/')
			continue;
		*group = (struct group){ .path = path + 1,
					 .controllers = host->format(arena, "%.*s", (int)(path - text), text) };
		group->unified = strcmp(group->controllers, OCI_UNIFIED) == 0;
		group->mask = group->unified ? hierarchy->unified_has & ~v1 : controllers_parse(group->controllers);
		v1 |= group->mask;
		count++;
	}
	return count;
}

static void parse_writes(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *args,
			 struct oci_writes *ret_writes)
{
	struct oci_context context = { .host = host, .arena = arena, .writes = ret_writes };
	const char *text;
	size_t cursor = 0;

	while ((text = hyfw_map_next(args, "write", &cursor))) {
		char *copy = host->format(arena, "%s", text), *at = copy, *words[4] = { NULL };
		int i;

		for (i = 0; i < 4 && at; i++)
			words[i] = strsep(&at, " ");
		if (at)
			oci_put(&context, (enum controller)atoi(words[0]), (unsigned)atoi(words[1]), words[3], words[2],
				at);
	}
}

static size_t parse_devices(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *args,
			    struct device_rule **ret_rules)
{
	struct device_rule *rules = host->alloc(arena, (args->count + 1) * sizeof(*rules));
	const char *text;
	size_t cursor = 0, count = 0;

	while ((text = hyfw_map_next(args, "device", &cursor)))
		count += device_rule_parse(text, &rules[count]) == 0;
	*ret_rules = rules;
	return count;
}

/* ---- apply ---- */

/* Nobody but root of the machine may be unable to make them: without limits, as crun. */
static bool may_do_without(int result)
{
	return (result == -EACCES || result == -EPERM || result == -EROFS) && oci_is_rootless();
}

/* Nobody named the path, so that whoever has groups below it does not expect us. */
static int check_own(const struct hyfw_host *host, const char *path, struct hyfw_error **err)
{
	struct stat st;

	if (stat(path, &st) < 0 || st.st_nlink <= 2)
		return 0;
	return host->fail(err, EBUSY, "control group %s has groups of others: linux.cgroupsPath can name another", path);
}

/* The group, noted before it is made; leaves its path empty when it is done without. */
static int make_one(const struct hyfw_host *host, const struct hierarchy *hierarchy, struct hyfw_call *call,
		    struct group *group, uint32_t needed, const char **ret_made, struct hyfw_error **err)
{
	const bool in_scope = hyfw_map_get(&call->step->args, OCI_NOTE_SCOPE) != NULL;
	const char *mount = oci_mount_of(hierarchy, group), *missing;
	char *key = host->format(call->arena, KEY_GROUP "%s", group->controllers);
	int result = 0;

	if (!mount)
		return host->fail(err, EINVAL, "%s is in no hierarchy of control groups", group->path);
	missing = oci_first_missing(host, call->arena, mount, group->path);
	if (!missing && hyfw_map_get(&call->step->args, OCI_KEY_OWN))
		result = check_own(host, group->path, err);
	if (result < 0)
		return result;
	if (missing)
		result = host->note(call, host->format(call->arena, OCI_NOTE_MADE "%s", group->controllers), missing, err);
	if (result == 0)
		result = host->note(call, key, group->path, err);
	if (result == 0)
		result = oci_make(host, call->arena, mount, group, needed, in_scope, err);
	*ret_made = missing;
	if (result == 0)
		return 0;
	if (may_do_without(result)) {
		host->log(HYFW_LOG_INFO, "%s: no control group: that takes root, or a group that was handed over",
			  group->path);
		host->forget(err);
		group->path = "";
		return host->note(call, key, "", err);
	}
	if (result == -EBUSY) /* others': not to be cleared away in undo() */
		host->note(call, key, "", NULL);
	return result;
}

static int limit_devices(const struct hyfw_host *host, struct hyfw_call *call, const struct group *groups,
			 size_t count, struct hyfw_error **err)
{
	struct device_rule *rules;
	size_t rule_count = parse_devices(host, call->arena, &call->step->args, &rules), i;
	const struct group *chosen = NULL;
	AUTO_CLOSE int fd = -1;
	int result;

	for (i = 0; i < count; i++)
		if ((groups[i].mask & CONTROLLER_BIT(CONTROLLER_DEVICES)) || (groups[i].unified && !chosen))
			chosen = &groups[i];
	if (rule_count == 0 || !chosen)
		return 0;
	fd = group_open(chosen->path);
	if (fd < 0)
		return host->fail(err, -fd, "control group %s: %s", chosen->path, strerror(-fd));
	result = chosen->unified ? device_rules_attach_v2(fd, rules, rule_count) :
				   device_rules_write_v1(fd, rules, rule_count);
	if ((result == -EPERM || result == -EACCES) && oci_is_rootless())
		return 0; /* there no device can be made, and none on a mount be used */
	return result < 0 ? oci_devices_refused(host, chosen, result, err) : 0;
}

/* Without the process in it, which 'ret_channel' leads to, systemd would remove it again. */
static int start_scope(const struct hyfw_host *host, struct hyfw_call *call, const char *unit, int *ret_channel,
		       struct hyfw_error **err)
{
	const struct hyfw_map *args = &call->step->args;
	struct scope_properties properties = { 0 };
	struct sd_bus *bus = NULL;
	const char *text;
	size_t cursor = 0;
	int pid, result;

	properties.items = host->alloc(call->arena, (args->count + 1) * sizeof(*properties.items));
	while ((text = hyfw_map_next(args, "property", &cursor)))
		properties.items[properties.count++] = text;
	result = systemd_open(host, &bus, err);
	if (result == 0)
		result = host->note(call, OCI_NOTE_SCOPE, unit, err);
	if (result == 0)
		result = holder_start(host, &pid, ret_channel, err);
	if (result == 0)
		result = systemd_start(host, bus, unit, &properties, pid, err);
	if (result == -EEXIST) /* another's: not to be stopped in undo() */
		host->note(call, OCI_NOTE_SCOPE, "", NULL);
	systemd_close(bus);
	return result;
}

/* What the groups need beside their values. */
static int settle(const struct hyfw_host *host, struct hyfw_call *call, const struct group *groups,
		  const char *const *made, size_t count, const struct oci_writes *writes, struct hyfw_error **err)
{
	const char *owner = hyfw_map_get(&call->step->args, OCI_KEY_OWNER);
	int result = 0;
	size_t i;

	for (i = 0; result == 0 && i < count; i++) {
		if (made[i] && !groups[i].unified && (groups[i].mask & CONTROLLER_BIT(CONTROLLER_CPU)))
			oci_budget_above(host, call->arena, made[i], groups[i].path, writes);
		if (owner && groups[i].unified)
			result = oci_hand_over(host, groups[i].path, (uint32_t)strtoul(owner, NULL, 10), err);
	}
	return result;
}

static int fill(const struct hyfw_host *host, const struct hierarchy *hierarchy, struct hyfw_call *call,
		struct group groups[GROUPS_MAX], size_t count, struct hyfw_error **err)
{
	const char *made[GROUPS_MAX] = { NULL };
	struct oci_writes writes = { 0 };
	const char *asked = "";
	size_t there = 0, i;
	uint32_t needed = 0;
	int result = 0;

	parse_writes(host, call->arena, &call->step->args, &writes);
	for (i = 0; i < writes.count; i++)
		if (writes.items[i].controller < CONTROLLER_COUNT && !(writes.items[i].flags & OCI_MAY)) {
			needed |= CONTROLLER_BIT(writes.items[i].controller);
			asked = writes.items[i].key;
		}
	for (i = 0; result == 0 && i < count; i++) {
		result = make_one(host, hierarchy, call, &groups[i], needed, &made[there], err);
		if (result == 0 && *groups[i].path)
			groups[there++] = groups[i];
	}
	hyfw_phase_tell(host, "groups", 0);
	if (result == 0 && there == 0 && needed)
		result = host->fail(err, EACCES, "linux.resources.%s: permission denied: rootless needs no limits + no "
				    "cgrouppath when no permission is granted for cgroups", asked);
	if (result == 0)
		result = settle(host, call, groups, made, there, &writes, err);
	if (result == 0)
		result = oci_write(host, call->arena, groups, there, &writes, err);
	hyfw_phase_tell(host, "limits", 0);
	if (result == 0)
		result = limit_devices(host, call, groups, there, err);
	hyfw_phase_tell(host, "devices", 0);
	return result;
}

int oci_apply(const struct hyfw_host *host, const struct hierarchy *hierarchy, struct hyfw_call *call,
	      struct hyfw_error **err)
{
	const char *unit = hyfw_map_get(&call->step->args, OCI_NOTE_SCOPE), *held = NULL;
	struct group groups[GROUPS_MAX];
	size_t count = parse_groups(host, call->arena, hierarchy, &call->step->args, groups), i;
	AUTO_CLOSE int channel = -1;
	int result = host->note(call, OCI_NOTE_MARK, "true", err);

	/* Those that systemd puts its process in, whatever controllers there are. */
	for (i = 0; i < count; i++)
		if (groups[i].unified || (!held && (groups[i].mask & CONTROLLER_BIT(CONTROLLER_SYSTEMD))))
			held = groups[i].path;
	if (result == 0 && unit)
		result = start_scope(host, call, unit, &channel, err);
	if (unit)
		hyfw_phase_tell(host, "systemd's scope", 0);
	if (result == 0)
		result = fill(host, hierarchy, call, groups, count, err);
	if (result == 0 && channel >= 0 && held)
		holder_watch(channel, held);
	return result;
}

/* ---- undo ---- */

static bool is_planned(const struct hyfw_map *args, const char *path)
{
	const char *text;
	size_t cursor = 0;

	while ((text = hyfw_map_next(args, "group", &cursor))) {
		const char *planned = strchr(text, ' ');

		if (planned && strcmp(planned + 1, path) == 0)
			return true;
	}
	return false;
}

static void thaw(const struct group *groups, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		AUTO_CLOSE int fd = groups[i].mask & CONTROLLER_BIT(CONTROLLER_FREEZER) ? group_open(groups[i].path) : -1;

		if (fd >= 0)
			file_write(fd, "freezer.state", "THAWED");
	}
}

/* Directories above a group that was not made in the end. */
static void remove_rest(const struct hyfw_map *args, const char *made)
{
	const char *text;
	size_t cursor = 0;

	while ((text = hyfw_map_next(args, "group", &cursor)))
		if (strchr(text, ' '))
			oci_remove_rest(strchr(text, ' ') + 1, made);
}

static int stop_scope(const struct hyfw_host *host, const char *unit, struct hyfw_error **err)
{
	struct sd_bus *bus = NULL;
	int result = systemd_open(host, &bus, err);

	if (result == 0)
		result = systemd_stop(host, bus, unit, err);
	systemd_close(bus);
	return result;
}

int oci_undo(const struct hyfw_host *host, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *unit = hyfw_map_get(&call->record, OCI_NOTE_SCOPE);
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(&call->record, groups), i;
	int result = 0;

	for (i = 0; i < count; i++)
		if (!is_planned(&call->step->args, groups[i].path))
			return host->fail(err, EINVAL, "%s is not a control group of this container", groups[i].path);
	thaw(groups, count);
	for (i = 0; result == 0 && i < count; i++) {
		char *key = host->format(call->arena, OCI_NOTE_MADE "%s", oci_controllers_of(&groups[i]));

		result = oci_remove(host, groups[i].path, hyfw_map_get(&call->record, key), err);
	}
	if (result == 0 && unit && *unit)
		result = stop_scope(host, unit, err);
	for (i = 0; result == 0 && i < call->record.count; i++)
		if (strncmp(call->record.items[i].key, OCI_NOTE_MADE, strlen(OCI_NOTE_MADE)) == 0)
			remove_rest(&call->step->args, call->record.items[i].value);
	return result;
}
