/* SPDX-License-Identifier: BSD-3-Clause
 * The network: firewall tables, forwarding, and the bridge with its address, in
 * this order, so that the rules are there before anything can be sent. */
#include <errno.h>
#include <unistd.h>

#include "../common/dhcp.h"
#include "../common/forwarding.h"
#include "bridge.h"

#define POOL_BASE 0x0a590000u /* 10.89.0.0, 256 subnets /24, for networks without a subnet */
#define POOL_COUNT 256u

static const char *arg(const struct hyfw_call *call, const char *key)
{
	return hyfw_map_get(&call->step->args, key);
}

int bridge_network_check(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	const char *text = hyfw_map_get(&subject->settings, "subnet"),
		   *gateway = hyfw_map_get(&subject->settings, "gateway");
	struct net_subnet subnet;
	char name[IFNAMSIZ];
	int r;

	if (!text)
		return gateway ? host->fail(err, EINVAL, "gateway %s needs a subnet beside it", gateway) : 0;
	r = net_subnet_parse(host, text, gateway, &subnet, err);
	if (r < 0)
		return r;
	bridge_name_copy(bridge, subject->name, name);
	return net_link_check_subnet(&bridge->route, &subnet, name, false, err);
}

/* ---- plan ----------------------------------------------------------------- */

static int plan_rules(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_step *step,
		      struct hyfw_plan *plan, struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	const char *interface = bridge_name_network(bridge, arena, subject->name);
	bool internal = hyfw_map_bool(&subject->settings, "internal", false);

	step->verb = "firewall";
	step->object = host->format(arena, "nftables table %s", host->owner);
	step->summary = host->format(arena, internal ? "isolate the workloads on %s, also from outside"
						     : "isolate the workloads on %s, translate their addresses outside",
				     interface);
	step->commands = host->format(
		arena, "nft add element inet %s bridges '{ \"%s\" comment \"%s\" }'%s%s%s%s", host->owner, interface,
		subject->name, internal ? "" : "\nnft add element inet ", internal ? "" : host->owner,
		internal ? "" : " uplinked ", internal ? "" : host->format(arena, "'{ \"%s\" }'", interface));
	return host->plan_step(plan, step, err);
}

static int plan_forwarding(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_step *step,
			   struct hyfw_plan *plan, struct hyfw_error **err)
{
	if (hyfw_map_bool(&subject->settings, "internal", false))
		return 0;
	step->verb = "forwarding";
	step->object = "sysctl net.ipv4.ip_forward";
	step->summary = "let the host route between its interfaces, if it does not yet";
	step->commands = "sysctl -w net.ipv4.ip_forward=1";
	return bridge->host->plan_step(plan, step, err);
}

static int plan_bridge(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_step *step,
		       struct hyfw_plan *plan, struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	const char *interface = bridge_name_network(bridge, arena, subject->name),
		   *text = hyfw_map_get(&subject->settings, "subnet"), *address = "$GATEWAY/24";
	struct net_subnet subnet;
	int r;

	if (text) {
		r = net_subnet_parse(host, text, hyfw_map_get(&subject->settings, "gateway"), &subnet, err);
		if (r < 0)
			return r;
		address = host->format(arena, "%s/%u", net_address_text(host, arena, subnet.gateway),
				       subnet.prefix);
	}
	step->verb = "bridge";
	step->object = host->format(arena, "bridge %s", interface);
	step->summary = text ? host->format(arena, "create bridge %s with %s", interface, address)
			     : host->format(arena, "create bridge %s with the first free subnet of 10.89.0.0/16",
					    interface);
	step->commands = host->format(
		arena,
		"ip link add %s type bridge forward_delay 0 stp_state 0 mcast_snooping 0\n"
		"ip link set %s alias %s\n"
		"sysctl -w net.ipv4.conf.%s.forwarding=1 net.ipv4.conf.%s.proxy_arp_pvlan=1\n"
		"ip address add %s dev %s\n"
		"ip link set %s up",
		interface, interface, bridge_mark_network(bridge, arena, subject->name), interface, interface, address,
		interface, interface);
	return host->plan_step(plan, step, err);
}

int bridge_network_plan(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			struct hyfw_arena *arena, struct hyfw_error **err)
{
	const char *subnet = hyfw_map_get(&subject->settings, "subnet"),
		   *gateway = hyfw_map_get(&subject->settings, "gateway");
	const struct hyfw_pair args[] = {
		{ "network", subject->name },
		{ "interface", bridge_name_network(bridge, arena, subject->name) },
		{ "internal", hyfw_map_bool(&subject->settings, "internal", false) ? "true" : "false" },
		{ "subnet", subnet ? subnet : "" },
		{ "gateway", gateway ? gateway : "" },
	};
	struct hyfw_step step = {
		.size = sizeof(step),
		.lifetime = HYFW_LIFETIME_SHARED,
		.args = { sizeof(args) / sizeof(args[0]), args },
	};
	int r = plan_rules(bridge, subject, &step, plan, arena, err);

	if (r >= 0)
		r = plan_forwarding(bridge, subject, &step, plan, err);
	if (r >= 0)
		r = plan_bridge(bridge, subject, &step, plan, arena, err);
	return r;
}

/* ---- step "bridge" -------------------------------------------------------- */

