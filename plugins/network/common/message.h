/* SPDX-License-Identifier: BSD-3-Clause
 * Single rtnetlink requests, for drivers that make interfaces. */
#ifndef HYFW_NETWORK_MESSAGE_H
#define HYFW_NETWORK_MESSAGE_H

#include <stdbool.h>

struct nl_sock;
struct nl_msg;

/* A request about interface 'index'; NULL without memory. */
struct nl_msg *net_message_link(int flags, int index, bool up);
/* Sends 'message', frees it, waits for the answer: 0 or a negative errno. */
int net_message_send(struct nl_sock *socket, struct nl_msg *message);
int net_message_errno(int nl_error); /* negative errno for a libnl error */

#endif
