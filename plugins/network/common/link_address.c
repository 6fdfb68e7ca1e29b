/* SPDX-License-Identifier: BSD-3-Clause
 * IPv4 addresses of the host's interfaces through rtnetlink: giving one, reading
 * a bridge's subnet, refusing a subnet that is taken. */
#include <arpa/inet.h>
#include <errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/route.h>

#include "link.h"

int net_link_address(struct net_route *route, struct nl_sock *socket, int index, uint32_t address,
			unsigned prefix, struct hyfw_error **err)
{
	const struct hyfw_host *host = route->host;
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

static int link_addresses(struct net_route *route, struct nl_cache **ret_cache, struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	int r = net_route_socket(route, &socket, err);

	if (r < 0)
		return r;
	r = rtnl_addr_alloc_cache(socket, ret_cache);
	if (r < 0)
		return route->host->fail(err, -net_message_errno(r), "cannot list addresses: %s",
					  nl_geterror(r));
	return 0;
}

int net_link_subnet(struct net_route *route, const char *name, int index, struct net_subnet *ret_subnet,
		       struct hyfw_error **err)
{
	struct nl_object *object;
	struct nl_cache *cache;
	bool found = false;
	int r = link_addresses(route, &cache, err);

	if (r < 0)
		return r;
	for (object = nl_cache_get_first(cache); object && !found; object = nl_cache_get_next(object)) {
		struct rtnl_addr *address = (struct rtnl_addr *)object;
		struct nl_addr *local = rtnl_addr_get_local(address);

		if (rtnl_addr_get_ifindex(address) != index || !link_is_ipv4(local))
			continue;
		ret_subnet->gateway = link_nl_address(local);
		ret_subnet->prefix = (unsigned)rtnl_addr_get_prefixlen(address);
		ret_subnet->base = ret_subnet->gateway & ~(0xffffffffu >> ret_subnet->prefix);
		found = ret_subnet->prefix >= 8 && ret_subnet->prefix <= 30;
	}
	nl_cache_free(cache);
	if (!found)
		return route->host->fail(err, EADDRNOTAVAIL, "interface %s has no usable IPv4 address", name);
	return 0;
}

static int link_check_address(struct net_route *route, const struct net_subnet *subnet,
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
	return route->host->fail(err, EADDRINUSE, "subnet %s/%u overlaps %s (%s/%d)", base, subnet->prefix, name,
				  text, rtnl_addr_get_prefixlen(address));
}

static int link_check_routes(struct net_route *route, const struct net_subnet *subnet,
			     struct hyfw_error **err)
{
	struct nl_object *object;
	struct nl_cache *cache;
	int r = rtnl_route_alloc_cache(route->socket, AF_INET, 0, &cache);
	bool taken = false;

	if (r < 0)
		return route->host->fail(err, -net_message_errno(r), "cannot list routes: %s",
					  nl_geterror(r));
	for (object = nl_cache_get_first(cache); object && !taken; object = nl_cache_get_next(object)) {
		struct nl_addr *to = rtnl_route_get_dst((struct rtnl_route *)object);

		taken = link_is_ipv4(to) && nl_addr_get_prefixlen(to) > 0 &&
			net_subnet_overlaps(subnet, link_nl_address(to), nl_addr_get_prefixlen(to));
	}
	nl_cache_free(cache);
	return taken ? route->host->fail(err, EADDRINUSE, "the subnet is routed elsewhere") : 0;
}

int net_link_check_subnet(struct net_route *route, const struct net_subnet *subnet, const char *except,
			     bool routes, struct hyfw_error **err)
{
	struct nl_object *object;
	struct nl_cache *cache;
	int r = link_addresses(route, &cache, err), own = (int)if_nametoindex(except);

	if (r < 0)
		return r;
	for (object = nl_cache_get_first(cache); object && r >= 0; object = nl_cache_get_next(object))
		r = link_check_address(route, subnet, (struct rtnl_addr *)object, own, err);
	nl_cache_free(cache);
	return r < 0 || !routes ? r : link_check_routes(route, subnet, err);
}
