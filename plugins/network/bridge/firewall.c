/* SPDX-License-Identifier: BSD-3-Clause
 * What the firewall is told of networks, endpoints, links and published ports:
 * elements of the sets and maps that firewall_rules.c makes.  Every function is
 * one transaction. */
#include <json-c/json.h>

#include "nft.h"

/* ---- networks ------------------------------------------------------------- */

int bridge_firewall_network(struct bridge *bridge, const char *interface, const char *network, bool internal,
			    struct hyfw_error **err)
{
	struct json_object *commands = bridge_firewall_rules(bridge_nft_table(bridge));

	net_nft_put(commands, bridge_nft_table(bridge), true,
		     &(struct net_element){ "inet", "bridges", { interface }, .comment = network });
	net_nft_put(commands, bridge_nft_table(bridge), !internal,
		     &(struct net_element){ "inet", "uplinked", { interface }, .comment = network });
	return bridge_nft_run(bridge, commands, err);
}

int bridge_firewall_network_gone(struct bridge *bridge, const char *interface, struct hyfw_error **err)
{
	struct json_object *commands = json_object_new_array(), *left;
	int r;

	net_nft_put(commands, bridge_nft_table(bridge), false, &(struct net_element){ "inet", "bridges", { interface } });
	net_nft_put(commands, bridge_nft_table(bridge), false, &(struct net_element){ "inet", "uplinked", { interface } });
	r = bridge_nft_run_removal(bridge, commands, err);
	if (r < 0)
		return r;
	left = bridge_nft_list(bridge, "inet", "set", "bridges");
	if (left) {
		json_object_put(left);
		return 0;
	}
	commands = json_object_new_array();
	net_nft_drop_table(commands, "inet", bridge_nft_table(bridge));
	net_nft_drop_table(commands, "bridge", bridge_nft_table(bridge));
	return bridge_nft_run_removal(bridge, commands, err);
}

/* ---- endpoints ------------------------------------------------------------ */

