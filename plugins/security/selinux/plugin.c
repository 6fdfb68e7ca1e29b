/* SPDX-License-Identifier: BSD-3-Clause
 * The selinux module's operations.  Two steps for each workload:
 *
 *     categories   its pair, for as long as there is the workload; taking it back gives the
 *                  labels of its volumes back too
 *     label        for each run: the labels, noted, and volumes that do not have them yet
 *
 * Where SELinux is off the module does nothing.  It never changes the mode. */
#include "selinux.h"

#include <errno.h>

#define VERB_CATEGORIES "categories"
#define VERB_LABEL "label"
#define NOTE_PAIR "categories"
#define NOTE_TAKEN "taken" /* by the label step: goes with it */
#define NOTE_PROCESS "process_label"
#define NOTE_FILES "mount_label"
#define NOTE_MODE "mode"
#define ARGUMENT_PAIR "pair"
#define ARGUMENTS_MAX 160

struct instance {
	const struct hyfw_host *host;
	struct types types;
	struct categories categories;
	bool told; /* that the mode is another than at the start */
};

static const char *const workload_keys[] = { "selinux", "selinux_user", "selinux_role", "selinux_type",
					     "selinux_level", "selinux_filetype" };

static void selinux_close(void *data)
{
	struct instance *instance = data;

	if (!instance)
		return;
	free(instance->types.container);
	free(instance->types.file);
	free(instance->types.privileged);
	free(instance->types.machine);
	free(instance->types.image);
	free(instance);
}

static bool keep(char **ret_text, const struct hyfw_map *settings, const char *key)
{
	const char *value = hyfw_map_get(settings, key);

	*ret_text = strdup(value ? value : "");
	return *ret_text != NULL;
}

static bool keep_types(struct types *types, const struct hyfw_map *settings)
{
	return keep(&types->container, settings, "container_type") && keep(&types->file, settings, "file_type") &&
	       keep(&types->privileged, settings, "privileged_type") &&
	       keep(&types->machine, settings, "machine_type") && keep(&types->image, settings, "image_type");
}

static int selinux_open(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
			struct hyfw_error **err)
{
	struct instance *instance = calloc(1, sizeof(*instance));
	const char *categories = hyfw_map_get(settings, "categories");

	if (!instance || !keep_types(&instance->types, settings)) {
		selinux_close(instance);
		return host->fail(err, ENOMEM, "out of memory");
	}
	instance->host = host;
	if (!categories_parse(categories ? categories : "c0.c1023", &instance->categories)) {
		selinux_close(instance);
		return host->fail(err, EINVAL, "categories = %s: must be cFIRST.cLAST, within c0.c1023", categories);
	}
	*ret_instance = instance;
	return 0;
}

static int selinux_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
			 struct hyfw_error **err)
{
	const enum mode mode = policy_mode();
	struct contexts contexts;

	ret_probe->result = HYFW_PROBE_OK;
	if (mode == MODE_DISABLED) {
		ret_probe->result = HYFW_PROBE_NO;
		ret_probe->reason = "SELinux is off on this host; the module does nothing";
	} else if (contexts_of_policy(host, arena, &contexts, err) < 0) {
		host->forget(err);
		ret_probe->result = HYFW_PROBE_DEGRADED;
		ret_probe->reason = "the context files of the policy cannot be read";
	} else if (!policy_knows(contexts.process)) {
		ret_probe->result = HYFW_PROBE_DEGRADED;
		ret_probe->reason = host->format(arena, "the policy has no %s; it takes container_type in [plugin selinux], "
						 "or a policy module for containers", contexts.process);
	} else if (mode == MODE_PERMISSIVE) {
		ret_probe->result = HYFW_PROBE_DEGRADED;
		ret_probe->reason = "SELinux is permissive: denials are logged, nothing is refused";
	}
	return 0;
}

/* ---- what a workload has ---- */

static bool is_active(const struct hyfw_map *settings)
{
	return label_wish(settings) != WISH_NO && policy_mode() != MODE_DISABLED;
}

