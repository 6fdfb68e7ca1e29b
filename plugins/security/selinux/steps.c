/* SPDX-License-Identifier: BSD-3-Clause
 * Two steps for each workload:
 *
 *     categories   its pair, for as long as there is the workload; taking it back gives the
 *                  labels of its volumes back too
 *     label        for each run: the labels, noted, and volumes that do not have them yet
 *
 * and for machines one for each disk, see disks.c. */
#include "selinux.h"

#include <errno.h>

#define VERB_CATEGORIES "categories"
#define VERB_LABEL "label"
#define NOTE_PAIR "categories"
#define NOTE_TAKEN "taken" /* by the label step: goes with it */
#define ARGUMENT_PAIR "pair"

/* What the label depends on. */
static const char *const workload_keys[] = { "selinux", "selinux_user", "selinux_role", "selinux_type",
					     "selinux_level", "selinux_filetype", "no_new_privileges", "rootfs", "kernel",
					     "initrd" };

/* ---- what a workload has ---- */

bool selinux_is_active(const struct hyfw_map *settings)
{
	return label_wish(settings) != WISH_NO && policy_mode() != MODE_DISABLED;
}

/* Only an isolation driver with a hypervisor needs memory of its own. */
enum runs runs_of(const struct hyfw_subject *subject)
{
	if (subject->memory_overhead == 0)
		return RUNS_CONTAINER;
	return subject->emulated ? RUNS_EMULATED : RUNS_MACHINE;
}

enum runs runs_of_step(const struct hyfw_map *args)
{
	if (!hyfw_map_bool(args, "machine", false))
		return RUNS_CONTAINER;
	return hyfw_map_bool(args, "emulated", false) ? RUNS_EMULATED : RUNS_MACHINE;
}

const char *selinux_directory(const struct instance *instance)
{
	return instance->host->directory("selinux", HYFW_DIRECTORY_DATA);
}

struct volumes volumes_of(const struct instance *instance)
{
	return (struct volumes){ instance->host, selinux_directory(instance), LABEL_ATTRIBUTE };
}

static bool wants_pair(const struct hyfw_map *settings)
{
	return policy_has_levels() && !label_has_level(settings) && label_wish(settings) != WISH_PRIVILEGED;
}

int labels_decide(const struct instance *instance, struct hyfw_arena *arena, const struct hyfw_map *settings,
		  enum runs runs, const char *pair, struct labels *ret_labels, struct hyfw_error **err)
{
	struct contexts contexts;
	int result = contexts_of_policy(instance->host, arena, &contexts, err);

	if (result == 0)
		result = labels_make(instance->host, arena, &instance->types, &contexts, settings, runs, pair,
				     policy_has_levels(), ret_labels, err);
	return result == 0 ? labels_check(instance->host, arena, settings, runs, ret_labels, err) : result;
}

int labels_of_stopped(const struct instance *instance, struct hyfw_arena *arena, const struct hyfw_subject *subject,
		      struct labels *ret_labels, struct hyfw_error **err)
{
	const char *pair = wants_pair(&subject->settings)
				   ? pair_of(instance->host, arena, selinux_directory(instance), subject->name) : NULL;

	return labels_decide(instance, arena, &subject->settings, runs_of(subject), pair, ret_labels, err);
}

/* ---- plan ---- */

static int plan_nothing(const struct instance *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			struct hyfw_arena *arena, struct hyfw_error **err)
{
	struct hyfw_step step = { sizeof(step), .verb = VERB_LABEL, .flags = HYFW_STEP_NOTE };

	step.object = instance->host->format(arena, "label of %s", subject->name);
	step.summary = instance->host->format(arena, "run %s without an SELinux label of its own (%s)", subject->name,
					      label_wish(&subject->settings) == WISH_NO ? "selinux = no"
											: "SELinux is off on this host");
	return instance->host->plan_step(plan, &step, err);
}

static int plan_categories(const struct instance *instance, const struct hyfw_subject *subject,
			   struct hyfw_plan *plan, struct hyfw_arena *arena, struct hyfw_error **err)
{
	struct hyfw_pair pair = { "workload", subject->name };
	struct hyfw_step step = { sizeof(step), .verb = VERB_CATEGORIES, .args = { 1, &pair } };

	step.lifetime = subject->transient ? HYFW_LIFETIME_RUN : HYFW_LIFETIME_WORKLOAD;
	step.object = instance->host->format(arena, "categories of %s", subject->name);
	step.summary = instance->host->format(arena, "take a pair of categories for %s among c%u.c%u", subject->name,
					      instance->categories.first, instance->categories.last);
	return instance->host->plan_step(plan, &step, err);
}

