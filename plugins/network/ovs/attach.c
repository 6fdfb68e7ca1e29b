/* SPDX-License-Identifier: BSD-3-Clause
 * Connecting a workload.  A container: the address is leased, the veth pair made
 * with its inner end down, its outer end added to the bridge, the flows set, and
 * only then is the inner end brought up, so that nothing passes a port without
 * flows.  A machine: the same with a tap, which nobody has open yet. */
#include <errno.h>
#include <json-c/json.h>

#include "../common/tap.h"
#include "ovs.h"

static const char *get(const struct hyfw_map *args, const char *key)
{
	const char *value = hyfw_map_get(args, key);

	return value ? value : "";
}

static const char *arg(const struct hyfw_call *call, const char *key)
{
	const char *value = hyfw_map_get(&call->step->args, key);

	return value && *value ? value : NULL;
}

struct endpoint {
	struct ovs_port port;
	struct net_subnet subnet;
	uint32_t address, number; /* 'number' makes the MAC address */
	bool netdev, ours;        /* the bridge's datapath, and whose it is */
};

static int endpoint_lease(struct ovs *ovs, struct hyfw_call *call, struct endpoint *endpoint, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	struct hyfw_arena *arena = call->arena;
	int r = net_subnet_parse(host, arg(call, "subnet"), arg(call, "gateway"), &endpoint->subnet, err);

	if (r >= 0)
		r = net_address_take(host, arena, arg(call, "network"), call->workload, &endpoint->subnet,
				     &endpoint->address, err);
	if (r < 0)
		return r;
	endpoint->number = endpoint->address;
	endpoint->port.address = net_address_text(host, arena, endpoint->address);
	if (endpoint->port.tap)
		endpoint->port.gateway = net_address_text(host, arena, endpoint->subnet.gateway);
	r = host->note(call, HYFW_NOTE_ADDRESS,
		       host->format(arena, "%s/%u", endpoint->port.address, endpoint->subnet.prefix), err);
	if (r >= 0 && endpoint->port.tap)
		r = host->note(call, HYFW_NOTE_GATEWAY, endpoint->port.gateway, err);
	return r;
}

static int endpoint_reserve(struct ovs *ovs, struct hyfw_call *call, struct endpoint *endpoint,
			    struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	int r = host->note(call, HYFW_NOTE_HOST_INTERFACE, endpoint->port.name, err);

	endpoint->number = ovs_name_number(endpoint->port.name);
	if (r >= 0 && arg(call, "subnet"))
		r = endpoint_lease(ovs, call, endpoint, err);
	endpoint->port.mac = net_mac_text(host, call->arena, endpoint->number);
	if (r >= 0 && endpoint->port.tap)
		r = net_mac_take(host, call->arena, endpoint->port.network, call->workload, &endpoint->port.mac, err);
	if (r >= 0)
		r = host->note(call, HYFW_NOTE_MAC, endpoint->port.mac, err);
	if (r >= 0)
		r = host->note(call, "bridge", endpoint->port.bridge, err);
	if (r >= 0 && endpoint->port.tap)
		r = host->note(call, HYFW_NOTE_TAP, endpoint->port.name, err);
	if (r >= 0 && endpoint->port.tap && endpoint->netdev)
		r = host->note(call, HYFW_NOTE_OFFLOAD, "off", err);
	return r < 0 || endpoint->port.tap ? r : host->note(call, HYFW_NOTE_INTERFACE, arg(call, "interface"), err);
}

static int endpoint_find_bridge(struct ovs *ovs, struct hyfw_call *call, struct endpoint *endpoint,
				struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const char *name = endpoint->port.bridge, *stamp;
	struct json_object *rows = NULL;
	int r = ovs_check_switch(ovs, err);

	if (r >= 0)
		r = ovs_rows(ovs, call->arena, "Bridge", "datapath_type,external_ids",
			     host->format(call->arena, "name=%s", name), &rows, err);
	if (r < 0)
		return r;
	if (!ovs_row_count(rows)) {
		json_object_put(rows);
		return host->fail(err, ENODEV, "bridge %s is not there", name);
	}
	endpoint->netdev = strcmp(ovs_cell(rows, 0, 0), "netdev") == 0;
	endpoint->ours = strcmp(ovs_cell_key(rows, 0, 1, "hyfw"), host->owner) == 0;
	stamp = ovs_cell_key(rows, 0, 1, "hyfw-switch");
	if (!endpoint->ours || strcmp(stamp, ovs_switch_stamp(ovs, call->arena)) != 0)
		r = ovs_restore(ovs, call->arena, name, err);
	json_object_put(rows);
	return r;
}