/* Only an isolation driver with a hypervisor needs memory of its own. */
static bool is_machine(const struct hyfw_subject *subject)
{
	return subject->memory_overhead > 0;
}

static const char *directory(const struct instance *instance)
{
	return instance->host->directory("selinux", HYFW_DIRECTORY_DATA);
}

static struct volumes volumes_of(const struct instance *instance)
{
	return (struct volumes){ instance->host, directory(instance), LABEL_ATTRIBUTE };
}

static bool wants_pair(const struct hyfw_map *settings)
{
	return policy_has_levels() && !label_has_level(settings) && label_wish(settings) != WISH_PRIVILEGED;
}

static int decide(const struct instance *instance, struct hyfw_arena *arena, const struct hyfw_map *settings,
		  bool machine, const char *pair, struct labels *ret_labels, struct hyfw_error **err)
{
	struct contexts contexts;
	int result = contexts_of_policy(instance->host, arena, &contexts, err);

	if (result == 0)
		result = labels_make(instance->host, arena, &instance->types, &contexts, settings, machine, pair,
				     policy_has_levels(), ret_labels, err);
	return result == 0 ? labels_check(instance->host, arena, settings, ret_labels, err) : result;
}

static int selinux_check(void *data, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct instance *instance = data;
	const enum wish wish = label_wish(&subject->settings);

	if (subject->kind == HYFW_SUBJECT_WORKLOAD && (wish == WISH_YES || wish == WISH_PRIVILEGED) &&
	    policy_mode() == MODE_DISABLED)
		return instance->host->fail(err, ENOTSUP, "selinux = %s, and SELinux is off on this host; selinux = auto runs it "
					    "without a label", hyfw_map_get(&subject->settings, "selinux"));
	return 0;
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

/* The volumes that are to have a label: "SOURCE|Z".  The number of arguments. */
static size_t label_arguments(const struct instance *instance, const struct hyfw_subject *subject,
			      struct hyfw_arena *arena, struct hyfw_pair pairs[ARGUMENTS_MAX], char **commands,
			      const struct labels *labels)
{
	const struct hyfw_host *host = instance->host;
	const char *setting, *source;
	size_t count = 0, cursor = 0, i;
	char flag;

	pairs[count++] = (struct hyfw_pair){ "workload", subject->name };
	pairs[count++] = (struct hyfw_pair){ "machine", is_machine(subject) ? "true" : "false" };
	pairs[count++] = (struct hyfw_pair){ ARGUMENT_PAIR, wants_pair(&subject->settings) ? "true" : "false" };
	for (i = 0; i < sizeof(workload_keys) / sizeof(workload_keys[0]); i++)
		if ((setting = hyfw_map_get(&subject->settings, workload_keys[i])))
			pairs[count++] = (struct hyfw_pair){ workload_keys[i], setting };
	while (count < ARGUMENTS_MAX && (setting = hyfw_map_next(&subject->settings, "volume", &cursor))) {
		flag = plan_volume(host, arena, setting, &source);
		if (!flag)
			continue;
		pairs[count++] = (struct hyfw_pair){ "volume", host->format(arena, "%s|%c", source, flag) };
		*commands = host->format(arena, "%s%schcon -R %s %s", *commands ? *commands : "", *commands ? "\n" : "",
					 flag == 'Z' ? labels->files : labels->shared, source);
	}
	return count;
}

static int selinux_plan(void *data, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct instance *instance = data;
	const struct hyfw_host *host = instance->host;
	struct hyfw_step step = { sizeof(step), .verb = VERB_LABEL, .lifetime = HYFW_LIFETIME_RUN };
	struct hyfw_pair pairs[ARGUMENTS_MAX];
	struct labels labels;
	char *commands = NULL;
	const char *pair = NULL;
	bool wanted;
	int result;

	if (subject->kind != HYFW_SUBJECT_WORKLOAD)
		return 0;
	if (!is_active(&subject->settings))
		return plan_nothing(instance, subject, plan, arena, err);
	wanted = wants_pair(&subject->settings);
	if (wanted) /* not yet known: one that the policy has to accept */
		pair = host->format(arena, "c%u,c%u", instance->categories.first, instance->categories.last);
	result = decide(instance, arena, &subject->settings, is_machine(subject), pair, &labels, err);
	if (result == 0 && wanted)
		result = plan_categories(instance, subject, plan, arena, err);
	if (result == 0 && wanted) /* for the reader */
		result = decide(instance, arena, &subject->settings, is_machine(subject), NULL, &labels, err);
	if (result < 0)
		return result;
	step.object = host->format(arena, "label of %s", subject->name);
	step.summary = plan_summary(host, arena, subject->name, &labels, wanted, policy_mode());
	step.args.count = label_arguments(instance, subject, arena, pairs, &commands, &labels);
	step.args.items = pairs;
	step.commands = commands;
	return host->plan_step(plan, &step, err);
}

/* ---- apply ---- */

static int take_pair(const struct instance *instance, struct hyfw_call *call, const char *workload,
		     const char **ret_pair, struct hyfw_error **err)
{
	int result = pair_take(instance->host, call->arena, directory(instance), workload, &instance->categories,
			       ret_pair, err);

	return result == 0 ? instance->host->note(call, NOTE_PAIR, *ret_pair, err) : result;
}

/* A workload that was made while SELinux was off has none yet. */
static int find_pair(const struct instance *instance, struct hyfw_call *call, const char *workload,
		     const char **ret_pair, struct hyfw_error **err)
{
	int result;

	*ret_pair = pair_of(instance->host, call->arena, directory(instance), workload);
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
	struct volume volume = { source, labels->shared, false };

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
	return volume_take(&volumes, call->arena, workload, &volume, err);
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
		result = decide(instance, call->arena, args, hyfw_map_bool(args, "machine", false), pair, &labels, err);
	if (result == 0)
		result = host->note(call, NOTE_MODE, mode_name(policy_mode()), err);
	if (result == 0)
		result = host->note(call, NOTE_PROCESS, labels.process, err);
	if (result == 0)
		result = host->note(call, NOTE_FILES, labels.files, err);
	while (result == 0 && (text = hyfw_map_next(args, "volume", &cursor)))
		result = label_volume(instance, call, workload, &labels, text, err);
	return result;
}

static int selinux_apply(void *data, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct instance *instance = data;
	const char *workload = hyfw_map_get(&call->step->args, "workload"), *pair;

	if (!workload || !*workload || strchr(workload, '/'))
		return instance->host->fail(err, EINVAL, "the step does not name its workload");
	if (strcmp(call->step->verb, VERB_CATEGORIES) == 0)
		return take_pair(instance, call, workload, &pair, err);
	return apply_label(instance, call, workload, err);
}

static int selinux_undo(void *data, struct hyfw_call *call, struct hyfw_error **err)
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
	result = volumes_drop(&volumes, call->arena, workload, !all, err);
	if (result == 0 && all)
		result = pair_drop(instance->host, directory(instance), workload, err);
	return result;
}