static int choose_subnet(struct bridge *bridge, const char *interface, struct net_subnet *ret_subnet,
			 struct hyfw_error **err)
{
	unsigned i;
	int r;

	for (i = 0; i < POOL_COUNT; i++) {
		struct net_subnet subnet = { POOL_BASE + (i << 8), POOL_BASE + (i << 8) + 1, 24 };

		r = net_link_check_subnet(&bridge->route, &subnet, interface, true, err);
		if (r >= 0) {
			*ret_subnet = subnet;
			return 0;
		}
		if (r != -EADDRINUSE)
			return r;
		bridge->host->forget(err);
	}
	return bridge->host->fail(err, EADDRNOTAVAIL,
				  "no subnet is free in 10.89.0.0/16; give the network one with \"subnet\"");
}

static int decide_subnet(struct bridge *bridge, struct hyfw_call *call, struct net_subnet *ret_subnet,
			 struct hyfw_error **err)
{
	const char *subnet = arg(call, "subnet"), *gateway = arg(call, "gateway"),
		   *interface = arg(call, "interface");
	int r;

	if (!subnet || !*subnet)
		return choose_subnet(bridge, interface, ret_subnet, err);
	r = net_subnet_parse(bridge->host, subnet, gateway && *gateway ? gateway : NULL, ret_subnet, err);
	if (r < 0)
		return r;
	return net_link_check_subnet(&bridge->route, ret_subnet, interface, false, err);
}

static int network_note(struct bridge *bridge, struct hyfw_call *call, const struct net_subnet *subnet,
			struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	int r = host->note(call, HYFW_NOTE_HOST_INTERFACE, arg(call, "interface"), err);

	if (r >= 0)
		r = host->note(call, "subnet", net_subnet_text(host, call->arena, subnet), err);
	if (r >= 0)
		r = host->note(call, HYFW_NOTE_GATEWAY, net_address_text(host, call->arena, subnet->gateway), err);
	return r;
}

/* Whether the bridge named by the step is ours: by its mark, or, without one,
 * because this step noted that it would make it and died before marking it. */
static bool network_is_ours(struct bridge *bridge, struct hyfw_call *call, const struct net_link *link)
{
	const char *mark = bridge_mark_network(bridge, call->arena, arg(call, "network"));

	if (strcmp(link->kind, "bridge") != 0)
		return false;
	if (!*link->alias)
		return hyfw_map_get(&call->record, HYFW_NOTE_HOST_INTERFACE) != NULL;
	return strcmp(link->alias, mark) == 0;
}

static int network_make(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *interface = arg(call, "interface");
	struct net_subnet subnet;
	struct net_link link;
	int r = net_link_find(&bridge->route, call->arena, interface, &link, err);

	if (r < 0)
		return r;
	if (r > 0 && !network_is_ours(bridge, call, &link))
		return bridge->host->fail(err, EEXIST, "interface %s exists and is not ours", interface);
	r = decide_subnet(bridge, call, &subnet, err);
	if (r < 0)
		return r;
	/* One that was left behind may have another subnet: start anew. */
	r = net_dhcp_stop(&(struct net_dhcp){ bridge->host, "bridge", arg(call, "network") }, call->arena, err);
	if (r >= 0 && net_link_find(&bridge->route, call->arena, interface, &link, err) > 0)
		r = net_link_delete(&bridge->route, interface, link.index, err);
	if (r >= 0)
		r = network_note(bridge, call, &subnet, err);
	if (r < 0)
		return r;
	return bridge_link_make_bridge(bridge, interface,
				       bridge_mark_network(bridge, call->arena, arg(call, "network")), &subnet, err);
}

static int with_lock(struct bridge *bridge, struct hyfw_call *call, bridge_step_fn function,
		     struct hyfw_error **err)
{
	int lock = bridge->host->lock("bridge", err), r;

	if (lock < 0)
		return lock;
	r = function(bridge, call, err);
	close(lock);
	return r;
}

int bridge_network_apply(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	return with_lock(bridge, call, network_make, err);
}

static int network_remove(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *interface = arg(call, "interface");
	struct net_link link;
	int r = net_dhcp_stop(&(struct net_dhcp){ bridge->host, "bridge", arg(call, "network") }, call->arena, err);

	if (r >= 0)
		r = net_link_find(&bridge->route, call->arena, interface, &link, err);
	if (r <= 0 || !network_is_ours(bridge, call, &link))
		return r < 0 ? r : 0;
	return net_link_delete(&bridge->route, interface, link.index, err);
}

int bridge_network_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	return with_lock(bridge, call, network_remove, err);
}

/* ---- steps "firewall" and "forwarding" ------------------------------------ */

static int rules_make(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	return bridge_firewall_network(bridge, arg(call, "interface"), arg(call, "network"),
				       hyfw_map_bool(&call->step->args, "internal", false), err);
}

int bridge_rules_apply(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	return with_lock(bridge, call, rules_make, err);
}

static int rules_remove(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	return bridge_firewall_network_gone(bridge, arg(call, "interface"), err);
}

int bridge_rules_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	return with_lock(bridge, call, rules_remove, err);
}

int bridge_forwarding_apply(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	(void)call;
	return net_forwarding_enable(&bridge->route, err);
}

int bridge_forwarding_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	return net_forwarding_restore(&bridge->route, arg(call, "interface"), err);
}
