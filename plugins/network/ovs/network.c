/* SPDX-License-Identifier: BSD-3-Clause
 * The network: its keys, and the plan of its bridge. */
#include <errno.h>

#include "ovs.h"

#define MAX_LIST 16 /* uplinks, controllers */

static size_t count_of(const struct hyfw_map *keys, const char *key)
{
	size_t cursor = 0, count = 0;

	while (hyfw_map_next(keys, key, &cursor))
		count++;
	return count;
}

/* Each interface is a port of the bridge, so the host must not need it. */
static int check_interface(struct ovs *ovs, const char *key, const char *name, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	struct hyfw_error *why = NULL;
	struct net_subnet subnet;
	int index = (int)if_nametoindex(name);

	if (!ovs_name_is_interface(name))
		return host->fail(err, EINVAL, "%s %s is not a name of an interface", key, name);
	if (!index)
		return host->fail(err, ENODEV, "%s %s is not there", key, name);
	if (net_link_subnet(&ovs->route, name, index, &subnet, &why) >= 0)
		return host->fail(err, EADDRINUSE, "%s %s has an IPv4 address, which the host would lose: take it away, "
						   "or make a bridge by hand and name it with bridge", key, name);
	host->forget(&why);
	return 0;
}

static int check_interfaces(struct ovs *ovs, const struct hyfw_map *keys, struct hyfw_error **err)
{
	static const char *const lists[] = { "uplink", "mirror_output" };
	const char *name;
	size_t i, cursor;
	int r = 0;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (cursor = 0; r >= 0 && (name = hyfw_map_next(keys, lists[i], &cursor));)
			r = check_interface(ovs, lists[i], name, err);
	return r;
}

static int check_uplink(struct ovs *ovs, const struct hyfw_map *keys, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const size_t count = count_of(keys, "uplink");
	const char *mode = hyfw_map_get(keys, "bond_mode"), *lacp = hyfw_map_get(keys, "lacp");
	const bool negotiated = lacp && strcmp(lacp, "off") != 0;

	if (count && hyfw_map_bool(keys, "internal", false))
		return host->fail(err, EINVAL, "internal and uplink %s exclude each other", hyfw_map_get(keys, "uplink"));
	if (count > MAX_LIST)
		return host->fail(err, EINVAL, "more than %d uplinks", MAX_LIST);
	if (count < 2 && (mode || negotiated))
		return host->fail(err, EINVAL, "%s needs two uplinks or more", mode ? "bond_mode" : "lacp");
	if (mode && strcmp(mode, "balance-tcp") == 0 && !negotiated)
		return host->fail(err, EINVAL, "bond_mode balance-tcp needs lacp = active or passive");
	return 0;
}

static int check_controller(struct ovs *ovs, const struct hyfw_map *keys, struct hyfw_error **err)
{
	static const char *const forms[] = { "tcp:", "ssl:", "unix:/" };
	const char *target;
	size_t cursor = 0, i;

	if (count_of(keys, "controller") > MAX_LIST)
		return ovs->host->fail(err, EINVAL, "more than %d controllers", MAX_LIST);
	while ((target = hyfw_map_next(keys, "controller", &cursor))) {
		for (i = 0; i < 3 && strncmp(target, forms[i], strlen(forms[i])) != 0;)
			i++;
		if (i == 3 || target[strspn(target, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
						    "0123456789:./[]_%-")])
			return ovs->host->fail(err, EINVAL, "controller %s is not of the form tcp:ADDRESS:PORT, "
							    "ssl:ADDRESS:PORT or unix:/PATH", target);
	}
	return 0;
}

static int check_mirror(struct ovs *ovs, const struct hyfw_map *keys, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const char *output = hyfw_map_get(keys, "mirror_output"), *uplink;
	size_t cursor = 0;

	if (!hyfw_map_get(keys, "mirror") != !output)
		return host->fail(err, EINVAL, "mirror and mirror_output belong together");
	if (hyfw_map_get(keys, "mirror_ports") && !output)
		return host->fail(err, EINVAL, "mirror_ports needs a mirror beside it");
	while (output && (uplink = hyfw_map_next(keys, "uplink", &cursor)))
		if (strcmp(uplink, output) == 0)
			return host->fail(err, EINVAL, "mirror_output %s is an uplink", output);
	return 0;
}

