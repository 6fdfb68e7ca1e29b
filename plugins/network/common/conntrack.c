/* SPDX-License-Identifier: BSD-3-Clause
 * Connections of an address, through ctnetlink (linux/netfilter/nfnetlink_conntrack.h).
 * They are listed by a filter of the kernel, and each is deleted by its tuple and id.
 * A kernel before 5.8 has no such filter and lists all of them, and one before 6.11
 * would delete everything for a filter in a deletion: so what comes is compared here
 * again, and nothing is deleted without its tuple. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netlink/attr.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "conntrack.h"
#include "message.h"

#define FILTER_SOURCE 1u /* CTA_FILTER_FLAG(CTA_IP_SRC) of net/netfilter/nf_conntrack_netlink.c */

static const int tuples[] = { CTA_TUPLE_ORIG, CTA_TUPLE_REPLY };

struct forgetting {
	uint32_t address;         /* in network byte order */
	struct nl_msg **list;     /* deletions to be sent */
	size_t count, room;
};

static struct nl_msg *conntrack_message(int operation, int flags)
{
	struct nl_msg *message = nlmsg_alloc_simple(NFNL_SUBSYS_CTNETLINK << 8 | operation, flags);
	struct nfgenmsg header = { .nfgen_family = AF_INET, .version = NFNETLINK_V0 };

	if (message && nlmsg_append(message, &header, sizeof(header), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

/* Connections whose packets of direction 'tuple' come from 'address'. */
static struct nl_msg *conntrack_query(int tuple, uint32_t address)
{
	struct nl_msg *message = conntrack_message(IPCTNL_MSG_CT_GET, NLM_F_DUMP);
	struct nlattr *outer, *inner;

	if (!message)
		return NULL;
	outer = nla_nest_start(message, tuple);
	inner = nla_nest_start(message, CTA_TUPLE_IP);
	nla_put_u32(message, CTA_IP_V4_SRC, address);
	nla_nest_end(message, inner);
	nla_nest_end(message, outer);
	outer = nla_nest_start(message, CTA_FILTER);
	nla_put_u32(message, CTA_FILTER_ORIG_FLAGS, tuple == CTA_TUPLE_ORIG ? FILTER_SOURCE : 0);
	nla_put_u32(message, CTA_FILTER_REPLY_FLAGS, tuple == CTA_TUPLE_REPLY ? FILTER_SOURCE : 0);
	nla_nest_end(message, outer);
	return message;
}

static bool tuple_is_from(struct nlattr *tuple, uint32_t address)
{
	struct nlattr *ip = tuple ? nla_find(nla_data(tuple), nla_len(tuple), CTA_TUPLE_IP) : NULL,
		      *source = ip ? nla_find(nla_data(ip), nla_len(ip), CTA_IP_V4_SRC) : NULL;

	return source && nla_len(source) == sizeof(address) && nla_get_u32(source) == address;
}

static int conntrack_visit(struct nl_msg *message, void *context)
{
	static const int identity[] = { CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID };
	struct forgetting *forgetting = context;
	struct nlmsghdr *header = nlmsg_hdr(message);
	struct nlattr *attribute;
	struct nl_msg *deletion;
	size_t i;

	if (!tuple_is_from(nlmsg_find_attr(header, sizeof(struct nfgenmsg), CTA_TUPLE_ORIG), forgetting->address) &&
	    !tuple_is_from(nlmsg_find_attr(header, sizeof(struct nfgenmsg), CTA_TUPLE_REPLY), forgetting->address))
		return NL_OK;
	if (forgetting->count == forgetting->room) {
		size_t room = forgetting->room ? 2 * forgetting->room : 16;
		struct nl_msg **longer = realloc(forgetting->list, room * sizeof(*longer));

		if (!longer)
			return -NLE_NOMEM;
		forgetting->list = longer;
		forgetting->room = room;
	}
	deletion = conntrack_message(IPCTNL_MSG_CT_DELETE, 0);
	if (!deletion)
		return -NLE_NOMEM;
	for (i = 0; i < sizeof(identity) / sizeof(identity[0]); i++) {
		attribute = nlmsg_find_attr(header, sizeof(struct nfgenmsg), identity[i]);
		if (attribute) /* with its flags: CTA_TUPLE_ORIG is nested */
			nla_put(deletion, attribute->nla_type, nla_len(attribute), nla_data(attribute));
	}
	forgetting->list[forgetting->count++] = deletion;
	return NL_OK;
}

/* One that has gone meanwhile is no failure. */
static int forgetting_send(struct forgetting *forgetting, struct nl_sock *socket)
{
	int r = 0, one;
	size_t i;

	for (i = 0; i < forgetting->count; i++) {
		one = net_message_send(socket, forgetting->list[i]);
		if (one < 0 && one != -ENOENT)
			r = one;
	}
	forgetting->count = 0;
	return r;
}

static int conntrack_forget(struct nl_sock *socket, struct forgetting *forgetting, int tuple)
{
	struct nl_msg *query = conntrack_query(tuple, forgetting->address);
	int r = query ? nl_send_auto(socket, query) : -NLE_NOMEM, sent;

	nlmsg_free(query);
	if (r >= 0)
		r = nl_recvmsgs_default(socket);
	sent = forgetting_send(forgetting, socket);
	return r < 0 ? net_message_errno(r) : sent;
}

void net_conntrack_forget(const struct hyfw_host *host, uint32_t address)
{
	struct forgetting forgetting = { .address = htonl(address) };
	struct nl_sock *socket = nl_socket_alloc();
	int r = socket ? nl_connect(socket, NETLINK_NETFILTER) : -NLE_NOMEM;
	size_t i;

	r = r < 0 ? net_message_errno(r) : 0;
	if (r >= 0)
		nl_socket_modify_cb(socket, NL_CB_VALID, NL_CB_CUSTOM, conntrack_visit, &forgetting);
	for (i = 0; i < sizeof(tuples) / sizeof(tuples[0]) && r >= 0; i++)
		r = conntrack_forget(socket, &forgetting, tuples[i]);
	if (r < 0)
		host->log(HYFW_LOG_WARNING, "connections of %s may outlive it: the kernel cannot be asked to forget them: %s",
			  inet_ntoa((struct in_addr){ forgetting.address }), strerror(-r));
	free(forgetting.list);
	nl_socket_free(socket);
}
