/* SPDX-License-Identifier: BSD-3-Clause
 * Published ports, on a bridge of ours where the host has the gateway's address.  The
 * host translates: a table of nftables for each workload, called after its port and
 * removed with it, leads connections from outside to the workload, in the gateway's
 * name.  So the workload needs no way out, and the flows let nothing through that is
 * not between it and the gateway (ovs_flows_network()).  Neighbours are not led there. */
#include <errno.h>
#include <json-c/json.h>

#include "../common/conntrack.h"
#include "../common/forwarding.h"
#include "../common/nft.h"
#include "../common/nft_words.h"
#include "../common/ports.h"
#include "ovs.h"

#define NOTE_TARGET "published_to" /* the address that the ports lead to */

static const char objects[] =
	"[{'set': {'name': 'bridges', 'type': 'ifname'}},"
	NET_NFT_PUBLISH_OBJECTS "]";

static const char rules[] = "["
	RULE("prerouting", IPV4 "," NOT(IIF, "'@bridges'") "," JUMP("publish")) ","
	RULE("output", IPV4 "," JUMP("publish")) ","
	NET_NFT_PUBLISH_RULES ","
	RULE("postrouting", IPV4 "," IS(OIF, "'@bridges'") "," STATUS("'dnat'") "," MASQUERADE) "]";

static const char *arg(const struct hyfw_call *call, const char *key)
{
	return hyfw_map_get(&call->step->args, key);
}

int ovs_publish_check(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const struct hyfw_map *net = &subject->network, *keys = &subject->settings;

	if (subject->index != 0 || !hyfw_map_get(keys, "publish"))
		return 0;
	if (hyfw_map_bool(net, "internal", false))
		return host->fail(err, EINVAL, "publish: network %s is internal, nothing outside may reach it",
				  subject->name);
	if (!hyfw_map_get(net, "subnet") || hyfw_map_get(net, "uplink"))
		return host->fail(err, EOPNOTSUPP, "publish: the host has no address on network %s that it could lead "
						   "connections from: it needs a subnet and no uplink", subject->name);
	if (hyfw_map_get(keys, "vlan") || hyfw_map_get(keys, "vlan_trunk"))
		return host->fail(err, EOPNOTSUPP, "publish: the host is in no VLAN of network %s, so no port of a workload "
						   "in one can be published", subject->name);
	return 0;
}

/* ---- plan ------------------------------------------------------------------------ */

int ovs_publish_plan(struct ovs *ovs, const struct hyfw_subject *subject, const struct hyfw_map *port,
		     struct hyfw_plan *plan, struct hyfw_arena *arena, struct hyfw_error **err)
{
	static const char *const copied[] = { "network", "bridge", "host_interface" };
	const struct hyfw_host *host = ovs->host;
	struct hyfw_step step = { .size = sizeof(step), .verb = "publish", .lifetime = HYFW_LIFETIME_RUN };
	const char *table = ovs_nft_table(ovs, arena, hyfw_map_get(port, "host_interface")), *text,
		   *commands;
	struct net_publication *list;
	struct hyfw_pair *args;
	size_t count, n = 0;
	int r = net_publications(host, arena, &subject->settings, &list, &count, err);

	if (r < 0 || count == 0 || subject->index != 0)
		return r;
	args = host->alloc(arena, (subject->settings.count + 3) * sizeof(*args));
	for (; n < 3; n++)
		args[n] = (struct hyfw_pair){ copied[n], hyfw_map_get(port, copied[n]) };
	net_publications_copy(&subject->settings, args, &n);
	text = net_publications_text(host, arena, list, count);
	commands = net_publications_commands(host, arena, table, subject->workload, list, count);
	step.object = host->format(arena, "ports of %s", subject->workload);
	step.summary = host->format(arena, "publish port %s of %s, to which all callers are the gateway", text,
				    subject->workload);
	step.commands = host->format(arena, "sysctl -w net.ipv4.ip_forward=1 net.ipv4.conf.%s.route_localnet=1%s",
				     args[1].value, commands);
	step.args = (struct hyfw_map){ n, args };
	return host->plan_step(plan, &step, err);
}

