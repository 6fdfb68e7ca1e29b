/* SPDX-License-Identifier: BSD-3-Clause
 * The capabilities driver's operations; what it decides is in sets.c. */
#include "capabilities.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>

struct instance {
	const struct hyfw_host *host;
};

static int capabilities_open(const struct hyfw_host *host, const struct hyfw_map *settings,
			     void **ret_instance, struct hyfw_error **err)
{
	struct instance *instance = calloc(1, sizeof(*instance));

	(void)settings;
	if (!instance)
		return host->fail(err, ENOMEM, "out of memory");
	instance->host = host;
	*ret_instance = instance;
	return 0;
}

static int capabilities_check(void *data, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct instance *instance = data;
	struct capability_sets sets;

	if (subject->kind != HYFW_SUBJECT_WORKLOAD)
		return 0;
	return capability_decide(instance->host, subject, &sets, err);
}

static bool no_new_privileges(const struct hyfw_subject *subject)
{
	return hyfw_map_bool(&subject->settings, "no_new_privileges", true);
}

static char *summary(const struct hyfw_host *host, const struct hyfw_subject *subject,
		     const struct capability_sets *sets, struct hyfw_arena *arena)
{
	char *text = host->format(arena, "keep the capabilities %s%s",
				  capability_text(host, arena, sets->bounding, "", " "),
				  no_new_privileges(subject) ? ", no new privileges" : ", programs may raise them");

	if (sets->permitted != sets->bounding)
		text = host->format(arena, "%s; user %s starts with %s", text,
				    hyfw_map_get(&subject->settings, "user"),
				    capability_text(host, arena, sets->permitted, "", " "));
	if (sets->dangerous)
		text = host->format(arena, "%s; without a user namespace %s reach the host", text,
				    capability_text(host, arena, sets->dangerous, "", " "));
	return text;
}

/* Mount flags are not locked in a mount namespace that belongs to the workload's
 * own user namespace: mount_setattr(2), mount_namespaces(7). */
static void warn_of_read_only(const struct hyfw_host *host, const struct hyfw_subject *subject,
			      const struct capability_sets *sets)
{
	const char *volume;
	size_t cursor = 0;

	if (!(sets->bounding >> CAP_SYS_ADMIN & 1) || sets->dangerous)
		return;
	while ((volume = hyfw_map_next(&subject->settings, "volume", &cursor))) {
		volume += strcspn(volume, "|"); /* "SOURCE|TARGET|ro", perhaps more behind */
		volume += *volume != '\0';
		volume += strcspn(volume, "|");
		if (strcmp(volume, "|ro") == 0 || strncmp(volume, "|ro|", 4) == 0) {
			host->log(HYFW_LOG_WARNING, "workload %s has the capability sys_admin: "
				  "it can make its read-only volumes writable", subject->name);
			return;
		}
	}
}

static int capabilities_plan(void *data, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			     struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct instance *instance = data;
	const struct hyfw_host *host = instance->host;
	struct hyfw_step step = { sizeof(step), .verb = "confine", .flags = HYFW_STEP_NOTE };
	struct capability_sets sets;
	const char *keep;
	int result;

	if (subject->kind != HYFW_SUBJECT_WORKLOAD)
		return 0;
	result = capability_decide(host, subject, &sets, err);
	if (result < 0)
		return result;
	if (sets.dangerous)
		host->log(HYFW_LOG_WARNING,
			  "workload %s has no user namespace and the capabilities %s: it can take over the host",
			  subject->name, capability_text(host, arena, sets.dangerous, "", " "));
	warn_of_read_only(host, subject, &sets);
	keep = sets.bounding ? capability_text(host, arena, sets.bounding, "+", ",") : "";
	step.object = host->format(arena, "capabilities of %s", subject->name);
	step.summary = summary(host, subject, &sets, arena);
	step.commands = host->format(arena, "setpriv --bounding-set=-all%s%s%s COMMAND", *keep ? "," : "", keep,
				     no_new_privileges(subject) ? " --no-new-privs" : "");
	return host->plan_step(plan, &step, err);
}

/* Notes and shared steps only: there is never anything to do. */
static int capabilities_nothing(void *data, struct hyfw_call *call, struct hyfw_error **err)
{
	(void)data;
	(void)call;
	(void)err;
	return 0;
}

static void capabilities_close(void *data)
{
	free(data);
}

static int capabilities_confine(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
				struct hyfw_arena *arena, struct hyfw_confinement *confinement,
				struct hyfw_error **err)
{
	const struct instance *instance = data;
	struct capability_sets sets;
	int result = capability_decide(instance->host, subject, &sets, err);

	(void)record;
	(void)arena;
	if (result < 0)
		return result;
	confinement->have_capabilities = true;
	confinement->bounding = sets.bounding;
	confinement->permitted = sets.permitted;
	confinement->effective = sets.effective;
	confinement->inheritable = sets.inheritable;
	confinement->ambient = sets.ambient;
	confinement->no_new_privileges = no_new_privileges(subject);
	return 0;
}

/* The kernel writes nothing down when a capability is missing; what there is of them, and the key
 * that gives more, is all that can be told. */
static int capabilities_explain(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
				const struct hyfw_operation *operation, struct hyfw_map *ret_result,
				struct hyfw_error **err)
{
	const struct instance *instance = data;
	const struct hyfw_host *host = instance->host;
	struct hyfw_pair *rows = host->alloc(operation->arena, 2 * sizeof(*rows));
	struct capability_sets sets;
	int result;

	(void)record;
	*ret_result = (struct hyfw_map){ 0 };
	if (hyfw_map_bool(&operation->args, "follow", false))
		return 0;
	result = capability_decide(host, subject, &sets, err);
	if (result < 0)
		return result;
	rows[0] = (struct hyfw_pair){ "row", "hint" };
	rows[1] = (struct hyfw_pair){ "sentence", host->format(operation->arena, "the kernel does not write down which one was "
							       "missing; it has %s, and cap_add = NAME gives another",
							       capability_text(host, operation->arena, sets.bounding, "", " ")) };
	*ret_result = (struct hyfw_map){ 2, rows };
	return 0;
}

static const struct hyfw_common_ops common = {
	sizeof(common),
	.open = capabilities_open,
	.check = capabilities_check,
	.plan = capabilities_plan,
	.apply = capabilities_nothing,
	.undo = capabilities_nothing,
	.close = capabilities_close,
};

static const struct hyfw_security_ops ops = {
	sizeof(ops),
	.confine = capabilities_confine,
	.explain = capabilities_explain,
};

static const char *const words[] = { HYFW_CONFINES_PRIVILEGES, NULL };
static const char *const honours[] = { "workload.cap_add", "workload.cap_drop", NULL };
static const struct hyfw_need needs[] = { { "kernel", "no_new_privs", false }, { NULL, NULL, false } };
static const struct hyfw_option options[] = {
	{ .name = "no_new_privileges", .scope = HYFW_SCOPE_WORKLOAD, .type = HYFW_OPTION_BOOL, .fallback = "true",
	  .help = "Programs inside cannot gain privileges through set-user-id bits or file capabilities." },
	{ .name = NULL },
};

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_SECURITY,
	.name = "capabilities",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "the privileges that root has inside a workload",
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
