/* SPDX-License-Identifier: BSD-3-Clause
 * plan() for a bundle: all that is decided, as arguments of its step. */
#include "systemd.h"

#include <inttypes.h>
#include <linux/mount.h>
#include <sched.h>

const char *oci_controllers_of(const struct group *group)
{
	return group->unified ? OCI_UNIFIED : group->controllers;
}

static char *write_text(const struct hyfw_host *host, struct hyfw_arena *arena, const struct oci_write *write)
{
	return host->format(arena, "%u %u %s %s %s", (unsigned)write->controller, write->flags, write->file, write->key,
			    write->text);
}

static int plan_scope(const struct hyfw_host *host, const struct hierarchy *hierarchy, struct hyfw_arena *arena,
		      const struct hyfw_oci_config *config, struct scope *scope, struct scope_properties *properties,
		      struct hyfw_error **err)
{
	int result = scope_parse(host, arena, config->cgroups_path, config->id, scope, err);

	return result < 0 ? result : scope_properties(host, arena, hierarchy, scope, config, properties, err);
}

/* A control group namespace of its own and a file system of it that can be written to mean
 * that the group is the container's to manage (config-linux.md#cgroup-ownership). */
static bool manages_its_group(const struct hyfw_oci_config *config)
{
	bool own = false, writable = false;
	size_t i;

	for (i = 0; i < config->namespace_count; i++)
		own = own || (config->namespaces[i].type == CLONE_NEWCGROUP && !config->namespaces[i].path);
	for (i = 0; i < config->mount_count; i++) {
		const struct hyfw_oci_mount *mount = &config->mounts[i];

		if (mount->type && strncmp(mount->type, "cgroup", strlen("cgroup")) == 0)
			writable = !(mount->set & MOUNT_ATTR_RDONLY);
	}
	return own && writable;
}

/* The user whose the group becomes, as the machine numbers them: text in 'arena', or NULL. */
static const char *owner_of(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
			    const struct hyfw_oci_config *config)
{
	const uint32_t uid = config->process.uid;
	const struct hyfw_oci_idmap *map = &config->idmap;
	size_t i;

	if (!oci_is_pure_v2(hierarchy) || !manages_its_group(config))
		return NULL;
	for (i = 0; i < map->uid_count; i++)
		if (uid >= map->uids[i].inside && uid - map->uids[i].inside < map->uids[i].count)
			return host->format(arena, "%" PRIu32, map->uids[i].outside + (uid - map->uids[i].inside));
	return map->uid_count == 0 && uid != 0 ? host->format(arena, "%" PRIu32, uid) : NULL;
}

/* What plan() has decided, for the arguments of its step. */
struct decided {
	struct scope scope;
	struct scope_properties properties;
	struct group groups[GROUPS_MAX];
	size_t group_count;
	struct oci_writes writes;
	const struct device_rule *rules;
	size_t rule_count;
	const char *owner; /* NULL: nobody */
	bool own;          /* the path is our choice */
};

static void put(struct hyfw_map *args, struct hyfw_pair *pairs, const char *key, const char *value)
{
	pairs[args->count++] = (struct hyfw_pair){ key, value };
}

static void put_arguments(const struct hyfw_host *host, struct hyfw_arena *arena, const struct decided *decided,
			  struct hyfw_map *args)
{
	const size_t most = decided->group_count + decided->writes.count + decided->rule_count + decided->properties.count + 3;
	struct hyfw_pair *pairs = host->alloc(arena, most * sizeof(*pairs));
	size_t i;

	if (decided->scope.unit)
		put(args, pairs, OCI_NOTE_SCOPE, decided->scope.unit);
	else if (decided->own)
		put(args, pairs, OCI_KEY_OWN, "true");
	if (decided->owner)
		put(args, pairs, OCI_KEY_OWNER, decided->owner);
	for (i = 0; i < decided->properties.count; i++)
		put(args, pairs, "property", decided->properties.items[i]);
	for (i = 0; i < decided->group_count; i++)
		put(args, pairs, "group", host->format(arena, "%s %s", oci_controllers_of(&decided->groups[i]),
						       decided->groups[i].path));
	for (i = 0; i < decided->writes.count; i++)
		put(args, pairs, "write", write_text(host, arena, &decided->writes.items[i]));
	for (i = 0; i < decided->rule_count; i++) {
		char *text = host->alloc(arena, DEVICE_RULE_TEXT);

		device_rule_text(&decided->rules[i], text);
		put(args, pairs, "device", text);
	}
	args->items = pairs;
}

int oci_plan(const struct hyfw_host *host, const struct hierarchy *hierarchy, const struct hyfw_subject *subject,
	     struct hyfw_plan *plan, struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_oci_config *oci = subject->oci;
	struct hyfw_step step = { sizeof(step), .verb = OCI_VERB, .lifetime = HYFW_LIFETIME_RUN };
	struct decided decided = { .own = !oci->cgroups_path || !*oci->cgroups_path };
	int result = 0;

	if (oci->systemd_cgroup)
		result = plan_scope(host, hierarchy, arena, oci, &decided.scope, &decided.properties, err);
	if (result == 0)
		result = oci_place(host, arena, hierarchy, decided.scope.path ? decided.scope.path : oci->cgroups_path,
				   oci->id, decided.groups, &decided.group_count, err);
	if (result == 0)
		result = oci_values(host, arena, hierarchy, &oci->resources, -1, &decided.writes, err);
	if (result == 0)
		result = oci_devices_check(host, arena, hierarchy, &oci->resources, err);
	if (result < 0)
		return result;
	decided.rule_count = oci_devices(host, arena, &oci->resources, &decided.rules);
	decided.owner = owner_of(host, arena, hierarchy, oci);
	put_arguments(host, arena, &decided, &step.args);
	step.object = host->format(arena, "control groups of %s", subject->name);
	step.summary = host->format(arena, "make the control groups of %s", subject->name);
	return host->plan_step(plan, &step, err);
}