static int endpoint_add(struct ovs *ovs, struct hyfw_call *call, const struct endpoint *endpoint,
			struct hyfw_error **err)
{
	struct ovs_port_rows rows = ovs_port_rows_of(&call->step->args, &endpoint->port, call->workload);
	struct ovs_words words = { .host = ovs->host, .arena = call->arena };

	rows.label.run = ovs_run(ovs, call->arena);
	rows.stamp = ovs_switch_stamp(ovs, call->arena);
	ovs_port_words(&rows, &words);
	return ovs_transact(ovs, &words, true, err);
}

static int endpoint_meter(struct ovs *ovs, struct hyfw_call *call, const struct ovs_port *port,
			  struct hyfw_error **err)
{
	const char *number = ovs->host->format(call->arena, "%ld", port->number);
	struct ovs_words words = { .host = ovs->host, .arena = call->arena };
	int r;

	if (!*port->rate)
		return 0;
	r = ovs->host->note(call, "meter", number, err);
	if (r >= 0)
		r = ovs_meter_add(ovs, call->arena, port->bridge, port->number, port->rate, port->burst, err);
	if (r < 0)
		return r;
	ovs_words_split(&words, "set Port");
	ovs_words_add(&words, "%s", port->name);
	ovs_words_add(&words, "external_ids:hyfw-number=%s", number);
	return ovs_transact(ovs, &words, false, err);
}

/* The interface of the host, up and marked. */
static int endpoint_make(struct ovs *ovs, struct hyfw_call *call, const struct endpoint *endpoint,
			 struct hyfw_error **err)
{
	const struct ovs_port *port = &endpoint->port;
	const char *alias = ovs_mark(ovs, call->arena, port->network, call->workload, port->address);
	struct net_veth veth = { .host_name = port->name, .name = arg(call, "interface"), .alias = alias,
				 .netns_fd = call->netns_fd };
	struct net_tap tap = { .name = port->name, .alias = alias, .uid = (uint32_t)-1 };
	int r;

	if (port->tap && arg(call, "uid"))
		tap.uid = (uint32_t)strtoul(arg(call, "uid"), NULL, 10);
	net_mac_parse(port->mac, port->tap ? tap.mac : veth.mac);
	r = port->tap ? net_tap_make(&ovs->route, &tap, err) : net_link_make_veth(&ovs->route, &veth, err);
	if (r >= 0 && endpoint->netdev)
		r = ovs->host->note(call, "guard", "yes", err);
	return r >= 0 && endpoint->netdev ? ovs_guard(ovs, call->arena, port->name, err) : r;
}

static int endpoint_inside(struct ovs *ovs, struct hyfw_call *call, const struct endpoint *endpoint,
			   struct hyfw_error **err)
{
	const struct net_inside inside = {
		.interface = arg(call, "interface"),
		.address = endpoint->address,
		.prefix = endpoint->subnet.prefix,
		.gateway = hyfw_map_bool(&call->step->args, "route", false) ? endpoint->subnet.gateway : 0,
		.no_offload = endpoint->netdev,
	};
	int r = net_inside_configure(&ovs->route, call->netns_fd, &inside, err);

	if (r >= 0)
		net_link_settle(ovs->route.socket, endpoint->port.name);
	return r;
}

static int endpoint_connect(struct ovs *ovs, struct hyfw_call *call, struct endpoint *endpoint,
			    struct hyfw_error **err)
{
	struct ovs_words lines = { .host = ovs->host, .arena = call->arena };
	struct ovs_port *port = &endpoint->port;
	int r = endpoint_make(ovs, call, endpoint, err);

	if (r >= 0)
		r = endpoint_add(ovs, call, endpoint, err);
	if (r >= 0)
		r = ovs_port_number(ovs, call->arena, port->name, &port->number, err);
	if (r >= 0)
		r = endpoint_meter(ovs, call, port, err);
	if (r < 0)
		return r;
	ovs_flows_port(&lines, port);
	r = ovs_flows(ovs, call->arena, port->bridge, ovs_words_lines(&lines), err);
	if (r < 0)
		return r;
	return port->tap ? ovs_machine_serve(ovs, call, port, &endpoint->subnet, err)
			 : endpoint_inside(ovs, call, endpoint, err);
}

