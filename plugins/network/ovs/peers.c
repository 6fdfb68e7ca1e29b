/* SPDX-License-Identifier: BSD-3-Clause
 * Links: which neighbours a workload may open connections to.  Only ports of the
 * same VLAN are linked; a link never leads from one VLAN to another. */
#include <errno.h>

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

/* Links of one workload that are opened or closed together. */
struct linking {
	struct ovs *ovs;
	struct hyfw_arena *arena;
	struct ovs_ports ports;
	struct ovs_words lines, words; /* flows, and rows that let restore.c make them again */
};

static int linking_begin(struct linking *linking, const char *bridge, struct hyfw_error **err)
{
	linking->lines = linking->words = (struct ovs_words){ .host = linking->ovs->host, .arena = linking->arena };
	return ovs_ports_read(linking->ovs, linking->arena, bridge, &linking->ports, err);
}

/* Nothing for a port that is not there, or in another VLAN. */
static void linking_open(struct linking *linking, const struct ovs_port *from, const struct ovs_port *to)
{
	if (!from || !to || !*from->address || !*to->address || strcmp(from->vlan, to->vlan) != 0)
		return;
	ovs_flows_link(&linking->lines, from, to, true);
	ovs_words_split(&linking->words, linking->words.count ? "-- set Port" : "set Port");
	ovs_words_add(&linking->words, "%s", from->name);
	ovs_words_add(&linking->words, "external_ids:hyfw-link-%s=yes", to->name);
}

static void linking_close(struct linking *linking, const struct ovs_port *from, const struct ovs_port *to)
{
	ovs_flows_link(&linking->lines, from, to, false);
	ovs_words_split(&linking->words, "--if-exists remove Port");
	ovs_words_add(&linking->words, "%s", from->name);
	ovs_words_split(&linking->words, "external_ids");
	ovs_words_add(&linking->words, "hyfw-link-%s", to->name);
}

/* The row first: what it tells is more than what passes, never less. */
static int linking_finish(struct linking *linking, const char *bridge, struct hyfw_error **err)
{
	int r = 0;

	if (linking->words.count)
		r = ovs_transact(linking->ovs, &linking->words, false, err);
	if (r >= 0 && linking->lines.count)
		r = ovs_flows(linking->ovs, linking->arena, bridge, ovs_words_lines(&linking->lines), err);
	return r;
}

int ovs_peers_apply(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_map *args = &call->step->args;
	const char *network = hyfw_map_get(args, "network"), *bridge = hyfw_map_get(args, "bridge"), *name;
	struct linking linking = { .ovs = ovs, .arena = call->arena };
	const struct ovs_port *from, *to;
	size_t cursor = 0;
	int r = linking_begin(&linking, bridge, err);

	if (r < 0)
		return r;
	from = ovs_ports_find(&linking.ports, hyfw_map_get(args, "host_interface"));
	if (!from)
		r = ovs->host->fail(err, ENODEV, "interface %s of %s is not there",
				    hyfw_map_get(args, "host_interface"), call->workload);
	while (r >= 0 && (name = hyfw_map_next(args, "links", &cursor))) {
		if (!hyfw_map_get(&call->peers, name))
			continue;
		to = ovs_ports_find(&linking.ports, ovs_name_endpoint(ovs, call->arena, network, name));
		linking_open(&linking, from, to);
		if (to)
			r = ovs_machine_name(ovs, call->arena, from, to, to->address, true, err);
	}
	if (r >= 0)
		r = linking_finish(&linking, bridge, err);
	ovs_ports_finish(&linking.ports);
	return r;
}

/* The port's own undo takes every flow of it. */
int ovs_peers_undo(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	(void)ovs;
	(void)call;
	(void)err;
	return 0;
}

/* The other may be gone already when a link is closed: its notes tell of it. */
static int peers_link(struct linking *linking, const struct ovs_port *gone_from, const struct ovs_port *gone_to,
		      const char *address, bool permit, struct hyfw_error **err)
{
	const struct ovs_port *from, *to;
	int r = linking_begin(linking, gone_from->bridge, err);

	if (r < 0)
		return r;
	from = ovs_ports_find(&linking->ports, gone_from->name);
	to = ovs_ports_find(&linking->ports, gone_to->name);
	if (permit)
		linking_open(linking, from, to);
	else
		linking_close(linking, from ? from : gone_from, to ? to : gone_to);
	if (from && (to || !permit))
		r = ovs_machine_name(linking->ovs, linking->arena, from, to, address, permit, err);
	return r < 0 ? r : linking_finish(linking, gone_from->bridge, err);
}

int ovs_peers_link(void *instance, const char *network, const struct hyfw_map *endpoint,
		   const struct hyfw_map *peer, bool permit, struct hyfw_error **err)
{
	struct linking linking = { .ovs = instance };
	const struct hyfw_host *host = linking.ovs->host;
	const struct ovs_port from = { .name = hyfw_map_get(endpoint, HYFW_NOTE_HOST_INTERFACE),
				       .bridge = hyfw_map_get(endpoint, "bridge") },
			      to = { .name = hyfw_map_get(peer, HYFW_NOTE_HOST_INTERFACE) };
	const char *address = hyfw_map_get(peer, HYFW_NOTE_ADDRESS);
	int r;

	if (!from.name || !from.bridge || !hyfw_map_get(endpoint, HYFW_NOTE_ADDRESS) || !to.name || !address)
		return host->fail(err, EINVAL, "network %s: an endpoint without address cannot be linked", network);
	linking.arena = host->arena_new();
	r = peers_link(&linking, &from, &to,
		       host->format(linking.arena, "%.*s", (int)strcspn(address, "/"), address), permit, err);
	ovs_ports_finish(&linking.ports);
	host->arena_free(linking.arena);
	return r < 0 ? r : 0;
}
