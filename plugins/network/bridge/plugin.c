/* SPDX-License-Identifier: BSD-3-Clause
 * Network driver "bridge": the descriptor, and the way from operations to the
 * files that do them. */
#include <errno.h>
#include <unistd.h>

#include "bridge.h"
#include "nft.h"

static int driver_open(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
		       struct hyfw_error **err)
{
	struct bridge *bridge = calloc(1, sizeof(*bridge));

	(void)settings;
	if (!bridge)
		return host->fail(err, ENOMEM, "out of memory");
	bridge->host = bridge->route.host = host;
	*ret_instance = bridge;
	return 0;
}

static void driver_close(void *instance)
{
	struct bridge *bridge = instance;

	if (!bridge)
		return;
	net_route_close(&bridge->route);
	bridge_nft_close(bridge);
	free(bridge);
}

static int driver_check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	if (subject->kind == HYFW_SUBJECT_NETWORK)
		return bridge_network_check(instance, subject, err);
	return subject->kind == HYFW_SUBJECT_ENDPOINT ? bridge_publish_check(instance, subject, err) : 0;
}

static int driver_plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		       struct hyfw_arena *arena, struct hyfw_error **err)
{
	if (subject->kind == HYFW_SUBJECT_NETWORK)
		return bridge_network_plan(instance, subject, plan, arena, err);
	return subject->kind == HYFW_SUBJECT_ENDPOINT ? bridge_endpoint_plan(instance, subject, plan, arena, err) : 0;
}

static const struct driver_step {
	const char *verb;
	bridge_step_fn apply, undo;
} steps[] = {
	{ "firewall", bridge_rules_apply, bridge_rules_undo },
	{ "forwarding", bridge_forwarding_apply, bridge_forwarding_undo },
	{ "bridge", bridge_network_apply, bridge_network_undo },
	{ "interface", bridge_endpoint_apply, bridge_endpoint_undo },
	{ "tap", bridge_endpoint_apply, bridge_endpoint_undo },
	{ "publish", bridge_publish_apply, bridge_publish_undo },
	{ "link", bridge_peers_apply, bridge_peers_undo },
};

static const struct driver_step *driver_step(const struct hyfw_call *call)
{
	size_t i;

	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strcmp(steps[i].verb, call->step->verb) == 0)
			return &steps[i];
	return NULL;
}

static int driver_apply(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	struct bridge *bridge = instance;
	const struct driver_step *step = driver_step(call);

	if (!step)
		return bridge->host->fail(err, EINVAL, "unknown step %s", call->step->verb);
	if (geteuid() != 0)
		return bridge->host->fail(err, EPERM, "a bridge takes root; an ordinary user has --network none, or a "
					  "network with driver = user");
	return step->apply(bridge, call, err);
}

static int driver_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	struct bridge *bridge = instance;
	const struct driver_step *step = driver_step(call);

	if (!step)
		return bridge->host->fail(err, EINVAL, "unknown step %s", call->step->verb);
	return step->undo(bridge, call, err);
}

static int driver_stats(void *instance, const struct hyfw_map *endpoint, struct hyfw_stats *stats,
			struct hyfw_error **err)
{
	struct bridge *bridge = instance;

	return net_link_stats(&bridge->route, hyfw_map_get(endpoint, HYFW_NOTE_HOST_INTERFACE), NET_SIDE_HOST, stats, err);
}

static const struct hyfw_common_ops common = {
	.size = sizeof(common),
	.probe = bridge_probe,
	.open = driver_open,
	.check = driver_check,
	.plan = driver_plan,
	.apply = driver_apply,
	.undo = driver_undo,
	.gc = bridge_gc,
	.close = driver_close,
};

static const struct hyfw_network_ops ops = {
	.size = sizeof(ops),
	.link = bridge_peers_link,
	.stats = driver_stats,
};

static const struct hyfw_need needs[] = {
	{ "kernel", "bridge", false },
	{ "kernel", "veth", false },
	{ "kernel", "nf_tables", false },
	{ "device", "/dev/net/tun", true },
	{ "program", "dnsmasq", true },
	{ "package", "dnsmasq-base", true },
	{ "capability", "CAP_NET_ADMIN", false },
	{ "capability", "CAP_SYS_ADMIN", false },
	{ 0 },
};

static const char *const capabilities[] = { HYFW_GIVES_INTERFACE, HYFW_GIVES_TAP, NULL };

static const char *const honours[] = {
	"network.driver",   "network.subnet",   "network.gateway", "network.internal",
	"workload.network", "workload.publish", "workload.links",  NULL,
};

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_NETWORK,
	.name = "bridge",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "Linux bridge with isolated ports, address translation and published ports",
	.capabilities = capabilities,
	.needs = needs,
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};

HYFW_PLUGIN_EXPORT(HYFW_KIND_NETWORK, 0, plugin)
