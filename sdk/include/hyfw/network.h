/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Network drivers make networks and attach workloads to them.
 *
 *     plan(NETWORK)   steps of lifetime SHARED: the network itself.  Applied when
 *                     its first user comes, undone when the last one goes; the
 *                     core counts users under a lock.
 *     plan(ENDPOINT)  steps of lifetime RUN: reserve an address, make the
 *                     interface, publish ports, permit links.
 *
 * Isolation drivers with HYFW_TAKES_INTERFACE: apply() of ENDPOINT steps comes
 * between create() and start() of the workload with 'netns_fd' in the call; the
 * driver leaves the interface in that namespace, configured and up, with its
 * default route.  With HYFW_TAKES_TAP: apply() comes before create(), 'netns_fd'
 * is -1 and the driver notes HYFW_NOTE_TAP (the interface is up, persistent, and
 * gone with undo) with HYFW_NOTE_MAC, HYFW_NOTE_ADDRESS and HYFW_NOTE_GATEWAY: it
 * answers the guest's DHCP with that address on this network only, and lets nothing
 * out of the tap that has another MAC or source address.  Names of the other
 * workloads of the network are answered by the same server.  Which of the two is
 * meant is known at planning time from hyfw_subject.takes_tap.
 * A driver of HYFW_GIVES_USER_NETWORK notes HYFW_NOTE_USER_NETWORK instead: "passt
 * SOCKET" for a passt(1) that it has started and that listens there.
 *
 * The settings of ENDPOINT subjects hold the workload's keys, among them the
 * normalised lists
 *     publish  "ADDRESS|HOSTPORT|PORT|PROTO", ADDRESS may be empty (all), PROTO
 *              tcp or udp, HOSTPORT "0" for one chosen by the driver; IPv6
 *              addresses without brackets.  A random port that was chosen is
 *              noted as "publish.PORT/PROTO" = "HOSTPORT".
 *     links    names of workloads that this one may open connections to
 * A workload with several networks publishes on its first one (index 0) only.
 */
#ifndef HYFW_NETWORK_H
#define HYFW_NETWORK_H

#include <hyfw/plugin.h>
#include <hyfw/workload.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Words for hyfw_plugin.capabilities of network drivers. */
#define HYFW_GIVES_INTERFACE "gives-interface" /* an interface in a network namespace */
#define HYFW_GIVES_TAP "gives-tap"             /* a tap for a hypervisor */
#define HYFW_GIVES_USER_NETWORK "gives-user-network" /* a network without privileges */
#define HYFW_GIVES_NOTHING "gives-nothing"     /* no connectivity: loopback only */

struct hyfw_network_ops {
	size_t size;

	/* Opens 'peer' (its endpoint's address) for a workload that is already
	 * running, or closes it; called when a linked workload starts or stops
	 * later than the one that links to it.  'endpoint' are the notes of the
	 * caller's endpoint, 'peer' those of the other.  Idempotent; closing what is
	 * not open is success.
	 * NULL: links are not supported and refused by check(). */
	int (*link)(void *instance, const char *network, const struct hyfw_map *endpoint,
		    const struct hyfw_map *peer, bool permit, struct hyfw_error **err);

	/* Adds traffic of the endpoint to net_rx_bytes and net_tx_bytes, as the
	 * workload sees it (rx is what it received), in bytes since its start; a
	 * member that is HYFW_STAT_NONE counts as 0.  'endpoint' are its notes.  Does
	 * not block.  NULL: not known. */
	int (*stats)(void *instance, const struct hyfw_map *endpoint, struct hyfw_stats *stats,
		     struct hyfw_error **err);
};

#ifdef __cplusplus
}
#endif
#endif
