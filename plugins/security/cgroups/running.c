/* SPDX-License-Identifier: BSD-3-Clause
 * What is asked of the groups of a workload while it runs. */
#include "operations.h"

#include <errno.h>
#include <unistd.h>

static const char *group_to_join(const struct hyfw_host *host, struct hyfw_arena *arena,
				 const struct hyfw_subject *subject, const struct hyfw_map *record,
				 const struct group *group)
{
	const char *word = hyfw_map_get(&subject->settings, "systemd");

	if (oci_is_record(record))
		return oci_group_to_join(host, arena, group);
	return word && strcmp(word, "off") != 0 && strcmp(word, "auto") != 0 ? delegate_join(host, arena, group) : group->path;
}

int cgroups_confine(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
		    struct hyfw_arena *arena, struct hyfw_confinement *confinement, struct hyfw_error **err)
{
	struct cgroups *instance = data;
	const struct hyfw_host *host = instance->host;
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(record, groups), i;
	struct hyfw_cgroup *list;

	if (count == 0 && !oci_is_record(record) &&
	    !(cgroups_hierarchy(instance, NULL) == 0 && groups_denied(&instance->hierarchy)))
		return host->fail(err, ENOENT, "workload %s has no control group", subject->name);
	list = host->alloc(arena, count * sizeof(*list));
	for (i = 0; i < count; i++) {
		list[i].path = host->format(arena, "%s", group_to_join(host, arena, subject, record, &groups[i]));
		list[i].controllers = host->format(arena, "%s", groups[i].controllers);
		list[i].unified = groups[i].unified;
	}
	confinement->cgroups = list;
	confinement->cgroup_count = count;
	return 0;
}

int cgroups_stats(void *data, const struct hyfw_map *record, struct hyfw_stats *stats,
		  struct hyfw_error **err)
{
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(record, groups), i;

	(void)data;
	(void)err;
	for (i = 0; i < count; i++)
		group_stats(&groups[i], stats);
	return 0;
}

int cgroups_report(void *data, const struct hyfw_map *record, struct hyfw_arena *arena, const char **ret_json,
		   struct hyfw_error **err)
{
	const struct cgroups *instance = data;

	return oci_report(instance->host, record, arena, ret_json, err);
}

int cgroups_freeze(void *data, const struct hyfw_map *record, bool frozen, struct hyfw_error **err)
{
	struct cgroups *instance = data;
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(record, groups);
	int result;

	if (oci_is_record(record))
		return oci_freeze(instance->host, record, frozen, err);
	result = cgroups_hierarchy(instance, err);
	if (result < 0)
		return result;
	return groups_freeze(instance->host, &instance->hierarchy, groups, count, frozen, err);
}

int cgroups_kill(void *data, const struct hyfw_map *record, struct hyfw_error **err)
{
	struct cgroups *instance = data;
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(record, groups), i;
	AUTO_FREE char *freezer = NULL;
	int result;

	if (oci_is_record(record))
		return oci_kill(instance->host, record, err);
	result = cgroups_hierarchy(instance, err);
	if (result == 0 && count > 0 && !groups[0].unified)
		freezer = freezer_path(&instance->hierarchy, groups[0].path);
	/* Frozen processes have to be woken to die. */
	if (freezer && access(freezer, F_OK) == 0)
		result = group_kill(instance->host, freezer, err);
	for (i = 0; result == 0 && i < count; i++)
		result = group_kill(instance->host, groups[i].path, err);
	return result;
}

int cgroups_update(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
		   struct hyfw_error **err)
{
	struct cgroups *instance = data;
	struct group groups[GROUPS_MAX];
	const size_t count = groups_recorded(record, groups);
	struct limits limits;
	int result = cgroups_hierarchy(instance, err);

	if (subject->oci)
		return result < 0 ? result : oci_update(instance->host, &instance->hierarchy, subject, record, err);
	limits_of_subject(subject, &limits);
	limits.devices = NULL; /* is not what can change */
	limits.figures = false;
	if (result == 0)
		result = limits_check(instance->host, &limits, err);
	return result < 0 ? result : groups_update(instance->host, &instance->hierarchy, groups, count, &limits, err);
}

/* What a limit refuses is counted and not told: there is nothing to follow. */
int cgroups_explain(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
		    const struct hyfw_operation *operation, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	const struct cgroups *instance = data;

	(void)err;
	*ret_result = (struct hyfw_map){ 0 };
	if (!hyfw_map_bool(&operation->args, "follow", false))
		why_explain(instance->host, subject, record, operation->arena, ret_result);
	return 0;
}
