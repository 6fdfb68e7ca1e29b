/* SPDX-License-Identifier: BSD-3-Clause
 * Messages between launcher and monitor, over a SOCK_SEQPACKET socket. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "engine/launch.h"

int hyfw_message_send(int fd, const struct hyfw_message *message)
{
	const size_t size = offsetof(struct hyfw_message, text) + strlen(message->text) + 1;
	ssize_t sent;

	do
		sent = send(fd, message, size, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int hyfw_message_receive(int fd, struct hyfw_message *ret_message, int timeout_ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	ssize_t got;
	int ready;

	do
		ready = poll(&wait, 1, timeout_ms);
	while (ready < 0 && errno == EINTR && timeout_ms < 0);
	if (ready < 0)
		return -errno;
	if (ready == 0)
		return -EAGAIN;
	memset(ret_message, 0, offsetof(struct hyfw_message, text) + 1);
	got = recv(fd, ret_message, sizeof(*ret_message), 0);
	/* The other end is gone and had not read all of ours: this kind of socket says
	 * that once before it gives what had been sent to us. */
	if (got < 0 && errno == ECONNRESET)
		got = recv(fd, ret_message, sizeof(*ret_message), 0);
	if (got < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if ((size_t)got > offsetof(struct hyfw_message, text) && (size_t)got < sizeof(*ret_message))
		((char *)ret_message)[got] = '\0';
	ret_message->text[sizeof(ret_message->text) - 1] = '\0';
	return got > 0;
}
