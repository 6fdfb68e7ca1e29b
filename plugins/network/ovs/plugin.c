/* SPDX-License-Identifier: BSD-3-Clause
 * Network driver "ovs": the descriptor, and the way from operations to the
 * files that do them. */
#include <errno.h>

#include "ovs.h"

static int driver_open(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
		       struct hyfw_error **err)
{
	const char *db = hyfw_map_get(settings, "db");
	struct ovs *ovs;

	if (!db)
		db = OVS_DEFAULT_DB;
	if (strncmp(db, "unix:/", 6) != 0)
		return host->fail(err, EINVAL, "db %s is not of the form unix:/PATH", db);
	ovs = calloc(1, sizeof(*ovs));
	if (!ovs || !(ovs->db = strdup(db))) {
		free(ovs);
		return host->fail(err, ENOMEM, "out of memory");
	}
	ovs->host = ovs->route.host = host;
	*ret_instance = ovs;
	return 0;
}

static void driver_close(void *instance)
{
	struct ovs *ovs = instance;

	if (!ovs)
		return;
	net_route_close(&ovs->route);
	free(ovs->db);
	free(ovs);
}

static int driver_check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	if (subject->kind == HYFW_SUBJECT_NETWORK)
		return ovs_network_check(instance, subject, err);
	return subject->kind == HYFW_SUBJECT_ENDPOINT ? ovs_endpoint_check(instance, subject, err) : 0;
}

static int driver_plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		       struct hyfw_arena *arena, struct hyfw_error **err)
{
	if (subject->kind == HYFW_SUBJECT_NETWORK)
		return ovs_network_plan(instance, subject, plan, arena, err);
	return subject->kind == HYFW_SUBJECT_ENDPOINT ? ovs_endpoint_plan(instance, subject, plan, arena, err) : 0;
}

static const struct driver_step {
	const char *verb;
	int (*apply)(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);
	int (*undo)(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);
} steps[] = {
	{ "bridge", ovs_network_apply, ovs_network_undo },
	{ "port", ovs_endpoint_apply, ovs_endpoint_undo },
	{ "publish", ovs_publish_apply, ovs_publish_undo },
	{ "link", ovs_peers_apply, ovs_peers_undo },
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
	struct ovs *ovs = instance;
	const struct driver_step *step = driver_step(call);

	if (!step)
		return ovs->host->fail(err, EINVAL, "unknown step %s", call->step->verb);
	return step->apply(ovs, call, err);
}

static int driver_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	struct ovs *ovs = instance;
	const struct driver_step *step = driver_step(call);

	if (!step)
		return ovs->host->fail(err, EINVAL, "unknown step %s", call->step->verb);
	return step->undo(ovs, call, err);
}

static int driver_stats(void *instance, const struct hyfw_map *endpoint, struct hyfw_stats *stats,
			struct hyfw_error **err)
{
	struct ovs *ovs = instance;

	return net_link_stats(&ovs->route, hyfw_map_get(endpoint, HYFW_NOTE_HOST_INTERFACE), NET_SIDE_HOST, stats, err);
}

static const struct hyfw_common_ops common = {
	.size = sizeof(common),
	.probe = ovs_probe,
	.open = driver_open,
	.check = driver_check,
	.plan = driver_plan,
	.apply = driver_apply,
	.undo = driver_undo,
	.gc = ovs_gc,
	.close = driver_close,
};

static const struct hyfw_network_ops ops = {
	.size = sizeof(ops),
	.link = ovs_peers_link,
	.stats = driver_stats,
};

static const struct hyfw_need needs[] = {
	{ "program", "ovs-vsctl", false },
	{ "package", "openvswitch-switch", false },
	{ "program", "ovs-ofctl", false },
	{ "package", "openvswitch-common", false },
	{ "program", "nft", true },
	{ "package", "nftables", true },
	{ "program", "dnsmasq", true },
	{ "package", "dnsmasq-base", true },
	{ "device", "/dev/net/tun", true },
	{ "kernel", "veth", false },
	{ "kernel", "openvswitch", true },
	{ "capability", "CAP_NET_ADMIN", false },
	{ "capability", "CAP_SYS_ADMIN", false },
	{ 0 },
};

