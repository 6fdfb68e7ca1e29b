/* SPDX-License-Identifier: BSD-3-Clause
 * Network driver "none": a workload with its own network namespace and nothing
 * in it but the loopback interface. */
#include <hyfw/network.h>

static int none_open(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
		     struct hyfw_error **err)
{
	(void)settings;
	(void)err;
	*ret_instance = (void *)(uintptr_t)host;
	return 0;
}

static int none_plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		     struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = instance;
	struct hyfw_step step = {
		.size = sizeof(step),
		.verb = "loopback",
		.lifetime = HYFW_LIFETIME_RUN,
		.flags = HYFW_STEP_NOTE,
		.summary = "no interface but loopback, which the isolation driver brings up",
	};

	if (subject->kind != HYFW_SUBJECT_ENDPOINT)
		return 0;
	step.object = host->format(arena, "interface lo of %s", subject->workload);
	return host->plan_step(plan, &step, err);
}

/* Never called: the only step is a note. */
static int none_step(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	(void)instance;
	(void)call;
	(void)err;
	return 0;
}

static const struct hyfw_common_ops common = {
	.size = sizeof(common),
	.open = none_open,
	.plan = none_plan,
	.apply = none_step,
	.undo = none_step,
};

static const struct hyfw_network_ops ops = { .size = sizeof(ops) };

static const struct hyfw_need needs[] = {
	{ "kernel", "network namespaces", false },
	{ 0 },
};

static const char *const capabilities[] = { HYFW_GIVES_NOTHING, NULL };
static const char *const honours[] = { "workload.network", NULL };

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_NETWORK,
	.name = "none",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "No network: a namespace with loopback only",
	.capabilities = capabilities,
	.needs = needs,
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};

HYFW_PLUGIN_EXPORT(HYFW_KIND_NETWORK, 0, plugin)
