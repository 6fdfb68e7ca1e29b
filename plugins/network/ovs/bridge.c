/* SPDX-License-Identifier: BSD-3-Clause
 * The bridge of a network, in one transaction with its uplink, controllers and
 * mirror.  One that exists and is not ours is used as it is, gets only the ports
 * and flows of workloads, and stays. */
#include <errno.h>
#include <json-c/json.h>
#include <unistd.h>

#include "../common/dhcp.h"
#include "../common/forwarding.h"
#include "ovs.h"

static const char *get(const struct hyfw_map *args, const char *key)
{
	const char *value = hyfw_map_get(args, key);

	return value && *value ? value : NULL;
}

static const char *arg(const struct hyfw_call *call, const char *key)
{
	return get(&call->step->args, key);
}

static size_t count_of(const struct hyfw_map *args, const char *key)
{
	size_t cursor = 0, count = 0;

	while (hyfw_map_next(args, key, &cursor))
		count++;
	return count;
}

/* ---- the rows ------------------------------------------------------------------ */

static void uplink_words(const struct ovs *ovs, const struct hyfw_map *args, const struct ovs_label *label,
			 struct ovs_words *words)
{
	const char *bridge = get(args, "bridge"), *name;
	const bool bond = count_of(args, "uplink") > 1;
	size_t cursor = 0;

	if (!get(args, "uplink"))
		return;
	ovs_words_split(words, bond ? "-- add-bond" : "-- add-port");
	ovs_words_add(words, "%s", bridge);
	if (bond)
		ovs_words_add(words, "%s", ovs_name_bond(ovs, words->arena, label->network));
	while ((name = hyfw_map_next(args, "uplink", &cursor)))
		ovs_words_add(words, "%s", name);
	ovs_words_set(words, "Port", bond ? ovs_name_bond(ovs, words->arena, label->network) : get(args, "uplink"),
		      label);
	if (bond) {
		ovs_words_add(words, "bond_mode=%s", get(args, "bond_mode") ? get(args, "bond_mode") : "active-backup");
		ovs_words_add(words, "lacp=%s", get(args, "lacp") ? get(args, "lacp") : "off");
	}
	cursor = 0;
	while ((name = hyfw_map_next(args, "uplink", &cursor)))
		ovs_words_set(words, "Interface", name, label);
}

static void controller_words(const struct hyfw_map *args, const struct ovs_label *label, struct ovs_words *words)
{
	const char *list = "", *target;
	size_t cursor = 0, count = 0;

	while ((target = hyfw_map_next(args, "controller", &cursor))) {
		list = words->host->format(words->arena, "%s%s@controller%zu", list, count ? "," : "", count);
		ovs_words_add(words, "--");
		ovs_words_add(words, "--id=@controller%zu", count++);
		ovs_words_split(words, "create Controller");
		ovs_words_add(words, "target=\"%s\"", target);
		ovs_words_mark(words, label);
	}
	if (!count)
		return;
	ovs_words_split(words, "-- set Bridge");
	ovs_words_add(words, "%s", get(args, "bridge"));
	ovs_words_add(words, "controller=%s", list);
}

/* A mirror of chosen workloads gets their ports when they come (port.c). */
static void mirror_words(const struct hyfw_map *args, const struct ovs_label *label, struct ovs_words *words)
{
	const char *bridge = get(args, "bridge"), *output = get(args, "mirror_output");

	if (!output)
		return;
	ovs_words_split(words, "-- add-port");
	ovs_words_add(words, "%s", bridge);
	ovs_words_add(words, "%s", output);
	ovs_words_set(words, "Port", output, label);
	ovs_words_set(words, "Interface", output, label);
	ovs_words_split(words, "-- --id=@output get Port");
	ovs_words_add(words, "%s", output);
	ovs_words_split(words, "-- --id=@mirror create Mirror");
	ovs_words_add(words, "name=%s", get(args, "mirror"));
	ovs_words_add(words, "output_port=@output");
	ovs_words_add(words, "select_all=%s", count_of(args, "mirror_ports") ? "false" : "true");
	ovs_words_mark(words, label);
	ovs_words_split(words, "-- set Bridge");
	ovs_words_add(words, "%s", bridge);
	ovs_words_add(words, "mirrors=@mirror");
}

