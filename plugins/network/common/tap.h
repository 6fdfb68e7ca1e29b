/* SPDX-License-Identifier: BSD-3-Clause
 * Interfaces for hypervisors: taps, which stay while nobody has them open. */
#ifndef HYFW_NETWORK_TAP_H
#define HYFW_NETWORK_TAP_H

#include "link.h"

struct net_tap {
	const char *name;
	const char *alias;
	int master;    /* Linux bridge of which it becomes an isolated port; 0: none */
	uint32_t uid;  /* may open it without privileges; (uint32_t)-1: nobody else */
	uint8_t mac[6]; /* the guest's; the tap has another one, with fe in front */
};

/* Makes it, persistent and with virtio headers, marks it and brings it up.  Also
 * good for one that is half made. */
int net_tap_make(struct net_route *route, const struct net_tap *tap, struct hyfw_error **err);

/* 52:54:00 and three bytes of a digest of 'names' (NULL-terminated), so that a
 * machine keeps its address over restarts.  Two workloads of a network with the
 * same one: net_mac_take() tries the next digest. */
int net_mac_take(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network, const char *workload,
		 const char **ret_mac, struct hyfw_error **err);
void net_mac_drop(const struct hyfw_host *host, struct hyfw_arena *arena, const char *network, const char *workload);
bool net_mac_parse(const char *text, uint8_t ret_mac[6]);

#endif
