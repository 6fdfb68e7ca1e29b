/* SPDX-License-Identifier: BSD-3-Clause
 * One-letter messages with descriptors between parent and child, unix(7).
 * Everything here may be called in the child. */
#include "ns.h"

#include <sys/socket.h>

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(int) * NS_FDS_MAX)];
};

int ns_channel_open(int ret_ends[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_ends) < 0 ? -errno : 0;
}

int ns_channel_send(int channel, char message, const int *fds, size_t count)
{
	struct iovec data = { &message, 1 };
	struct msghdr head = { .msg_iov = &data, .msg_iovlen = 1 };
	union control control;
	struct cmsghdr *cmsg;

	if (count > NS_FDS_MAX)
		return -E2BIG;
	if (count > 0) {
		head.msg_control = control.bytes;
		head.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		cmsg = CMSG_FIRSTHDR(&head);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * count);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * count);
	}
	while (sendmsg(channel, &head, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return errno == ECONNRESET ? -EPIPE : -errno;
	return 0;
}

static size_t take_descriptors(struct msghdr *head, int *fds, size_t room)
{
	struct cmsghdr *cmsg;
	size_t taken = 0, count, i;
	int fd;

	for (cmsg = CMSG_FIRSTHDR(head); cmsg; cmsg = CMSG_NXTHDR(head, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < count; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
			if (taken < room)
				fds[taken++] = fd;
			else
				close(fd);
		}
	}
	return taken;
}

int ns_channel_receive(int channel, char *ret_message, int *fds, size_t room, size_t *ret_count)
{
	struct iovec data = { ret_message, 1 };
	union control control;
	struct msghdr head = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes),
	};
	ssize_t size;
	size_t count;

	do
		size = recvmsg(channel, &head, MSG_CMSG_CLOEXEC);
	while (size < 0 && errno == EINTR);
	if (size < 0)
		return errno == ECONNRESET ? -EPIPE : -errno;
	if (size == 0)
		return -EPIPE;
	count = take_descriptors(&head, fds, room);
	if (ret_count)
		*ret_count = count;
	return head.msg_flags & MSG_CTRUNC ? -EMFILE : 0;
}
