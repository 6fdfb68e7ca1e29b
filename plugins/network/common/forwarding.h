/* SPDX-License-Identifier: BSD-3-Clause
 * Sysctls of drivers that let the host carry packets: those of one interface, which
 * go with it, and net.ipv4.ip_forward, which is the machine's.  Traffic that comes
 * back from outside arrives on an interface that is not ours, so forwarding has to be
 * on for all of them, as other container tools do it.  When it was off before, that
 * is remembered on tmpfs and it is turned off again once no network of any driver
 * and of any instance of hyfw is left. */
#ifndef HYFW_NETWORK_FORWARDING_H
#define HYFW_NETWORK_FORWARDING_H

#include "link.h"

/* "/proc/sys/net/FAMILY/INTERFACE/KEY". */
int net_sysctl_set(const struct hyfw_host *host, const char *family, const char *interface, const char *key,
		   const char *value, struct hyfw_error **err);
/* Lets connections to 127.0.0.1 of the host be led out by 'interface'.  That nobody
 * behind it reaches the host's own 127.0.0.1 this way is up to the caller's rules. */
int net_sysctl_localnet(const struct hyfw_host *host, const char *interface, struct hyfw_error **err);

int net_forwarding_enable(struct net_route *route, struct hyfw_error **err);
/* Turns it off if it was, unless a network is left whose interface is not 'except'. */
int net_forwarding_restore(struct net_route *route, const char *except, struct hyfw_error **err);

#endif
