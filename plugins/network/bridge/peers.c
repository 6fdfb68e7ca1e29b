/* SPDX-License-Identifier: BSD-3-Clause
 * Links: which neighbours a workload may open connections to.  Each permission
 * is one element, caller's address and callee's; answers pass by connection
 * tracking.  Permissions go when either of the two addresses is given back
 * (bridge_firewall_expel).  A machine also gets the names of those it links to, from
 * the DNS server of the network; for containers the core writes a hosts file. */
#include <errno.h>
#include <stdio.h>

#include "../common/dhcp.h"
#include "bridge.h"

int bridge_peers_plan(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		      struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	const char *names = "", *commands = "", *name;
	struct hyfw_step step = { .size = sizeof(step), .verb = "link", .lifetime = HYFW_LIFETIME_RUN };
	struct hyfw_pair *args = host->alloc(arena, (subject->settings.count + 3) * sizeof(*args));
	size_t cursor = 0, count = 3;

	args[0] = (struct hyfw_pair){ "network", subject->name };
	args[1] = (struct hyfw_pair){ "host_interface",
				      bridge_name_endpoint(bridge, arena, subject->name, subject->workload) };
	args[2] = (struct hyfw_pair){ "machine", subject->takes_tap ? "true" : "false" };
	while ((name = hyfw_map_next(&subject->settings, "links", &cursor))) {
		args[count++] = (struct hyfw_pair){ "links", name };
		names = host->format(arena, "%s%s%s", names, *names ? ", " : "", name);
		commands = host->format(
			arena, "%s%snft add element inet %s links '{ $ADDRESS . $ADDRESS_OF_%s comment \"%s\" }'",
			commands, *commands ? "\n" : "", host->owner, name, subject->workload);
	}
	if (!*names)
		return 0;
	step.object = host->format(arena, "links of %s", subject->workload);
	step.summary = host->format(arena, "let %s open connections to %s, once running", subject->workload, names);
	step.commands = commands;
	step.args = (struct hyfw_map){ count, args };
	return host->plan_step(plan, &step, err);
}

/* Without the prefix that a note of an address carries. */
static const char *bare_address(const struct hyfw_host *host, struct hyfw_arena *arena, const char *text)
{
	uint32_t address;

	return text && net_address_parse(text, &address) ? net_address_text(host, arena, address) : NULL;
}

int bridge_peers_apply(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	const struct net_dhcp dhcp = { host, "bridge", hyfw_map_get(&call->step->args, "network") };
	const char *address, *name, *peer;
	size_t cursor = 0;
	int r = bridge_endpoint_address(bridge, call, &address, err);

	if (r < 0)
		return r;
	while (r >= 0 && (name = hyfw_map_next(&call->step->args, "links", &cursor))) {
		peer = bare_address(host, call->arena, hyfw_map_get(&call->peers, name));
		if (peer)
			r = bridge_firewall_link(bridge, address, peer, call->workload, true, err);
		if (peer && r >= 0 && hyfw_map_bool(&call->step->args, "machine", false))
			r = net_dhcp_name(&dhcp, call->arena, call->workload, name, peer, err);
	}
	return r;
}

/* The interface is still there, as steps are undone backwards; if not, its own
 * undo, by its notes, removes every link of its address. */
int bridge_peers_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	(void)bridge;
	(void)call;
	(void)err;
	return 0;
}

/* The workload whose endpoint 'name' is, by the mark on it; NULL when it is gone. */
static const char *peers_workload(struct bridge *bridge, struct hyfw_arena *arena, const char *network,
				  const char *name)
{
	const char *mark = bridge->host->format(arena, "%s:endpoint:%s:", bridge->host->owner, network);
	struct hyfw_error *err = NULL;
	struct net_link link;
	int r = name ? net_link_find(&bridge->route, arena, name, &link, &err) : 0;

	bridge->host->forget(&err);
	if (r <= 0 || strncmp(link.alias, mark, strlen(mark)) != 0)
		return NULL;
	link.alias += strlen(mark);
	return bridge->host->format(arena, "%.*s", (int)strcspn(link.alias, ":"), link.alias);
}

/* A machine asks the network's server for names. */
static int peers_name(struct bridge *bridge, const char *network, const struct hyfw_map *endpoint,
		      const struct hyfw_map *peer, const char *address, bool permit, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	const struct net_dhcp dhcp = { host, "bridge", network };
	struct hyfw_arena *arena = host->arena_new();
	const char *caller = peers_workload(bridge, arena, network, hyfw_map_get(endpoint, HYFW_NOTE_TAP)), *callee;
	int r = 0;

	if (caller && permit) {
		callee = peers_workload(bridge, arena, network, hyfw_map_get(peer, HYFW_NOTE_HOST_INTERFACE));
		if (callee)
			r = net_dhcp_name(&dhcp, arena, caller, callee, address, err);
	} else if (caller) {
		r = net_dhcp_unname(&dhcp, arena, caller, address, err);
	}
	host->arena_free(arena);
	return r;
}

int bridge_peers_link(void *instance, const char *network, const struct hyfw_map *endpoint,
		      const struct hyfw_map *peer, bool permit, struct hyfw_error **err)
{
	struct bridge *bridge = instance;
	const struct hyfw_host *host = bridge->host;
	uint32_t from, to;
	const char *from_text = hyfw_map_get(endpoint, HYFW_NOTE_ADDRESS),
		   *to_text = hyfw_map_get(peer, HYFW_NOTE_ADDRESS);
	char from_bare[INET_ADDRSTRLEN], to_bare[INET_ADDRSTRLEN];

	if (!from_text || !to_text || !net_address_parse(from_text, &from) || !net_address_parse(to_text, &to))
		return host->fail(err, EINVAL, "network %s: an endpoint without address cannot be linked", network);
	snprintf(from_bare, sizeof(from_bare), "%.*s", (int)strcspn(from_text, "/"), from_text);
	snprintf(to_bare, sizeof(to_bare), "%.*s", (int)strcspn(to_text, "/"), to_text);
	if (bridge_firewall_link(bridge, from_bare, to_bare, NULL, permit, err) < 0)
		return host->wrap(err, "network %s", network);
	return hyfw_map_get(endpoint, HYFW_NOTE_TAP)
		       ? peers_name(bridge, network, endpoint, peer, to_bare, permit, err) : 0;
}
