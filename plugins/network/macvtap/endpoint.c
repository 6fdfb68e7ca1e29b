/* SPDX-License-Identifier: BSD-3-Clause
 * A workload's interface on top of one of the host's. */
#include <errno.h>
#include <stdio.h>

#include "../common/names.h"
#include "../common/tap.h"
#include "macvtap.h"

static const char *arg(const struct hyfw_call *call, const char *key)
{
	const char *value = hyfw_map_get(&call->step->args, key);

	return value && *value ? value : NULL;
}

const char *macvtap_mark(const struct macvtap *macvtap, struct hyfw_arena *arena, const char *network,
			 const char *workload)
{
	return macvtap->host->format(arena, "%s:macvtap:%s:%s", macvtap->host->owner, network, workload);
}

static const char *endpoint_name(const struct macvtap *macvtap, struct hyfw_arena *arena, const char *network,
				 const char *workload)
{
	const char *const texts[] = { macvtap->host->owner, network, workload, NULL };

	return net_digest_name(macvtap->host, arena, "hym", texts);
}

/* Other hosts on the same network have workloads and networks of the same names. */
static const char *endpoint_mac(const struct macvtap *macvtap, struct hyfw_arena *arena, const char *network,
				const char *workload)
{
	char machine[40] = "";
	FILE *file = fopen("/etc/machine-id", "re");
	const char *const texts[] = { machine, macvtap->host->owner, network, workload, NULL };

	if (file) {
		if (!fgets(machine, sizeof(machine), file))
			machine[0] = '\0';
		fclose(file);
	}
	return net_digest_mac(macvtap->host, arena, texts);
}

/* ---- check ---------------------------------------------------------------- */

struct range {
	uint32_t first, last;
};

/* "FIRST-LAST" in 'subnet'; without text all of it. */
static int range_parse(const struct hyfw_host *host, const char *text, const struct net_subnet *subnet,
		       struct range *ret_range, struct hyfw_error **err)
{
	uint32_t last = subnet->base | (0xffffffffu >> subnet->prefix);
	struct range range = { subnet->base + 1, last - 1 };
	char first[20];
	size_t length = text ? strcspn(text, "-") : 0;

	if (text) {
		if (length >= sizeof(first) || text[length] != '-' || strchr(text, '/'))
			return host->fail(err, EINVAL, "address_range %s is not of the form 192.0.2.10-192.0.2.20", text);
		snprintf(first, sizeof(first), "%.*s", (int)length, text);
		if (!net_address_parse(first, &range.first) || !net_address_parse(text + length + 1, &range.last))
			return host->fail(err, EINVAL, "address_range %s is not of the form 192.0.2.10-192.0.2.20", text);
	}
	if (range.first <= subnet->base || range.last >= last || range.first > range.last)
		return host->fail(err, EINVAL, "address_range %s is not within the subnet", text);
	*ret_range = range;
	return 0;
}

int macvtap_network_check(struct macvtap *macvtap, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct hyfw_host *host = macvtap->host;
	const char *parent = hyfw_map_get(&subject->settings, "parent"),
		   *text = hyfw_map_get(&subject->settings, "subnet"),
		   *range_text = hyfw_map_get(&subject->settings, "address_range");
	struct macvtap_parent found;
	struct net_subnet subnet;
	struct range range;
	int r;

	if (!parent)
		return host->fail(err, EINVAL, "network %s: driver macvtap needs the key parent, an interface of the host",
				  subject->name);
	r = macvtap_link_parent(macvtap, parent, &found, err);
	if (r < 0)
		return r;
	if (!text)
		return range_text || hyfw_map_get(&subject->settings, "gateway")
			       ? host->fail(err, EINVAL, "gateway and address_range need a subnet beside them") : 0;
	r = net_subnet_parse(host, text, hyfw_map_get(&subject->settings, "gateway"), &subnet, err);
	return r < 0 ? r : range_parse(host, range_text, &subnet, &range, err);
}

int macvtap_endpoint_check(struct macvtap *macvtap, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const struct hyfw_host *host = macvtap->host;
	const struct hyfw_map *own = &subject->settings;

	if (subject->index == 0 && hyfw_map_get(own, "publish"))
		return host->fail(err, EOPNOTSUPP, "network %s: driver macvtap publishes no ports; the workload has an "
				  "address of its own on the network of %s", subject->name,
				  hyfw_map_get(&subject->network, "parent"));
	return 0;
}

/* ---- plan ----------------------------------------------------------------- */

#define TEXT(map, name) (hyfw_map_get(map, name) ? hyfw_map_get(map, name) : "")

