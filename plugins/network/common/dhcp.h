/* SPDX-License-Identifier: BSD-3-Clause
 * DHCP and DNS for the machines of a network: one dnsmasq(8), started when the
 * first machine comes and ended when the network goes.  Networks of containers
 * never have one.
 *
 * Addresses are ours (address.h): the server knows one per hardware address and
 * gives it to nobody else.  A machine finds by name the workloads that it links to,
 * as the hosts file of a container has it; a name is answered for every client of
 * the network, since dnsmasq knows no views.
 *
 * Everything is below RUNTIME/drivers/DRIVER/dhcp-NETWORK, one file for each thing
 * that comes and goes, which dnsmasq takes over by inotify(7):
 *
 *     machines/WORKLOAD      what it gives to a machine      --dhcp-hostsdir
 *     names/WORKLOAD+PEER    a name that a machine may know  --hostsdir
 *     addresses/ADDRESS      the MAC that had it last
 *     arguments, pid         of the process
 *
 * The process is recognised by its argument --pid-file, so that neither a process
 * id given again nor a stale file can mislead.  dnsmasq runs as user dnsmasq (or
 * nobody), with CAP_NET_ADMIN and CAP_NET_RAW for DHCP, on the network's interface
 * alone.  All functions take the lock of the network; "nothing there" is success. */
#ifndef HYFW_NETWORK_DHCP_H
#define HYFW_NETWORK_DHCP_H

#include <hyfw/host.h>
#include <hyfw/plugin.h>

#include "address.h"

struct net_dhcp {
	const struct hyfw_host *host;
	const char *driver, *network;
};

struct net_dhcp_server {
	const char *interface;    /* with the address subnet.gateway */
	struct net_subnet subnet;
	bool internal;            /* no way outside: no router, names are not forwarded */
	unsigned mtu;             /* 0: 1500 */
};

struct net_dhcp_machine {
	const char *workload;
	const char *hostname;     /* NULL: the workload's name */
	const char *mac, *address; /* without prefix */
	bool route;               /* its default route leads here (not with 'internal') */
};

/* Serves 'machine' from now on; starts the server, or a new one where it died or
 * remembers another owner of the address. */
int net_dhcp_add(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const struct net_dhcp_server *server,
		 const struct net_dhcp_machine *machine, struct hyfw_error **err);
/* Forgets a machine and the names it knew. */
int net_dhcp_remove(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *workload,
		    struct hyfw_error **err);

/* Lets machine 'workload' find 'peer' at 'address', or no longer whatever peer has
 * that address.  Success where there is no server. */
int net_dhcp_name(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *workload, const char *peer,
		  const char *address, struct hyfw_error **err);
int net_dhcp_unname(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *workload,
		    const char *address, struct hyfw_error **err);

/* Ends the server and removes all of its files; one access(2) where there is none. */
int net_dhcp_stop(const struct net_dhcp *dhcp, struct hyfw_arena *arena, struct hyfw_error **err);

/* Ends servers of networks that are not alive, forgets machines that do not run,
 * and starts servers again that died. */
int net_dhcp_gc(const struct hyfw_host *host, const char *driver, const struct hyfw_alive *alive,
		struct hyfw_error **err);

/* ---- dhcp_server.c: the process ------------------------------------------- */

/* Words of its command line, NULL-terminated. */
const char *const *net_dhcp_arguments(const struct net_dhcp *dhcp, struct hyfw_arena *arena,
				      const char *directory, const struct net_dhcp_server *server);
/* A pidfd of the running server of 'directory', -1 for none. */
int net_dhcp_process(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *directory);
int net_dhcp_start(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *directory,
		   const char *const *arguments, struct hyfw_error **err);
/* Ends the process and waits for that. */
int net_dhcp_end(const struct net_dhcp *dhcp, struct hyfw_arena *arena, const char *directory,
		 struct hyfw_error **err);
/* Ends servers below 'parent' whose directory does not know of them: started by a
 * process that was killed meanwhile. */
void net_dhcp_end_strays(const struct hyfw_host *host, struct hyfw_arena *arena, const char *parent);

#endif
