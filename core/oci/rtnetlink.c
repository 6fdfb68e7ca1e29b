/* SPDX-License-Identifier: BSD-3-Clause
 * Requests and answers of rtnetlink(7). */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "oci/rtnetlink.h"

#define ADDRESSES 1024 /* more than anybody gives to a device */

struct request {
	struct nlmsghdr head;
	union {
		struct ifinfomsg link;
		struct ifaddrmsg address;
	} body;
	char attributes[128];
};

/* ---- sockets ---- */

struct entering {
	int netns_fd;
	int socket; /* or a negative errno */
};

static int make_socket(void)
{
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	return fd < 0 ? -errno : fd;
}

static void *enter(void *argument)
{
	struct entering *entering = argument;

	entering->socket = setns(entering->netns_fd, CLONE_NEWNET) < 0 ? -errno : make_socket();
	return NULL;
}

/* A socket stays in the namespace that it was made in: a short thread goes there, so that
 * we are never left in it ourselves. */
int oci_rtnl_open(int netns_fd)
{
	struct entering entering = { .netns_fd = netns_fd, .socket = -EIO };
	sigset_t all, before;
	pthread_t thread;
	int error;

	if (netns_fd < 0)
		return make_socket();
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, NULL, enter, &entering);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return -error;
	pthread_join(thread, NULL);
	return entering.socket;
}

/* ---- messages ---- */

static void begin(struct request *request, uint16_t type, uint16_t flags, size_t body)
{
	*request = (struct request){ .head = { .nlmsg_len = (uint32_t)NLMSG_LENGTH(body), .nlmsg_type = type,
					       .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags), .nlmsg_seq = 1 } };
}

/* There is room for all that is added below. */
static void add(struct request *request, uint16_t type, const void *data, size_t size)
{
	struct rtattr *attribute = (struct rtattr *)(void *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = (uint16_t)RTA_LENGTH(size);
	memcpy(RTA_DATA(attribute), data, size);
	request->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(request->head.nlmsg_len) + RTA_LENGTH(size));
}

static int send_request(int socket, const struct request *request)
{
	while (send(socket, request, request->head.nlmsg_len, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static ssize_t receive(int socket, void *buffer, size_t room)
{
	ssize_t size;

	do
		size = recv(socket, buffer, room, 0);
	while (size < 0 && errno == EINTR);
	return size < 0 ? -errno : size;
}

static int error_of(const struct nlmsghdr *head)
{
	return head->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)) ? -EPROTO :
	       ((const struct nlmsgerr *)NLMSG_DATA(head))->error;
}

/* Sends 'request' and takes its acknowledgement. */
static int ask(int socket, const struct request *request)
{
	union {
		struct nlmsghdr head;
		char bytes[4096];
	} answer;
	const int result = send_request(socket, request);
	ssize_t size;

	if (result < 0)
		return result;
	size = receive(socket, &answer, sizeof(answer));
	if (size < 0)
		return (int)size;
	return NLMSG_OK(&answer.head, (size_t)size) && answer.head.nlmsg_type == NLMSG_ERROR ? error_of(&answer.head)
											     : -EPROTO;
}

/* ---- devices ---- */

int oci_rtnl_index(int socket, const char *name, int *ret_index)
{
	struct ifreq request = { 0 };

	if (strlen(name) >= sizeof(request.ifr_name))
		return -ENODEV;
	memcpy(request.ifr_name, name, strlen(name));
	if (ioctl(socket, SIOCGIFINDEX, &request) < 0)
		return -errno;
	*ret_index = request.ifr_ifindex;
	return 0;
}

int oci_rtnl_set_up(int socket, int index, bool up)
{
	struct request request;

	begin(&request, RTM_NEWLINK, NLM_F_ACK, sizeof(request.body.link));
	request.body.link.ifi_index = index;
	request.body.link.ifi_change = IFF_UP;
	request.body.link.ifi_flags = up ? IFF_UP : 0;
	return ask(socket, &request);
}

int oci_rtnl_move(int socket, int index, int netns_fd, const char *name)
{
	struct request request;
	const uint32_t fd = (uint32_t)netns_fd;

	begin(&request, RTM_NEWLINK, NLM_F_ACK, sizeof(request.body.link));
	request.body.link.ifi_index = index;
	add(&request, IFLA_NET_NS_FD, &fd, sizeof(fd));
	add(&request, IFLA_IFNAME, name, strlen(name) + 1);
	return ask(socket, &request);
}

/* ---- addresses ---- */

struct found {
	int index;
	struct oci_rtnl_address *addresses;
	size_t count;
};

static bool copy(const struct rtattr *attribute, uint8_t *to)
{
	if (RTA_PAYLOAD(attribute) > 16)
		return false;
	memcpy(to, RTA_DATA(attribute), RTA_PAYLOAD(attribute));
	return true;
}

static int take(const struct nlmsghdr *message, struct found *found)
{
	const struct ifaddrmsg *head = NLMSG_DATA(message);
	struct oci_rtnl_address address = { .head = *head };
	const struct rtattr *attribute = IFA_RTA(head);
	long left = (long)IFA_PAYLOAD(message); /* below 0 behind the last */
	uint32_t flags = head->ifa_flags;

	for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
		switch (attribute->rta_type) {
		case IFA_LOCAL: address.has_local = copy(attribute, address.local); break;
		case IFA_ADDRESS: address.has_address = copy(attribute, address.address); break;
		case IFA_BROADCAST: address.has_broadcast = copy(attribute, address.broadcast); break;
		case IFA_FLAGS:
			if (RTA_PAYLOAD(attribute) == sizeof(flags))
				memcpy(&flags, RTA_DATA(attribute), sizeof(flags));
			break;
		default: break;
		}
	}
	if ((int)head->ifa_index != found->index || head->ifa_scope != RT_SCOPE_UNIVERSE || !(flags & IFA_F_PERMANENT))
		return 0;
	if (found->count == ADDRESSES)
		return -E2BIG;
	found->addresses = hyfw_grow(found->addresses, found->count + 1, sizeof(*found->addresses));
	found->addresses[found->count++] = address;
	return 0;
}

