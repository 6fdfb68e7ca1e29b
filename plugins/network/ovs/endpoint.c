/* SPDX-License-Identifier: BSD-3-Clause
 * A workload's interface: its keys, and the plan of its port. */
#include <errno.h>

#include "ovs.h"

static const char *text(const struct hyfw_map *map, const char *key)
{
	const char *value = hyfw_map_get(map, key);

	return value ? value : "";
}

static int check_vlan(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct hyfw_map *keys = &subject->settings;

	if (!hyfw_map_get(keys, "vlan_trunk"))
		return 0;
	/* As with Open vSwitch itself, a trunk without a VLAN of its own carries no
	 * untagged frames; an address would be on an interface that can send none. */
	if (!hyfw_map_get(keys, "vlan") && hyfw_map_get(&subject->network, "subnet"))
		return ovs->host->fail(err, EINVAL, "network %s: vlan_trunk without vlan carries only frames with a tag, so "
						    "the workload could not use its address in subnet %s: add vlan, or "
						    "take a network without subnet", subject->name,
				       text(&subject->network, "subnet"));
	return 0;
}

static int check_tap(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct hyfw_map *net = &subject->network;

	if (subject->takes_tap && hyfw_map_get(net, "subnet") && hyfw_map_get(net, "uplink"))
		return ovs->host->fail(err, EOPNOTSUPP, "network %s: with an uplink the host has no address on it and can "
							"give none to a machine: leave subnet out, and let the network's "
							"own DHCP server give one", subject->name);
	return 0;
}

int ovs_endpoint_check(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const struct hyfw_map *keys = &subject->settings;
	int r;

	if (hyfw_map_get(keys, "network_burst") && !hyfw_map_get(keys, "network_rate"))
		return host->fail(err, EINVAL, "network_burst needs a network_rate beside it");
	if (hyfw_map_get(keys, "network_burst_in") && !hyfw_map_get(keys, "network_rate_in"))
		return host->fail(err, EINVAL, "network_burst_in needs a network_rate_in beside it");
	r = ovs_publish_check(ovs, subject, err);
	if (r >= 0)
		r = check_vlan(ovs, subject, err);
	if (r >= 0)
		r = check_tap(ovs, subject, err);
	if (r < 0 || !hyfw_map_get(keys, "links"))
		return r;
	if (!hyfw_map_get(&subject->network, "subnet"))
		return host->fail(err, EOPNOTSUPP, "network %s: links need a subnet, as they go by address",
				  subject->name);
	if (hyfw_map_get(keys, "vlan_trunk"))
		return host->fail(err, EOPNOTSUPP, "network %s: a workload with vlan_trunk cannot have links",
				  subject->name);
	return 0;
}

/* ---- plan ------------------------------------------------------------------------ */

static const char *trunks(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_arena *arena)
{
	const char *list = "", *value;
	size_t cursor = 0;

	while ((value = hyfw_map_next(&subject->settings, "vlan_trunk", &cursor)))
		list = ovs->host->format(arena, "%s%s%s", list, *list ? "," : "", value);
	return list;
}

/* The mirror that is to show the workload; one of all ports shows it anyway. */
static const char *mirror(const struct hyfw_subject *subject)
{
	const char *name;
	size_t cursor = 0;

	while ((name = hyfw_map_next(&subject->network, "mirror_ports", &cursor)))
		if (strcmp(name, subject->workload) == 0)
			return text(&subject->network, "mirror");
	return "";
}

static const char *plan_commands(struct ovs *ovs, const struct hyfw_subject *subject, const struct hyfw_map *args,
				 struct hyfw_arena *arena)
{
	const struct hyfw_host *host = ovs->host;
	const char *outer = text(args, "host_interface"), *inner = text(args, "interface");
	const struct ovs_port port = { .bridge = text(args, "bridge"), .name = outer, .vlan = text(args, "vlan"),
				       .trunk = *text(args, "vlan_trunk") };
	const struct ovs_port_rows rows = ovs_port_rows_of(args, &port, subject->workload);
	struct ovs_words words = { .host = host, .arena = arena };

	ovs_port_words(&rows, &words);
	return subject->takes_tap
		       ? host->format(arena, "ip tuntap add %s mode tap\n%s", outer, ovs_words_command(&words))
		       : host->format(arena, "ip link add %s type veth peer name %s netns %s\n%s", outer, inner,
				      subject->workload, ovs_words_command(&words));
}

int ovs_endpoint_plan(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		      struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const struct hyfw_map *net = &subject->network, *own = &subject->settings;
	const char *inner = host->format(arena, "eth%u", subject->index), *bridge = hyfw_map_get(net, "bridge");
	const bool route = subject->index == 0 && hyfw_map_get(net, "uplink") && hyfw_map_get(net, "gateway");
	const struct hyfw_pair args[] = {
		{ "network", subject->name },
		{ "bridge", bridge ? bridge : ovs_name_network(ovs, arena, subject->name) },
		{ "host_interface", ovs_name_endpoint(ovs, arena, subject->name, subject->workload) },
		{ "interface", inner },
		{ "route", route ? "true" : "false" },
		{ "subnet", text(net, "subnet") },
		{ "gateway", text(net, "gateway") },
		{ "vlan", text(own, "vlan") },
		{ "vlan_trunk", trunks(ovs, subject, arena) },
		{ "rate", text(own, "network_rate") },
		{ "burst", text(own, "network_burst") },
		{ "rate_in", text(own, "network_rate_in") },
		{ "burst_in", text(own, "network_burst_in") },
		{ "mirror", mirror(subject) },
		{ "machine", subject->takes_tap ? "true" : "false" },
		{ "uid", subject->idmap.count ? host->format(arena, "%u", subject->idmap.host_uid) : "" },
		{ "hostname", text(own, "hostname") },
	};
	struct hyfw_step step = {
		.size = sizeof(step),
		.verb = "port",
		.object = host->format(arena, "interface %s of %s", inner, subject->workload),
		.summary = host->format(arena, "connect %s of %s to bridge %s%s", inner, subject->workload, args[1].value,
					*args[8].value ? ", where it reaches whoever is in its VLANs" : ""),
		.lifetime = HYFW_LIFETIME_RUN,
		.args = { sizeof(args) / sizeof(args[0]), args },
	};
	int r;

	step.commands = plan_commands(ovs, subject, &step.args, arena);
	r = host->plan_step(plan, &step, err);
	if (r >= 0)
		r = ovs_publish_plan(ovs, subject, &step.args, plan, arena, err);
	return r < 0 ? r : ovs_peers_plan(ovs, subject, plan, arena, err);
}
