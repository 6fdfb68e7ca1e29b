/* SPDX-License-Identifier: BSD-3-Clause
 * Interfaces of the host through rtnetlink: looking them up, deleting.
 * link_veth.c makes the workloads' interfaces, link_address.c sees to IPv4
 * addresses. */
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>

#include "link.h"

int net_link_fail(struct net_route *route, struct hyfw_error **err, int r, const char *what, const char *name)
{
	return route->host->fail(err, -r, "interface %s: cannot %s: %s", name, what, strerror(-r));
}

/* 1 with '*ret_link' to release, or 0. */
static int link_get(struct net_route *route, const char *name, struct rtnl_link **ret_link,
		    struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	int r = net_route_socket(route, &socket, err);

	if (r < 0)
		return r;
	r = rtnl_link_get_kernel(socket, 0, name, ret_link);
	if (r >= 0)
		return 1;
	r = net_message_errno(r);
	return r == -ENODEV || r == -ENOENT ? 0 : net_link_fail(route, err, r, "look it up", name);
}

int net_link_find(struct net_route *route, struct hyfw_arena *arena, const char *name,
		     struct net_link *ret_link, struct hyfw_error **err)
{
	struct rtnl_link *link;
	const char *alias, *kind;
	int r = link_get(route, name, &link, err);

	if (r <= 0)
		return r;
	alias = rtnl_link_get_ifalias(link);
	kind = rtnl_link_get_type(link);
	ret_link->index = rtnl_link_get_ifindex(link);
	ret_link->alias = route->host->format(arena, "%s", alias ? alias : "");
	ret_link->kind = route->host->format(arena, "%s", kind ? kind : "");
	ret_link->quiet = !rtnl_link_get_stat(link, RTNL_LINK_RX_PACKETS) && !rtnl_link_get_stat(link, RTNL_LINK_TX_PACKETS);
	rtnl_link_put(link);
	return 1;
}

static void stats_add(uint64_t *total, uint64_t bytes)
{
	*total = (*total == HYFW_STAT_NONE ? 0 : *total) + bytes;
}

int net_link_stats(struct net_route *route, const char *name, enum net_side side, struct hyfw_stats *stats,
		   struct hyfw_error **err)
{
	const bool swapped = side == NET_SIDE_HOST;
	struct rtnl_link *link;
	int r = name ? link_get(route, name, &link, err) : 0;

	if (r <= 0)
		return r;
	stats_add(&stats->net_rx_bytes, rtnl_link_get_stat(link, swapped ? RTNL_LINK_TX_BYTES : RTNL_LINK_RX_BYTES));
	stats_add(&stats->net_tx_bytes, rtnl_link_get_stat(link, swapped ? RTNL_LINK_RX_BYTES : RTNL_LINK_TX_BYTES));
	rtnl_link_put(link);
	return 0;
}

int net_link_delete(struct net_route *route, const char *name, int index, struct hyfw_error **err)
{
	struct nl_msg *message;
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = index };
	struct nl_sock *socket = NULL;
	int r = net_route_socket(route, &socket, err);

	if (r < 0)
		return r;
	message = nlmsg_alloc_simple(RTM_DELLINK, 0);
	if (message)
		nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
	r = net_message_send(socket, message);
	if (r < 0 && r != -ENODEV && r != -ENOENT)
		return net_link_fail(route, err, r, "delete it", name);
	return 0;
}

int net_link_mark(struct net_route *route, const char *name, const char *alias, struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	struct nl_msg *message;
	int r = net_route_socket(route, &socket, err);

	if (r < 0)
		return r;
	message = net_message_link(0, (int)if_nametoindex(name), false);
	if (message)
		nla_put_string(message, IFLA_IFALIAS, alias);
	r = net_message_send(socket, message);
	return r < 0 ? net_link_fail(route, err, r, "mark it", name) : 0;
}

int net_link_up(struct net_route *route, const char *name, struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	int r = net_route_socket(route, &socket, err);

	if (r < 0)
		return r;
	r = net_message_send(socket, net_message_link(0, (int)if_nametoindex(name), true));
	return r < 0 ? net_link_fail(route, err, r, "bring it up", name) : 0;
}

int net_link_each(struct net_route *route, const char *mark,
		     void (*visit)(void *context, const char *name, int index, const char *alias),
		     void *context, struct hyfw_error **err)
{
	struct nl_object *object;
	struct nl_cache *cache;
	struct nl_sock *socket = NULL;
	int r = net_route_socket(route, &socket, err);

	if (r < 0)
		return r;
	r = rtnl_link_alloc_cache(socket, AF_UNSPEC, &cache);
	if (r < 0)
		return route->host->fail(err, -net_message_errno(r), "cannot list interfaces: %s",
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
