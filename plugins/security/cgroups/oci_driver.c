/* SPDX-License-Identifier: BSD-3-Clause
 * The driver's operations for a bundle: plan() decides, apply() makes what the arguments
 * of its step say, and the rest finds the groups in the notes. */
#include "oci.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define UNIFIED "unified"
#define KEY_GROUP "cgroup."
#define KEY_MADE "made."
#define KEY_MARK "oci"

/* ---- the step's arguments ---- */

static const char *controllers_of(const struct group *group)
{
	return group->unified ? UNIFIED : group->controllers;
}

static char *write_text(const struct hyfw_host *host, struct hyfw_arena *arena, const struct oci_write *write)
{
	return host->format(arena, "%u %u %s %s %s", (unsigned)write->controller, write->flags, write->file, write->key,
			    write->text);
}

int oci_plan(const struct hyfw_host *host, const struct hierarchy *hierarchy, const struct hyfw_subject *subject,
	     struct hyfw_plan *plan, struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_oci_resources *resources = &subject->oci->resources;
	struct hyfw_step step = { sizeof(step), .verb = OCI_VERB, .lifetime = HYFW_LIFETIME_RUN };
	const struct device_rule *rules;
	struct group groups[GROUPS_MAX];
	struct oci_writes writes = { 0 };
	size_t count = 0, rule_count = oci_devices(host, arena, resources, &rules), i;
	struct hyfw_pair *pairs;
	int result = oci_place(host, arena, hierarchy, subject->oci, groups, &count, err);

	if (result == 0)
		result = oci_values(host, arena, hierarchy, resources, -1, &writes, err);
	if (result == 0 && device_rules_check(rules, rule_count) < 0)
		result = host->fail(err, EINVAL, "linux.resources.devices: has a rule that no kernel could be given");
	if (result < 0)
		return result;
	pairs = host->alloc(arena, (count + writes.count + rule_count) * sizeof(*pairs));
	for (i = 0; i < count; i++)
		pairs[step.args.count++] = (struct hyfw_pair){
			"group", host->format(arena, "%s %s", controllers_of(&groups[i]), groups[i].path) };
	for (i = 0; i < writes.count; i++)
		pairs[step.args.count++] = (struct hyfw_pair){ "write", write_text(host, arena, &writes.items[i]) };
	for (i = 0; i < rule_count; i++) {
		char *text = host->alloc(arena, DEVICE_RULE_TEXT);

		device_rule_text(&rules[i], text);
		pairs[step.args.count++] = (struct hyfw_pair){ "device", text };
	}
	step.args.items = pairs;
	step.object = host->format(arena, "control groups of %s", subject->name);
	step.summary = host->format(arena, "make the control groups of %s", subject->name);
	return host->plan_step(plan, &step, err);
}

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
		group->unified = strcmp(group->controllers, UNIFIED) == 0;
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

/* The group, noted before it is made; leaves its path empty when it is done without. */
static int make_one(const struct hyfw_host *host, const struct hierarchy *hierarchy, struct hyfw_call *call,
		    struct group *group, uint32_t needed, struct hyfw_error **err)
{
	const char *mount = oci_mount_of(hierarchy, group), *missing;
	char *key = host->format(call->arena, KEY_GROUP "%s", group->controllers);
	int result = 0;

	if (!mount)
		return host->fail(err, EINVAL, "%s is in no hierarchy of control groups", group->path);
	missing = oci_first_missing(host, call->arena, mount, group->path);
	if (missing)
		result = host->note(call, host->format(call->arena, KEY_MADE "%s", group->controllers), missing, err);
	if (result == 0)
		result = host->note(call, key, group->path, err);
	if (result == 0)
		result = oci_make(host, call->arena, mount, group, needed, err);
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
	if (result < 0)
		return host->fail(err, -result, "linux.resources.devices: the kernel refuses the rules for %s: %s",
				  chosen->path, strerror(-result));
	return 0;
}

int oci_apply(const struct hyfw_host *host, const struct hierarchy *hierarchy, struct hyfw_call *call,
	      struct hyfw_error **err)
{
	struct group groups[GROUPS_MAX];
	struct oci_writes writes = { 0 };
	size_t count = parse_groups(host, call->arena, hierarchy, &call->step->args, groups), made = 0, i;
	uint32_t needed = 0;
	int result = host->note(call, KEY_MARK, "true", err);

	parse_writes(host, call->arena, &call->step->args, &writes);
	for (i = 0; i < writes.count; i++)
		if (writes.items[i].controller < CONTROLLER_COUNT && !(writes.items[i].flags & OCI_MAY))
			needed |= CONTROLLER_BIT(writes.items[i].controller);
	for (i = 0; result == 0 && i < count; i++) {
		result = make_one(host, hierarchy, call, &groups[i], needed, err);
		if (result == 0 && *groups[i].path)
			groups[made++] = groups[i];
	}
	if (result == 0)
		result = oci_write(host, call->arena, groups, made, &writes, err);
	return result < 0 ? result : limit_devices(host, call, groups, made, err);
}

/* ---- undo ---- */

bool oci_is_record(const struct hyfw_map *record)
{
	return hyfw_map_get(record, KEY_MARK) != NULL;
}

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

	while ((text = hyfw_map_next(args, "group", &cursor))) {
		AUTO_FREE char *level = strchr(text, ' ') ? strdup(strchr(text, ' ') + 1) : NULL;
		char *slash;

		if (!level || strncmp(level, made, strlen(made)) != 0)
			continue;
		while ((slash = strrchr(level, '/')) && slash > level && strlen(level) > strlen(made)) {
			*slash = '\0';
			rmdir(level);
		}
	}
}

int oci_undo(const struct hyfw_host *host, struct hyfw_call *call, struct hyfw_error **err)
{
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(&call->record, groups), i;
	int result = 0;

	for (i = 0; i < count; i++)
		if (!is_planned(&call->step->args, groups[i].path))
			return host->fail(err, EINVAL, "%s is not a control group of this container", groups[i].path);
	thaw(groups, count);
	for (i = 0; result == 0 && i < count; i++) {
		char *key = host->format(call->arena, KEY_MADE "%s", controllers_of(&groups[i]));

		result = oci_remove(host, groups[i].path, hyfw_map_get(&call->record, key), err);
	}
	for (i = 0; result == 0 && i < call->record.count; i++)
		if (strncmp(call->record.items[i].key, KEY_MADE, strlen(KEY_MADE)) == 0)
			remove_rest(&call->step->args, call->record.items[i].value);
	return result;
}

/* ---- what is done to them later ---- */

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
		result = oci_write(host, arena, groups, count, &writes, err);
	host->arena_free(arena);
	return result;
}
