/* SPDX-License-Identifier: BSD-3-Clause
 * As much of rtnetlink(7) as moving a network device takes.  No library is linked for it:
 * whoever starts a container would pay for that.
 *
 * All functions return 0 or a negative errno, which is the kernel's answer. */
#ifndef HYFW_OCI_RTNETLINK_H
#define HYFW_OCI_RTNETLINK_H

#include <linux/if_addr.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A socket in our network namespace, or in that of 'netns_fd' when it is not -1; a
 * descriptor. */
int oci_rtnl_open(int netns_fd);

int oci_rtnl_index(int socket, const char *name, int *ret_index);
int oci_rtnl_set_up(int socket, int index, bool up);
/* Into another namespace, where it has 'name'. */
int oci_rtnl_move(int socket, int index, int netns_fd, const char *name);

struct oci_rtnl_address {
	struct ifaddrmsg head;
	uint8_t local[16], address[16], broadcast[16];
	bool has_local, has_address, has_broadcast;
};

/* Those of 'index' that somebody has set for good, and that count outside of this
 * machine; free(). */
int oci_rtnl_addresses(int socket, int index, struct oci_rtnl_address **ret_addresses, size_t *ret_count);
/* To 'index'; one that is there already is no failure. */
int oci_rtnl_add_address(int socket, int index, const struct oci_rtnl_address *address);

#endif
