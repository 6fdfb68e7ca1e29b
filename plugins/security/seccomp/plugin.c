/* SPDX-License-Identifier: BSD-3-Clause
 * The seccomp driver's operations; it only decides, the isolation driver loads
 * the program just before exec. */
#include "filter.h"

#include <errno.h>
#include <unistd.h>

struct instance {
	const struct hyfw_host *host;
	int follow; /* see why_explain() */
};

static int seccomp_open(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
			struct hyfw_error **err)
{
	struct instance *instance = calloc(1, sizeof(*instance));

	(void)settings;
	if (!instance)
		return host->fail(err, ENOMEM, "out of memory");
	instance->host = host;
	*ret_instance = instance;
	return 0;
}

static void seccomp_close(void *data)
{
	const struct instance *instance = data;

	if (instance && instance->follow > 0)
		close(instance->follow);
	free(data);
}

static int seccomp_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
			 struct hyfw_error **err)
{
	(void)err;
	ret_probe->result = HYFW_PROBE_OK;
	if (seccomp_api_get() == 0) {
		ret_probe->result = HYFW_PROBE_NO;
		ret_probe->reason = host->format(arena, "this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)");
	}
	return 0;
}

static const char *setting_of(const struct hyfw_subject *subject)
{
	const char *setting = hyfw_map_get(&subject->settings, "seccomp");

	return setting && *setting ? setting : FILTER_DEFAULT;
}

/* What is in a profile is looked at by plan(), which has memory for it. */
static int seccomp_check(void *data, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct instance *instance = data;
	const char *setting = setting_of(subject);

	if (subject->kind != HYFW_SUBJECT_WORKLOAD || subject->oci || strcmp(setting, FILTER_NONE) == 0 ||
	    strcmp(setting, FILTER_DEFAULT) == 0 || setting[0] == '/')
		return 0;
	return instance->host->fail(err, EINVAL,
				    "\"%s\" is neither default, unconfined nor an absolute path", setting);
}

static int summary(const struct hyfw_host *host, const struct hyfw_subject *subject, struct hyfw_arena *arena,
		   const char **ret_text, struct hyfw_error **err)
{
	const char *setting = setting_of(subject);
	struct policy policy;
	int result;

	if (strcmp(setting, FILTER_NONE) == 0) {
		host->log(HYFW_LOG_WARNING, "workload %s may make every system call (seccomp = unconfined)",
			  subject->name);
		*ret_text = "permit every system call";
		return 0;
	}
	result = filter_policy(host, arena, setting, grants_read(&subject->settings), &policy, err);
	if (result < 0)
		return result;
	if (strcmp(setting, FILTER_DEFAULT) == 0)
		*ret_text = host->format(arena, "permit %zu system calls (built-in profile); denied ones fail with "
					 "EPERM, unknown ones with ENOSYS, programs of other architectures are killed",
					 policy_permits(&policy));
	else
		*ret_text = host->format(arena, "permit %zu system calls (%s)", policy_permits(&policy), setting);
	return 0;
}

static int seccomp_plan(void *data, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct instance *instance = data;
	const struct hyfw_host *host = instance->host;
	struct hyfw_step step = { sizeof(step), .verb = "confine", .flags = HYFW_STEP_NOTE };
	int result;

	/* Nobody reads the plan of a bundle: its filter is not taken apart for that. */
	if (subject->kind != HYFW_SUBJECT_WORKLOAD || subject->oci)
		return 0;
	result = summary(host, subject, arena, &step.summary, err);
	if (result < 0)
		return result;
	step.object = host->format(arena, "system calls of %s", subject->name);
	return host->plan_step(plan, &step, err);
}

/* Only notes are planned: there is never anything to do. */
static int seccomp_nothing(void *data, struct hyfw_call *call, struct hyfw_error **err)
{
	(void)data;
	(void)call;
	(void)err;
	return 0;
}

static int seccomp_confine(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
			   struct hyfw_arena *arena, struct hyfw_confinement *confinement, struct hyfw_error **err)
{
	const struct instance *instance = data;
	struct filter filter;
	int result;

	(void)record;
	if (subject->oci)
		result = filter_get_oci(instance->host, arena, subject->oci, &filter, err);
	else
		result = filter_get(instance->host, arena, setting_of(subject), grants_read(&subject->settings), &filter,
				    err);
	if (result < 0)
		return result;
	confinement->seccomp_program = filter.program;
	confinement->seccomp_instructions = filter.count;
	confinement->seccomp_flags = filter.flags;
	if (filter.program && hyfw_map_bool(&subject->settings, "seccomp_log", false))
		confinement->seccomp_flags |= SECCOMP_FILTER_FLAG_LOG;
	return 0;
}

static int seccomp_explain(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
			   const struct hyfw_operation *operation, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct instance *instance = data;

	(void)record;
	return why_explain(instance->host, subject, &instance->follow, operation, ret_result, err);
}

static const struct hyfw_common_ops common = {
	sizeof(common),
	.probe = seccomp_probe,
	.open = seccomp_open,
	.check = seccomp_check,
	.plan = seccomp_plan,
	.apply = seccomp_nothing,
	.undo = seccomp_nothing,
	.close = seccomp_close,
};

static const struct hyfw_security_ops ops = {
	sizeof(ops),
	.confine = seccomp_confine,
	.explain = seccomp_explain,
};

static const char *const words[] = { HYFW_CONFINES_SYSCALLS, NULL };
static const char *const honours[] = { "workload.seccomp", NULL };
static const struct hyfw_option options[] = {
	{ .name = "seccomp_log", .scope = HYFW_SCOPE_WORKLOAD, .type = HYFW_OPTION_BOOL, .fallback = "false",
	  .help = "Write each refused system call to the kernel's log, for `hyfw why`; a workload can make many." },
	{ .name = NULL },
};
static const struct hyfw_need needs[] = { { "kernel", "seccomp", false }, { NULL, NULL, false } };

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_SECURITY,
	.name = "seccomp",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "a filter of the system calls that a workload may make",
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
