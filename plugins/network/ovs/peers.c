/* SPDX-License-Identifier: BSD-3-Clause
 * Links: which neighbours a workload may open connections to.  Only ports of the
 * same VLAN are linked; a link never leads from one VLAN to another. */
#include <errno.h>
#include <json-c/json.h>

#include "ovs.h"

int ovs_peers_plan(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		   struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const char *bridge = hyfw_map_get(&subject->network, "bridge"), *names = "", *name;
	struct hyfw_step step = { .size = sizeof(step), .verb = "link", .lifetime = HYFW_LIFETIME_RUN };
	struct hyfw_pair *args = host->alloc(arena, (subject->settings.count + 3) * sizeof(*args));
	size_t cursor = 0, count = 3;

	args[0] = (struct hyfw_pair){ "network", subject->name };
	args[1] = (struct hyfw_pair){ "bridge", bridge ? bridge : ovs_name_network(ovs, arena, subject->name) };
	args[2] = (struct hyfw_pair){ "host_interface",
				      ovs_name_endpoint(ovs, arena, subject->name, subject->workload) };
	while ((name = hyfw_map_next(&subject->settings, "links", &cursor))) {
		args[count++] = (struct hyfw_pair){ "links", name };
		names = host->format(arena, "%s%s%s", names, *names ? ", " : "", name);
	}
	if (!*names)
		return 0;
	step.object = host->format(arena, "links of %s", subject->workload);
	step.summary = host->format(arena, "let %s open connections to %s, once running", subject->workload, names);
	step.args = (struct hyfw_map){ count, args };
	return host->plan_step(plan, &step, err);
}

/* 1 when both ports are there and in one VLAN. */
static int peers_same_vlan(struct ovs *ovs, struct hyfw_arena *arena, const char *from, const char *to,
			   struct hyfw_error **err)
{
	const char *tags[2] = { NULL, NULL };
	struct json_object *rows = NULL;
	size_t i;
	int r = ovs_rows(ovs, arena, "Port", "name,tag",
			 ovs->host->format(arena, "external_ids:hyfw=%s", ovs->host->owner), &rows, err);

	if (r < 0)
		return r;
	for (i = 0; i < ovs_row_count(rows); i++) {
		if (strcmp(ovs_cell(rows, i, 0), from) == 0)
			tags[0] = ovs_cell(rows, i, 1);
		if (strcmp(ovs_cell(rows, i, 0), to) == 0)
			tags[1] = ovs_cell(rows, i, 1);
	}
	r = tags[0] && tags[1] && strcmp(tags[0], tags[1]) == 0;
	json_object_put(rows);
	return r;
}

static int peers_set(struct ovs *ovs, struct hyfw_arena *arena, struct ovs_port *from, struct ovs_port *to,
		     bool permit, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	uint32_t a, b;
	int r = 1;

	if (!net_address_parse(from->address, &a) || !net_address_parse(to->address, &b))
		return host->fail(err, EINVAL, "an endpoint without address cannot be linked");
	from->address = net_address_text(host, arena, a);
	from->mac = net_mac_text(host, arena, a);
	to->address = net_address_text(host, arena, b);
	to->mac = net_mac_text(host, arena, b);
	from->meter = to->meter = "";
	if (permit)
		r = peers_same_vlan(ovs, arena, from->name, to->name, err);
	return r <= 0 ? r : ovs_flows_link(ovs, arena, from, to, permit, err);
}

int ovs_peers_apply(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *network = hyfw_map_get(&call->step->args, "network"),
		   *mark = ovs_mark(ovs, call->arena, network, call->workload, ""), *name;
	struct ovs_port from = { .name = hyfw_map_get(&call->step->args, "host_interface"),
				 .bridge = hyfw_map_get(&call->step->args, "bridge") };
	struct net_link link;
	size_t cursor = 0;
	int r = net_link_find(&ovs->route, call->arena, from.name, &link, err);

	if (r < 0)
		return r;
	if (r == 0 || strncmp(link.alias, mark, strlen(mark)) != 0)
		return ovs->host->fail(err, ENODEV, "interface %s of %s is not there", from.name, call->workload);
	while (r >= 0 && (name = hyfw_map_next(&call->step->args, "links", &cursor))) {
		struct ovs_port to = { .name = ovs_name_endpoint(ovs, call->arena, network, name),
				       .address = hyfw_map_get(&call->peers, name) };

		from.address = link.alias + strlen(mark);
		if (to.address)
			r = peers_set(ovs, call->arena, &from, &to, true, err);
	}
	return r < 0 ? r : 0;
}

/* The port's own undo takes every flow of it. */
int ovs_peers_undo(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	(void)ovs;
	(void)call;
	(void)err;
	return 0;
}

int ovs_peers_link(void *instance, const char *network, const struct hyfw_map *endpoint,
		   const struct hyfw_map *peer, bool permit, struct hyfw_error **err)
{
	struct ovs *ovs = instance;
	const struct hyfw_host *host = ovs->host;
	struct ovs_port from = { .name = hyfw_map_get(endpoint, HYFW_NOTE_HOST_INTERFACE),
				 .bridge = hyfw_map_get(endpoint, "bridge"),
				 .address = hyfw_map_get(endpoint, HYFW_NOTE_ADDRESS) },
			to = { .name = hyfw_map_get(peer, HYFW_NOTE_HOST_INTERFACE),
			       .address = hyfw_map_get(peer, HYFW_NOTE_ADDRESS) };
	struct hyfw_arena *arena;
	int r;

	if (!from.name || !from.bridge || !from.address || !to.name || !to.address)
		return host->fail(err, EINVAL, "network %s: an endpoint without address cannot be linked", network);
	arena = host->arena_new();
	r = peers_set(ovs, arena, &from, &to, permit, err);
	host->arena_free(arena);
	return r < 0 ? r : 0;
}