int ovs_network_check(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct hyfw_map *keys = &subject->settings;
	const char *subnet = hyfw_map_get(keys, "subnet"), *gateway = hyfw_map_get(keys, "gateway"),
		   *bridge = hyfw_map_get(keys, "bridge"), *mode = hyfw_map_get(keys, "fail_mode");
	struct net_subnet parsed;
	int r;

	if (bridge && !ovs_name_is_interface(bridge))
		return ovs->host->fail(err, EINVAL, "bridge %s is not a name for an interface", bridge);
	if (mode && strcmp(mode, "secure") != 0 && !hyfw_map_get(keys, "controller"))
		return ovs->host->fail(err, EINVAL, "fail_mode %s needs a controller beside it", mode);
	if (gateway && !subnet)
		return ovs->host->fail(err, EINVAL, "gateway %s needs a subnet beside it", gateway);
	r = check_uplink(ovs, keys, err);
	if (r >= 0)
		r = check_controller(ovs, keys, err);
	if (r >= 0)
		r = check_mirror(ovs, keys, err);
	if (r >= 0 && !(bridge && if_nametoindex(bridge))) /* a bridge that runs has its interfaces */
		r = check_interfaces(ovs, keys, err);
	return r >= 0 && subnet ? net_subnet_parse(ovs->host, subnet, gateway, &parsed, err) : r;
}

/* ---- plan -------------------------------------------------------------------------- */

static struct hyfw_map network_args(struct ovs *ovs, const struct hyfw_subject *subject, const char *datapath,
				    struct hyfw_arena *arena)
{
	static const char *const taken[] = { "uplink", "bond_mode", "lacp", "stp", "controller", "fail_mode", "mirror",
					     "mirror_output", "mirror_ports", "subnet", "gateway" };
	const struct hyfw_map *keys = &subject->settings;
	const char *bridge = hyfw_map_get(keys, "bridge"), *value;
	struct hyfw_pair *args = ovs->host->alloc(arena, (keys->count + 3) * sizeof(*args));
	size_t count = 3, i, cursor;

	args[0] = (struct hyfw_pair){ "network", subject->name };
	args[1] = (struct hyfw_pair){ "bridge", bridge ? bridge : ovs_name_network(ovs, arena, subject->name) };
	args[2] = (struct hyfw_pair){ "datapath", datapath };
	for (i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		for (cursor = 0; (value = hyfw_map_next(keys, taken[i], &cursor));)
			args[count++] = (struct hyfw_pair){ taken[i], value };
	return (struct hyfw_map){ count, args };
}

/* What a controller means for the rules that keep workloads apart. */
static int plan_controller(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			   struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const char *mode = hyfw_map_get(&subject->settings, "fail_mode");
	const bool open = mode && strcmp(mode, "standalone") == 0;
	const struct hyfw_step step = {
		.size = sizeof(step),
		.verb = "controller",
		.object = host->format(arena, "controller of network %s", subject->name),
		.summary = host->format(arena, "trust the controller: it may change the flows that keep workloads to their own "
					       "addresses; neighbours stay apart by protected ports%s",
					open ? "; while it cannot be reached the bridge switches like any other, and addresses "
					       "can be forged" : "; while it cannot be reached the flows stay as they are"),
		.lifetime = HYFW_LIFETIME_SHARED,
		.flags = HYFW_STEP_NOTE,
	};

	return host->plan_step(plan, &step, err);
}

/* A bridge that is there without our mark.  Ours drops everything while its flows are
 * lost; how another one behaves is its owner's choice. */
static int plan_foreign(struct ovs *ovs, const struct hyfw_subject *subject, const char *bridge,
			struct hyfw_plan *plan, struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const struct hyfw_step step = {
		.size = sizeof(step),
		.verb = "foreign",
		.object = host->format(arena, "bridge %s of network %s", bridge, subject->name),
		.summary = host->format(arena, "use it as it is, since it is not ours: after a restart of ovs-vswitchd workloads "
					       "on it can forge addresses until the next one starts there or hyfw recover "
					       "runs; neighbours stay apart by protected ports"),
		.lifetime = HYFW_LIFETIME_SHARED,
		.flags = HYFW_STEP_NOTE,
	};

	if (!if_nametoindex(bridge) || ovs_bridge_is_ours(ovs, arena, subject->name, bridge))
		return 0;
	return host->plan_step(plan, &step, err);
}

int ovs_network_plan(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		     struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	struct ovs_words words = { .host = host, .arena = arena };
	const char *reason, *datapath = ovs_datapath(&subject->settings, &reason);
	const struct hyfw_map args = network_args(ovs, subject, datapath, arena);
	const char *bridge = hyfw_map_get(&args, "bridge");
	struct hyfw_step step = {
		.size = sizeof(step),
		.verb = "bridge",
		.object = host->format(arena, "bridge %s", bridge),
		.summary = host->format(arena, "create bridge %s of Open vSwitch with datapath %s, %s, unless it exists",
					bridge, datapath, reason),
		.lifetime = HYFW_LIFETIME_SHARED,
		.args = args,
	};
	int r;

	ovs_bridge_words(ovs, &args, NULL, &words);
	step.commands = ovs_words_command(&words);
	r = host->plan_step(plan, &step, err);
	if (r >= 0 && hyfw_map_get(&subject->settings, "bridge"))
		r = plan_foreign(ovs, subject, bridge, plan, arena, err);
	return r >= 0 && hyfw_map_get(&args, "controller") ? plan_controller(ovs, subject, plan, arena, err) : r;
}