/* A hardware address that stays, where the host has an address: flows tell what is for
 * the host by it. */
static void address_words(const struct ovs *ovs, const struct hyfw_map *args, struct ovs_words *words)
{
	struct hyfw_error *err = NULL;
	struct net_subnet subnet;

	if (get(args, "subnet") && !get(args, "uplink") &&
	    net_subnet_parse(ovs->host, get(args, "subnet"), get(args, "gateway"), &subnet, &err) >= 0)
		ovs_words_add(words, "other_config:hwaddr=\"%s\"",
			      net_mac_text(ovs->host, words->arena, subnet.gateway));
	ovs->host->forget(&err);
}

void ovs_bridge_words(const struct ovs *ovs, const struct hyfw_map *args, const char *run, struct ovs_words *words)
{
	const char *bridge = get(args, "bridge"), *tree = get(args, "stp") ? get(args, "stp") : "no",
		   *mode = get(args, "fail_mode");
	const struct ovs_label label = { .network = get(args, "network"), .run = run };

	ovs_words_add(words, "add-br");
	ovs_words_add(words, "%s", bridge);
	ovs_words_set(words, "Bridge", bridge, &label);
	ovs_words_add(words, "datapath_type=%s", get(args, "datapath"));
	ovs_words_add(words, "fail_mode=%s", mode ? mode : "secure");
	ovs_words_add(words, "other_config:disable-in-band=true");
	address_words(ovs, args, words);
	ovs_words_add(words, "stp_enable=%s", strcmp(tree, "stp") == 0 ? "true" : "false");
	ovs_words_add(words, "rstp_enable=%s", strcmp(tree, "rstp") == 0 ? "true" : "false");
	ovs_words_set(words, "Port", bridge, &label);
	ovs_words_set(words, "Interface", bridge, &label);
	uplink_words(ovs, args, &label, words);
	controller_words(args, &label, words);
	mirror_words(args, &label, words);
}

/* ---- what there is -------------------------------------------------------------- */

enum bridge_state { BRIDGE_NONE, BRIDGE_OURS, BRIDGE_OTHER, BRIDGE_FOREIGN };

static int bridge_look(struct ovs *ovs, struct hyfw_call *call, enum bridge_state *ret_state, struct hyfw_error **err)
{
	struct json_object *rows = NULL;
	int r = ovs_rows(ovs, call->arena, "Bridge", "name,external_ids",
			 ovs->host->format(call->arena, "name=%s", arg(call, "bridge")), &rows, err);

	if (r < 0)
		return r;
	*ret_state = BRIDGE_NONE;
	if (ovs_row_count(rows) > 0) {
		if (strcmp(ovs_cell_key(rows, 0, 1, "hyfw"), ovs->host->owner) != 0)
			*ret_state = BRIDGE_FOREIGN;
		else
			*ret_state = strcmp(ovs_cell_key(rows, 0, 1, "hyfw-network"), arg(call, "network")) == 0
					     ? BRIDGE_OURS : BRIDGE_OTHER;
	}
	json_object_put(rows);
	return 0;
}

static int bridge_use(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	static const char *const ours[] = { "uplink", "controller", "mirror", "stp" };
	size_t i;

	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (arg(call, ours[i]) && strcmp(arg(call, ours[i]), "no") != 0)
			return ovs->host->fail(err, EEXIST, "bridge %s exists and is not ours: %s cannot be set on it",
					       arg(call, "bridge"), ours[i]);
	return 0;
}

/* A bond is one port of several interfaces. */
static int bridge_check_ports(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	static const char *const keys[] = { "uplink", "mirror_output" };
	const char *name;
	size_t i, cursor;
	long number;
	int r = 0;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		for (cursor = 0; r >= 0 && (name = hyfw_map_next(&call->step->args, keys[i], &cursor));)
			r = ovs_port_number(ovs, call->arena, name, &number, err);
	return r;
}

/* ---- making ----------------------------------------------------------------------- */

