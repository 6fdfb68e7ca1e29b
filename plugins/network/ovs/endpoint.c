/* SPDX-License-Identifier: BSD-3-Clause
 * A workload's interface: the address is leased, the veth pair made with its
 * inner end down, its outer end added to the bridge, the flows set, and only then
 * is the inner end brought up, so that nothing passes a port without flows. */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#include "ovs.h"

static const char *arg(const struct hyfw_call *call, const char *key)
{
	const char *value = hyfw_map_get(&call->step->args, key);

	return value && *value ? value : NULL;
}

int ovs_endpoint_check(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const struct hyfw_map *keys = &subject->settings;

	if (subject->index == 0 && hyfw_map_get(keys, "publish"))
		return host->fail(err, EOPNOTSUPP, "network %s: driver ovs does not publish ports; use a network of "
						   "driver bridge as the first one", subject->name);
	if (hyfw_map_get(keys, "network_burst") && !hyfw_map_get(keys, "network_rate"))
		return host->fail(err, EINVAL, "network_burst needs a network_rate beside it");
	if (!hyfw_map_get(keys, "links"))
		return 0;
	if (!hyfw_map_get(&subject->network, "subnet"))
		return host->fail(err, EOPNOTSUPP, "network %s: links need a subnet, as they go by address",
				  subject->name);
	if (hyfw_map_get(keys, "vlan_trunk"))
		return host->fail(err, EOPNOTSUPP, "network %s: a workload with vlan_trunk cannot have links",
				  subject->name);
	return 0;
}

static const char *trunks(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_arena *arena)
{
	const char *list = "", *value;
	size_t cursor = 0;

	while ((value = hyfw_map_next(&subject->settings, "vlan_trunk", &cursor)))
		list = ovs->host->format(arena, "%s%s%s", list, *list ? "," : "", value);
	return list;
}

int ovs_endpoint_plan(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		      struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const struct hyfw_map *net = &subject->network, *own = &subject->settings;
	const char *outer = ovs_name_endpoint(ovs, arena, subject->name, subject->workload),
		   *inner = host->format(arena, "eth%u", subject->index), *bridge = hyfw_map_get(net, "bridge");
	const bool route = subject->index == 0 && hyfw_map_get(net, "uplink") && hyfw_map_get(net, "gateway");
#define TEXT(map, name) (hyfw_map_get(map, name) ? hyfw_map_get(map, name) : "")
	const struct hyfw_pair args[] = {
		{ "network", subject->name },
		{ "bridge", bridge ? bridge : ovs_name_network(ovs, arena, subject->name) },
		{ "host_interface", outer },
		{ "interface", inner },
		{ "route", route ? "true" : "false" },
		{ "subnet", TEXT(net, "subnet") },
		{ "gateway", TEXT(net, "gateway") },
		{ "vlan", TEXT(own, "vlan") },
		{ "vlan_trunk", trunks(ovs, subject, arena) },
		{ "rate", TEXT(own, "network_rate") },
		{ "burst", TEXT(own, "network_burst") },
	};
#undef TEXT
	const struct hyfw_step step = {
		.size = sizeof(step),
		.verb = "port",
		.object = host->format(arena, "interface %s of %s", inner, subject->workload),
		.summary = host->format(arena, "connect %s of %s to bridge %s", inner, subject->workload, args[1].value),
		.commands = host->format(arena,
					 "ip link add %s type veth peer name %s netns %s\n"
					 "ovs-vsctl add-port %s %s -- set Port %s protected=true external_ids:hyfw=%s",
					 outer, inner, subject->workload, args[1].value, outer, outer, host->owner),
		.lifetime = HYFW_LIFETIME_RUN,
		.args = { sizeof(args) / sizeof(args[0]), args },
	};
	int r = host->plan_step(plan, &step, err);

	return r < 0 ? r : ovs_peers_plan(ovs, subject, plan, arena, err);
}

/* ---- apply -------------------------------------------------------------------- */

struct endpoint {
	struct ovs_port port;
	struct net_subnet subnet;
	uint32_t address, number; /* 'number' makes the MAC address */
	bool netdev;
};

static int endpoint_reserve(struct ovs *ovs, struct hyfw_call *call, struct endpoint *endpoint,
			    struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	struct hyfw_arena *arena = call->arena;
	int r = host->note(call, HYFW_NOTE_HOST_INTERFACE, endpoint->port.name, err);

	endpoint->number = ovs_name_number(endpoint->port.name);
	if (r >= 0 && arg(call, "subnet")) {
		r = net_subnet_parse(host, arg(call, "subnet"), arg(call, "gateway"), &endpoint->subnet, err);
		if (r >= 0)
			r = net_address_take(host, arena, arg(call, "network"), call->workload, &endpoint->subnet,
					     &endpoint->address, err);
		if (r < 0)
			return r;
		endpoint->number = endpoint->address;
		endpoint->port.address = net_address_text(host, arena, endpoint->address);
		r = host->note(call, HYFW_NOTE_ADDRESS,
			       host->format(arena, "%s/%u", endpoint->port.address, endpoint->subnet.prefix), err);
	}
	endpoint->port.mac = net_mac_text(host, arena, endpoint->number);
	if (r >= 0)
		r = host->note(call, HYFW_NOTE_MAC, endpoint->port.mac, err);
	if (r >= 0)
		r = host->note(call, "bridge", endpoint->port.bridge, err);
	return r < 0 ? r : host->note(call, HYFW_NOTE_INTERFACE, arg(call, "interface"), err);
}