/* 1: there is more to come. */
static int take_all(const struct nlmsghdr *message, long size, struct found *found)
{
	int result = 1;

	for (; result == 1 && NLMSG_OK(message, size); message = NLMSG_NEXT(message, size)) {
		if (message->nlmsg_type == NLMSG_DONE)
			return 0;
		if (message->nlmsg_type == NLMSG_ERROR)
			return error_of(message) < 0 ? error_of(message) : -EPROTO;
		if (message->nlmsg_type == RTM_NEWADDR && message->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifaddrmsg)) &&
		    take(message, found) < 0)
			result = -E2BIG;
	}
	return result;
}

int oci_rtnl_addresses(int socket, int index, struct oci_rtnl_address **ret_addresses, size_t *ret_count)
{
	HYFW_AUTO_FREE struct nlmsghdr *answer = hyfw_new(32768); /* as much as the kernel sends at once */
	struct found found = { .index = index };
	struct request request;
	ssize_t size;
	int result;

	begin(&request, RTM_GETADDR, NLM_F_DUMP, sizeof(request.body.address));
	result = send_request(socket, &request);
	for (result = result < 0 ? result : 1; result == 1;) {
		size = receive(socket, answer, 32768);
		result = size < 0 ? (int)size : take_all(answer, size, &found);
	}
	if (result < 0) {
		free(found.addresses);
		return result;
	}
	*ret_addresses = found.addresses;
	*ret_count = found.count;
	return 0;
}

int oci_rtnl_add_address(int socket, int index, const struct oci_rtnl_address *address)
{
	const size_t size = address->head.ifa_family == AF_INET ? 4 : 16;
	struct request request;
	int result;

	begin(&request, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(request.body.address));
	request.body.address = (struct ifaddrmsg){ .ifa_family = address->head.ifa_family,
						   .ifa_prefixlen = address->head.ifa_prefixlen,
						   .ifa_scope = address->head.ifa_scope,
						   .ifa_index = (uint32_t)index };
	if (address->has_local)
		add(&request, IFA_LOCAL, address->local, size);
	if (address->has_address)
		add(&request, IFA_ADDRESS, address->address, size);
	if (address->has_broadcast)
		add(&request, IFA_BROADCAST, address->broadcast, size);
	result = ask(socket, &request);
	return result == -EEXIST ? 0 : result;
}
