/* SPDX-License-Identifier: BSD-3-Clause
 * Network driver "macvtap": the descriptor, and the way from operations to the
 * files that do them. */
#include <errno.h>

#include "macvtap.h"

static int driver_open(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
		       struct hyfw_error **err)
{
	struct macvtap *macvtap = calloc(1, sizeof(*macvtap));

	(void)settings;
	if (!macvtap)
		return host->fail(err, ENOMEM, "out of memory");
	macvtap->host = macvtap->route.host = host;
	*ret_instance = macvtap;
	return 0;
}

static void driver_close(void *instance)
{
	struct macvtap *macvtap = instance;

	if (!macvtap)
		return;
	net_route_close(&macvtap->route);
	free(macvtap);
}

static int driver_check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	if (subject->kind == HYFW_SUBJECT_NETWORK)
		return macvtap_network_check(instance, subject, err);
	return subject->kind == HYFW_SUBJECT_ENDPOINT ? macvtap_endpoint_check(instance, subject, err) : 0;
}

/* The network itself is there already. */
static int driver_plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		       struct hyfw_arena *arena, struct hyfw_error **err)
{
	return subject->kind == HYFW_SUBJECT_ENDPOINT ? macvtap_endpoint_plan(instance, subject, plan, arena, err) : 0;
}

static int driver_apply(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	return macvtap_endpoint_apply(instance, call, err);
}

static int driver_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	return macvtap_endpoint_undo(instance, call, err);
}

/* The interface is the workload's own side; what is in a namespace is not seen. */
static int driver_stats(void *instance, const struct hyfw_map *endpoint, struct hyfw_stats *stats,
			struct hyfw_error **err)
{
	struct macvtap *macvtap = instance;

	return net_link_stats(&macvtap->route, hyfw_map_get(endpoint, HYFW_NOTE_TAP), NET_SIDE_WORKLOAD, stats, err);
}

static const struct hyfw_common_ops common = {
	.size = sizeof(common),
	.open = driver_open,
	.check = driver_check,
	.plan = driver_plan,
	.apply = driver_apply,
	.undo = driver_undo,
	.gc = macvtap_gc,
	.close = driver_close,
};

static const struct hyfw_network_ops ops = {
	.size = sizeof(ops),
	.stats = driver_stats,
};

static const struct hyfw_need needs[] = {
	{ "kernel", "macvlan", false },
	{ "kernel", "macvtap", true },
	{ "capability", "CAP_NET_ADMIN", false },
	{ "capability", "CAP_SYS_ADMIN", false },
	{ 0 },
};

static const char *const modes[] = { "private", "bridge", "vepa", "passthrough", NULL };

static const struct hyfw_option options[] = {
	{ "parent", HYFW_SCOPE_NETWORK, HYFW_OPTION_STRING, 0, NULL, 0, 0, NULL,
	  "Interface of the host whose network the workloads join." },
	{ "mode", HYFW_SCOPE_NETWORK, HYFW_OPTION_CHOICE, 0, "private", 0, 0, modes,
	  "Whether workloads on one parent reach each other: never (private), directly (bridge), by way of the switch "
	  "(vepa); passthrough gives the parent to one workload alone." },
	{ "address_range", HYFW_SCOPE_NETWORK, HYFW_OPTION_STRING, 0, NULL, 0, 0, NULL,
	  "Addresses of its subnet that containers are given, FIRST-LAST; keep them out of the DHCP server's." },
	{ 0 },
};

static const char *const capabilities[] = { HYFW_GIVES_INTERFACE, HYFW_GIVES_TAP, NULL };

static const char *const honours[] = {
	"network.driver", "network.subnet", "network.gateway", "workload.network", NULL,
};

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_NETWORK,
	.name = "macvtap",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "Directly on a network of the host: macvtap for machines, macvlan for containers",
	.capabilities = capabilities,
	.needs = needs,
	.options = options,
	.option_stride = sizeof(options[0]),
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};

HYFW_PLUGIN_EXPORT(HYFW_KIND_NETWORK, 0, plugin)