size_t label_arguments(const struct hyfw_subject *subject, const char *workload, struct hyfw_pair pairs[ARGUMENTS_MOST])
{
	const char *setting;
	size_t count = 0, i;

	pairs[count++] = (struct hyfw_pair){ "workload", workload };
	pairs[count++] = (struct hyfw_pair){ "machine", runs_of(subject) != RUNS_CONTAINER ? "true" : "false" };
	if (subject->emulated)
		pairs[count++] = (struct hyfw_pair){ "emulated", "true" };
	pairs[count++] = (struct hyfw_pair){ ARGUMENT_PAIR, wants_pair(&subject->settings) ? "true" : "false" };
	for (i = 0; i < sizeof(workload_keys) / sizeof(workload_keys[0]); i++)
		if ((setting = hyfw_map_get(&subject->settings, workload_keys[i])))
			pairs[count++] = (struct hyfw_pair){ workload_keys[i], setting };
	return count;
}

/* And the volumes that are to have a label: "SOURCE|Z".  The number of arguments. */
static size_t all_arguments(const struct instance *instance, const struct hyfw_subject *subject,
			    struct hyfw_arena *arena, struct hyfw_pair pairs[ARGUMENTS_MOST], char **commands,
			    const struct labels *labels)
{
	const struct hyfw_host *host = instance->host;
	const char *setting, *source;
	size_t count = label_arguments(subject, subject->name, pairs), cursor = 0;
	char flag;

	while (count < ARGUMENTS_MOST && (setting = hyfw_map_next(&subject->settings, "volume", &cursor))) {
		flag = plan_volume(host, arena, setting, &source);
		if (!flag)
			continue;
		pairs[count++] = (struct hyfw_pair){ "volume", host->format(arena, "%s|%c", source, flag) };
		*commands = host->format(arena, "%s%schcon -R %s %s", *commands ? *commands : "", *commands ? "\n" : "",
					 flag == 'Z' ? labels->files : labels->shared, source);
	}
	return count;
}

int selinux_plan(void *data, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct instance *instance = data;
	const struct hyfw_host *host = instance->host;
	struct hyfw_step step = { sizeof(step), .verb = VERB_LABEL, .lifetime = HYFW_LIFETIME_RUN };
	struct hyfw_pair pairs[ARGUMENTS_MOST];
	struct labels labels;
	char *commands = NULL;
	const char *pair = NULL;
	bool wanted;
	int result;

	if (subject->kind == HYFW_SUBJECT_ROOT || subject->kind == HYFW_SUBJECT_DISK)
		return disk_plan(instance, subject, plan, arena, err);
	if (subject->kind != HYFW_SUBJECT_WORKLOAD)
		return 0;
	if (!selinux_is_active(&subject->settings))
		return plan_nothing(instance, subject, plan, arena, err);
	wanted = wants_pair(&subject->settings);
	if (wanted) /* not yet known: one that the policy has to accept */
		pair = host->format(arena, "c%u,c%u", instance->categories.first, instance->categories.last);
	result = labels_decide(instance, arena, &subject->settings, runs_of(subject), pair, &labels, err);
	if (result == 0 && wanted)
		result = plan_categories(instance, subject, plan, arena, err);
	if (result == 0 && wanted) /* for the reader */
		result = labels_decide(instance, arena, &subject->settings, runs_of(subject), NULL, &labels, err);
	if (result < 0)
		return result;
	step.object = host->format(arena, "label of %s", subject->name);
	step.summary = plan_summary(host, arena, subject->name, &labels, wanted, policy_mode());
	step.args.count = all_arguments(instance, subject, arena, pairs, &commands, &labels);
	step.args.items = pairs;
	step.commands = commands;
	return host->plan_step(plan, &step, err);
}

/* ---- apply ---- */

static int take_pair(const struct instance *instance, struct hyfw_call *call, const char *workload,
		     const char **ret_pair, struct hyfw_error **err)
{
	int result = pair_take(instance->host, call->arena, selinux_directory(instance), workload, &instance->categories,
			       ret_pair, err);

	return result == 0 ? instance->host->note(call, NOTE_PAIR, *ret_pair, err) : result;
}

/* A workload that was made while SELinux was off has none yet. */
static int find_pair(const struct instance *instance, struct hyfw_call *call, const char *workload,
		     const char **ret_pair, struct hyfw_error **err)
{
	int result;

	*ret_pair = pair_of(instance->host, call->arena, selinux_directory(instance), workload);
	if (*ret_pair)
		return instance->host->note(call, NOTE_PAIR, *ret_pair, err);
	result = instance->host->note(call, NOTE_TAKEN, "true", err);
	return result == 0 ? take_pair(instance, call, workload, ret_pair, err) : result;
}