static int plan_interface(struct macvtap *macvtap, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			  struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = macvtap->host;
	const struct hyfw_map *net = &subject->network;
	const char *parent = TEXT(net, "parent"), *mode = hyfw_map_get(net, "mode"), *w = subject->workload,
		   *outer = endpoint_name(macvtap, arena, subject->name, w),
		   *inner = host->format(arena, "eth%u", subject->index),
		   *uid = subject->idmap.count ? host->format(arena, "%u", subject->idmap.host_uid) : "0";
	const struct hyfw_pair args[] = {
		{ "network", subject->name },
		{ "parent", parent },
		{ "mode", mode ? mode : "private" },
		{ "host_interface", outer },
		{ "interface", inner },
		{ "uid", uid },
		{ "subnet", TEXT(net, "subnet") },
		{ "gateway", TEXT(net, "gateway") },
		{ "address_range", TEXT(net, "address_range") },
		{ "route", subject->index == 0 && hyfw_map_get(net, "gateway") ? "true" : "false" },
	};
	const char *shown = strcmp(args[2].value, "passthrough") == 0 ? "passthru" : args[2].value;
	struct hyfw_step step = {
		.size = sizeof(step),
		.verb = subject->takes_tap ? "macvtap" : "macvlan",
		.lifetime = HYFW_LIFETIME_RUN,
		.args = { sizeof(args) / sizeof(args[0]), args },
	};

	step.object = host->format(arena, "%s %s of %s", step.verb, subject->takes_tap ? outer : inner, w);
	step.summary = host->format(arena, "connect %s to the network of %s, mode %s, with %s", w, parent, args[2].value,
				    subject->takes_tap || !*args[6].value ? "what its own DHCP client gets"
									  : "the next free address");
	step.commands = subject->takes_tap
		? host->format(arena, "ip link add link %s name %s address $MAC type macvtap mode %s\n"
			       "ip link set %s alias %s up\nchown %s /dev/tap$INDEX", parent, outer, shown, outer,
			       macvtap_mark(macvtap, arena, subject->name, w), uid)
		: host->format(arena, "ip link add link %s name %s address $MAC netns %s type macvlan mode %s\n"
			       "ip -n %s link set %s up", parent, inner, w, shown, w, inner);
	return host->plan_step(plan, &step, err);
}

int macvtap_endpoint_plan(struct macvtap *macvtap, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			  struct hyfw_arena *arena, struct hyfw_error **err)
{
	const char *parent = TEXT(&subject->network, "parent");
	struct hyfw_step note = {
		.size = sizeof(note),
		.verb = "reach",
		.object = parent,
		.summary = macvtap->host->format(arena, "the host itself and %s do not reach each other over %s: the "
						 "kernel passes nothing between an interface and those on top of it",
						 subject->workload, parent),
		.lifetime = HYFW_LIFETIME_RUN,
		.flags = HYFW_STEP_NOTE,
	};
	int r = plan_interface(macvtap, subject, plan, arena, err);

	return r < 0 ? r : macvtap->host->plan_step(plan, &note, err);
}

/* ---- apply ---------------------------------------------------------------- */

/* The subnet is noted before an address of it is taken; 0 in '*ret_address' when
 * addresses are not ours. */
static int endpoint_address(struct macvtap *macvtap, struct hyfw_call *call, struct net_subnet *subnet,
			    uint32_t *ret_address, struct hyfw_error **err)
{
	const struct hyfw_host *host = macvtap->host;
	struct range range = { 1, 0 };
	uint32_t address;
	int r;

	*ret_address = 0;
	if (!arg(call, "subnet"))
		return 0;
	r = net_subnet_parse(host, arg(call, "subnet"), arg(call, "gateway"), subnet, err);
	if (r >= 0)
		r = range_parse(host, arg(call, "address_range"), subnet, &range, err);
	if (r >= 0)
		r = host->note(call, "subnet", arg(call, "subnet"), err);
	for (address = range.first; r == 0 && address <= range.last; address++) {
		if (address == subnet->gateway)
			continue;
		r = net_address_claim(host, call->arena, arg(call, "network"), call->workload, address, err);
		if (r > 0)
			*ret_address = address;
	}
	if (r < 0)
		return r;
	if (r == 0)
		return host->fail(err, EADDRNOTAVAIL, "no address is free in %s",
				  arg(call, "address_range") ? arg(call, "address_range") : arg(call, "subnet"));
	return host->note(call, HYFW_NOTE_ADDRESS,
			  host->format(call->arena, "%s/%u", net_address_text(host, call->arena, *ret_address),
				       subnet->prefix), err);
}

static int endpoint_note(struct macvtap *macvtap, struct hyfw_call *call, bool tap, const char *mac, unsigned mtu,
			 struct hyfw_error **err)
{
	const struct hyfw_host *host = macvtap->host;
	int r = host->note(call, HYFW_NOTE_MAC, mac, err);

