/* SPDX-License-Identifier: BSD-3-Clause
 * Records as they come, from the kernel's multicast group for readers (audit(7), needs
 * CAP_AUDIT_READ); auditd is not disturbed by it, nor is one needed. */
#include "audit.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define AT_ONCE 1000 /* a flood ends no call otherwise, and the caller may want to stop */

int audit_netlink_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = 1 << (AUDIT_NLGRP_READLOG - 1) };
	const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_AUDIT);
	int why;

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	why = errno;
	close(fd);
	return -why;
}

/* nlmsg_len of these messages has been with and without the header: what was received counts. */
static int take_message(int fd, audit_taker *take, void *data)
{
	union {
		struct nlmsghdr header;
		char bytes[NLMSG_HDRLEN + RECORD_BYTES];
	} message;
	struct sockaddr_nl from = { 0 };
	socklen_t size = sizeof(from);
	struct audit_record record;
	const ssize_t length = recvfrom(fd, &message, sizeof(message) - 1, 0, (struct sockaddr *)&from, &size);

	if (length < 0)
		return errno == ENOBUFS || errno == EINTR ? 0 : -errno;
	if (from.nl_pid != 0 || (size_t)length <= NLMSG_HDRLEN) /* not the kernel's */
		return 0;
	message.bytes[length] = '\0';
	if (!audit_record_parse(message.bytes + NLMSG_HDRLEN, message.header.nlmsg_type, &record))
		return 0;
	return take(data, &record);
}

int audit_netlink_read(int fd, int milliseconds, audit_taker *take, void *data)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	int result = poll(&wait, 1, milliseconds), left = AT_ONCE;

	if (result <= 0)
		return result == 0 || errno == EINTR ? 0 : -errno;
	do
		result = take_message(fd, take, data);
	while (result == 0 && --left > 0);
	return result == -EAGAIN ? 0 : result;
}