static void firewall_put_admission(struct bridge *bridge, struct json_object *commands, bool present,
				   const struct bridge_admission *a)
{
	const struct net_element elements[] = {
		{ "bridge", "endpoints", { a->interface, a->mac, a->address }, .comment = a->workload },
		{ "bridge", "ports", { a->interface }, .comment = a->workload },
		{ "inet", "selves", { a->address, a->address }, .comment = a->workload },
		{ "inet", "links", { a->address, a->address }, .comment = a->workload },
	};
	size_t i;

	for (i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
		net_nft_put(commands, bridge_nft_table(bridge), present, &elements[i]);
	if (a->dhcp)
		net_nft_put(commands, bridge_nft_table(bridge), present,
			       &(struct net_element){ "bridge", "clients", { a->interface, a->mac },
							 .comment = a->workload });
}

int bridge_firewall_admit(struct bridge *bridge, const struct bridge_admission *admission,
			  struct hyfw_error **err)
{
	struct json_object *commands = json_object_new_array();

	firewall_put_admission(bridge, commands, true, admission);
	return bridge_nft_run(bridge, commands, err);
}

/* {"elem": {"val": {"concat": [FROM, TO]}, "comment": ...}}, or without "elem"
 * when there is no comment. */
static struct json_object *firewall_concat(struct json_object *element)
{
	struct json_object *inner = json_object_object_get(element, "elem"),
			   *value = inner ? json_object_object_get(inner, "val") : element;

	return json_object_object_get(value, "concat");
}

static void firewall_put_unlink(struct bridge *bridge, struct json_object *commands, const char *address)
{
	struct json_object *links = bridge_nft_list(bridge, "inet", "set", "links");
	size_t i;

	for (i = 0; links && i < json_object_array_length(links); i++) {
		struct json_object *pair = firewall_concat(json_object_array_get_idx(links, i));
		const char *from = json_object_get_string(json_object_array_get_idx(pair, 0)),
			   *to = json_object_get_string(json_object_array_get_idx(pair, 1));

		if (from && to && (strcmp(from, address) == 0 || strcmp(to, address) == 0))
			net_nft_put(commands, bridge_nft_table(bridge), false, &(struct net_element){ "inet", "links", { from, to } });
	}
	json_object_put(links);
}

int bridge_firewall_expel(struct bridge *bridge, const struct bridge_admission *admission,
			  struct hyfw_error **err)
{
	struct json_object *commands = json_object_new_array();

	firewall_put_admission(bridge, commands, false, admission);
	firewall_put_unlink(bridge, commands, admission->address);
	return bridge_nft_run_removal(bridge, commands, err);
}

int bridge_firewall_link(struct bridge *bridge, const char *from, const char *to, const char *comment,
			 bool permit, struct hyfw_error **err)
{
	struct json_object *commands = json_object_new_array();
	const struct net_element element = { "inet", "links", { from, to }, .comment = comment };

	net_nft_put(commands, bridge_nft_table(bridge), permit, &element);
	return permit ? bridge_nft_run(bridge, commands, err) : bridge_nft_run_removal(bridge, commands, err);
}

/* ---- published ports ------------------------------------------------------ */

int bridge_firewall_publish(struct bridge *bridge, const char *workload, const struct net_publication *list,
			    size_t count, struct hyfw_error **err)
{
	struct json_object *commands = json_object_new_array();
	size_t i;

	for (i = 0; i < count; i++)
		net_nft_publish(commands, bridge_nft_table(bridge), true, workload, &list[i]);
	return bridge_nft_run(bridge, commands, err);
}

int bridge_firewall_unpublish(struct bridge *bridge, const char *workload,
			      const struct net_publication *list, size_t count, struct hyfw_error **err)
{
	struct json_object *commands = json_object_new_array();
	size_t i;

	for (i = 0; i < count; i++)
		net_nft_publish(commands, bridge_nft_table(bridge), false, workload, &list[i]);
	return bridge_nft_run_removal(bridge, commands, err);
}

/* ---- orphans -------------------------------------------------------------- */

/* The comment of an element is the name of its workload or network. */
static bool firewall_is_alive(struct json_object *element, const char *const *alive)
{
	struct json_object *inner;
	const char *comment;

	if (json_object_is_type(element, json_type_array))
		element = json_object_array_get_idx(element, 0);
	inner = json_object_object_get(element, "elem");
	comment = inner ? json_object_get_string(json_object_object_get(inner, "comment")) : NULL;
	return !comment || hyfw_names_have(alive, comment, strlen(comment));
}

static void firewall_collect(struct bridge *bridge, struct json_object *commands, const char *family,
			     const char *kind, const char *set, const char *const *alive)
{
	struct json_object *elements = bridge_nft_list(bridge, family, kind, set);
	size_t i;

	for (i = 0; elements && i < json_object_array_length(elements); i++) {
		struct json_object *element = json_object_array_get_idx(elements, i);

		if (!firewall_is_alive(element, alive))
			net_nft_delete(commands, bridge_nft_table(bridge), family, set, element);
	}
	json_object_put(elements);
}

int bridge_firewall_gc(struct bridge *bridge, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	static const char *const sets[][3] = {
		{ "bridge", "set", "endpoints" },         { "bridge", "set", "ports" },
		{ "bridge", "set", "clients" },
		{ "inet", "set", "links" },               { "inet", "set", "selves" },
		{ "inet", "map", "published_address" },   { "inet", "map", "published_port" },
		{ "inet", "map", "published_at_address" }, { "inet", "map", "published_at_port" },
	};
	struct json_object *commands = json_object_new_array();
	size_t i;

	if (!alive->networks || !alive->networks[0]) {
		net_nft_drop_table(commands, "inet", bridge_nft_table(bridge));
		net_nft_drop_table(commands, "bridge", bridge_nft_table(bridge));
		return bridge_nft_run_removal(bridge, commands, err);
	}
	for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		firewall_collect(bridge, commands, sets[i][0], sets[i][1], sets[i][2], alive->running);
	firewall_collect(bridge, commands, "inet", "set", "uplinked", alive->networks);
	firewall_collect(bridge, commands, "inet", "set", "bridges", alive->networks);
	if (json_object_array_length(commands) > 0)
		return bridge_nft_run_removal(bridge, commands, err);
	json_object_put(commands);
	return 0;
}
