/* SPDX-License-Identifier: BSD-3-Clause
 * The network: one bridge.  A bridge that exists and is not ours is used as it
 * is, gets only the ports and flows of workloads, and stays. */
#include <errno.h>
#include <json-c/json.h>
#include <unistd.h>

#include "ovs.h"

static const char *arg(const struct hyfw_call *call, const char *key)
{
	const char *value = hyfw_map_get(&call->step->args, key);

	return value && *value ? value : NULL;
}

static int check_names(struct ovs *ovs, const struct hyfw_map *keys, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const char *bridge = hyfw_map_get(keys, "bridge"), *uplink = hyfw_map_get(keys, "uplink"),
		   *controller = hyfw_map_get(keys, "controller");

	if (bridge && !ovs_name_is_interface(bridge))
		return host->fail(err, EINVAL, "bridge %s is not a name for an interface", bridge);
	if (uplink && !ovs_name_is_interface(uplink))
		return host->fail(err, EINVAL, "uplink %s is not a name of an interface", uplink);
	if (uplink && !if_nametoindex(uplink))
		return host->fail(err, ENODEV, "uplink %s is not there", uplink);
	if (uplink && hyfw_map_bool(keys, "internal", false))
		return host->fail(err, EINVAL, "internal and uplink %s exclude each other", uplink);
	if (controller && strncmp(controller, "tcp:", 4) != 0 && strncmp(controller, "ssl:", 4) != 0 &&
	    strncmp(controller, "unix:", 5) != 0)
		return host->fail(err, EINVAL, "controller %s is not of the form tcp:ADDRESS:PORT, ssl:ADDRESS:PORT "
					       "or unix:PATH", controller);
	return 0;
}

int ovs_network_check(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct hyfw_map *keys = &subject->settings;
	const char *subnet = hyfw_map_get(keys, "subnet"), *gateway = hyfw_map_get(keys, "gateway");
	struct net_subnet parsed;
	int r = check_names(ovs, keys, err);

	if (r >= 0 && gateway && !subnet)
		return ovs->host->fail(err, EINVAL, "gateway %s needs a subnet beside it", gateway);
	return r >= 0 && subnet ? net_subnet_parse(ovs->host, subnet, gateway, &parsed, err) : r;
}

static const char *key(const struct hyfw_map *keys, const char *name)
{
	const char *value = hyfw_map_get(keys, name);

	return value ? value : "";
}

static const char *network_datapath(const struct hyfw_map *keys)
{
	const char *datapath = key(keys, "datapath");

	if (*datapath && strcmp(datapath, "auto") != 0)
		return datapath;
	return ovs_is_module_there() ? "system" : "netdev";
}

int ovs_network_plan(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		     struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const struct hyfw_map *keys = &subject->settings;
	const char *bridge = *key(keys, "bridge") ? key(keys, "bridge") : ovs_name_network(ovs, arena, subject->name),
		   *datapath = network_datapath(keys), *uplink = key(keys, "uplink");
	const struct hyfw_pair args[] = {
		{ "network", subject->name },     { "bridge", bridge },
		{ "datapath", datapath },	  { "uplink", uplink },
		{ "stp", key(keys, "stp") },	  { "controller", key(keys, "controller") },
		{ "subnet", key(keys, "subnet") }, { "gateway", key(keys, "gateway") },
	};
	const struct hyfw_step step = {
		.size = sizeof(step),
		.verb = "bridge",
		.object = host->format(arena, "bridge %s", bridge),
		.summary = host->format(arena, "create bridge %s of Open vSwitch, datapath %s, unless it exists", bridge,
					datapath),
		.commands = host->format(arena,
					 "ovs-vsctl add-br %s -- set bridge %s datapath_type=%s fail_mode=secure "
					 "external_ids:hyfw=%s external_ids:hyfw-network=%s%s%s%s%s",
					 bridge, bridge, datapath, host->owner, subject->name,
					 *uplink ? " -- add-port " : "", *uplink ? bridge : "", *uplink ? " " : "",
					 uplink),
		.lifetime = HYFW_LIFETIME_SHARED,
		.args = { sizeof(args) / sizeof(args[0]), args },
	};

	return host->plan_step(plan, &step, err);
}

/* ---- apply ------------------------------------------------------------------ */

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
	const char *const ours[] = { "uplink", "controller" };
	size_t i;

	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (arg(call, ours[i]))
			return ovs->host->fail(err, EEXIST, "bridge %s exists and is not ours: %s cannot be set on it",
					       arg(call, "bridge"), ours[i]);
	if (arg(call, "stp") && strcmp(arg(call, "stp"), "no") != 0)
		return ovs->host->fail(err, EEXIST, "bridge %s exists and is not ours: stp cannot be set on it",
				       arg(call, "bridge"));
	return 0;
}

