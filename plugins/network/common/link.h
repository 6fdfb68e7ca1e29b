/* SPDX-License-Identifier: BSD-3-Clause
 * Interfaces through rtnetlink, for network drivers: route.c holds the socket,
 * link*.c make and find interfaces of the host, netns.c sets one up inside a
 * workload's network namespace.  "1 or 0" functions say whether a thing is there. */
#ifndef HYFW_NETWORK_LINK_H
#define HYFW_NETWORK_LINK_H

#include <net/if.h>
#include <sys/types.h>

#include <hyfw/workload.h>

#include "address.h"
#include "message.h"

/* Opened on first use, and again in a child process: a netlink socket shared
 * between processes would mix up their answers. */
struct net_route {
	const struct hyfw_host *host;
	struct nl_sock *socket;
	pid_t owner;
};

int net_route_socket(struct net_route *route, struct nl_sock **ret_socket, struct hyfw_error **err);
void net_route_close(struct net_route *route);

struct net_link {
	int index;
	const char *alias; /* "" for none */
	const char *kind;  /* "bridge", "veth", "" */
	bool quiet;        /* it never carried a packet */
};

/* Whose side of its connection an interface is. */
enum net_side {
	NET_SIDE_HOST,     /* what it sent is what the workload received */
	NET_SIDE_WORKLOAD, /* a macvtap */
};

int net_link_find(struct net_route *route, struct hyfw_arena *arena, const char *name, struct net_link *ret_link,
		  struct hyfw_error **err); /* 1 or 0 */
/* Adds the bytes that interface 'name' (NULL: none) carried, as hyfw_network_ops.stats
 * wants them; success when it is gone. */
int net_link_stats(struct net_route *route, const char *name, enum net_side side, struct hyfw_stats *stats,
		   struct hyfw_error **err);
int net_link_delete(struct net_route *route, const char *name, int index, struct hyfw_error **err);
int net_link_mark(struct net_route *route, const char *name, const char *alias, struct hyfw_error **err);
int net_link_up(struct net_route *route, const char *name, struct hyfw_error **err);
/* Fails with "interface NAME: cannot WHAT"; 'r' is a negative errno. */
int net_link_fail(struct net_route *route, struct hyfw_error **err, int r, const char *what, const char *name);
/* Calls 'visit' for each interface whose alias starts with 'mark'. */
int net_link_each(struct net_route *route, const char *mark,
		  void (*visit)(void *context, const char *name, int index, const char *alias), void *context,
		  struct hyfw_error **err);

/* ---- link_veth.c: workloads' interfaces ----------------------------------- */

struct net_veth {
	const char *host_name; /* in our namespace ... */
	const char *name;      /* ... and in 'netns_fd' */
	const char *alias;
	int master;            /* Linux bridge of which it becomes an isolated port; 0: none */
	int netns_fd;
	uint8_t mac[6];
};
/* The end in our namespace is up, the other one down. */
int net_link_make_veth(struct net_route *route, const struct net_veth *veth, struct hyfw_error **err);
/* Marks an interface of ours and brings it up; as a port of bridge 'master' (0: none)
 * it is isolated before that.  Negative errno without an error. */
int net_link_port(struct net_route *route, const char *name, const char *alias, int master);

/* Waits until 'name' of 'socket' can really send. */
void net_link_settle(struct nl_sock *socket, const char *name);

/* ---- link_address.c: IPv4 addresses of interfaces ------------------------- */

int net_link_subnet(struct net_route *route, const char *name, int index, struct net_subnet *ret_subnet,
		    struct hyfw_error **err);
int net_link_address(struct net_route *route, struct nl_sock *socket, int index, uint32_t address,
		     unsigned prefix, struct hyfw_error **err);
/* Refuses a subnet that an interface other than 'except' is in; with 'routes'
 * also one that something else is routed to. */
int net_link_check_subnet(struct net_route *route, const struct net_subnet *subnet, const char *except,
			  bool routes, struct hyfw_error **err);

/* ---- netns.c: inside a workload's namespace ------------------------------- */

struct net_inside {
	const char *interface;
	uint32_t address; /* 0: none */
	unsigned prefix;
	uint32_t gateway; /* 0: no default route */
	bool no_offload;  /* checksums must be in the frames */
};
int net_inside_configure(struct net_route *route, int netns_fd, const struct net_inside *inside,
			 struct hyfw_error **err);

#endif