/* "SOURCE|Z" */
static int label_volume(const struct instance *instance, struct hyfw_call *call, const char *workload,
			const struct labels *labels, const char *text, struct hyfw_error **err)
{
	const struct hyfw_host *host = instance->host;
	const struct volumes volumes = volumes_of(instance);
	const char *bar = strrchr(text, '|');
	const char *source = host->format(call->arena, "%.*s", (int)(bar ? bar - text : 0), text);
	struct volume volume = { source, labels->shared, false, NEED_LABEL, NULL };

	if (!bar)
		return host->fail(err, EINVAL, "the step's volume \"%s\" is damaged", text);
	if (bar[1] == 'Z') {
		volume.own = true;
		volume.label = labels->files;
	}
	if (source[0] != '/')
		volume.path = hyfw_map_get(&call->volumes, source);
	if (!volume.path)
		return host->fail(err, ENOENT, "volume %s: nobody says where it is", source);
	if (!volume.own && !policy_keeps_label(labels->process, volume.label))
		host->log(HYFW_LOG_INFO, "volume %s: the SELinux policy gives files that %s makes in it the categories of %s, so "
			  "that other workloads cannot use them; default_range in a policy module changes that", source,
			  workload, workload);
	return volume_take(&volumes, call->arena, workload, &volume, err);
}

/* A directory is mounted as it is, which takes no context=. */
static int label_root(const struct instance *instance, struct hyfw_call *call, const char *workload,
		      const struct labels *labels, struct hyfw_error **err)
{
	const char *path = hyfw_map_get(&call->step->args, "rootfs");
	const struct volumes volumes = volumes_of(instance);
	const struct volume root = { path, labels->shared, false, NEED_ENTRY, labels->process };

	return path ? volume_take(&volumes, call->arena, workload, &root, err) : 0;
}

static int label_layers(const struct instance *instance, struct hyfw_call *call, const struct labels *labels,
			struct hyfw_error **err)
{
	const struct volumes volumes = volumes_of(instance);
	const char *path;
	size_t cursor = 0;
	int result = 0;

	while (result == 0 && (path = hyfw_map_next(&call->layers, "layer", &cursor)))
		result = layer_label(&volumes, path, labels->layers, err);
	return result;
}

static int apply_label(const struct instance *instance, struct hyfw_call *call, const char *workload,
		       struct hyfw_error **err)
{
	const struct hyfw_host *host = instance->host;
	const struct hyfw_map *args = &call->step->args;
	const char *pair = NULL, *text;
	struct labels labels;
	size_t cursor = 0;
	int result = hyfw_map_bool(args, ARGUMENT_PAIR, false) ? find_pair(instance, call, workload, &pair, err) : 0;

	if (result == 0)
		result = labels_decide(instance, call->arena, args, runs_of_step(args), pair, &labels, err);
	if (result == 0)
		result = host->note(call, NOTE_MODE, mode_name(policy_mode()), err);
	if (result == 0)
		result = host->note(call, NOTE_PROCESS, labels.process, err);
	if (result == 0)
		result = host->note(call, NOTE_FILES, labels.files, err);
	if (result == 0)
		result = label_root(instance, call, workload, &labels, err);
	if (result == 0)
		result = label_layers(instance, call, &labels, err);
	if (result == 0 && runs_of_step(args) != RUNS_CONTAINER)
		result = boot_apply(instance, call, workload, &labels, err);
	while (result == 0 && (text = hyfw_map_next(args, "volume", &cursor)))
		result = label_volume(instance, call, workload, &labels, text, err);
	return result;
}

int selinux_apply(void *data, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct instance *instance = data;
	const char *workload = hyfw_map_get(&call->step->args, "workload"), *pair;

	if (!workload || !*workload || strchr(workload, '/'))
		return instance->host->fail(err, EINVAL, "the step does not name its workload");
	if (strcmp(call->step->verb, VERB_CATEGORIES) == 0)
		return take_pair(instance, call, workload, &pair, err);
	if (strcmp(call->step->verb, VERB_DISK) == 0)
		return disk_apply(instance, call, workload, err);
	return apply_label(instance, call, workload, err);
}

int selinux_undo(void *data, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct instance *instance = data;
	const struct volumes volumes = volumes_of(instance);
	const char *workload = hyfw_map_get(&call->step->args, "workload");
	/* Volumes keep their label as long as the workload has its pair. */
	const bool all = strcmp(call->step->verb, VERB_CATEGORIES) == 0 || hyfw_map_get(&call->record, NOTE_TAKEN) ||
			 !hyfw_map_bool(&call->step->args, ARGUMENT_PAIR, false);
	int result;

	if (!workload || !*workload || strchr(workload, '/'))
		return instance->host->fail(err, EINVAL, "the step does not name its workload");
	if (strcmp(call->step->verb, VERB_DISK) == 0)
		return disk_undo(instance, call, workload, err);
	result = boot_undo(instance, call, workload, err);
	if (result == 0)
		result = volumes_drop(&volumes, call->arena, workload, !all, err);
	if (result == 0 && all)
		result = pair_drop(instance->host, selinux_directory(instance), workload, err);
	return result;
}

int selinux_gc(void *data, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	const struct instance *instance = data;
	const struct volumes volumes = volumes_of(instance);
	struct hyfw_arena *arena = instance->host->arena_new();
	int result = volumes_gc(&volumes, arena, alive, err);

	if (result == 0)
		result = pairs_gc(instance->host, selinux_directory(instance), alive, err);
	instance->host->arena_free(arena);
	return result;
}
