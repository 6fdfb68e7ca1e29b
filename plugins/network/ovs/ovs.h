/* SPDX-License-Identifier: BSD-3-Clause
 * What the files of the ovs driver share.
 *
 *     network.c   the network: a bridge of Open vSwitch, ours or one that exists
 *     endpoint.c  a workload's interface: a veth pair whose outer end is a port
 *     flows.c     the OpenFlow rules of ports: own addresses only, linked neighbours
 *     peers.c     who may open connections to whom
 *
 * Ports of workloads are "protected": the switch's NORMAL action never carries a
 * frame from one to another, on every datapath.  A link is a pair of flows around
 * that: the caller's packets are committed to connection tracking and put out at
 * the callee's port, and what comes back passes only as an answer.
 *
 * Rows carry external_ids hyfw=OWNER, hyfw-network and, on ports, hyfw-workload;
 * rows without are never touched.  1-or-0 functions return a negative errno with
 * an error otherwise. */
#ifndef HYFW_OVS_H
#define HYFW_OVS_H

#include <net/if.h>
#include <netinet/in.h>
#include <sys/types.h>

#include <hyfw/network.h>

#include "../common/link.h"

struct json_object;

#define OVS_DEFAULT_DB "unix:/var/run/openvswitch/db.sock"

struct ovs {
	const struct hyfw_host *host;
	char *db;      /* "unix:/PATH" */
	struct net_route route;
};

/* ---- names.c --------------------------------------------------------------- */

const char *ovs_name_network(const struct ovs *ovs, struct hyfw_arena *arena, const char *network);
const char *ovs_name_endpoint(const struct ovs *ovs, struct hyfw_arena *arena, const char *network,
			      const char *workload);
bool ovs_name_is_interface(const char *name);
uint32_t ovs_name_number(const char *name); /* never 0 */
/* Alias of the outer interface: "OWNER:ovs:NETWORK:WORKLOAD:ADDRESS". */
const char *ovs_mark(const struct ovs *ovs, struct hyfw_arena *arena, const char *network, const char *workload,
		     const char *address);

/* ---- vsctl.c: ovs-vsctl and ovs-ofctl --------------------------------------- */

/* Words of one transaction; grows in its arena. */
struct ovs_words {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const char **list;
	size_t count, room;
};
void ovs_words_add(struct ovs_words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Runs the transaction; with 'wait' until ovs-vswitchd has put it into effect. */
int ovs_transact(struct ovs *ovs, const struct ovs_words *words, bool wait, struct hyfw_error **err);
/* Waits where a switch is there to wait for, else only writes the rows. */
int ovs_transact_removal(struct ovs *ovs, const struct ovs_words *words, struct hyfw_error **err);
/* Fails unless ovs-vswitchd runs, sooner than a transaction would time out. */
int ovs_check_switch(struct ovs *ovs, struct hyfw_error **err);

/* Rows of 'table' where 'condition' holds; the caller puts '*ret_rows'. */
int ovs_rows(struct ovs *ovs, struct hyfw_arena *arena, const char *table, const char *columns,
	     const char *condition, struct json_object **ret_rows, struct hyfw_error **err);
/* Cell 'column' of row 'row' as text, "" when it is not; the rows own it. */
const char *ovs_cell(struct json_object *rows, size_t row, size_t column);
const char *ovs_cell_key(struct json_object *rows, size_t row, size_t column, const char *key);
size_t ovs_row_count(struct json_object *rows);

/* ovs-ofctl add-flows, all or none; lines are "add ..." and "delete ...". */
int ovs_flows(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge, const char *lines,
	      struct hyfw_error **err);
int ovs_meter(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge, const char *verb, const char *meter,
	      struct hyfw_error **err);

/* ---- flows.c ----------------------------------------------------------------- */

struct ovs_port {
	const char *bridge, *name, *mac, *address; /* 'address' NULL: any */
	const char *meter; /* "" or "meter:N," */
	bool trunk;
};
const char *ovs_flows_network(const struct ovs *ovs, struct hyfw_arena *arena, const char *gateway);
const char *ovs_flows_port(const struct ovs *ovs, struct hyfw_arena *arena, const struct ovs_port *port);
const char *ovs_flows_port_gone(const struct ovs *ovs, struct hyfw_arena *arena, const char *port);
int ovs_flows_link(struct ovs *ovs, struct hyfw_arena *arena, const struct ovs_port *from,
		   const struct ovs_port *to, bool permit, struct hyfw_error **err);

/* ---- network.c, endpoint.c, peers.c ------------------------------------------ */

int ovs_network_check(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_error **err);
int ovs_network_plan(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		     struct hyfw_arena *arena, struct hyfw_error **err);
int ovs_network_apply(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);
int ovs_network_undo(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);

int ovs_endpoint_check(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_error **err);
int ovs_endpoint_plan(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		      struct hyfw_arena *arena, struct hyfw_error **err);
int ovs_endpoint_apply(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);
int ovs_endpoint_undo(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);
/* Removes a port of ours from its bridge; nothing happens when it is not ours. */
int ovs_port_remove(struct ovs *ovs, struct hyfw_arena *arena, const char *name, struct hyfw_error **err);

int ovs_peers_plan(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		   struct hyfw_arena *arena, struct hyfw_error **err);
int ovs_peers_apply(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);
int ovs_peers_undo(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);
int ovs_peers_link(void *instance, const char *network, const struct hyfw_map *endpoint,
		   const struct hyfw_map *peer, bool permit, struct hyfw_error **err);

bool ovs_is_module_there(void); /* the kernel's datapath */
int ovs_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
	      struct hyfw_error **err);
int ovs_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err);

#endif
