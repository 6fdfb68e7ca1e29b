/* SPDX-License-Identifier: BSD-3-Clause
 * What is different for a machine: a tap for its hypervisor instead of a veth
 * pair, a hardware address that stays its own, and DHCP instead of an address that
 * is set from outside.  endpoint.c does what is common. */
#include "../common/dhcp.h"
#include "../common/tap.h"
#include "bridge.h"

static const char *arg(const struct hyfw_call *call, const char *key)
{
	return hyfw_map_get(&call->step->args, key);
}

static const char *tap_commands(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_arena *arena,
				const char *tap, const char *uid)
{
	const struct hyfw_host *host = bridge->host;
	const char *master = bridge_name_network(bridge, arena, subject->name), *w = subject->workload;

	return host->format(
		arena,
		"nft add element bridge %s endpoints '{ \"%s\" . $MAC . $ADDRESS comment \"%s\" }'\n"
		"nft add element bridge %s clients '{ \"%s\" . $MAC comment \"%s\" }'\n"
		"nft add element bridge %s ports '{ \"%s\" comment \"%s\" }'\n"
		"ip tuntap add %s mode tap vnet_hdr%s%s\n"
		"ip link set %s master %s alias %s\n"
		"ip link set %s up type bridge_slave isolated on guard on\n"
		"dnsmasq --interface=%s --bind-interfaces --dhcp-range=$SUBNET,static --dhcp-host=$MAC,$ADDRESS,%s",
		host->owner, tap, w, host->owner, tap, w, host->owner, tap, w, tap, *uid ? " user " : "", uid, tap,
		master, bridge_mark_endpoint(bridge, arena, subject->name, w, "$ADDRESS"), tap, master, w);
}

int bridge_tap_plan(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		    struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	const char *tap = bridge_name_endpoint(bridge, arena, subject->name, subject->workload),
		   *hostname = hyfw_map_get(&subject->settings, "hostname"),
		   *uid = subject->idmap.count ? host->format(arena, "%u", subject->idmap.host_uid) : "";
	bool internal = hyfw_map_bool(&subject->network, "internal", false);
	const struct hyfw_pair args[] = {
		{ "network", subject->name },
		{ "master", bridge_name_network(bridge, arena, subject->name) },
		{ "host_interface", tap },
		{ "hostname", hostname ? hostname : subject->workload },
		{ "uid", uid },
		{ "internal", internal ? "true" : "false" },
		{ "route", subject->index == 0 ? "true" : "false" },
	};
	const struct hyfw_step step = {
		.size = sizeof(step),
		.verb = "tap",
		.object = host->format(arena, "tap %s of %s", tap, subject->workload),
		.summary = host->format(arena, "connect %s to network %s with the next free address, told by DHCP",
					subject->workload, subject->name),
		.commands = tap_commands(bridge, subject, arena, tap, uid),
		.lifetime = HYFW_LIFETIME_RUN,
		.args = { sizeof(args) / sizeof(args[0]), args },
	};

	return host->plan_step(plan, &step, err);
}

static int tap_serve(struct bridge *bridge, struct hyfw_call *call, const struct bridge_endpoint *endpoint,
		     struct hyfw_error **err)
{
	const struct net_dhcp dhcp = { bridge->host, "bridge", endpoint->network };
	const struct net_dhcp_server server = {
		.interface = arg(call, "master"),
		.subnet = endpoint->subnet,
		.internal = hyfw_map_bool(&call->step->args, "internal", false),
	};
	const struct net_dhcp_machine machine = {
		.workload = endpoint->workload,
		.hostname = arg(call, "hostname"),
		.mac = endpoint->mac,
		.address = net_address_text(bridge->host, call->arena, endpoint->address),
		.route = hyfw_map_bool(&call->step->args, "route", false),
	};

	return net_dhcp_add(&dhcp, call->arena, &server, &machine, err);
}

int bridge_tap_connect(struct bridge *bridge, struct hyfw_call *call, const struct bridge_endpoint *endpoint,
		       struct hyfw_error **err)
{
	const char *uid = arg(call, "uid");
	struct net_tap tap = {
		.name = endpoint->host_interface,
		.alias = bridge_mark_endpoint(bridge, call->arena, endpoint->network, endpoint->workload,
					      net_address_text(bridge->host, call->arena, endpoint->address)),
		.master = endpoint->master.index,
		.uid = uid && *uid ? (uint32_t)strtoul(uid, NULL, 10) : (uint32_t)-1,
	};
	int r;

	net_mac_parse(endpoint->mac, tap.mac);
	r = net_tap_make(&bridge->route, &tap, err);
	return r < 0 ? r : tap_serve(bridge, call, endpoint, err);
}

int bridge_tap_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct net_dhcp dhcp = { bridge->host, "bridge", arg(call, "network") };
	int r = net_dhcp_remove(&dhcp, call->arena, call->workload, err);

	if (r >= 0)
		net_mac_drop(bridge->host, call->arena, dhcp.network, call->workload);
	return r;
}