/* ---- apply ----------------------------------------------------------------------- */

static int publish_table(struct ovs *ovs, struct hyfw_call *call, const struct net_publication *list, size_t count,
			 struct hyfw_error **err)
{
	const char *table = ovs_nft_table(ovs, call->arena, arg(call, "host_interface"));
	struct json_object *commands = json_object_new_array();
	size_t i;

	net_nft_drop_table(commands, "inet", table);
	net_nft_add_all(commands, "inet", table, objects);
	net_nft_add_all(commands, "inet", table, rules);
	net_nft_put(commands, table, true,
		    &(struct net_element){ "inet", "bridges", { arg(call, "bridge") }, .comment = arg(call, "network") });
	for (i = 0; i < count; i++)
		net_nft_publish(commands, table, true, call->workload, &list[i]);
	return ovs_nft_run(ovs, call->arena, commands, NULL, err);
}

/* What the bridge's interface is set to is lost when ovs-vswitchd makes it anew: its
 * row tells restore.c. */
static int publish_localnet(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	struct ovs_words words = { .host = ovs->host, .arena = call->arena };
	int r;

	ovs_words_split(&words, "set Bridge");
	ovs_words_add(&words, "%s", arg(call, "bridge"));
	ovs_words_split(&words, "external_ids:hyfw-localnet=yes");
	r = ovs_transact(ovs, &words, false, err);
	return r < 0 ? r : net_sysctl_localnet(ovs->host, arg(call, "bridge"), err);
}

/* The address, as the mark of the port's interface tells it. */
static int publish_target(struct ovs *ovs, struct hyfw_call *call, const char **ret_address, struct hyfw_error **err)
{
	const char *name = arg(call, "host_interface"),
		   *mark = ovs_mark(ovs, call->arena, arg(call, "network"), call->workload, "");
	struct net_link link;
	int r = net_link_find(&ovs->route, call->arena, name, &link, err);

	if (r < 0)
		return r;
	if (r == 0 || strncmp(link.alias, mark, strlen(mark)) != 0)
		return ovs->host->fail(err, ENODEV, "interface %s of %s is not there", name, call->workload);
	if (!ovs_bridge_is_ours(ovs, call->arena, arg(call, "network"), arg(call, "bridge")))
		return ovs->host->fail(err, EOPNOTSUPP, "publish: bridge %s is not ours, so the host has no address on it "
							"that it could lead connections from", arg(call, "bridge"));
	*ret_address = link.alias + strlen(mark);
	return 0;
}

int ovs_publish_apply(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	struct net_publication *list;
	const char *address = NULL;
	size_t count, i;
	int r = net_publications(host, call->arena, &call->step->args, &list, &count, err);

	if (r >= 0)
		r = publish_target(ovs, call, &address, err);
	if (r >= 0)
		r = host->note(call, NOTE_TARGET, address, err);
	for (i = 0; r >= 0 && i < count; i++) {
		list[i].to = address;
		r = net_port_take(host, call, &list[i], err);
	}
	if (r >= 0)
		r = net_forwarding_enable(&ovs->route, err);
	if (r >= 0)
		r = publish_localnet(ovs, call, err);
	return r < 0 ? r : publish_table(ovs, call, list, count, err);
}

/* ---- undo ------------------------------------------------------------------------ */

int ovs_publish_undo(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	const char *address = hyfw_map_get(&call->record, NOTE_TARGET);
	struct net_publication *list;
	size_t count, i;
	uint32_t number;
	int r;

	if (!address)
		return 0; /* nothing was begun */
	r = ovs_nft_drop(ovs, call->arena, "inet", ovs_nft_table(ovs, call->arena, arg(call, "host_interface")), err);
	if (r >= 0)
		r = net_publications(host, call->arena, &call->step->args, &list, &count, err);
	if (r < 0)
		return r;
	if (net_address_parse(address, &number))
		net_conntrack_forget(host, number);
	for (i = 0; i < count; i++)
		net_port_drop(host, call, &list[i]);
	return 0;
}
