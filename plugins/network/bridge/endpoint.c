/* SPDX-License-Identifier: BSD-3-Clause
 * A workload's interface.  One step does all of it, because its parts are found
 * again by each other: the address is leased first, the firewall lets only that
 * address through the port, then the veth pair comes, and the mark on it tells
 * later steps, and a cleaner who lost the journal, what the address is. */
#include <errno.h>
#include <stdio.h>

#include "../common/conntrack.h"
#include "../common/tap.h"
#include "bridge.h"

static const char *arg(const struct hyfw_call *call, const char *key)
{
	return hyfw_map_get(&call->step->args, key);
}

/* ---- plan ----------------------------------------------------------------- */

static const char *endpoint_commands(struct bridge *bridge, const struct hyfw_subject *subject,
				     struct hyfw_arena *arena, const char *outer, const char *inner)
{
	const struct hyfw_host *host = bridge->host;
	const char *master = bridge_name_network(bridge, arena, subject->name), *w = subject->workload;
	bool internal = hyfw_map_bool(&subject->network, "internal", false);
	const char *route = subject->index || internal
		? "" : host->format(arena, "\nip -n %s route add default via $GATEWAY", w);

	return host->format(
		arena,
		"nft add element bridge %s endpoints '{ \"%s\" . $MAC . $ADDRESS comment \"%s\" }'\n"
		"nft add element bridge %s ports '{ \"%s\" comment \"%s\" }'\n"
		"ip link add %s master %s type veth peer name %s address $MAC netns %s\n"
		"ip link set %s alias %s\n"
		"ip link set %s up type bridge_slave isolated on guard on\n"
		"ip -n %s address add $ADDRESS/$PREFIX dev %s\n"
		"ip -n %s link set lo up\n"
		"ip -n %s link set %s up%s",
		host->owner, outer, w, host->owner, outer, w, outer, master, inner, w, outer,
		bridge_mark_endpoint(bridge, arena, subject->name, w, "$ADDRESS"), outer, w, inner, w, w, inner,
		route);
}

static int plan_interface(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			  struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	const char *outer = bridge_name_endpoint(bridge, arena, subject->name, subject->workload),
		   *inner = host->format(arena, "eth%u", subject->index);
	bool internal = hyfw_map_bool(&subject->network, "internal", false);
	const struct hyfw_pair args[] = {
		{ "network", subject->name },
		{ "master", bridge_name_network(bridge, arena, subject->name) },
		{ "host_interface", outer },
		{ "interface", inner },
		{ "route", subject->index == 0 && !internal ? "true" : "false" },
	};
	const struct hyfw_step step = {
		.size = sizeof(step),
		.verb = "interface",
		.object = host->format(arena, "interface %s of %s", inner, subject->workload),
		.summary = host->format(arena, "connect %s of %s to network %s with the next free address", inner,
					subject->workload, subject->name),
		.commands = endpoint_commands(bridge, subject, arena, outer, inner),
		.lifetime = HYFW_LIFETIME_RUN,
		.args = { sizeof(args) / sizeof(args[0]), args },
	};

	return host->plan_step(plan, &step, err);
}

int bridge_endpoint_plan(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			 struct hyfw_arena *arena, struct hyfw_error **err)
{
	int r = subject->takes_tap ? bridge_tap_plan(bridge, subject, plan, arena, err)
				   : plan_interface(bridge, subject, plan, arena, err);

	if (r >= 0)
		r = bridge_publish_plan(bridge, subject, plan, arena, err);
	return r < 0 ? r : bridge_peers_plan(bridge, subject, plan, arena, err);
}

/* ---- apply ---------------------------------------------------------------- */

static int endpoint_find_network(struct bridge *bridge, struct hyfw_call *call, struct bridge_endpoint *endpoint,
				 struct hyfw_error **err)
{
	const char *name = arg(call, "master");
	int r = net_link_find(&bridge->route, call->arena, name, &endpoint->master, err);

	if (r < 0)
		return r;
	if (r == 0 ||
	    strcmp(endpoint->master.alias, bridge_mark_network(bridge, call->arena, endpoint->network)) != 0)
		return bridge->host->fail(err, ENODEV, "bridge %s of network %s is not there", name,
					  endpoint->network);
	return net_link_subnet(&bridge->route, name, endpoint->master.index, &endpoint->subnet, err);
}

