/* SPDX-License-Identifier: BSD-3-Clause
 * The rtnetlink socket of this process. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <unistd.h>

#include "bridge.h"

int bridge_route_socket(struct bridge *bridge, struct nl_sock **ret_socket, struct hyfw_error **err)
{
	const struct hyfw_host *host = bridge->host;
	int r;

	if (bridge->route && bridge->route_owner != getpid())
		bridge_route_close(bridge);
	if (!bridge->route) {
		bridge->route = nl_socket_alloc();
		if (!bridge->route)
			return host->fail(err, ENOMEM, "cannot allocate a netlink socket");
		r = nl_connect(bridge->route, NETLINK_ROUTE);
		if (r < 0) {
			bridge_route_close(bridge);
			return host->fail(err, -net_message_errno(r), "cannot open rtnetlink: %s", nl_geterror(r));
		}
		bridge->route_owner = getpid();
	}
	*ret_socket = bridge->route;
	return 0;
}

void bridge_route_close(struct bridge *bridge)
{
	if (bridge->route)
		nl_socket_free(bridge->route);
	bridge->route = NULL;
}
