/* SPDX-License-Identifier: BSD-3-Clause
 * What the files of the ovs driver share.
 *
 *     network.c   the network: a bridge of Open vSwitch, ours or one that exists
 *     bridge.c    making it, with its uplink, controllers and mirror
 *     endpoint.c  a workload's interface: a veth pair or a tap whose outer end is a port
 *     attach.c    making it; machine.c is what only machines need
 *     port.c      rows of ports, and what ports need outside of the switch
 *     flows.c     the OpenFlow rules of ports: own addresses only, linked neighbours
 *     peers.c     who may open connections to whom
 *     restore.c   flows again after ovs-vswitchd has lost them
 *     publish.c   ports of the host that lead to a workload
 *     guard.c     datapath netdev: keeps the host's own network stack off ports
 *     nft.c       tables of nftables for the two
 *
 * Ports of workloads are "protected": the switch's NORMAL action never carries a
 * frame from one to another, on every datapath.  A link is a pair of flows around
 * that: the caller's packets are committed to connection tracking and put out at
 * the callee's port, and what comes back passes only as an answer.
 *
 * Rows carry external_ids hyfw=OWNER, hyfw-network, hyfw-run and, on ports,
 * hyfw-workload; rows without are never touched.  hyfw-run is a word that is made
 * anew with the runtime directory: rows of an earlier one are left from before a
 * reboot, and go with the first network that is made after it.  Flows are lost when
 * ovs-vswitchd ends; what they are made of is in external_ids too, and hyfw-switch
 * tells which process has them.
 *
 * 1-or-0 functions return a negative errno with an error otherwise. */
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
const char *ovs_name_bond(const struct ovs *ovs, struct hyfw_arena *arena, const char *network);
bool ovs_name_is_interface(const char *name);
uint32_t ovs_name_number(const char *name); /* never 0 */
/* Alias of the interface that a bridge is for the host: "OWNER:ovs-bridge:NETWORK". */
const char *ovs_mark_bridge(const struct ovs *ovs, struct hyfw_arena *arena, const char *network);
/* Whether 'bridge' is one that we made for 'network', by that alias. */
bool ovs_bridge_is_ours(struct ovs *ovs, struct hyfw_arena *arena, const char *network, const char *bridge);
/* Alias of the outer interface: "OWNER:ovs:NETWORK:WORKLOAD:ADDRESS". */
const char *ovs_mark(const struct ovs *ovs, struct hyfw_arena *arena, const char *network, const char *workload,
		     const char *address);

/* ---- vsctl.c: ovs-vsctl and ovs-ofctl --------------------------------------- */

