/* SPDX-License-Identifier: BSD-3-Clause
 * Making the bridge interface through rtnetlink. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/msg.h>
#include <unistd.h>

#include "../common/forwarding.h"
#include "bridge.h"

/* IFLA_INFO_DATA of a bridge: ports forward at once, no spanning tree. */
static struct nl_msg *link_bridge_message(const char *name, const uint8_t mac[6])
{
	struct nl_msg *message = net_message_link(NLM_F_CREATE | NLM_F_EXCL, 0, false);
	struct nlattr *info, *data;

	if (!message)
		return NULL;
	nla_put_string(message, IFLA_IFNAME, name);
	/* A fixed address: a bridge without one takes the lowest of its ports, and
	 * neighbours would lose it each time that changes. */
	nla_put(message, IFLA_ADDRESS, 6, mac);
	info = nla_nest_start(message, IFLA_LINKINFO);
	nla_put_string(message, IFLA_INFO_KIND, "bridge");
	data = nla_nest_start(message, IFLA_INFO_DATA);
	nla_put_u32(message, IFLA_BR_FORWARD_DELAY, 0);
	nla_put_u32(message, IFLA_BR_STP_STATE, 0);
	nla_put_u8(message, IFLA_BR_MCAST_SNOOPING, 0);
	nla_nest_end(message, data);
	nla_nest_end(message, info);
	return message;
}

static int link_set_alias(struct nl_sock *socket, const char *name, const char *alias)
{
	struct nl_msg *message = net_message_link(0, 0, false);

	if (!message)
		return -ENOMEM;
	nla_put_string(message, IFLA_IFNAME, name);
	nla_put_string(message, IFLA_IFALIAS, alias);
	return net_message_send(socket, message);
}

/* For neighbours on isolated ports (networking/ip-sysctl.rst): the host answers
 * ARP for them at once, routes between them, and never tells them to go direct.
 * No IPv6: the network gives none, and link-local is a way around the rules. */
static int link_sysctls(struct bridge *bridge, const char *interface, struct hyfw_error **err)
{
	static const char *const settings[][3] = {
		{ "ipv4/conf", "forwarding", "1" },     { "ipv4/conf", "proxy_arp_pvlan", "1" },
		{ "ipv4/neigh", "proxy_delay", "0" },   { "ipv4/conf", "send_redirects", "0" },
		{ "ipv4/conf", "accept_redirects", "0" }, { "ipv4/conf", "rp_filter", "1" },
	};
	size_t i;
	int r;

	for (i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		r = net_sysctl_set(bridge->host, settings[i][0], interface, settings[i][1], settings[i][2], err);
		if (r < 0)
			return r;
	}
	if (access("/proc/sys/net/ipv6", F_OK) < 0)
		return 0;
	return net_sysctl_set(bridge->host, "ipv6/conf", interface, "disable_ipv6", "1", err);
}

/* Also good for a bridge that is half made. */
int bridge_link_make_bridge(struct bridge *bridge, const char *name, const char *alias,
			    const struct net_subnet *subnet, struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	uint8_t mac[6];
	int r = net_route_socket(&bridge->route, &socket, err), index;

	if (r < 0)
		return r;
	net_mac(subnet->gateway, mac);
	r = net_message_send(socket, link_bridge_message(name, mac));
	if (r < 0 && r != -EEXIST)
		return net_link_fail(&bridge->route, err, r, "create the bridge", name);
	r = link_set_alias(socket, name, alias);
	if (r < 0)
		return net_link_fail(&bridge->route, err, r, "mark it", name);
	index = (int)if_nametoindex(name);
	r = link_sysctls(bridge, name, err);
	if (r < 0)
		return r;
	r = net_link_address(&bridge->route, socket, index, subnet->gateway, subnet->prefix, err);
	if (r < 0)
		return r;
	r = net_message_send(socket, net_message_link(0, index, true));
	return r < 0 ? net_link_fail(&bridge->route, err, r, "bring it up", name) : 0;
}