static const char *const datapaths[] = { "auto", "system", "netdev", NULL };
static const char *const trees[] = { "no", "stp", "rstp", NULL };
static const char *const bonds[] = { "active-backup", "balance-slb", "balance-tcp", NULL };
static const char *const lacps[] = { "off", "active", "passive", NULL };
static const char *const fails[] = { "secure", "standalone", NULL };

#define NETWORK HYFW_SCOPE_NETWORK
#define WORKLOAD HYFW_SCOPE_WORKLOAD
static const struct hyfw_option options[] = {
	{ "db", HYFW_SCOPE_PLUGIN, HYFW_OPTION_STRING, 0, OVS_DEFAULT_DB, 0, 0, NULL,
	  "The database of Open vSwitch; the switch's own sockets are beside it." },
	{ "bridge", NETWORK, HYFW_OPTION_STRING, 0, NULL, 0, 0, NULL,
	  "Name of its bridge; one that exists already is used as it is." },
	{ "datapath", NETWORK, HYFW_OPTION_CHOICE, 0, "auto", 0, 0, datapaths,
	  "Where frames are switched: the kernel (system) or a process (netdev)." },
	{ "stp", NETWORK, HYFW_OPTION_CHOICE, 0, "no", 0, 0, trees, "Spanning tree on its bridge." },
	{ "uplink", NETWORK, HYFW_OPTION_STRING, HYFW_OPTION_LIST, NULL, 0, 0, NULL,
	  "Interface of the host that becomes a port of its bridge; several are one bond." },
	{ "bond_mode", NETWORK, HYFW_OPTION_CHOICE, 0, NULL, 0, 0, bonds,
	  "How a bond of uplinks shares its traffic; active-backup when not given." },
	{ "lacp", NETWORK, HYFW_OPTION_CHOICE, 0, NULL, 0, 0, lacps,
	  "Whether a bond negotiates with the switch at its other end." },
	{ "controller", NETWORK, HYFW_OPTION_STRING, HYFW_OPTION_LIST, NULL, 0, 0, NULL,
	  "OpenFlow controller of its bridge, such as tcp:10.0.0.1:6653." },
	{ "fail_mode", NETWORK, HYFW_OPTION_CHOICE, 0, NULL, 0, 0, fails,
	  "Without its controller the bridge keeps its flows (secure) or switches freely (standalone)." },
	{ "mirror", NETWORK, HYFW_OPTION_NAME, 0, NULL, 0, 0, NULL, "Name of a mirror of its traffic." },
	{ "mirror_output", NETWORK, HYFW_OPTION_STRING, 0, NULL, 0, 0, NULL,
	  "Interface of the host at which the mirror puts out its copies." },
	{ "mirror_ports", NETWORK, HYFW_OPTION_NAME, HYFW_OPTION_LIST, NULL, 0, 0, NULL,
	  "Workloads that the mirror shows; all of its bridge when none is given." },
	{ "vlan", WORKLOAD, HYFW_OPTION_INT, 0, NULL, 1, 4094, NULL, "VLAN of its untagged frames." },
	{ "vlan_trunk", WORKLOAD, HYFW_OPTION_INT, HYFW_OPTION_LIST, NULL, 1, 4094, NULL,
	  "VLANs that it may use with tagged frames, and in which it reaches everybody." },
	{ "network_rate", WORKLOAD, HYFW_OPTION_INT, 0, NULL, 1, 100000000, NULL, "What it may send, in kbit/s." },
	{ "network_burst", WORKLOAD, HYFW_OPTION_INT, 0, NULL, 1, 100000000, NULL,
	  "What it may send at once beyond network_rate, in kbit." },
	{ "network_rate_in", WORKLOAD, HYFW_OPTION_INT, 0, NULL, 1, 100000000, NULL, "What it may receive, in kbit/s." },
	{ "network_burst_in", WORKLOAD, HYFW_OPTION_INT, 0, NULL, 1, 100000000, NULL,
	  "What it may receive at once beyond network_rate_in, in kbit." },
	{ 0 },
};
#undef NETWORK
#undef WORKLOAD

static const char *const capabilities[] = { HYFW_GIVES_INTERFACE, HYFW_GIVES_TAP, NULL };

static const char *const honours[] = {
	"network.driver", "network.subnet", "network.gateway", "network.internal", "workload.network",
	"workload.publish", "workload.links", NULL,
};

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_NETWORK,
	.name = "ovs",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "Open vSwitch with VLANs, rate limits and isolated ports",
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
