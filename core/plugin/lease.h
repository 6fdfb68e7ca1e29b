/* SPDX-License-Identifier: BSD-3-Clause
 * Leases: names of which only one workload may have each (an address, a port).
 * One file RUNTIME/leases/POOL/ITEM for each, its content is the owner.  The
 * file appears whole or not at all and leaves nothing beside it, so neither
 * concurrent callers nor a kill at any point can damage a pool. */
#ifndef HYFW_PLUGIN_LEASE_H
#define HYFW_PLUGIN_LEASE_H

#include "base/alloc.h"
#include "base/error.h"

/* As in hyfw_host. */
int hyfw_lease_take(const char *pool, const char *item, const char *owner, struct hyfw_error **err);
void hyfw_lease_drop(const char *pool, const char *item, const char *owner);

/* Adds ITEM = OWNER for each lease of 'pool' to 'leases'; 'pool' NULL: POOL/ITEM =
 * OWNER for each lease there is.  No pool is no lease. */
int hyfw_lease_list(const char *pool, struct hyfw_pairs *leases, struct hyfw_error **err);

/* Drops whatever 'owner' holds, in every pool. */
int hyfw_lease_drop_all(const char *owner, struct hyfw_error **err);

#endif