static int selinux_gc(void *data, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	const struct instance *instance = data;
	const struct volumes volumes = volumes_of(instance);
	struct hyfw_arena *arena = instance->host->arena_new();
	int result = volumes_gc(&volumes, arena, alive, err);

	if (result == 0)
		result = pairs_gc(instance->host, directory(instance), alive, err);
	instance->host->arena_free(arena);
	return result;
}

/* ---- while it runs ---- */

static int selinux_confine(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
			   struct hyfw_arena *arena, struct hyfw_confinement *confinement, struct hyfw_error **err)
{
	const struct instance *instance = data;
	const char *process = hyfw_map_get(record, NOTE_PROCESS), *files = hyfw_map_get(record, NOTE_FILES);

	if (!is_active(&subject->settings))
		return 0;
	if (!process || !files)
		return instance->host->fail(err, ENOENT, "workload %s was given no SELinux label when it started", subject->name);
	confinement->process_label = instance->host->format(arena, "%s", process);
	confinement->mount_label = instance->host->format(arena, "%s", files);
	return 0;
}

static int selinux_stats(void *data, const struct hyfw_map *record, struct hyfw_stats *stats, struct hyfw_error **err)
{
	struct instance *instance = data;
	const char *then = hyfw_map_get(record, NOTE_MODE), *now = then ? mode_name(policy_mode()) : NULL;

	(void)stats;
	(void)err;
	if (then && !instance->told && strcmp(then, now) != 0) {
		instance->told = true;
		instance->host->log(HYFW_LOG_WARNING, "SELinux was %s when this workload started and is %s now", then, now);
	}
	return 0;
}

