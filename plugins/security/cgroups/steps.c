/* SPDX-License-Identifier: BSD-3-Clause
 * One step for each workload: it makes the groups with their limits before the
 * workload exists and removes them, with whatever is left inside, when it has ended. */
#include "operations.h"

#include <errno.h>
#include <unistd.h>

#define VERB "cgroup"

int cgroups_check(void *data, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	struct cgroups *instance = data;
	struct limits limits;

	if (subject->kind != HYFW_SUBJECT_WORKLOAD || subject->oci)
		return 0;
	limits_of_subject(subject, &limits);
	if (cgroups_hierarchy(instance, NULL) == 0 && groups_denied(&instance->hierarchy)) {
		limits.pids_by_default = true; /* may be: plan() is told which it is */
		return groups_denied_check(instance->host, &limits, err);
	}
	return limits_check(instance->host, &limits, err);
}

int cgroups_plan(void *data, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		 struct hyfw_arena *arena, struct hyfw_error **err)
{
	struct cgroups *instance = data;
	const struct hyfw_host *host = instance->host;
	struct hyfw_step step = { sizeof(step), .verb = VERB, .lifetime = HYFW_LIFETIME_RUN };
	struct group groups[GROUPS_MAX];
	struct hyfw_pair pairs[ARGUMENTS_MAX];
	struct limits limits;
	size_t count;
	int result;

	if (subject->kind != HYFW_SUBJECT_WORKLOAD)
		return 0;
	if (subject->oci) {
		result = cgroups_hierarchy(instance, err);
		return result < 0 ? result : oci_plan(host, &instance->hierarchy, subject, plan, arena, err);
	}
	limits_of_subject(subject, &limits);
	/* Not everybody who plans has asked check() before. */
	result = limits_check(host, &limits, err);
	if (result == 0)
		result = cgroups_hierarchy(instance, err);
	if (result == 0)
		result = delegate_decide(host, arena, &instance->hierarchy, subject, &limits, err);
	if (result < 0)
		return result;
	if (groups_denied(&instance->hierarchy))
		return groups_denied_plan(host, subject, &limits, plan, arena, err);
	result = groups_choose(host, arena, &instance->hierarchy, &limits, subject->name, groups, &count, err);
	if (result < 0)
		return result;
	step.object = host->format(arena, "control group %s", subject->name);
	step.summary = plan_summary(host, arena, &limits, subject->name);
	step.commands = plan_commands(host, arena, &limits, groups, count);
	step.args.count = plan_arguments(host, arena, subject, &limits, pairs);
	step.args.items = pairs;
	return host->plan_step(plan, &step, err);
}

static char *note_key(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *group)
{
	return host->format(arena, "cgroup.%s", group->unified ? "unified" : group->controllers);
}

static int make(const struct hyfw_host *host, struct hyfw_call *call, const struct group *group,
		const struct limits *limits, struct hyfw_error **err)
{
	const char *key = note_key(host, call->arena, group);
	int result = host->note(call, key, group->path, err);

	if (result < 0)
		return result;
	result = group_make(host, call->arena, group, limits, err);
	/* In use by somebody: not ours to clear away in undo(). */
	if (result == -EEXIST)
		host->note(call, key, "", NULL);
	return result;
}

int cgroups_apply(void *data, struct hyfw_call *call, struct hyfw_error **err)
{
	struct cgroups *instance = data;
	const struct hyfw_host *host = instance->host;
	const char *workload = hyfw_map_get(&call->step->args, "workload");
	struct group groups[GROUPS_MAX];
	struct limits limits;
	size_t count = 0, i;
	int result;

	if (strcmp(call->step->verb, OCI_VERB) == 0) {
		result = cgroups_hierarchy(instance, err);
		return result < 0 ? result : oci_apply(host, &instance->hierarchy, call, err);
	}
	if (!workload)
		return host->fail(err, EINVAL, "the step does not name its workload");
	limits_read(&call->step->args, &limits);
	result = cgroups_hierarchy(instance, err);
	if (result == 0)
		result = groups_choose(host, call->arena, &instance->hierarchy, &limits, workload, groups, &count,
				       err);
	for (i = 0; result == 0 && i < count; i++)
		result = make(host, call, &groups[i], &limits, err);
	return result;
}

/* The lazily made v1 freezer is not noted: its place follows from the others. */
static int remove_freezer(struct cgroups *instance, const struct group *group, struct hyfw_error **err)
{
	AUTO_FREE char *path = NULL;
	int result;

	if (group->unified || cgroups_hierarchy(instance, NULL) < 0)
		return 0;
	path = freezer_path(&instance->hierarchy, group->path);
	if (!path || access(path, F_OK) < 0)
		return 0;
	result = group_remove(instance->host, path, err);
	group_remove_parent(path);
	return result;
}

int cgroups_undo(void *data, struct hyfw_call *call, struct hyfw_error **err)
{
	struct cgroups *instance = data;
	const struct hyfw_host *host = instance->host;
	const char *workload = hyfw_map_get(&call->step->args, "workload");
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(&call->record, groups), i;
	int result = 0;

	if (strcmp(call->step->verb, OCI_VERB) == 0)
		return oci_undo(host, call, err);
	for (i = 0; i < count; i++)
		if (!workload || !group_is_ours(groups[i].path, host->owner, workload))
			return host->fail(err, EINVAL, "%s is not a control group of workload %s", groups[i].path,
					  workload ? workload : "?");
	if (count > 0)
		result = remove_freezer(instance, &groups[0], err);
	for (i = 0; result == 0 && i < count; i++) {
		result = group_remove(host, groups[i].path, err);
		group_remove_parent(groups[i].path);
	}
	return result;
}

int cgroups_gc(void *data, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	struct cgroups *instance = data;
	int result = cgroups_hierarchy(instance, err);

	if (result == 0 && groups_denied(&instance->hierarchy))
		return 0; /* what is there is somebody else's */
	return result < 0 ? result : groups_gc(instance->host, &instance->hierarchy, alive, err);
}
