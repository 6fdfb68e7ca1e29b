/* SPDX-License-Identifier: BSD-3-Clause
 * Interfaces of the host through rtnetlink: veth pairs, addresses. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <time.h>
#include <unistd.h>

#include "ovs.h"

int ovs_route_socket(struct ovs *ovs, struct nl_sock **ret_socket, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	int r;

	if (ovs->route && ovs->route_owner != getpid())
		ovs_route_close(ovs);
	if (!ovs->route) {
		ovs->route = nl_socket_alloc();
		if (!ovs->route)
			return host->fail(err, ENOMEM, "cannot allocate a netlink socket");
		r = nl_connect(ovs->route, NETLINK_ROUTE);
		if (r < 0) {
			ovs_route_close(ovs);
			return host->fail(err, -net_message_errno(r), "cannot open rtnetlink: %s", nl_geterror(r));
		}
		ovs->route_owner = getpid();
	}
	*ret_socket = ovs->route;
	return 0;
}

void ovs_route_close(struct ovs *ovs)
{
	if (ovs->route)
		nl_socket_free(ovs->route);
	ovs->route = NULL;
}

static int link_fail(struct ovs *ovs, struct hyfw_error **err, int r, const char *what,
		     const char *name)
{
	return ovs->host->fail(err, -r, "interface %s: cannot %s: %s", name, what, strerror(-r));
}

/* 1 with '*ret_link' to release, or 0. */
static int link_get(struct ovs *ovs, const char *name, struct rtnl_link **ret_link,
		    struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	int r = ovs_route_socket(ovs, &socket, err);

	if (r < 0)
		return r;
	r = rtnl_link_get_kernel(socket, 0, name, ret_link);
	if (r >= 0)
		return 1;
	r = net_message_errno(r);
	return r == -ENODEV || r == -ENOENT ? 0 : link_fail(ovs, err, r, "look it up", name);
}

int ovs_link_find(struct ovs *ovs, struct hyfw_arena *arena, const char *name,
		     struct ovs_link *ret_link, struct hyfw_error **err)
{
	struct rtnl_link *link;
	const char *alias, *kind;
	int r = link_get(ovs, name, &link, err);

	if (r <= 0)
		return r;
	alias = rtnl_link_get_ifalias(link);
	kind = rtnl_link_get_type(link);
	ret_link->index = rtnl_link_get_ifindex(link);
	ret_link->alias = ovs->host->format(arena, "%s", alias ? alias : "");
	ret_link->kind = ovs->host->format(arena, "%s", kind ? kind : "");
	rtnl_link_put(link);
	return 1;
}

int ovs_link_traffic(struct ovs *ovs, const char *name, struct ovs_traffic *ret_traffic,
			struct hyfw_error **err)
{
	struct rtnl_link *link;
	int r = link_get(ovs, name, &link, err);

	if (r <= 0)
		return r;
	ret_traffic->rx_bytes = rtnl_link_get_stat(link, RTNL_LINK_RX_BYTES);
	ret_traffic->tx_bytes = rtnl_link_get_stat(link, RTNL_LINK_TX_BYTES);
	rtnl_link_put(link);
	return 1;
}

int ovs_link_address(struct ovs *ovs, struct nl_sock *socket, int index, uint32_t address,
			unsigned prefix, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg info = {
		.ifa_family = AF_INET,
		.ifa_prefixlen = (unsigned char)prefix,
		.ifa_index = (unsigned)index,
	};
	uint32_t wire = htonl(address), broadcast = htonl(address | (0xffffffffu >> prefix));
	int r;

	if (!message)
		return host->fail(err, ENOMEM, "cannot allocate a netlink message");
	nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
	nla_put(message, IFA_LOCAL, sizeof(wire), &wire);
	nla_put(message, IFA_ADDRESS, sizeof(wire), &wire);
	nla_put(message, IFA_BROADCAST, sizeof(broadcast), &broadcast);
	r = net_message_send(socket, message);
	if (r < 0 && r != -EEXIST)
		return host->fail(err, -r, "cannot set the address: %s", strerror(-r));
	return 0;
}

int ovs_link_delete(struct ovs *ovs, const char *name, int index, struct hyfw_error **err)
{
	struct nl_msg *message;
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC, .ifi_index = index };
	struct nl_sock *socket = NULL;
	int r = ovs_route_socket(ovs, &socket, err);

	if (r < 0)
		return r;
	message = nlmsg_alloc_simple(RTM_DELLINK, 0);
	if (message)
		nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
	r = net_message_send(socket, message);
	if (r < 0 && r != -ENODEV && r != -ENOENT)
		return link_fail(ovs, err, r, "delete it", name);
	return 0;
}

/* ---- veth ----------------------------------------------------------------- */

static void link_put_peer(struct nl_msg *message, const struct ovs_veth *veth)
{
	struct nlattr *peer = nla_nest_start(message, VETH_INFO_PEER);
	struct ifinfomsg info = { .ifi_family = AF_UNSPEC };

	nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
	nla_put_string(message, IFLA_IFNAME, veth->name);
	nla_put(message, IFLA_ADDRESS, 6, veth->mac);
	nla_put_u32(message, IFLA_NET_NS_FD, (uint32_t)veth->netns_fd);
	nla_nest_end(message, peer);
}

static struct nl_msg *link_veth_message(const struct ovs_veth *veth)
{
	struct nl_msg *message = net_message_link(NLM_F_CREATE | NLM_F_EXCL, 0, false);
	struct nlattr *info, *data;

