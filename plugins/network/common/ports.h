/* SPDX-License-Identifier: BSD-3-Clause
 * Published ports of drivers that lead ports of the host to a workload.
 *
 * A port is leased, which keeps other workloads off it, and tried with bind(),
 * which finds out whether a process of the host has it.  A range is as many ports. */
#ifndef HYFW_NETWORK_PORTS_H
#define HYFW_NETWORK_PORTS_H

#include <hyfw/host.h>
#include <hyfw/step.h>

struct net_publication {
	const char *address;  /* of the host; "" for all */
	const char *protocol; /* "tcp", "udp" */
	unsigned port;        /* of the host; 0: one that is free */
	const char *to;
	unsigned to_port;
	unsigned span;        /* 1, or how many ports a range has that begins with it; 0: it is in one that has begun */
};

/* What the elements "publish" of 'map' mean, in the arena: at most NET_PUBLICATIONS_MOST ports. */
#define NET_PUBLICATIONS_MOST 1024
int net_publications(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *map,
		     struct net_publication **ret_list, size_t *ret_count, struct hyfw_error **err);

/* Adds these elements to 'args', which has room for all of 'map', at '*count'. */
void net_publications_copy(const struct hyfw_map *map, struct hyfw_pair *args, size_t *count);

/* "127.0.0.1:8080 as 80/tcp, 8000-8010 as 80-90/tcp", for people. */
const char *net_publications_text(const struct hyfw_host *host, struct hyfw_arena *arena,
				  const struct net_publication *list, size_t count);
/* "8000-8010", or "$PORT" where it is chosen; and the other side. */
const char *net_publication_port(const struct hyfw_host *host, struct hyfw_arena *arena,
				 const struct net_publication *publication);
const char *net_publication_to_port(const struct hyfw_host *host, struct hyfw_arena *arena,
				    const struct net_publication *publication);
/* The nft(8) commands that lead the ports to a workload (net_nft_publish()), each after a line feed. */
const char *net_publications_commands(const struct hyfw_host *host, struct hyfw_arena *arena, const char *table,
				      const char *workload, const struct net_publication *list, size_t count);

/* Leases its port of the host; chooses and notes one where it is 0. */
int net_port_take(const struct hyfw_host *host, struct hyfw_call *call, struct net_publication *publication,
		  struct hyfw_error **err);
/* The port that was chosen, by the note; stays 0 when none was. */
void net_port_recall(const struct hyfw_host *host, struct hyfw_call *call, struct net_publication *publication);
void net_port_drop(const struct hyfw_host *host, struct hyfw_call *call, struct net_publication *publication);
const char *net_port_lease(const struct hyfw_host *host, struct hyfw_arena *arena,
			   const struct net_publication *publication);

#endif
