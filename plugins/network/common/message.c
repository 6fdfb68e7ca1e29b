/* SPDX-License-Identifier: BSD-3-Clause
 * Single rtnetlink requests.  libnl builds and sends them; its own link objects
 * do not know what we need of veth peers. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "message.h"

/* A message that is full would fail at its first nla_put(); all of ours are
 * far below the page that libnl allocates. */
struct nl_msg *net_message_link(int flags, int index, bool up)
{
	struct nl_msg *message = nlmsg_alloc_simple(RTM_NEWLINK, flags);
	struct ifinfomsg info = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = index,
		.ifi_flags = up ? IFF_UP : 0,
		.ifi_change = up ? IFF_UP : 0,
	};

	if (message && nlmsg_append(message, &info, sizeof(info), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

int net_message_send(struct nl_sock *socket, struct nl_msg *message)
{
	int r;

	if (!message)
		return -ENOMEM;
	r = nl_send_sync(socket, message); /* frees the message */
	return r < 0 ? net_message_errno(r) : 0;
}

int net_message_errno(int nl_error)
{
	static const struct {
		int nl, system;
	} known[] = {
		{ NLE_EXIST, EEXIST },       { NLE_OBJ_NOTFOUND, ENOENT }, { NLE_NODEV, ENODEV },
		{ NLE_BUSY, EBUSY },         { NLE_PERM, EPERM },          { NLE_NOACCESS, EACCES },
		{ NLE_NOMEM, ENOMEM },       { NLE_INVAL, EINVAL },        { NLE_OPNOTSUPP, EOPNOTSUPP },
		{ NLE_RANGE, ERANGE },       { NLE_INTR, EINTR },          { NLE_AGAIN, EAGAIN },
		{ NLE_NOADDR, EADDRNOTAVAIL }, { NLE_DUMP_INTR, EAGAIN },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].nl == abs(nl_error))
			return -known[i].system;
	return -EIO;
}
