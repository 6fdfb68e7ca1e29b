/* SPDX-License-Identifier: BSD-3-Clause
 * macvtap and macvlan interfaces through rtnetlink, and the device node that a
 * macvtap is opened by. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "macvtap.h"

int macvtap_link_parent(struct macvtap *macvtap, const char *name, struct macvtap_parent *ret_parent,
			struct hyfw_error **err)
{
	struct nl_sock *socket = NULL;
	struct rtnl_link *link;
	struct nl_addr *mac;
	int r = net_route_socket(&macvtap->route, &socket, err);

	if (r < 0)
		return r;
	if (rtnl_link_get_kernel(socket, 0, name, &link) < 0)
		return macvtap->host->fail(err, ENODEV, "parent %s: the host has no such interface", name);
	mac = rtnl_link_get_addr(link);
	ret_parent->index = (unsigned)rtnl_link_get_ifindex(link);
	ret_parent->mtu = rtnl_link_get_mtu(link);
	ret_parent->up = rtnl_link_get_flags(link) & IFF_UP;
	if (mac && nl_addr_get_len(mac) == 6 && !(rtnl_link_get_flags(link) & IFF_LOOPBACK))
		memcpy(ret_parent->mac, nl_addr_get_binary_addr(mac), 6);
	else
		r = macvtap->host->fail(err, EINVAL, "parent %s: not an Ethernet interface", name);
	rtnl_link_put(link);
	return r;
}

static uint32_t link_mode(const char *mode)
{
	if (strcmp(mode, "bridge") == 0)
		return MACVLAN_MODE_BRIDGE;
	if (strcmp(mode, "vepa") == 0)
		return MACVLAN_MODE_VEPA;
	return strcmp(mode, "passthrough") == 0 ? MACVLAN_MODE_PASSTHRU : MACVLAN_MODE_PRIVATE;
}

static struct nl_msg *link_message(const struct macvtap_link *link, unsigned parent)
{
	struct nl_msg *message = net_message_link(NLM_F_CREATE | NLM_F_EXCL, 0, link->netns_fd >= 0);
	struct nlattr *info, *data;

	if (!message)
		return NULL;
	nla_put_string(message, IFLA_IFNAME, link->name);
	nla_put_u32(message, IFLA_LINK, parent);
	if (strcmp(link->mode, "passthrough") != 0)
		nla_put(message, IFLA_ADDRESS, 6, link->mac); /* else the parent's */
	if (link->netns_fd >= 0)
		nla_put_u32(message, IFLA_NET_NS_FD, (uint32_t)link->netns_fd);
	info = nla_nest_start(message, IFLA_LINKINFO);
	nla_put_string(message, IFLA_INFO_KIND, link->netns_fd >= 0 ? "macvlan" : "macvtap");
	data = nla_nest_start(message, IFLA_INFO_DATA);
	nla_put_u32(message, IFLA_MACVLAN_MODE, link_mode(link->mode));
	nla_nest_end(message, data);
	nla_nest_end(message, info);
	return message;
}

/* Up at once in its namespace, since that tells whether its hardware address is
 * still taken: the kernel removes the namespace of a workload that has just ended,
 * and what is in it, only after a while. */
static int link_create(struct macvtap *macvtap, const struct macvtap_link *link, unsigned parent)
{
	const struct timespec pause = { .tv_nsec = 10000000 };
	int r = -EEXIST, tries;

	for (tries = 0; tries < 300; tries++) {
		r = net_message_send(macvtap->route.socket, link_message(link, parent));
		if (link->netns_fd < 0 || (r != -EEXIST && r != -EBUSY && r != -EINVAL))
			return r;
		nanosleep(&pause, NULL);
	}
	return r;
}

int macvtap_link_make(struct macvtap *macvtap, const struct macvtap_link *link, struct hyfw_error **err)
{
	struct macvtap_parent parent = { 0 };
	int r = macvtap_link_parent(macvtap, link->parent, &parent, err);

	if (r < 0)
		return r;
	r = link_create(macvtap, link, parent.index);
	if (r == -EINVAL || r == -EBUSY)
		return macvtap->host->fail(err, -r, "interface %s on %s: in mode passthrough a parent has one interface, "
					   "and no other in another mode; it may also be part of a bridge", link->name,
					   link->parent);
	if (r >= 0 && link->netns_fd < 0)
		r = net_link_port(&macvtap->route, link->name, link->alias, 0);
	return r < 0 ? net_link_fail(&macvtap->route, err, r, "create it", link->name) : 0;
}

/* ---- the device node ------------------------------------------------------ */

/* devtmpfs numbers nodes by interface index, which other network namespaces use
 * too: the node must be that of the interface. */
static int node_open(struct macvtap *macvtap, struct hyfw_arena *arena, const char *name, unsigned index)
{
	const struct hyfw_host *host = macvtap->host;
	FILE *file = fopen(host->format(arena, "/sys/class/net/%s/macvtap/tap%u/dev", name, index), "re");
	unsigned major = 0, minor = 0;
	struct stat st;
	bool known = file && fscanf(file, "%u:%u", &major, &minor) == 2;
	int fd;

	if (file)
		fclose(file);
	fd = known ? open(host->format(arena, "/dev/tap%u", index), O_PATH | O_CLOEXEC | O_NOFOLLOW) : -1;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(major, minor))
		return fd;
	if (fd >= 0)
		close(fd);
	return -ENOENT;
}

int macvtap_link_hand_over(struct macvtap *macvtap, struct hyfw_arena *arena, const char *name, uint32_t uid,
			   struct hyfw_error **err)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	unsigned index = if_nametoindex(name), tries;
	int fd = -ENOENT, r;

	for (tries = 0; tries < 400 && fd < 0; tries++) {
		fd = node_open(macvtap, arena, name, index);
		if (fd < 0)
			nanosleep(&pause, NULL);
	}
	if (fd < 0)
		return macvtap->host->fail(err, ENOENT, "interface %s: /dev/tap%u did not come; devtmpfs makes it", name,
					   index);
	r = fchownat(fd, "", uid, (gid_t)-1, AT_EMPTY_PATH) < 0 ? -errno : 0;
	close(fd);
	return r < 0 ? macvtap->host->fail(err, -r, "/dev/tap%u: cannot give it to user %u: %s", index, uid,
					   strerror(-r)) : 0;
}