static int endpoint_find_bridge(struct ovs *ovs, struct hyfw_call *call, struct endpoint *endpoint,
				struct hyfw_error **err)
{
	struct json_object *rows = NULL;
	size_t count;
	int r = ovs_check_switch(ovs, err);

	if (r >= 0)
		r = ovs_rows(ovs, call->arena, "Bridge", "datapath_type",
			     ovs->host->format(call->arena, "name=%s", endpoint->port.bridge), &rows, err);
	if (r < 0)
		return r;
	count = ovs_row_count(rows);
	endpoint->netdev = count && strcmp(ovs_cell(rows, 0, 0), "netdev") == 0;
	json_object_put(rows);
	return count ? 0 : ovs->host->fail(err, ENODEV, "bridge %s is not there", endpoint->port.bridge);
}

static int endpoint_add(struct ovs *ovs, struct hyfw_call *call, const struct endpoint *endpoint,
			struct hyfw_error **err)
{
	const char *vlan = arg(call, "vlan"), *trunk = arg(call, "vlan_trunk"), *name = endpoint->port.name;
	struct ovs_words words = { .host = ovs->host, .arena = call->arena };

	ovs_words_add(&words, "add-port");
	ovs_words_add(&words, "%s", endpoint->port.bridge);
	ovs_words_add(&words, "%s", name);
	ovs_words_add(&words, "--");
	ovs_words_add(&words, "set");
	ovs_words_add(&words, "Port");
	ovs_words_add(&words, "%s", name);
	ovs_words_add(&words, "protected=true");
	ovs_words_add(&words, "other_config:stp-enable=false");
	ovs_words_add(&words, "other_config:rstp-enable=false");
	if (vlan)
		ovs_words_add(&words, "tag=%s", vlan);
	if (trunk)
		ovs_words_add(&words, "trunks=%s", trunk);
	if (trunk)
		ovs_words_add(&words, "vlan_mode=%s", vlan ? "native-untagged" : "trunk");
	ovs_words_add(&words, "external_ids:hyfw=%s", ovs->host->owner);
	ovs_words_add(&words, "external_ids:hyfw-network=%s", arg(call, "network"));
	ovs_words_add(&words, "external_ids:hyfw-workload=%s", call->workload);
	return ovs_transact(ovs, &words, true, err);
}

/* The number that the switch gave the port; a port it could not open has none. */
static int endpoint_number(struct ovs *ovs, struct hyfw_call *call, const char *name, long *ret_number,
			   struct hyfw_error **err)
{
	struct json_object *rows = NULL;
	int r = ovs_rows(ovs, call->arena, "Interface", "ofport,error",
			 ovs->host->format(call->arena, "name=%s", name), &rows, err);

	if (r < 0)
		return r;
	*ret_number = ovs_row_count(rows) ? strtol(ovs_cell(rows, 0, 0), NULL, 10) : 0;
	if (*ret_number <= 0)
		r = ovs->host->fail(err, EIO, "port %s: the switch did not take it: %s", name,
				    ovs_row_count(rows) ? ovs_cell(rows, 0, 1) : "its row is gone");
	json_object_put(rows);
	return r;
}

static int endpoint_meter(struct ovs *ovs, struct hyfw_call *call, struct endpoint *endpoint, long number,
			  struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const char *rate = arg(call, "rate"), *burst = arg(call, "burst"),
		   *meter = host->format(call->arena, "meter=%ld", number);
	int r;

	endpoint->port.meter = "";
	if (!rate)
		return 0;
	r = host->note(call, "meter", meter, err);
	if (r >= 0)
		r = ovs_meter(ovs, call->arena, endpoint->port.bridge, "add-meter",
			      host->format(call->arena, "%s,kbps,burst,band=type=drop,rate=%s,burst_size=%s", meter,
					   rate, burst ? burst : rate), err);
	endpoint->port.meter = host->format(call->arena, "meter:%ld,", number);
	return r;
}

static int endpoint_connect(struct ovs *ovs, struct hyfw_call *call, struct endpoint *endpoint,
			    struct hyfw_error **err)
{
	struct net_veth veth = {
		.host_name = endpoint->port.name,
		.name = arg(call, "interface"),
		.alias = ovs_mark(ovs, call->arena, arg(call, "network"), call->workload,
				  endpoint->port.address ? endpoint->port.address : ""),
		.netns_fd = call->netns_fd,
	};
	const struct net_inside inside = {
		.interface = veth.name,
		.address = endpoint->address,
		.prefix = endpoint->subnet.prefix,
		.gateway = hyfw_map_bool(&call->step->args, "route", false) ? endpoint->subnet.gateway : 0,
		.no_offload = endpoint->netdev,
	};
	long number = 0;
	int r;

