/* SPDX-License-Identifier: BSD-3-Clause
 * Network driver "user": the descriptor. */
#include <errno.h>
#include <unistd.h>

#include "user.h"

static int driver_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
			struct hyfw_error **err)
{
	(void)host;
	(void)arena;
	(void)err;
	ret_probe->result = HYFW_PROBE_OK;
	ret_probe->reason = NULL;
	if (access("/usr/bin/passt", X_OK) < 0 && access("/usr/local/bin/passt", X_OK) < 0) {
		ret_probe->result = HYFW_PROBE_NO;
		ret_probe->reason = "needs passt and pasta: install the package passt";
	}
	return 0;
}

static int driver_open(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
		       struct hyfw_error **err)
{
	struct user *user = calloc(1, sizeof(*user));

	(void)settings;
	if (!user)
		return host->fail(err, ENOMEM, "out of memory");
	user->host = host;
	*ret_instance = user;
	return 0;
}

static void driver_close(void *instance)
{
	free(instance);
}

static int driver_check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	return subject->kind == HYFW_SUBJECT_ENDPOINT ? user_endpoint_check(instance, subject, err) : 0;
}

/* The network itself is nothing but the host's. */
static int driver_plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		       struct hyfw_arena *arena, struct hyfw_error **err)
{
	return subject->kind == HYFW_SUBJECT_ENDPOINT ? user_endpoint_plan(instance, subject, plan, arena, err) : 0;
}

static int driver_apply(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	return user_endpoint_apply(instance, call, err);
}

static int driver_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	return user_endpoint_undo(instance, call, err);
}

static const struct hyfw_common_ops common = {
	.size = sizeof(common),
	.probe = driver_probe,
	.open = driver_open,
	.check = driver_check,
	.plan = driver_plan,
	.apply = driver_apply,
	.undo = driver_undo,
	.gc = user_gc,
	.close = driver_close,
};

static const struct hyfw_network_ops ops = { .size = sizeof(ops) };

static const struct hyfw_need needs[] = {
	{ "program", "passt", false },
	{ "package", "passt", false },
	{ "program", "pasta", false },
	{ "package", "passt", false },
	{ "device", "/dev/net/tun", true },
	{ 0 },
};

static const char *const capabilities[] = { HYFW_GIVES_INTERFACE, HYFW_GIVES_USER_NETWORK, NULL };
static const char *const honours[] = { "network.driver", "workload.network", "workload.publish", NULL };

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_NETWORK,
	.name = "user",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "User-mode networking by passt and pasta, without privileges",
	.capabilities = capabilities,
	.needs = needs,
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};

HYFW_PLUGIN_EXPORT(HYFW_KIND_NETWORK, 0, plugin)
