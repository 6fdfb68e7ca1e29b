/* SPDX-License-Identifier: BSD-3-Clause
 * The selinux module's descriptor, and its operations besides those on steps (steps.c).
 * Where SELinux is off the module does nothing.  It never changes the mode. */
#include "why.h"

#include <errno.h>

#define PRIVILEGED_TYPE "spc_t"

static void selinux_close(void *data)
{
	struct instance *instance = data;

	if (!instance)
		return;
	free(instance->types.container);
	free(instance->types.file);
	free(instance->types.privileged);
	free(instance->types.machine);
	free(instance->types.emulator);
	free(instance->types.image);
	if (instance->follow > 0)
		close(instance->follow);
	free(instance);
}

static bool keep(char **ret_text, const struct hyfw_map *settings, const char *key, const char *otherwise)
{
	const char *value = hyfw_map_get(settings, key);

	*ret_text = strdup(value ? value : otherwise);
	return *ret_text != NULL;
}

static bool keep_types(struct types *types, const struct hyfw_map *settings)
{
	return keep(&types->container, settings, "container_type", "") && keep(&types->file, settings, "file_type", "") &&
	       keep(&types->privileged, settings, "privileged_type", PRIVILEGED_TYPE) &&
	       keep(&types->machine, settings, "machine_type", "") &&
	       keep(&types->emulator, settings, "emulator_type", "") && keep(&types->image, settings, "image_type", "");
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

/* ---- while it runs ---- */

static int selinux_confine(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
			   struct hyfw_arena *arena, struct hyfw_confinement *confinement, struct hyfw_error **err)
{
	const struct instance *instance = data;
	const char *process = hyfw_map_get(record, NOTE_PROCESS), *files = hyfw_map_get(record, NOTE_FILES);

	if (!selinux_is_active(&subject->settings))
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
	const struct view view = { instance->host, &instance->types, selinux_directory(instance) };

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
	.explain = selinux_explain,
};

static const char *const words[] = { HYFW_CONFINES_LABELS, NULL };
static const struct hyfw_need needs[] = { { "kernel", "selinuxfs", true }, { NULL, NULL, false } };
static const char *const wishes[] = { "auto", "yes", "no", "privileged", NULL };
static const struct hyfw_option options[] = {
	{ .name = "container_type", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_STRING,
	  .help = "Type of containers' processes; without it the one of the policy's lxc_contexts." },
	{ .name = "file_type", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_STRING,
	  .help = "Type of containers' files and labelled volumes; without it the one of lxc_contexts." },
	{ .name = "privileged_type", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_STRING, .fallback = PRIVILEGED_TYPE,
	  .help = "Type of workloads with selinux = privileged." },
	{ .name = "machine_type", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_STRING,
	  .help = "Type of the QEMU of machines; without it the one of the policy's virtual_domain_context." },
	{ .name = "emulator_type", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_STRING,
	  .help = "Type of a QEMU that runs its guest without KVM; without it the second of virtual_domain_context, or the "
		  "first." },
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