int ovs_bridge_address(struct ovs *ovs, const char *bridge, const struct net_subnet *subnet,
		       struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	int r = net_route_socket(&ovs->route, &socket, err);

	if (r >= 0)
		r = net_link_address(&ovs->route, socket, (int)if_nametoindex(bridge), subnet->gateway,
				     subnet->prefix, err);
	return r < 0 ? r : net_link_up(&ovs->route, bridge, err);
}

/* Interfaces of the host that are ports are up, and switched by nobody else. */
static int bridge_guard(struct ovs *ovs, struct hyfw_call *call, bool present, struct hyfw_error **err)
{
	static const char *const keys[] = { "uplink", "mirror_output" };
	const bool netdev = strcmp(arg(call, "datapath"), "netdev") == 0;
	const char *name;
	size_t i, cursor;
	int r = 0;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		for (cursor = 0; r >= 0 && (name = hyfw_map_next(&call->step->args, keys[i], &cursor));) {
			if (netdev)
				r = present ? ovs_guard(ovs, call->arena, name, err)
					    : ovs_guard_remove(ovs, call->arena, name, err);
			if (r >= 0 && present)
				r = net_link_up(&ovs->route, name, err);
		}
	return r;
}

static const char *const *uplinks(struct ovs *ovs, struct hyfw_call *call)
{
	size_t cursor = 0, count = 0;
	const char **list = ovs->host->alloc(call->arena,
					     (count_of(&call->step->args, "uplink") + 1) * sizeof(*list)), *name;

	while ((name = hyfw_map_next(&call->step->args, "uplink", &cursor)))
		list[count++] = name;
	return list;
}

/* The flows, and in the bridge's row what they are made of. */
static int bridge_flows(struct ovs *ovs, struct hyfw_call *call, const struct net_subnet *subnet,
			struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	struct ovs_words lines = { .host = host, .arena = call->arena }, words = lines;
	const char *bridge = arg(call, "bridge"),
		   *gateway = subnet->prefix ? net_address_text(host, call->arena, subnet->gateway) : NULL;
	const char *const *list = uplinks(ovs, call);
	int r;

	ovs_flows_network(&lines, list, gateway);
	r = ovs_flows(ovs, call->arena, bridge, ovs_words_lines(&lines), err);
	if (r < 0)
		return r;
	ovs_words_split(&words, "set Bridge");
	ovs_words_add(&words, "%s", bridge);
	ovs_words_add(&words, "external_ids:hyfw-switch=%s", ovs_switch_stamp(ovs, call->arena));
	if (gateway)
		ovs_words_add(&words, "external_ids:hyfw-gateway=\"%s/%u\"", gateway, subnet->prefix);
	for (; *list; list++)
		ovs_words_add(&words, "external_ids:hyfw-uplink-%s=yes", *list);
	return ovs_transact(ovs, &words, false, err);
}

static int bridge_make(struct ovs *ovs, struct hyfw_call *call, const char *run, struct hyfw_error **err)
{
	struct ovs_words words = { .host = ovs->host, .arena = call->arena };
	struct net_subnet subnet = { 0 };
	int r = 0;

	if (arg(call, "subnet") && !arg(call, "uplink")) {
		r = net_subnet_parse(ovs->host, arg(call, "subnet"), arg(call, "gateway"), &subnet, err);
		if (r >= 0)
			r = net_link_check_subnet(&ovs->route, &subnet, arg(call, "bridge"), false, err);
	}
	if (r >= 0)
		r = bridge_guard(ovs, call, true, err);
	if (r < 0)
		return r;
	ovs_bridge_words(ovs, &call->step->args, run, &words);
	r = ovs_transact(ovs, &words, true, err);
	if (r >= 0)
		r = net_link_mark(&ovs->route, arg(call, "bridge"),
				  ovs_mark_bridge(ovs, call->arena, arg(call, "network")), err);
	if (r >= 0)
		r = bridge_check_ports(ovs, call, err);
	if (r >= 0)
		r = bridge_flows(ovs, call, &subnet, err);
	return r >= 0 && subnet.prefix ? ovs_bridge_address(ovs, arg(call, "bridge"), &subnet, err) : r;
}

