/* SPDX-License-Identifier: BSD-3-Clause
 * Published ports: connections to a port of the host are led to a workload.
 *
 * A port is leased, which keeps other workloads off it, and tried with bind(),
 * which finds out whether a process of the host has it.  No socket is kept open
 * afterwards: a process of the host that takes the port later can bind it, but
 * is not reached by it until the workload is gone. */
#include <errno.h>
#include <stdio.h>

#include "../common/forwarding.h"
#include "bridge.h"

#define NOTE_TARGET "published_to" /* the address that the ports lead to */

static const char *arg(const struct hyfw_call *call, const char *key)
{
	return hyfw_map_get(&call->step->args, key);
}

/* check() has no arena: only what plan() would not find is looked at there. */
int bridge_publish_check(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	if (subject->index != 0 || !hyfw_map_get(&subject->settings, "publish"))
		return 0;
	if (hyfw_map_bool(&subject->network, "internal", false))
		return bridge->host->fail(err, EINVAL, "publish: network %s is internal, nothing outside may reach it",
					  subject->name);
	return 0;
}

/* ---- plan ----------------------------------------------------------------- */

int bridge_publish_plan(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	const char *master = bridge_name_network(bridge, arena, subject->name), *text, *commands;
	struct hyfw_step step = { .size = sizeof(step), .verb = "publish", .lifetime = HYFW_LIFETIME_RUN };
	struct net_publication *list;
	struct hyfw_pair *args;
	size_t count, n = 3;
	int r = net_publications(host, arena, &subject->settings, &list, &count, err);

	if (r < 0 || count == 0 || subject->index != 0)
		return r;
	args = host->alloc(arena, (subject->settings.count + 3) * sizeof(*args));
	args[0] = (struct hyfw_pair){ "network", subject->name };
	args[1] = (struct hyfw_pair){ "master", master };
	args[2] = (struct hyfw_pair){ "host_interface",
				      bridge_name_endpoint(bridge, arena, subject->name, subject->workload) };
	net_publications_copy(&subject->settings, args, &n);
	text = net_publications_text(host, arena, list, count);
	commands = net_publications_commands(host, arena, host->owner, subject->workload, list, count);
	step.object = host->format(arena, "ports of %s", subject->workload);
	step.summary = host->format(arena, "publish port %s of %s", text, subject->workload);
	step.commands = host->format(arena, "sysctl -w net.ipv4.conf.%s.route_localnet=1%s", master, commands);
	step.args = (struct hyfw_map){ n, args };
	return host->plan_step(plan, &step, err);
}

/* ---- apply ---------------------------------------------------------------- */

int bridge_publish_apply(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	struct net_publication *list;
	const char *address = NULL;
	size_t count, i;
	int r = net_publications(host, call->arena, &call->step->args, &list, &count, err);

	if (r >= 0)
		r = bridge_endpoint_address(bridge, call, &address, err);
	if (r >= 0)
		r = host->note(call, NOTE_TARGET, address, err);
	for (i = 0; i < count && r >= 0; i++) {
		list[i].to = address;
		r = net_port_take(host, call, &list[i], err);
	}
	if (r >= 0)
		r = net_sysctl_localnet(host, arg(call, "master"), err);
	return r < 0 ? r : bridge_firewall_publish(bridge, call->workload, list, count, err);
}

/* ---- undo ----------------------------------------------------------------- */

/* Only with the lease in hand are the rules for a port ours to remove: apply()
 * may have failed because another workload has it. */
static int ports_hold(struct bridge *bridge, struct hyfw_call *call, struct net_publication *list, size_t *count,
		      struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	size_t held = 0, i;
	int r = 0;

	for (i = 0; i < *count && r >= 0; i++) {
		net_port_recall(host, call, &list[i]);
		if (!list[i].port)
			continue;
		r = host->lease_take("ports", net_port_lease(host, call->arena, &list[i]), call->workload, err);
		if (r >= 0)
			list[held++] = list[i];
		if (r != -EADDRINUSE)
			continue;
		host->forget(err);
		r = 0;
	}
	*count = held;
	return r;
}

int bridge_publish_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	const char *address = hyfw_map_get(&call->record, NOTE_TARGET);
	struct net_publication *list;
	size_t count, i;
	int r;

	if (!address)
		return 0; /* nothing was begun */
	r = net_publications(host, call->arena, &call->step->args, &list, &count, err);
	if (r >= 0)
		r = ports_hold(bridge, call, list, &count, err);
	for (i = 0; i < count && r >= 0; i++)
		list[i].to = address;
	if (r >= 0 && count > 0)
		r = bridge_firewall_unpublish(bridge, call->workload, list, count, err);
	for (i = 0; i < count && r >= 0; i++)
		host->lease_drop("ports", net_port_lease(host, call->arena, &list[i]), call->workload);
	return r;
}