/* The subnet is noted before an address is taken from it, so that undo finds a
 * lease whose note was never written. */
static int endpoint_reserve(struct bridge *bridge, struct hyfw_call *call, struct bridge_endpoint *endpoint,
			    struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	struct hyfw_arena *arena = call->arena;
	int r = host->note(call, "subnet", net_subnet_text(host, arena, &endpoint->subnet), err);

	if (r >= 0)
		r = host->note(call, HYFW_NOTE_GATEWAY, net_address_text(host, arena, endpoint->subnet.gateway),
			       err);
	if (r >= 0)
		r = net_address_take(host, arena, endpoint->network, endpoint->workload, &endpoint->subnet,
					&endpoint->address, err);
	if (r >= 0)
		r = host->note(call, HYFW_NOTE_ADDRESS,
			       host->format(arena, "%s/%u", net_address_text(host, arena, endpoint->address),
					    endpoint->subnet.prefix), err);
	endpoint->mac = net_mac_text(host, arena, endpoint->address);
	if (r >= 0 && endpoint->tap)
		r = net_mac_take(host, arena, endpoint->network, endpoint->workload, &endpoint->mac, err);
	if (r >= 0)
		r = host->note(call, HYFW_NOTE_MAC, endpoint->mac, err);
	if (r >= 0)
		r = endpoint->tap ? host->note(call, HYFW_NOTE_TAP, endpoint->host_interface, err)
				  : host->note(call, HYFW_NOTE_INTERFACE, arg(call, "interface"), err);
	if (r >= 0)
		r = host->note(call, HYFW_NOTE_HOST_INTERFACE, endpoint->host_interface, err);
	return r;
}

static struct bridge_admission endpoint_admission(struct bridge *bridge, struct hyfw_arena *arena,
						  const struct bridge_endpoint *endpoint)
{
	return (struct bridge_admission){
		.interface = endpoint->host_interface,
		.mac = endpoint->mac,
		.address = net_address_text(bridge->host, arena, endpoint->address),
		.workload = endpoint->workload,
		.dhcp = endpoint->tap,
	};
}

/* "OWNER:endpoint:NETWORK:WORKLOAD:" begins the mark; an interface without any
 * mark is ours when its name, a hash, is in the notes: we died before marking it. */
static bool endpoint_is_ours(struct bridge *bridge, struct hyfw_arena *arena, const struct bridge_endpoint *endpoint,
			     const struct net_link *link)
{
	const char *mark = bridge_mark_endpoint(bridge, arena, endpoint->network, endpoint->workload, "");

	if (strcmp(link->kind, endpoint->tap ? "tun" : "veth") != 0)
		return false;
	return !*link->alias || strncmp(link->alias, mark, strlen(mark)) == 0;
}

static int endpoint_remove(struct bridge *bridge, struct hyfw_arena *arena, struct bridge_endpoint *endpoint,
			   struct hyfw_error **err)
{
	struct net_link link;
	int r = net_link_find(&bridge->route, arena, endpoint->host_interface, &link, err);

	if (r <= 0 || !endpoint_is_ours(bridge, arena, endpoint, &link))
		return r < 0 ? r : 0;
	endpoint->quiet = link.quiet;
	return net_link_delete(&bridge->route, endpoint->host_interface, link.index, err);
}

static int endpoint_connect(struct bridge *bridge, struct hyfw_call *call, const struct bridge_endpoint *endpoint,
			    struct hyfw_error **err)
{
	struct hyfw_arena *arena = call->arena;
	const struct net_inside inside = {
		.interface = arg(call, "interface"),
		.address = endpoint->address,
		.prefix = endpoint->subnet.prefix,
		.gateway = hyfw_map_bool(&call->step->args, "route", false) ? endpoint->subnet.gateway : 0,
	};
	struct net_veth veth = {
		.host_name = endpoint->host_interface,
		.name = inside.interface,
		.alias = bridge_mark_endpoint(bridge, arena, endpoint->network, endpoint->workload,
					      net_address_text(bridge->host, arena, endpoint->address)),
		.master = endpoint->master.index,
		.netns_fd = call->netns_fd,
	};
	int r;

	net_mac(endpoint->address, veth.mac);
	r = net_link_make_veth(&bridge->route, &veth, err);
	if (r >= 0)
		r = net_inside_configure(&bridge->route, call->netns_fd, &inside, err);
	if (r < 0)
		return r;
	net_link_settle(bridge->route.socket, veth.host_name);
	net_link_settle(bridge->route.socket, arg(call, "master"));
	return 0;
}

