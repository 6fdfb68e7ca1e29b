/* SPDX-License-Identifier: BSD-3-Clause
 * A workload's interface through rtnetlink: a veth pair, one end here, perhaps a
 * port of a Linux bridge, the other made in the workload's namespace at once. */
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <time.h>

#include "link.h"

static void link_put_peer(struct nl_msg *message, const struct net_veth *veth)
{
	struct nlattr *peer = nla_nest_start(message, VETH_INFO_PEER);
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC };

	nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
	nla_put_string(message, IFLA_IFNAME, veth->name);
	nla_put(message, IFLA_ADDRESS, 6, veth->mac);
	nla_put_u32(message, IFLA_NET_NS_FD, (uint32_t)veth->netns_fd);
	nla_nest_end(message, peer);
}

static struct nl_msg *link_veth_message(const struct net_veth *veth)
{
	struct nl_msg *message = net_message_link(NLM_F_CREATE | NLM_F_EXCL, 0, false);
	struct nlattr *info, *data;

	if (!message)
		return NULL;
	nla_put_string(message, IFLA_IFNAME, veth->host_name);
	if (veth->master)
		nla_put_u32(message, IFLA_MASTER, (uint32_t)veth->master);
	info = nla_nest_start(message, IFLA_LINKINFO);
	nla_put_string(message, IFLA_INFO_KIND, "veth");
	data = nla_nest_start(message, IFLA_INFO_DATA);
	link_put_peer(message, veth);
	nla_nest_end(message, data);
	nla_nest_end(message, info);
	return message;
}

/* Mark, isolate and bring up in one request.  The kernel applies the port's
 * settings before the flags (rtnl_changelink() in net/core/rtnetlink.c), so the
 * port is never up without isolation. */
static struct nl_msg *link_port_message(const char *name, const char *alias, bool master)
{
	struct nl_msg *message = net_message_link(0, 0, true);
	struct nlattr *info, *data;

	if (!message)
		return NULL;
	nla_put_string(message, IFLA_IFNAME, name);
	nla_put_string(message, IFLA_IFALIAS, alias);
	if (!master)
		return message;
	info = nla_nest_start(message, IFLA_LINKINFO);
	nla_put_string(message, IFLA_INFO_SLAVE_KIND, "bridge");
	data = nla_nest_start(message, IFLA_INFO_SLAVE_DATA);
	nla_put_u8(message, IFLA_BRPORT_ISOLATED, 1);
	nla_put_u8(message, IFLA_BRPORT_GUARD, 1);
	nla_nest_end(message, data);
	nla_nest_end(message, info);
	return message;
}

int net_link_port(struct net_route *route, const char *name, const char *alias, int master)
{
	return net_message_send(route->socket, link_port_message(name, alias, master != 0));
}

int net_link_make_veth(struct net_route *route, const struct net_veth *veth, struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	int r = net_route_socket(route, &socket, err);

	if (r < 0)
		return r;
	r = net_message_send(socket, link_veth_message(veth));
	if (r < 0)
		return net_link_fail(route, err, r, "create the veth pair", veth->host_name);
	r = net_link_port(route, veth->host_name, veth->alias, veth->master);
	return r < 0 ? net_link_fail(route, err, r, "set up the bridge port", veth->host_name) : 0;
}

#define OPERSTATE_UP 6 /* IF_OPER_UP of linux/if.h, which does not go with net/if.h */

/* The kernel notices carriers in a worker that may wait for a second, and until
 * then bridge ports and interfaces drop what is sent.  Asking for the interface
 * makes it look at once (rtnl_getlink() since 6.8); older kernels are waited for. */
void net_link_settle(struct nl_sock *socket, const char *name)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	int tries;

	for (tries = 0; tries < 250; tries++) {
		struct rtnl_link *link;
		bool up;

		if (rtnl_link_get_kernel(socket, 0, name, &link) < 0)
			return;
		up = rtnl_link_get_operstate(link) == OPERSTATE_UP;
		rtnl_link_put(link);
		if (up)
			return;
		nanosleep(&pause, NULL);
	}
}