	if (!message)
		return NULL;
	nla_put_string(message, IFLA_IFNAME, veth->host_name);
	info = nla_nest_start(message, IFLA_LINKINFO);
	nla_put_string(message, IFLA_INFO_KIND, "veth");
	data = nla_nest_start(message, IFLA_INFO_DATA);
	link_put_peer(message, veth);
	nla_nest_end(message, data);
	nla_nest_end(message, info);
	return message;
}

/* Mark and bring up in one request. */
static struct nl_msg *link_mark_message(const struct ovs_veth *veth)
{
	struct nl_msg *message = net_message_link(0, 0, true);

	if (!message)
		return NULL;
	nla_put_string(message, IFLA_IFNAME, veth->host_name);
	nla_put_string(message, IFLA_IFALIAS, veth->alias);
	return message;
}

int ovs_link_make_veth(struct ovs *ovs, const struct ovs_veth *veth, struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	int r = ovs_route_socket(ovs, &socket, err);

	if (r < 0)
		return r;
	r = net_message_send(socket, link_veth_message(veth));
	if (r < 0)
		return link_fail(ovs, err, r, "create the veth pair", veth->host_name);
	r = net_message_send(socket, link_mark_message(veth));
	return r < 0 ? link_fail(ovs, err, r, "mark it", veth->host_name) : 0;
}

int ovs_link_up(struct ovs *ovs, const char *name, uint32_t address, unsigned prefix, struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	int r = ovs_route_socket(ovs, &socket, err), index = (int)if_nametoindex(name);

	if (r >= 0)
		r = ovs_link_address(ovs, socket, index, address, prefix, err);
	if (r < 0)
		return r;
	r = net_message_send(socket, net_message_link(0, index, true));
	return r < 0 ? link_fail(ovs, err, r, "bring it up", name) : 0;
}

#define OPERSTATE_UP 6 /* IF_OPER_UP of linux/if.h, which does not go with net/if.h */

/* The kernel notices carriers in a worker that may wait for a second, and until
 * then interfaces drop what is sent.  Asking for the interface
 * makes it look at once (rtnl_getlink() since 6.8); older kernels are waited for. */
void ovs_link_settle(struct nl_sock *socket, const char *name)
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

/* ---- looking around ------------------------------------------------------- */

static uint32_t link_nl_address(struct nl_addr *address)
{
	uint32_t wire;

	memcpy(&wire, nl_addr_get_binary_addr(address), sizeof(wire));
	return ntohl(wire);
}

static bool link_is_ipv4(struct nl_addr *address)
{
	return address && nl_addr_get_family(address) == AF_INET && nl_addr_get_len(address) == 4;
}

static int link_addresses(struct ovs *ovs, struct nl_cache **ret_cache, struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	int r = ovs_route_socket(ovs, &socket, err);

	if (r < 0)
		return r;
	r = rtnl_addr_alloc_cache(socket, ret_cache);
	if (r < 0)
		return ovs->host->fail(err, -net_message_errno(r), "cannot list addresses: %s",
					  nl_geterror(r));
	return 0;
}

static int link_check_address(struct ovs *ovs, const struct net_subnet *subnet,
			      struct rtnl_addr *address, int except, struct hyfw_error **err)
{
	struct nl_addr *local = rtnl_addr_get_local(address);
	char name[IF_NAMESIZE] = "?", text[INET_ADDRSTRLEN], base[INET_ADDRSTRLEN];
	struct in_addr in;

	if (rtnl_addr_get_ifindex(address) == except || !link_is_ipv4(local))
		return 0;
	if (!net_subnet_overlaps(subnet, link_nl_address(local), (unsigned)rtnl_addr_get_prefixlen(address)))
		return 0;
	if_indextoname((unsigned)rtnl_addr_get_ifindex(address), name);
	in.s_addr = htonl(link_nl_address(local));
	inet_ntop(AF_INET, &in, text, sizeof(text));
	in.s_addr = htonl(subnet->base);
	inet_ntop(AF_INET, &in, base, sizeof(base));
	return ovs->host->fail(err, EADDRINUSE, "subnet %s/%u overlaps %s (%s/%d)", base, subnet->prefix, name,
				  text, rtnl_addr_get_prefixlen(address));
}

int ovs_link_check_subnet(struct ovs *ovs, const struct net_subnet *subnet, const char *except,
			 struct hyfw_error **err)
{
	struct nl_object *object;
	struct nl_cache *cache;
	int r = link_addresses(ovs, &cache, err), own = (int)if_nametoindex(except);

	if (r < 0)
		return r;
	for (object = nl_cache_get_first(cache); object && r >= 0; object = nl_cache_get_next(object))
		r = link_check_address(ovs, subnet, (struct rtnl_addr *)object, own, err);
	nl_cache_free(cache);
	return r;
}

int ovs_link_each(struct ovs *ovs, const char *mark,
		     void (*visit)(void *context, const char *name, int index, const char *alias),
		     void *context, struct hyfw_error **err)
{
	struct nl_object *object;
	struct nl_cache *cache;
	struct nl_sock *socket = NULL;
	int r = ovs_route_socket(ovs, &socket, err);

	if (r < 0)
		return r;
	r = rtnl_link_alloc_cache(socket, AF_UNSPEC, &cache);
	if (r < 0)
		return ovs->host->fail(err, -net_message_errno(r), "cannot list interfaces: %s",
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
