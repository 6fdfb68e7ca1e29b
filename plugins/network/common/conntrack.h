/* SPDX-License-Identifier: BSD-3-Clause
 * Connections that the kernel still knows of an address.  Firewalls let "established"
 * packets pass, so what the last owner of an address had open would be open to the
 * next one: whoever takes an address back from a workload has them forgotten, after
 * nothing new is let through and before the address is given out again.
 *
 * Searching costs the kernel a walk over its whole table whatever is in it: 3.3 ms at
 * 262144 buckets, twice, since one request compares one of the two directions.  So a
 * workload whose interface never carried a packet is not looked for, and nothing is
 * done when a workload starts.  Rules that know generations of an address instead
 * would need the connection's mark, which is the administrator's. */
#ifndef HYFW_NETWORK_CONNTRACK_H
#define HYFW_NETWORK_CONNTRACK_H

#include <hyfw/host.h>

/* Deletes every connection that 'address' (in host byte order) opened, or that leads
 * to it, by itself or behind a translated one.  What cannot be done is warned of: an
 * address that is never given back would be worse. */
void net_conntrack_forget(const struct hyfw_host *host, uint32_t address);

#endif