	if (r >= 0 && mtu != 1500)
		r = host->note(call, HYFW_NOTE_MTU, host->format(call->arena, "%u", mtu), err);
	if (r >= 0 && !tap)
		return host->note(call, HYFW_NOTE_INTERFACE, arg(call, "interface"), err);
	if (r >= 0)
		r = host->note(call, HYFW_NOTE_TAP, arg(call, "host_interface"), err);
	return r < 0 ? r : host->note(call, HYFW_NOTE_HOST_INTERFACE, arg(call, "host_interface"), err);
}

static int endpoint_tap(struct macvtap *macvtap, struct hyfw_call *call, const struct macvtap_link *link,
			struct hyfw_error **err)
{
	int r = macvtap_link_make(macvtap, link, err);

	return r < 0 ? r : macvtap_link_hand_over(macvtap, call->arena, link->name,
						  (uint32_t)strtoul(arg(call, "uid"), NULL, 10), err);
}

static int endpoint_inside(struct macvtap *macvtap, struct hyfw_call *call, const struct macvtap_link *link,
			   const struct net_subnet *subnet, uint32_t address, struct hyfw_error **err)
{
	const struct net_inside inside = {
		.interface = link->name,
		.address = address,
		.prefix = subnet->prefix,
		.gateway = address && hyfw_map_bool(&call->step->args, "route", false) ? subnet->gateway : 0,
	};
	int r = macvtap_link_make(macvtap, link, err);

	return r < 0 ? r : net_inside_configure(&macvtap->route, call->netns_fd, &inside, err);
}

int macvtap_endpoint_apply(struct macvtap *macvtap, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_host *host = macvtap->host;
	const bool tap = strcmp(call->step->verb, "macvtap") == 0;
	const char *network = arg(call, "network"), *mac = endpoint_mac(macvtap, call->arena, network, call->workload);
	struct macvtap_link link = {
		.name = arg(call, tap ? "host_interface" : "interface"),
		.alias = macvtap_mark(macvtap, call->arena, network, call->workload),
		.mode = arg(call, "mode"),
		.parent = arg(call, "parent"),
		.netns_fd = tap ? -1 : call->netns_fd,
	};
	struct macvtap_parent parent = { 0 };
	struct net_subnet subnet = { 0 };
	uint32_t address = 0;
	int r;

	if (!tap && call->netns_fd < 0)
		return host->fail(err, EINVAL, "network %s: the workload has no network namespace", network);
	r = macvtap_link_parent(macvtap, link.parent, &parent, err);
	if (r >= 0 && !parent.up)
		r = host->fail(err, ENETDOWN, "parent %s is down: ip link set %s up", link.parent, link.parent);
	if (r >= 0 && strcmp(link.mode, "passthrough") == 0)
		mac = host->format(call->arena, "%02x:%02x:%02x:%02x:%02x:%02x", parent.mac[0], parent.mac[1],
				   parent.mac[2], parent.mac[3], parent.mac[4], parent.mac[5]);
	net_mac_parse(mac, link.mac);
	if (r >= 0)
		r = endpoint_note(macvtap, call, tap, mac, parent.mtu, err);
	if (r < 0 || tap)
		return r < 0 ? r : endpoint_tap(macvtap, call, &link, err);
	r = endpoint_address(macvtap, call, &subnet, &address, err);
	return r < 0 ? r : endpoint_inside(macvtap, call, &link, &subnet, address, err);
}

/* ---- undo ----------------------------------------------------------------- */

static int endpoint_remove(struct macvtap *macvtap, struct hyfw_call *call, const char *name, struct hyfw_error **err)
{
	const char *mark = macvtap_mark(macvtap, call->arena, arg(call, "network"), call->workload);
	struct net_link link;
	int r = net_link_find(&macvtap->route, call->arena, name, &link, err);

	/* Without a mark: we died before setting it, and the name, a hash, is ours. */
	if (r <= 0 || strcmp(link.kind, "macvtap") != 0 || (*link.alias && strcmp(link.alias, mark) != 0))
		return r < 0 ? r : 0;
	return net_link_delete(&macvtap->route, name, link.index, err);
}

/* A macvlan goes with the workload's network namespace. */
int macvtap_endpoint_undo(struct macvtap *macvtap, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_host *host = macvtap->host;
	const char *tap = hyfw_map_get(&call->record, HYFW_NOTE_TAP),
		   *text = hyfw_map_get(&call->record, HYFW_NOTE_ADDRESS);
	struct net_subnet subnet;
	uint32_t address;
	int r = tap ? endpoint_remove(macvtap, call, tap, err) : 0;

	if (r < 0 || !hyfw_map_get(&call->record, "subnet"))
		return r;
	if (text && net_address_parse(text, &address)) {
		net_address_drop(host, call->arena, arg(call, "network"), call->workload, address);
		return 0;
	}
	r = net_subnet_parse(host, arg(call, "subnet"), arg(call, "gateway"), &subnet, err);
	if (r >= 0)
		net_address_drop_all(host, call->arena, arg(call, "network"), call->workload, &subnet);
	return r;
}
