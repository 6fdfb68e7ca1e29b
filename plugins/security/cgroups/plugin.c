/* SPDX-License-Identifier: BSD-3-Clause
 * The cgroups driver's operations.  One step for each workload: it makes the
 * groups with their limits before the workload exists and removes them, with
 * whatever is left inside, when it has ended. */
#include "oci.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define VERB "cgroup"

struct instance {
	const struct hyfw_host *host;
	char *mount;
	bool found;
	struct hierarchy hierarchy;
};

static int cgroups_open(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
			struct hyfw_error **err)
{
	struct instance *instance = calloc(1, sizeof(*instance));
	const char *mount = hyfw_map_get(settings, "mount");

	if (instance)
		instance->mount = strdup(mount ? mount : DEFAULT_MOUNT);
	if (!instance || !instance->mount) {
		free(instance);
		return host->fail(err, ENOMEM, "out of memory");
	}
	instance->host = host;
	*ret_instance = instance;
	return 0;
}

static void cgroups_close(void *data)
{
	struct instance *instance = data;

	if (!instance)
		return;
	hierarchy_finish(&instance->hierarchy);
	free(instance->mount);
	free(instance);
}

/* Looked for once, when first needed. */
static int hierarchy(struct instance *instance, struct hyfw_error **err)
{
	int result;

	if (instance->found)
		return 0;
	result = hierarchy_find(instance->host, instance->mount, &instance->hierarchy, err);
	instance->found = result == 0;
	return result;
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

/* The limits of a subject, with what follows from more than its settings. */
static void subject_limits(const struct hyfw_subject *subject, struct limits *ret_limits)
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

static int cgroups_check(void *data, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	struct instance *instance = data;
	struct limits limits;

	if (subject->kind != HYFW_SUBJECT_WORKLOAD || subject->oci)
		return 0;
	subject_limits(subject, &limits);
	if (hierarchy(instance, NULL) == 0 && groups_denied(&instance->hierarchy)) {
		limits.pids_by_default = true; /* may be: plan() is told which it is */
		return groups_denied_check(instance->host, &limits, err);
	}
	return limits_check(instance->host, &limits, err);
}

static int cgroups_plan(void *data, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			struct hyfw_arena *arena, struct hyfw_error **err)
{
	struct instance *instance = data;
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
		result = hierarchy(instance, err);
		return result < 0 ? result : oci_plan(host, &instance->hierarchy, subject, plan, arena, err);
	}
	subject_limits(subject, &limits);
	/* Not everybody who plans has asked check() before. */
	result = limits_check(host, &limits, err);
	if (result == 0)
		result = hierarchy(instance, err);
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

static int cgroups_apply(void *data, struct hyfw_call *call, struct hyfw_error **err)
{
	struct instance *instance = data;
	const struct hyfw_host *host = instance->host;
	const char *workload = hyfw_map_get(&call->step->args, "workload");
	struct group groups[GROUPS_MAX];
	struct limits limits;
	size_t count = 0, i;
	int result;

	if (strcmp(call->step->verb, OCI_VERB) == 0) {
		result = hierarchy(instance, err);
		return result < 0 ? result : oci_apply(host, &instance->hierarchy, call, err);
	}
	if (!workload)
		return host->fail(err, EINVAL, "the step does not name its workload");
	limits_read(&call->step->args, &limits);
	result = hierarchy(instance, err);
	if (result == 0)
		result = groups_choose(host, call->arena, &instance->hierarchy, &limits, workload, groups, &count,
				       err);
	for (i = 0; result == 0 && i < count; i++)
		result = make(host, call, &groups[i], &limits, err);
	return result;
}

/* The lazily made v1 freezer is not noted: its place follows from the others. */
static int remove_freezer(struct instance *instance, const struct group *group, struct hyfw_error **err)
{
	AUTO_FREE char *path = NULL;
	int result;

	if (group->unified || hierarchy(instance, NULL) < 0)
		return 0;
	path = freezer_path(&instance->hierarchy, group->path);
	if (!path || access(path, F_OK) < 0)
		return 0;
	result = group_remove(instance->host, path, err);
	group_remove_parent(path);
	return result;
}

static int cgroups_undo(void *data, struct hyfw_call *call, struct hyfw_error **err)
{
	struct instance *instance = data;
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

static int cgroups_gc(void *data, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	struct instance *instance = data;
	int result = hierarchy(instance, err);

	if (result == 0 && groups_denied(&instance->hierarchy))
		return 0; /* what is there is somebody else's */
	return result < 0 ? result : groups_gc(instance->host, &instance->hierarchy, alive, err);
}

static const char *group_to_join(const struct hyfw_host *host, struct hyfw_arena *arena,
				 const struct hyfw_subject *subject, const struct hyfw_map *record,
				 const struct group *group)
{
	const char *word = hyfw_map_get(&subject->settings, "systemd");

	if (oci_is_record(record))
		return oci_group_to_join(host, arena, group);
	return word && strcmp(word, "off") != 0 && strcmp(word, "auto") != 0 ? delegate_join(host, arena, group) : group->path;
}

static int cgroups_confine(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
			   struct hyfw_arena *arena, struct hyfw_confinement *confinement, struct hyfw_error **err)
{
	struct instance *instance = data;
	const struct hyfw_host *host = instance->host;
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(record, groups), i;
	struct hyfw_cgroup *list;

	if (count == 0 && !oci_is_record(record) &&
	    !(hierarchy(instance, NULL) == 0 && groups_denied(&instance->hierarchy)))
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

static int cgroups_stats(void *data, const struct hyfw_map *record, struct hyfw_stats *stats,
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

static int cgroups_report(void *data, const struct hyfw_map *record, struct hyfw_arena *arena, const char **ret_json,
			  struct hyfw_error **err)
{
	const struct instance *instance = data;

	return oci_report(instance->host, record, arena, ret_json, err);
}

static int cgroups_freeze(void *data, const struct hyfw_map *record, bool frozen, struct hyfw_error **err)
{
	struct instance *instance = data;
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(record, groups);
	int result;

	if (oci_is_record(record))
		return oci_freeze(instance->host, record, frozen, err);
	result = hierarchy(instance, err);
	if (result < 0)
		return result;
	return groups_freeze(instance->host, &instance->hierarchy, groups, count, frozen, err);
}

static int cgroups_kill(void *data, const struct hyfw_map *record, struct hyfw_error **err)
{
	struct instance *instance = data;
	struct group groups[GROUPS_MAX];
	size_t count = groups_recorded(record, groups), i;
	AUTO_FREE char *freezer = NULL;
	int result;

	if (oci_is_record(record))
		return oci_kill(instance->host, record, err);
	result = hierarchy(instance, err);
	if (result == 0 && count > 0 && !groups[0].unified)
		freezer = freezer_path(&instance->hierarchy, groups[0].path);
	/* Frozen processes have to be woken to die. */
	if (freezer && access(freezer, F_OK) == 0)
		result = group_kill(instance->host, freezer, err);
	for (i = 0; result == 0 && i < count; i++)
		result = group_kill(instance->host, groups[i].path, err);
	return result;
}

static int cgroups_update(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
			  struct hyfw_error **err)
{
	struct instance *instance = data;
	struct group groups[GROUPS_MAX];
	const size_t count = groups_recorded(record, groups);
	struct limits limits;
	int result = hierarchy(instance, err);

	if (subject->oci)
		return result < 0 ? result : oci_update(instance->host, &instance->hierarchy, subject, record, err);
	subject_limits(subject, &limits);
	limits.devices = NULL; /* is not what can change */
	limits.figures = false;
	if (result == 0)
		result = limits_check(instance->host, &limits, err);
	return result < 0 ? result : groups_update(instance->host, &instance->hierarchy, groups, count, &limits, err);
}

/* What a limit refuses is counted and not told: there is nothing to follow. */
static int cgroups_explain(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
			   const struct hyfw_operation *operation, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	const struct instance *instance = data;

	(void)err;
	*ret_result = (struct hyfw_map){ 0 };
	if (!hyfw_map_bool(&operation->args, "follow", false))
		why_explain(instance->host, subject, record, operation->arena, ret_result);
	return 0;
}

static const struct hyfw_common_ops common = {
	sizeof(common),
	.probe = hierarchy_probe,
	.open = cgroups_open,
	.check = cgroups_check,
	.plan = cgroups_plan,
	.apply = cgroups_apply,
	.undo = cgroups_undo,
	.gc = cgroups_gc,
	.close = cgroups_close,
};

static const struct hyfw_security_ops ops = {
	sizeof(ops),
	.confine = cgroups_confine,
	.stats = cgroups_stats,
	.freeze = cgroups_freeze,
	.kill = cgroups_kill,
	.update = cgroups_update,
	.report = cgroups_report,
	.explain = cgroups_explain,
};

static const char *const words[] = { HYFW_CONFINES_RESOURCES, NULL };
static const char *const honours[] = { "workload.cpus",	"workload.cpuset", "workload.cpu_shares",
				       "workload.pids", "workload.memory", "workload.memory_swap", "workload.io_max",
				       NULL };
static const struct hyfw_need needs[] = { { "kernel", "cgroups", false }, { NULL, NULL, false } };
static const char *const statistics_choices[] = { "auto", "yes", "no", NULL };
static const struct hyfw_option options[] = {
	{ .name = "mount", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_PATH, .fallback = DEFAULT_MOUNT,
	  .help = "Where control groups are mounted; the directory of cgroup2, or the one above the controllers." },
	{ .name = "statistics", .scope = HYFW_SCOPE_WORKLOAD, .type = HYFW_OPTION_CHOICE, .fallback = "auto",
	  .choices = statistics_choices,
	  .help = "Count memory and CPU time also where no limit needs it; auto: for all but --rm workloads." },
	{ .name = NULL },
};

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_SECURITY,
	.name = "cgroups",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "limits on CPU, memory, disks and processes through control groups",
	.capabilities = words,
	.needs = needs,
	.options = options,
	.option_stride = sizeof(struct hyfw_option),
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};

HYFW_PLUGIN_EXPORT(HYFW_KIND_SECURITY, 0, plugin)
