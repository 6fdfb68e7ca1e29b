/* SPDX-License-Identifier: BSD-3-Clause
 * What the files of the macvtap driver share: workloads directly on a network of
 * the host's, through an interface of their own on top of the host's ('parent').
 * Machines get a macvtap, which is a tap, containers a macvlan in their namespace.
 *
 * hyfw has no say in such a network: addresses come from its own DHCP server (or,
 * for containers, from 'subnet' and 'address_range'), and there is no firewall of
 * ours in between.  In mode private, the default, workloads on one parent do not
 * reach each other.  The host reaches none of them. */
#ifndef HYFW_MACVTAP_H
#define HYFW_MACVTAP_H

#include <hyfw/network.h>

#include "../common/link.h"

struct macvtap {
	const struct hyfw_host *host;
	struct net_route route;
};

/* ---- link.c --------------------------------------------------------------- */

struct macvtap_link {
	const char *name, *alias;
	const char *mode;    /* "bridge", "vepa", "private", "passthrough" */
	const char *parent;
	int netns_fd;        /* -1: here, as a macvtap; else a macvlan there */
	uint8_t mac[6];
};

struct macvtap_parent {
	unsigned index, mtu;
	uint8_t mac[6];
	bool up;
};

int macvtap_link_parent(struct macvtap *macvtap, const char *name, struct macvtap_parent *ret_parent,
			struct hyfw_error **err);
int macvtap_link_make(struct macvtap *macvtap, const struct macvtap_link *link, struct hyfw_error **err);
/* Waits for the device node of macvtap 'name' and gives it to 'uid'. */
int macvtap_link_hand_over(struct macvtap *macvtap, struct hyfw_arena *arena, const char *name, uint32_t uid,
			   struct hyfw_error **err);

/* ---- endpoint.c, gc.c ----------------------------------------------------- */

int macvtap_network_check(struct macvtap *macvtap, const struct hyfw_subject *subject, struct hyfw_error **err);
int macvtap_endpoint_check(struct macvtap *macvtap, const struct hyfw_subject *subject, struct hyfw_error **err);
int macvtap_endpoint_plan(struct macvtap *macvtap, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			  struct hyfw_arena *arena, struct hyfw_error **err);
int macvtap_endpoint_apply(struct macvtap *macvtap, struct hyfw_call *call, struct hyfw_error **err);
int macvtap_endpoint_undo(struct macvtap *macvtap, struct hyfw_call *call, struct hyfw_error **err);
/* Alias of a macvtap: "OWNER:macvtap:NETWORK:WORKLOAD". */
const char *macvtap_mark(const struct macvtap *macvtap, struct hyfw_arena *arena, const char *network,
			 const char *workload);
int macvtap_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err);

#endif
