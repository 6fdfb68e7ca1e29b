/* SPDX-License-Identifier: BSD-3-Clause
 * The rtnetlink socket of this process. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <unistd.h>

#include "link.h"

int net_route_socket(struct net_route *route, struct nl_sock **ret_socket, struct hyfw_error **err)
{
	const struct hyfw_host *host = route->host;
	int r;

	if (route->socket && route->owner != getpid())
		net_route_close(route);
	if (!route->socket) {
		route->socket = nl_socket_alloc();
		if (!route->socket)
			return host->fail(err, ENOMEM, "cannot allocate a netlink socket");
		r = nl_connect(route->socket, NETLINK_ROUTE);
		if (r < 0) {
			net_route_close(route);
			return host->fail(err, -net_message_errno(r), "cannot open rtnetlink: %s", nl_geterror(r));
		}
		route->owner = getpid();
	}
	*ret_socket = route->socket;
	return 0;
}

void net_route_close(struct net_route *route)
{
	if (route->socket)
		nl_socket_free(route->socket);
	route->socket = NULL;
}