/* In datapath netdev the bridge's own interface is a tap, which stays when
 * ovs-vswitchd is killed and does not hear that its row is gone. */
static int bridge_delete_tap(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *bridge = arg(call, "bridge");
	struct net_link link;
	int r = net_link_find(&ovs->route, call->arena, bridge, &link, err);

	if (r <= 0 || strcmp(link.kind, "tun") != 0 ||
	    strcmp(link.alias, ovs_mark_bridge(ovs, call->arena, arg(call, "network"))) != 0)
		return r < 0 ? r : 0;
	return net_link_delete(&ovs->route, bridge, link.index, err);
}

static int bridge_delete(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	struct ovs_words words = { .host = ovs->host, .arena = call->arena };
	int r;

	ovs_words_split(&words, "--if-exists del-br");
	ovs_words_add(&words, "%s", arg(call, "bridge"));
	r = ovs_transact_removal(ovs, &words, err);
	return r < 0 ? r : bridge_delete_tap(ovs, call, err);
}

static int network_make(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *bridge = arg(call, "bridge"), *run = NULL;
	enum bridge_state state = BRIDGE_NONE;
	struct hyfw_error *second = NULL;
	int r = ovs_check_switch(ovs, err);

	if (r >= 0) /* one that was left behind */
		r = net_dhcp_stop(&(struct net_dhcp){ ovs->host, "ovs", arg(call, "network") }, call->arena, err);
	if (r >= 0)
		r = ovs_run_begin(ovs, call->arena, &run, err);
	if (r >= 0)
		r = bridge_look(ovs, call, &state, err);
	if (r < 0)
		return r;
	if (state == BRIDGE_FOREIGN)
		return bridge_use(ovs, call, err);
	if (state == BRIDGE_OTHER)
		return ovs->host->fail(err, EEXIST, "bridge %s belongs to another network", bridge);
	if (state == BRIDGE_OURS) /* left behind, perhaps with other keys: start anew */
		r = bridge_delete(ovs, call, err);
	else
		r = bridge_delete_tap(ovs, call, err);
	if (r >= 0 && if_nametoindex(bridge))
		return ovs->host->fail(err, EEXIST, "interface %s exists and is not a bridge of Open vSwitch", bridge);
	if (r >= 0)
		r = ovs->host->note(call, HYFW_NOTE_HOST_INTERFACE, bridge, err);
	if (r >= 0)
		r = bridge_make(ovs, call, run, err);
	if (r < 0 && bridge_delete(ovs, call, &second) < 0) /* a timeout leaves the rows */
		ovs->host->forget(&second);
	return r;
}

static int network_remove(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	enum bridge_state state = BRIDGE_NONE;
	int r;

	if (!hyfw_map_get(&call->record, HYFW_NOTE_HOST_INTERFACE))
		return 0; /* we made none */
	r = net_dhcp_stop(&(struct net_dhcp){ ovs->host, "ovs", arg(call, "network") }, call->arena, err);
	if (r >= 0)
		r = bridge_look(ovs, call, &state, err);
	if (r >= 0 && state == BRIDGE_OURS)
		r = bridge_delete(ovs, call, err);
	else if (r >= 0 && state == BRIDGE_NONE)
		r = bridge_delete_tap(ovs, call, err);
	if (r >= 0)
		r = bridge_guard(ovs, call, false, err);
	return r < 0 ? r : net_forwarding_restore(&ovs->route, arg(call, "bridge"), err);
}

static int with_lock(struct ovs *ovs, struct hyfw_call *call,
		     int (*function)(struct ovs *, struct hyfw_call *, struct hyfw_error **), struct hyfw_error **err)
{
	int lock = ovs->host->lock("ovs", err), r;

	if (lock < 0)
		return lock;
	r = function(ovs, call, err);
	close(lock);
	return r;
}

int ovs_network_apply(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	return with_lock(ovs, call, network_make, err);
}

int ovs_network_undo(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	return with_lock(ovs, call, network_remove, err);
}