	net_mac(endpoint->number, veth.mac);
	r = net_link_make_veth(&ovs->route, &veth, err);
	if (r >= 0)
		r = endpoint_add(ovs, call, endpoint, err);
	if (r >= 0)
		r = endpoint_number(ovs, call, veth.host_name, &number, err);
	if (r >= 0)
		r = endpoint_meter(ovs, call, endpoint, number, err);
	if (r >= 0)
		r = ovs_flows(ovs, call->arena, endpoint->port.bridge, ovs_flows_port(ovs, call->arena, &endpoint->port),
			      err);
	if (r >= 0)
		r = net_inside_configure(&ovs->route, call->netns_fd, &inside, err);
	if (r >= 0)
		net_link_settle(ovs->route.socket, veth.host_name);
	return r;
}

int ovs_endpoint_apply(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	struct endpoint endpoint = {
		.port = { .name = arg(call, "host_interface"), .bridge = arg(call, "bridge"),
			  .trunk = arg(call, "vlan_trunk") },
	};
	struct hyfw_error *second = NULL;
	int r;

	if (call->netns_fd < 0)
		return ovs->host->fail(err, EINVAL, "network %s: the workload has no network namespace",
				       arg(call, "network"));
	r = endpoint_find_bridge(ovs, call, &endpoint, err);
	if (r >= 0)
		r = endpoint_reserve(ovs, call, &endpoint, err);
	if (r >= 0)
		r = endpoint_connect(ovs, call, &endpoint, err);
	/* ovs-vsctl leaves the row of a port that could not be added. */
	if (r < 0 && ovs_port_remove(ovs, call->arena, endpoint.port.name, &second) < 0)
		ovs->host->forget(&second);
	return r;
}

/* ---- undo ---------------------------------------------------------------------- */

int ovs_port_remove(struct ovs *ovs, struct hyfw_arena *arena, const char *name, struct hyfw_error **err)
{
	struct ovs_words words = { .host = ovs->host, .arena = arena };
	struct json_object *rows = NULL;
	bool ours;
	int r = ovs_rows(ovs, arena, "Port", "external_ids", ovs->host->format(arena, "name=%s", name), &rows, err);

	if (r < 0)
		return r;
	ours = ovs_row_count(rows) && strcmp(ovs_cell_key(rows, 0, 0, "hyfw"), ovs->host->owner) == 0;
	json_object_put(rows);
	if (!ours)
		return 0;
	ovs_words_add(&words, "--if-exists");
	ovs_words_add(&words, "del-port");
	ovs_words_add(&words, "%s", name);
	return ovs_transact_removal(ovs, &words, err);
}

/* Flows go with their bridge, so a bridge or switch that is gone is no failure. */
static void endpoint_forget_flows(struct ovs *ovs, struct hyfw_call *call, const char *bridge)
{
	const char *meter = hyfw_map_get(&call->record, "meter");
	struct hyfw_error *err = NULL;

	if (ovs_check_switch(ovs, &err) >= 0 && if_nametoindex(bridge) &&
	    ovs_flows(ovs, call->arena, bridge, ovs_flows_port_gone(ovs, call->arena, arg(call, "host_interface")),
		      &err) >= 0 && meter)
		(void)ovs_meter(ovs, call->arena, bridge, "del-meter", meter, &err);
	ovs->host->forget(&err);
}

int ovs_endpoint_undo(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *name = arg(call, "host_interface"), *network = arg(call, "network"),
		   *mark = ovs_mark(ovs, call->arena, network, call->workload, "");
	struct net_subnet subnet;
	struct net_link link;
	int r;

	if (!hyfw_map_get(&call->record, HYFW_NOTE_HOST_INTERFACE))
		return 0; /* nothing was begun */
	endpoint_forget_flows(ovs, call, arg(call, "bridge"));
	r = ovs_port_remove(ovs, call->arena, name, err);
	if (r < 0)
		return r;
	r = net_link_find(&ovs->route, call->arena, name, &link, err);
	if (r > 0 && strcmp(link.kind, "veth") == 0 &&
	    (!*link.alias || strncmp(link.alias, mark, strlen(mark)) == 0))
		r = net_link_delete(&ovs->route, name, link.index, err);
	if (r >= 0 && arg(call, "subnet"))
		r = net_subnet_parse(ovs->host, arg(call, "subnet"), arg(call, "gateway"), &subnet, err);
	if (r >= 0 && arg(call, "subnet"))
		net_address_drop_all(ovs->host, call->arena, network, call->workload, &subnet);
	return r < 0 ? r : 0;
}