int ovs_endpoint_apply(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_map *args = &call->step->args;
	struct endpoint endpoint = {
		.port = { .name = arg(call, "host_interface"), .bridge = arg(call, "bridge"),
			  .network = arg(call, "network"), .workload = call->workload, .address = "", .gateway = "",
			  .vlan = get(args, "vlan"), .rate = get(args, "rate"), .burst = get(args, "burst"),
			  .trunk = arg(call, "vlan_trunk"), .tap = hyfw_map_bool(args, "machine", false) },
	};
	struct hyfw_error *second = NULL;
	int r;

	if (call->netns_fd < 0 && !endpoint.port.tap)
		return ovs->host->fail(err, EINVAL, "network %s: the workload has no network namespace",
				       endpoint.port.network);
	r = endpoint_find_bridge(ovs, call, &endpoint, err);
	if (r >= 0 && endpoint.port.tap && arg(call, "subnet") && !endpoint.ours)
		r = ovs->host->fail(err, EOPNOTSUPP, "bridge %s is not ours, so the host has no address on it that machines "
						     "could get theirs from: leave subnet out of network %s",
				    endpoint.port.bridge, endpoint.port.network);
	if (r >= 0)
		r = endpoint_reserve(ovs, call, &endpoint, err);
	if (r >= 0)
		r = endpoint_connect(ovs, call, &endpoint, err);
	/* ovs-vsctl leaves the row of a port that could not be added. */
	if (r < 0 && ovs_port_remove(ovs, call->arena, endpoint.port.name, arg(call, "rate_in"), &second) < 0)
		ovs->host->forget(&second);
	return r;
}

/* ---- undo ---------------------------------------------------------------------- */

/* Flows go with their bridge, so a bridge or switch that is gone is no failure. */
static void endpoint_forget_flows(struct ovs *ovs, struct hyfw_call *call, const char *bridge)
{
	const char *meter = hyfw_map_get(&call->record, "meter");
	struct ovs_words lines = { .host = ovs->host, .arena = call->arena };
	struct hyfw_error *err = NULL;

	ovs_flows_port_gone(&lines, arg(call, "host_interface"));
	if (ovs_check_switch(ovs, &err) >= 0 && if_nametoindex(bridge) &&
	    ovs_flows(ovs, call->arena, bridge, ovs_words_lines(&lines), &err) >= 0 && meter)
		ovs_meter_delete(ovs, call->arena, bridge, strtol(meter, NULL, 10));
	ovs->host->forget(&err);
}

static int endpoint_delete(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *name = arg(call, "host_interface"),
		   *mark = ovs_mark(ovs, call->arena, arg(call, "network"), call->workload, "");
	struct net_link link;
	int r = net_link_find(&ovs->route, call->arena, name, &link, err);

	if (r > 0 && (strcmp(link.kind, "veth") == 0 || strcmp(link.kind, "tun") == 0) &&
	    (!*link.alias || strncmp(link.alias, mark, strlen(mark)) == 0))
		r = net_link_delete(&ovs->route, name, link.index, err);
	return r < 0 ? r : 0;
}

int ovs_endpoint_undo(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *name = arg(call, "host_interface");
	struct net_subnet subnet;
	int r;

	if (!hyfw_map_get(&call->record, HYFW_NOTE_HOST_INTERFACE))
		return 0; /* nothing was begun */
	endpoint_forget_flows(ovs, call, arg(call, "bridge"));
	r = ovs_port_remove(ovs, call->arena, name, arg(call, "rate_in"), err);
	if (r >= 0 && hyfw_map_bool(&call->step->args, "machine", false))
		r = ovs_machine_forget(ovs, call, err);
	if (r >= 0)
		r = endpoint_delete(ovs, call, err);
	if (r >= 0 && hyfw_map_get(&call->record, "guard"))
		r = ovs_guard_remove(ovs, call->arena, name, err);
	if (r >= 0 && arg(call, "subnet"))
		r = net_subnet_parse(ovs->host, arg(call, "subnet"), arg(call, "gateway"), &subnet, err);
	if (r >= 0 && arg(call, "subnet"))
		net_address_drop_all(ovs->host, call->arena, arg(call, "network"), call->workload, &subnet);
	return r < 0 ? r : 0;
}
