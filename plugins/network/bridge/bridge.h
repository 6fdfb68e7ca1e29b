/* SPDX-License-Identifier: BSD-3-Clause
 * What the files of the bridge driver share.
 *
 *     bridge.c    the network: a Linux bridge with an address
 *     endpoint.c  a workload's interface: a veth pair, one end in its namespace,
 *                 or a tap for its hypervisor (endpoint_tap.c)
 *     publish.c   ports of the host that lead to a workload
 *     peers.c     who may open connections to whom
 *
 * These plan and carry out steps; below them are the kernel's interfaces: link.c
 * and ../common for rtnetlink, firewall.c and nft.c for nftables.
 *
 * Two workloads on one bridge never talk to each other directly: their ports
 * are "isolated", so the bridge carries frames only between a workload and the
 * host.  The host answers ARP for the neighbours (proxy_arp_pvlan) and routes
 * between them, and there the stateful rules of our inet table decide.  This
 * needs no connection tracking for bridges, which kernels may lack.
 *
 * Errors are as everywhere in the SDK; "1 or 0" functions say whether a thing
 * is there and return a negative errno with an error otherwise.
 */
#ifndef HYFW_BRIDGE_H
#define HYFW_BRIDGE_H

#include <net/if.h>
#include <netinet/in.h>
#include <sys/types.h>

#include <hyfw/network.h>

#include "../common/link.h"
#include "../common/ports.h"

struct nft_ctx;

struct bridge {
	const struct hyfw_host *host;
	struct net_route route;
	struct nft_ctx *nft;
	pid_t nft_owner;
};

/* ---- names.c: names are computed, so that a plan can show them ------------ */

char *bridge_name_network(const struct bridge *bridge, struct hyfw_arena *arena, const char *network);
void bridge_name_copy(const struct bridge *bridge, const char *network, char ret_name[IFNAMSIZ]);
const char *bridge_name_endpoint(const struct bridge *bridge, struct hyfw_arena *arena, const char *network,
				 const char *workload);

/* Interface aliases: "OWNER:network:NETWORK" and
 * "OWNER:endpoint:NETWORK:WORKLOAD:ADDRESS" ('address' "" for the part that
 * identifies it).  No part contains a colon. */
char *bridge_mark_network(const struct bridge *bridge, struct hyfw_arena *arena, const char *network);
char *bridge_mark_endpoint(const struct bridge *bridge, struct hyfw_arena *arena, const char *network,
			   const char *workload, const char *address);

/* ---- link.c: the bridge interface ----------------------------------------- */

int bridge_link_make_bridge(struct bridge *bridge, const char *name, const char *alias,
			    const struct net_subnet *subnet, struct hyfw_error **err);

/* ---- firewall.c: who may send what where; each call is one transaction ---- */

int bridge_firewall_network(struct bridge *bridge, const char *interface, const char *network, bool internal,
			    struct hyfw_error **err);
int bridge_firewall_network_gone(struct bridge *bridge, const char *interface, struct hyfw_error **err);

struct bridge_admission {
	const char *interface; /* the host's side */
	const char *mac, *address;
	const char *workload;  /* for the comment */
	bool dhcp;             /* may ask the host for its address */
};
/* Lets 'interface' send from its own addresses only. */
int bridge_firewall_admit(struct bridge *bridge, const struct bridge_admission *admission,
			  struct hyfw_error **err);
/* Takes it back, together with every link from and to its address. */
int bridge_firewall_expel(struct bridge *bridge, const struct bridge_admission *admission,
			  struct hyfw_error **err);

int bridge_firewall_publish(struct bridge *bridge, const char *workload, const struct net_publication *list,
			    size_t count, struct hyfw_error **err);
int bridge_firewall_unpublish(struct bridge *bridge, const char *workload,
			      const struct net_publication *list, size_t count, struct hyfw_error **err);

int bridge_firewall_link(struct bridge *bridge, const char *from, const char *to, const char *comment,
			 bool permit, struct hyfw_error **err);
/* Removes the rules of everything that is not alive. */
int bridge_firewall_gc(struct bridge *bridge, const struct hyfw_alive *alive, struct hyfw_error **err);

/* firewall_rules.c: the commands that make our tables, as they are or new. */
struct json_object;
struct json_object *bridge_firewall_rules(const char *table);

/* ---- the two subjects, and the steps each is made of ---------------------- */

int bridge_network_check(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_error **err);
int bridge_network_plan(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			struct hyfw_arena *arena, struct hyfw_error **err);
/* A workload's endpoint while a step of it is applied or undone. */
struct bridge_endpoint {
	const char *network, *workload, *host_interface, *mac;
	struct net_link master;
	struct net_subnet subnet;
	uint32_t address;
	bool tap;
	bool quiet; /* when undone: its interface never carried a packet */
};

/* endpoint_tap.c */
int bridge_tap_plan(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		    struct hyfw_arena *arena, struct hyfw_error **err);
int bridge_tap_connect(struct bridge *bridge, struct hyfw_call *call, const struct bridge_endpoint *endpoint,
		       struct hyfw_error **err);
int bridge_tap_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err);

int bridge_endpoint_plan(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			 struct hyfw_arena *arena, struct hyfw_error **err);
int bridge_publish_check(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_error **err);
int bridge_publish_plan(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			struct hyfw_arena *arena, struct hyfw_error **err);
int bridge_peers_plan(struct bridge *bridge, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		      struct hyfw_arena *arena, struct hyfw_error **err);

typedef int (*bridge_step_fn)(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err);

int bridge_network_apply(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err);
int bridge_network_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err);
int bridge_rules_apply(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err);
int bridge_rules_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err);
int bridge_forwarding_apply(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err);
int bridge_forwarding_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err);
int bridge_endpoint_apply(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err);
int bridge_endpoint_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err);
int bridge_publish_apply(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err);
int bridge_publish_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err);
int bridge_peers_apply(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err);
int bridge_peers_undo(struct bridge *bridge, struct hyfw_call *call, struct hyfw_error **err);
int bridge_peers_link(void *instance, const char *network, const struct hyfw_map *endpoint,
		      const struct hyfw_map *peer, bool permit, struct hyfw_error **err);

/* The address of a workload's endpoint, read from the mark on its interface. */
int bridge_endpoint_address(struct bridge *bridge, struct hyfw_call *call, const char **ret_address,
			    struct hyfw_error **err);

int bridge_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
		 struct hyfw_error **err);
int bridge_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err);

#endif