int bridge_endpoint_apply(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	struct bridge_endpoint endpoint = {
		.network = arg(call, "network"),
		.workload = call->workload,
		.host_interface = arg(call, "host_interface"),
		.tap = strcmp(call->step->verb, "tap") == 0,
	};
	struct bridge_admission admission;
	int r;

	if (call->netns_fd < 0 && !endpoint.tap)
		return bridge->host->fail(err, EINVAL, "network %s: the workload has no network namespace",
					  endpoint.network);
	r = endpoint_find_network(bridge, call, &endpoint, err);
	if (r >= 0)
		r = endpoint_reserve(bridge, call, &endpoint, err);
	if (r < 0)
		return r;
	admission = endpoint_admission(bridge, call->arena, &endpoint);
	r = bridge_firewall_admit(bridge, &admission, err);
	if (r < 0)
		return r;
	return endpoint.tap ? bridge_tap_connect(bridge, call, &endpoint, err)
			    : endpoint_connect(bridge, call, &endpoint, err);
}

/* ---- undo ----------------------------------------------------------------- */

/* The lease of an address whose note was never written. */
static int endpoint_drop_unknown(struct bridge *bridge, struct hyfw_call *call, struct bridge_endpoint *endpoint,
				 const char *subnet, struct hyfw_error **err)
{
	int r = net_subnet_parse(bridge->host, subnet, NULL, &endpoint->subnet, err);

	if (r >= 0)
		net_address_drop_all(bridge->host, call->arena, endpoint->network, endpoint->workload,
				     &endpoint->subnet);
	return r;
}

/* A second undo must not touch the next holder of the address. */
static int endpoint_expel(struct bridge *bridge, struct hyfw_call *call, struct bridge_endpoint *endpoint,
			  struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	const char *mac = hyfw_map_get(&call->record, HYFW_NOTE_MAC);
	struct bridge_admission admission;
	int r = net_address_claim(host, call->arena, endpoint->network, endpoint->workload, endpoint->address, err);

	if (r <= 0)
		return r;
	endpoint->mac = mac ? mac : net_mac_text(host, call->arena, endpoint->address);
	admission = endpoint_admission(bridge, call->arena, endpoint);
	r = bridge_firewall_expel(bridge, &admission, err);
	if (r >= 0 && !endpoint->quiet)
		net_conntrack_forget(host, endpoint->address);
	if (r >= 0)
		net_address_drop(host, call->arena, endpoint->network, endpoint->workload, endpoint->address);
	return r;
}

int bridge_endpoint_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *address = hyfw_map_get(&call->record, HYFW_NOTE_ADDRESS),
		   *subnet = hyfw_map_get(&call->record, "subnet");
	struct bridge_endpoint endpoint = {
		.network = arg(call, "network"),
		.workload = call->workload,
		.host_interface = arg(call, "host_interface"),
		.tap = strcmp(call->step->verb, "tap") == 0,
	};
	int r = 0;

	if (!subnet)
		return 0; /* nothing was begun */
	if (!address || !net_address_parse(address, &endpoint.address))
		return endpoint_drop_unknown(bridge, call, &endpoint, subnet, err);
	if (hyfw_map_get(&call->record, HYFW_NOTE_HOST_INTERFACE))
		r = endpoint_remove(bridge, call->arena, &endpoint, err);
	if (r >= 0 && endpoint.tap)
		r = bridge_tap_undo(bridge, call, err);
	return r < 0 ? r : endpoint_expel(bridge, call, &endpoint, err);
}

/* ---- for the steps after it ----------------------------------------------- */

int bridge_endpoint_address(struct bridge *bridge, struct hyfw_call *call, const char **ret_address,
			    struct hyfw_error **err)
{
	const char *name = arg(call, "host_interface"),
		   *mark = bridge_mark_endpoint(bridge, call->arena, arg(call, "network"), call->workload, "");
	struct net_link link;
	int r = net_link_find(&bridge->route, call->arena, name, &link, err);

	if (r < 0)
		return r;
	if (r == 0 || strncmp(link.alias, mark, strlen(mark)) != 0)
		return bridge->host->fail(err, ENODEV, "interface %s of %s is not there", name, call->workload);
	*ret_address = link.alias + strlen(mark);
	return 0;
}