/* Words of one transaction, or lines of flows; grows in its arena. */
struct ovs_words {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const char **list;
	size_t count, room;
};
void ovs_words_add(struct ovs_words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Adds each word between blanks of 'text': for what is no user's. */
void ovs_words_split(struct ovs_words *words, const char *text);
/* As one would type it. */
const char *ovs_words_command(const struct ovs_words *words);
/* A line for each. */
const char *ovs_words_lines(const struct ovs_words *words);

/* Runs the transaction; with 'wait' until ovs-vswitchd has put it into effect. */
int ovs_transact(struct ovs *ovs, const struct ovs_words *words, bool wait, struct hyfw_error **err);
/* Waits where a switch is there to wait for, else only writes the rows. */
int ovs_transact_removal(struct ovs *ovs, const struct ovs_words *words, struct hyfw_error **err);
/* Fails unless ovs-vswitchd runs, sooner than a transaction would time out. */
int ovs_check_switch(struct ovs *ovs, struct hyfw_error **err);
/* How much of 'db' behind "unix:" is the directory with the switch's sockets. */
int ovs_directory(const struct ovs *ovs);
/* Another text for each process that is or was ovs-vswitchd. */
const char *ovs_switch_stamp(struct ovs *ovs, struct hyfw_arena *arena);

/* Rows of 'table' where 'condition' holds (NULL: all); the caller puts '*ret_rows'. */
int ovs_rows(struct ovs *ovs, struct hyfw_arena *arena, const char *table, const char *columns,
	     const char *condition, struct json_object **ret_rows, struct hyfw_error **err);
/* Cell 'column' of row 'row' as text, "" when it is not; the rows own it. */
const char *ovs_cell(struct json_object *rows, size_t row, size_t column);
const char *ovs_cell_key(struct json_object *rows, size_t row, size_t column, const char *key);
/* Calls 'visit' for each key of a cell that is a map. */
void ovs_cell_each(struct json_object *rows, size_t row, size_t column,
		   void (*visit)(void *context, const char *key, const char *value), void *context);
size_t ovs_row_count(struct json_object *rows);

/* ---- ofctl.c ------------------------------------------------------------------ */

/* ovs-ofctl add-flows, all or none; lines are "add ..." and "delete ...". */
int ovs_flows(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge, const char *lines,
	      struct hyfw_error **err);
/* A limit in kbit/s and kbit that flows refer to as "meter:NUMBER". */
int ovs_meter_add(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge, long number, const char *rate,
		  const char *burst, struct hyfw_error **err);
void ovs_meter_delete(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge, long number);

/* ---- flows.c ------------------------------------------------------------------- */

/* A port as its row tells of it. */
struct ovs_port {
	const char *bridge, *name, *network, *workload, *mac;
	const char *address;       /* "" for any */
	const char *gateway;       /* of a tap: the host's address, which serves it; else "" */
	const char *vlan;          /* "" for none */
	const char *rate, *burst;  /* kbit/s and kbit; "" for none */
	long number;               /* that the switch gave it, and its meter's */
	bool trunk;                /* it has VLANs with tags */
	bool tap;
};

void ovs_flows_network(struct ovs_words *lines, const char *const *uplinks, const char *gateway);
void ovs_flows_port(struct ovs_words *lines, const struct ovs_port *port);
void ovs_flows_port_gone(struct ovs_words *lines, const char *port);
/* 'to' may be gone when 'permit' is false: only its name counts then. */
void ovs_flows_link(struct ovs_words *lines, const struct ovs_port *from, const struct ovs_port *to, bool permit);

/* ---- rows.c -------------------------------------------------------------------- */

/* "set TABLE RECORD ..." or "create TABLE ..." with the marks of ownership, behind
 * "--"; 'workload' and 'run' may be NULL. */
struct ovs_label {
	const char *network, *workload, *run;
};
void ovs_words_mark(struct ovs_words *words, const struct ovs_label *label);
void ovs_words_set(struct ovs_words *words, const char *table, const char *record, const struct ovs_label *label);

/* The word for rows of this life of the machine; NULL when no network was made in it yet. */
const char *ovs_run(struct ovs *ovs, struct hyfw_arena *arena);
/* The same; makes it and removes all rows of earlier ones.  Under the lock. */
int ovs_run_begin(struct ovs *ovs, struct hyfw_arena *arena, const char **ret_run, struct hyfw_error **err);

/* Ports of ours, of one bridge or (NULL) all. */
struct ovs_ports {
	struct json_object *rows; /* ovs_ports_finish() puts it */
	size_t count;
	struct ovs_port *list;
	const char **stamps;      /* which ovs-vswitchd has their flows */
	size_t *index;            /* their rows */
};
int ovs_ports_read(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge, struct ovs_ports *ret_ports,
		   struct hyfw_error **err);
const struct ovs_port *ovs_ports_find(const struct ovs_ports *ports, const char *name);
void ovs_ports_each_link(const struct ovs_ports *ports, size_t index,
			 void (*visit)(void *context, const char *to), void *context);
void ovs_ports_finish(struct ovs_ports *ports);

/* Removes from 'table' rows of ours for which 'gone' is true: "Port", "Bridge",
 * "QoS", "Queue". */
int ovs_rows_remove(struct ovs *ovs, struct hyfw_arena *arena, const char *table,
		    bool (*gone)(void *context, struct json_object *rows, size_t row), void *context,
		    struct hyfw_error **err);

/* ---- bridge.c ------------------------------------------------------------------- */

/* The transaction that makes a bridge as a step's arguments say; 'run' may be NULL. */
void ovs_bridge_words(const struct ovs *ovs, const struct hyfw_map *args, const char *run, struct ovs_words *words);
int ovs_network_apply(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);
int ovs_network_undo(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);
/* Gives the host its address on the bridge, again if need be. */
int ovs_bridge_address(struct ovs *ovs, const char *bridge, const struct net_subnet *subnet,
		       struct hyfw_error **err);

/* ---- port.c ---------------------------------------------------------------------- */

struct ovs_port_rows {
	const struct ovs_port *port;
	struct ovs_label label;
	const char *trunks, *rate_in, *burst_in; /* "" for none */
	const char *mirror;                      /* that is to show it; "" for none */
	const char *stamp;                       /* NULL in plans */
};
struct ovs_port_rows ovs_port_rows_of(const struct hyfw_map *args, const struct ovs_port *port,
				      const char *workload);
void ovs_port_words(const struct ovs_port_rows *rows, struct ovs_words *words);
/* The number that the switch gave it; fails for one that it could not open. */
int ovs_port_number(struct ovs *ovs, struct hyfw_arena *arena, const char *name, long *ret_number,
		    struct hyfw_error **err);
/* Removes a port of ours and its queues; nothing happens when it is not ours. */
int ovs_port_remove(struct ovs *ovs, struct hyfw_arena *arena, const char *name, bool queues,
		    struct hyfw_error **err);

/* ---- machine.c -------------------------------------------------------------------- */

int ovs_machine_serve(struct ovs *ovs, struct hyfw_call *call, const struct ovs_port *port,
		      const struct net_subnet *subnet, struct hyfw_error **err);
int ovs_machine_forget(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);
/* Lets a machine find 'to' by name, or no longer what has 'address'. */
int ovs_machine_name(struct ovs *ovs, struct hyfw_arena *arena, const struct ovs_port *from,
		     const struct ovs_port *to, const char *address, bool permit, struct hyfw_error **err);

/* ---- guard.c --------------------------------------------------------------------- */

/* Ports of datapath netdev are interfaces that the kernel still listens to: what
 * they send would pass the flows and reach the host, and by its routes others. */
int ovs_guard(struct ovs *ovs, struct hyfw_arena *arena, const char *interface, struct hyfw_error **err);
int ovs_guard_remove(struct ovs *ovs, struct hyfw_arena *arena, const char *interface, struct hyfw_error **err);

/* ---- nft.c ------------------------------------------------------------------------ */

/* The table of 'interface', in whatever family. */
const char *ovs_nft_table(struct ovs *ovs, struct hyfw_arena *arena, const char *interface);
/* Runs 'commands' (../common/nft.h) as one transaction and frees them. */
int ovs_nft_run(struct ovs *ovs, struct hyfw_arena *arena, struct json_object *commands, char **ret_output,
		struct hyfw_error **err);
int ovs_nft_drop(struct ovs *ovs, struct hyfw_arena *arena, const char *family, const char *table,
		 struct hyfw_error **err);
/* Removes the tables of interfaces that are gone. */
int ovs_nft_gc(struct ovs *ovs, struct hyfw_arena *arena, struct hyfw_error **err);

/* ---- publish.c -------------------------------------------------------------------- */

int ovs_publish_check(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_error **err);
/* 'port': the arguments of the step that makes the port. */
int ovs_publish_plan(struct ovs *ovs, const struct hyfw_subject *subject, const struct hyfw_map *port,
		     struct hyfw_plan *plan, struct hyfw_arena *arena, struct hyfw_error **err);
int ovs_publish_apply(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);
int ovs_publish_undo(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);

/* ---- restore.c ------------------------------------------------------------------- */

/* Puts the flows of 'bridge' (NULL: all) into the switch that runs now, where it is
 * not the one that has them. */
int ovs_restore(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge, struct hyfw_error **err);

/* ---- network.c, endpoint.c, peers.c ---------------------------------------------- */

int ovs_network_check(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_error **err);
int ovs_network_plan(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		     struct hyfw_arena *arena, struct hyfw_error **err);

int ovs_endpoint_check(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_error **err);
int ovs_endpoint_plan(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		      struct hyfw_arena *arena, struct hyfw_error **err);
int ovs_endpoint_apply(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);
int ovs_endpoint_undo(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);

int ovs_peers_plan(struct ovs *ovs, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		   struct hyfw_arena *arena, struct hyfw_error **err);
int ovs_peers_apply(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);
int ovs_peers_undo(struct ovs *ovs, struct hyfw_call *call, struct hyfw_error **err);
int ovs_peers_link(void *instance, const char *network, const struct hyfw_map *endpoint,
		   const struct hyfw_map *peer, bool permit, struct hyfw_error **err);

/* ---- datapath.c, probe.c, gc.c --------------------------------------------------- */

enum ovs_kernel {
	OVS_KERNEL_READY,    /* it switches for Open vSwitch */
	OVS_KERNEL_LOADABLE, /* its module is installed */
	OVS_KERNEL_NOT,
};
/* What the kernel's datapath is, by looking only. */
enum ovs_kernel ovs_datapath_kernel(void);
/* The datapath of a network with these keys, and why: a part of a sentence. */
const char *ovs_datapath(const struct hyfw_map *keys, const char **ret_reason);
int ovs_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
	      struct hyfw_error **err);
int ovs_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err);

#endif
