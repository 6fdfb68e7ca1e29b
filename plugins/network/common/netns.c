/* SPDX-License-Identifier: BSD-3-Clause
 * Work inside a workload's network namespace.  A short thread enters it and
 * opens a netlink socket there; a socket stays in the namespace it was opened
 * in, so the caller uses it from where it is.  Whatever goes wrong, no thread of
 * the caller is ever left in another namespace. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "link.h"

#define LOOPBACK_INDEX 1 /* LOOPBACK_IFINDEX, include/net/flow.h */

struct entering {
	int netns_fd;
	const char *interface; /* to turn the offload of checksums off; NULL for none */
	struct nl_sock *socket;
	int error; /* negative errno */
};

/* The userspace datapath takes frames as they are: a checksum that is left to the
 * network card is never computed, and the other side drops every TCP segment. */
static int netns_no_offload(const char *interface)
{
	struct ethtool_value value = { .cmd = ETHTOOL_STXCSUM };
	struct ifreq request = { .ifr_data = (char *)&value };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	r = ioctl(fd, SIOCETHTOOL, &request) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static void *netns_enter(void *argument)
{
	struct entering *entering = argument;
	int r;

	if (setns(entering->netns_fd, CLONE_NEWNET) < 0) {
		entering->error = -errno;
		return NULL;
	}
	r = nl_connect(entering->socket, NETLINK_ROUTE);
	if (r < 0)
		entering->error = net_message_errno(r);
	else if (entering->interface)
		entering->error = netns_no_offload(entering->interface);
	return NULL;
}

static int netns_socket(const struct hyfw_host *host, int netns_fd, const struct net_inside *inside,
			struct nl_sock **ret_socket, struct hyfw_error **err)
{
	struct entering entering = { .netns_fd = netns_fd, .interface = inside->no_offload ? inside->interface : NULL,
				     .socket = nl_socket_alloc() };
	sigset_t all, before;
	pthread_t thread;
	int error;

	if (!entering.socket)
		return host->fail(err, ENOMEM, "cannot allocate a netlink socket");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, NULL, netns_enter, &entering);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!error)
		pthread_join(thread, NULL);
	else
		entering.error = -error;
	if (entering.error < 0) {
		nl_socket_free(entering.socket);
		return host->fail(err, -entering.error, "cannot set the interface up in its network namespace: %s",
				  strerror(-entering.error));
	}
	*ret_socket = entering.socket;
	return 0;
}

static int netns_route(struct nl_sock *socket, int index, uint32_t gateway)
{
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
	struct rtmsg info = {
		.rtm_family = AF_INET,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_STATIC,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};
	uint32_t wire = htonl(gateway);

	if (!message)
		return -ENOMEM;
	nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO);
	nla_put(message, RTA_GATEWAY, sizeof(wire), &wire);
	nla_put_u32(message, RTA_OIF, (uint32_t)index);
	return net_message_send(socket, message);
}

static int netns_index(struct nl_sock *socket, const char *name)
{
	struct rtnl_link *link;
	int r = rtnl_link_get_kernel(socket, 0, name, &link), index;

	if (r < 0)
		return net_message_errno(r);
	index = rtnl_link_get_ifindex(link);
	rtnl_link_put(link);
	return index;
}

static int netns_apply(struct net_route *route, struct nl_sock *socket, const struct net_inside *inside,
		       struct hyfw_error **err)
{
	int index = netns_index(socket, inside->interface), r = index;

	if (r > 0 && inside->address)
		r = net_link_address(route, socket, index, inside->address, inside->prefix, err);
	if (r < 0 && *err)
		return r;
	if (r >= 0)
		r = net_message_send(socket, net_message_link(0, LOOPBACK_INDEX, true));
	if (r >= 0)
		r = net_message_send(socket, net_message_link(0, index, true));
	if (r >= 0 && inside->gateway)
		r = netns_route(socket, index, inside->gateway);
	if (r < 0)
		return route->host->fail(err, -r, "cannot configure it: %s", strerror(-r));
	net_link_settle(socket, inside->interface);
	return 0;
}

int net_inside_configure(struct net_route *route, int netns_fd, const struct net_inside *inside,
			   struct hyfw_error **err)
{
	struct hyfw_error *inner = NULL;
	struct nl_sock *socket = NULL;
	int r = netns_socket(route->host, netns_fd, inside, &socket, &inner);

	if (r >= 0) {
		r = netns_apply(route, socket, inside, &inner);
		nl_socket_free(socket);
	}
	if (r >= 0)
		return 0;
	*err = inner;
	return route->host->wrap(err, "interface %s", inside->interface);
}