static int bridge_delete(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	struct ovs_words words = { .host = ovs->host, .arena = call->arena };

	ovs_words_add(&words, "--if-exists");
	ovs_words_add(&words, "del-br");
	ovs_words_add(&words, "%s", arg(call, "bridge"));
	return ovs_transact_removal(ovs, &words, err);
}

static void bridge_words(struct ovs *ovs, struct hyfw_call *call, struct ovs_words *words)
{
	const char *bridge = arg(call, "bridge"), *stp = arg(call, "stp") ? arg(call, "stp") : "no";

	ovs_words_add(words, "add-br");
	ovs_words_add(words, "%s", bridge);
	ovs_words_add(words, "--");
	ovs_words_add(words, "set");
	ovs_words_add(words, "Bridge");
	ovs_words_add(words, "%s", bridge);
	ovs_words_add(words, "datapath_type=%s", arg(call, "datapath"));
	ovs_words_add(words, "fail_mode=secure");
	ovs_words_add(words, "other_config:disable-in-band=true");
	ovs_words_add(words, "stp_enable=%s", strcmp(stp, "stp") == 0 ? "true" : "false");
	ovs_words_add(words, "rstp_enable=%s", strcmp(stp, "rstp") == 0 ? "true" : "false");
	ovs_words_add(words, "external_ids:hyfw=%s", ovs->host->owner);
	ovs_words_add(words, "external_ids:hyfw-network=%s", arg(call, "network"));
	if (arg(call, "uplink")) {
		ovs_words_add(words, "--");
		ovs_words_add(words, "add-port");
		ovs_words_add(words, "%s", bridge);
		ovs_words_add(words, "%s", arg(call, "uplink"));
	}
	if (arg(call, "controller")) {
		ovs_words_add(words, "--");
		ovs_words_add(words, "set-controller");
		ovs_words_add(words, "%s", bridge);
		ovs_words_add(words, "%s", arg(call, "controller"));
	}
}

/* The host's own end of the bridge. */
static int bridge_address(struct ovs *ovs, const char *bridge, const struct net_subnet *subnet,
			  struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	int r = net_route_socket(&ovs->route, &socket, err);

	if (r >= 0)
		r = net_link_address(&ovs->route, socket, (int)if_nametoindex(bridge), subnet->gateway,
				     subnet->prefix, err);
	return r < 0 ? r : net_link_up(&ovs->route, bridge, err);
}

static int bridge_make(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *bridge = arg(call, "bridge"), *gateway = NULL;
	struct ovs_words words = { .host = ovs->host, .arena = call->arena };
	struct net_subnet subnet = { 0 };
	int r = 0;

	if (arg(call, "subnet") && !arg(call, "uplink")) {
		r = net_subnet_parse(ovs->host, arg(call, "subnet"), arg(call, "gateway"), &subnet, err);
		if (r >= 0)
			r = net_link_check_subnet(&ovs->route, &subnet, bridge, false, err);
		if (r < 0)
			return r;
		gateway = net_address_text(ovs->host, call->arena, subnet.gateway);
	}
	bridge_words(ovs, call, &words);
	r = ovs_transact(ovs, &words, true, err);
	if (r >= 0)
		r = ovs_flows(ovs, call->arena, bridge, ovs_flows_network(ovs, call->arena, gateway), err);
	return r >= 0 && gateway ? bridge_address(ovs, bridge, &subnet, err) : r;
}

static int network_make(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *bridge = arg(call, "bridge");
	enum bridge_state state = BRIDGE_NONE;
	int r = ovs_check_switch(ovs, err);

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
	else if (if_nametoindex(bridge))
		return ovs->host->fail(err, EEXIST, "interface %s exists and is not a bridge of Open vSwitch", bridge);
	if (r >= 0)
		r = ovs->host->note(call, HYFW_NOTE_HOST_INTERFACE, bridge, err);
	return r < 0 ? r : bridge_make(ovs, call, err);
}

static int network_remove(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	enum bridge_state state = BRIDGE_NONE;
	int r;

	if (!hyfw_map_get(&call->record, HYFW_NOTE_HOST_INTERFACE))
		return 0; /* we made none */
	r = bridge_look(ovs, call, &state, err);
	return r < 0 || state != BRIDGE_OURS ? r : bridge_delete(ovs, call, err);
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
