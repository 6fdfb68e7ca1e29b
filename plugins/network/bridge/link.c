/* SPDX-License-Identifier: BSD-3-Clause
 * Interfaces of the host through rtnetlink: looking them up, making a bridge,
 * deleting.  link_veth.c makes the workloads' interfaces, link_address.c sees to
 * IPv4 addresses. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include "bridge.h"

int bridge_link_fail(struct bridge *bridge, struct hyfw_error **err, int r, const char *what, const char *name)
{
	return bridge->host->fail(err, -r, "interface %s: cannot %s: %s", name, what, strerror(-r));
}

/* 1 with '*ret_link' to release, or 0. */
static int link_get(struct bridge *bridge, const char *name, struct rtnl_link **ret_link,
		    struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	int r = bridge_route_socket(bridge, &socket, err);

	if (r < 0)
		return r;
	r = rtnl_link_get_kernel(socket, 0, name, ret_link);
	if (r >= 0)
		return 1;
	r = net_message_errno(r);
	return r == -ENODEV || r == -ENOENT ? 0 : bridge_link_fail(bridge, err, r, "look it up", name);
}

int bridge_link_find(struct bridge *bridge, struct hyfw_arena *arena, const char *name,
		     struct bridge_link *ret_link, struct hyfw_error **err)
{
	struct rtnl_link *link;
	const char *alias, *kind;
	int r = link_get(bridge, name, &link, err);

	if (r <= 0)
		return r;
	alias = rtnl_link_get_ifalias(link);
	kind = rtnl_link_get_type(link);
	ret_link->index = rtnl_link_get_ifindex(link);
	ret_link->alias = bridge->host->format(arena, "%s", alias ? alias : "");
	ret_link->kind = bridge->host->format(arena, "%s", kind ? kind : "");
	rtnl_link_put(link);
	return 1;
}

int bridge_link_traffic(struct bridge *bridge, const char *name, struct bridge_traffic *ret_traffic,
			struct hyfw_error **err)
{
	struct rtnl_link *link;
	int r = link_get(bridge, name, &link, err);

	if (r <= 0)
		return r;
	ret_traffic->rx_bytes = rtnl_link_get_stat(link, RTNL_LINK_RX_BYTES);
	ret_traffic->tx_bytes = rtnl_link_get_stat(link, RTNL_LINK_TX_BYTES);
	rtnl_link_put(link);
	return 1;
}

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

/* Also good for a bridge that is half made. */
int bridge_link_make_bridge(struct bridge *bridge, const char *name, const char *alias,
			    const struct net_subnet *subnet, struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	uint8_t mac[6];
	int r = bridge_route_socket(bridge, &socket, err), index;

	if (r < 0)
		return r;
	net_mac(subnet->gateway, mac);
	r = net_message_send(socket, link_bridge_message(name, mac));
	if (r < 0 && r != -EEXIST)
		return bridge_link_fail(bridge, err, r, "create the bridge", name);
	r = link_set_alias(socket, name, alias);
	if (r < 0)
		return bridge_link_fail(bridge, err, r, "mark it", name);
	index = (int)if_nametoindex(name);
	r = bridge_sysctl_interface(bridge, name, err);
	if (r < 0)
		return r;
	r = bridge_link_address(bridge, socket, index, subnet->gateway, subnet->prefix, err);
	if (r < 0)
		return r;
	r = net_message_send(socket, net_message_link(0, index, true));
	return r < 0 ? bridge_link_fail(bridge, err, r, "bring it up", name) : 0;
}

int bridge_link_delete(struct bridge *bridge, const char *name, int index, struct hyfw_error **err)
{
	struct nl_msg *message;
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = index };
	struct nl_sock *socket = NULL;
	int r = bridge_route_socket(bridge, &socket, err);

	if (r < 0)
		return r;
	message = nlmsg_alloc_simple(RTM_DELLINK, 0);
	if (message)
		nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
	r = net_message_send(socket, message);
	if (r < 0 && r != -ENODEV && r != -ENOENT)
		return bridge_link_fail(bridge, err, r, "delete it", name);
	return 0;
}

int bridge_link_each(struct bridge *bridge, const char *mark,
		     void (*visit)(void *context, const char *name, int index, const char *alias),
		     void *context, struct hyfw_error **err)
{
	struct nl_object *object;
	struct nl_cache *cache;
	struct nl_sock *socket = NULL;
	int r = bridge_route_socket(bridge, &socket, err);

	if (r < 0)
		return r;
	r = rtnl_link_alloc_cache(socket, AF_UNSPEC, &cache);
	if (r < 0)
		return bridge->host->fail(err, -net_message_errno(r), "cannot list interfaces: %s",
					  nl_geterror(r));
	for (object = nl_cache_get_first(cache); object; object = nl_cache_get_next(object)) {
		struct rtnl_link *link = (struct rtnl_link *)object;
		const char *alias = rtnl_link_get_ifalias(link);

		if (alias && strncmp(alias, mark, strlen(mark)) == 0)
			visit(context, rtnl_link_get_name(link), rtnl_link_get_ifindex(link), alias);
	}
	nl_cache_free(cache);
	return 0;
}