static int selinux_operate(void *data, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
			   struct hyfw_error **err)
{
	const struct instance *instance = data;
	const struct view view = { instance->host, &instance->types, directory(instance) };

	return views_operate(&view, operation, ret_result, err);
}

static const struct hyfw_common_ops common = {
	sizeof(common),
	.probe = selinux_probe,
	.open = selinux_open,
	.check = selinux_check,
	.plan = selinux_plan,
	.apply = selinux_apply,
	.undo = selinux_undo,
	.gc = selinux_gc,
	.close = selinux_close,
};

static const struct hyfw_security_ops ops = {
	sizeof(ops),
	.confine = selinux_confine,
	.stats = selinux_stats,
	.operate = selinux_operate,
};

static const char *const words[] = { HYFW_CONFINES_LABELS, NULL };
static const struct hyfw_need needs[] = { { "kernel", "selinuxfs", true }, { NULL, NULL, false } };
static const char *const wishes[] = { "auto", "yes", "no", "privileged", NULL };
static const struct hyfw_option options[] = {
	{ .name = "container_type", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_STRING,
	  .help = "Type of containers' processes; without it the one of the policy's lxc_contexts." },
	{ .name = "file_type", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_STRING,
	  .help = "Type of containers' files and labelled volumes; without it the one of lxc_contexts." },
	{ .name = "privileged_type", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_STRING, .fallback = "spc_t",
	  .help = "Type of workloads with selinux = privileged." },
	{ .name = "machine_type", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_STRING,
	  .help = "Type of the QEMU of machines; without it the one of the policy's virtual_domain_context." },
	{ .name = "image_type", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_STRING,
	  .help = "Type of machines' disks; without it the one of virtual_image_context." },
	{ .name = "categories", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_STRING, .fallback = "c0.c1023",
	  .help = "Categories that workloads get pairs of; a part of them leaves the others to other programs." },
	{ .name = "selinux", .scope = HYFW_SCOPE_WORKLOAD, .type = HYFW_OPTION_CHOICE, .fallback = "auto",
	  .choices = wishes,
	  .help = "A label of its own: where the host has SELinux, always, never, or one that is not confined." },
	{ .name = "selinux_type", .scope = HYFW_SCOPE_WORKLOAD, .type = HYFW_OPTION_STRING,
	  .help = "Type of its processes." },
	{ .name = "selinux_role", .scope = HYFW_SCOPE_WORKLOAD, .type = HYFW_OPTION_STRING,
	  .help = "Role of its processes." },
	{ .name = "selinux_user", .scope = HYFW_SCOPE_WORKLOAD, .type = HYFW_OPTION_STRING,
	  .help = "SELinux user of its processes." },
	{ .name = "selinux_level", .scope = HYFW_SCOPE_WORKLOAD, .type = HYFW_OPTION_STRING,
	  .help = "Level of its processes and files, s0:c1,c2, instead of a pair of categories of its own." },
	{ .name = "selinux_filetype", .scope = HYFW_SCOPE_WORKLOAD, .type = HYFW_OPTION_STRING,
	  .help = "Type of its files." },
	{ .name = NULL },
};

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_SECURITY,
	.name = "selinux",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "SELinux labels, with categories that keep workloads apart",
	.capabilities = words,
	.needs = needs,
	.options = options,
	.option_stride = sizeof(struct hyfw_option),
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};

HYFW_PLUGIN_EXPORT(HYFW_KIND_SECURITY, 0, plugin)
