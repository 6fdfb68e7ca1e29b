/* SPDX-License-Identifier: BSD-3-Clause
 * What lies on shared storage of a machine, read with a limit to how long that may take:
 * -ETIMEDOUT names the directory that does not answer. */
#ifndef HYFW_ENGINE_FAILOVER_READ_H
#define HYFW_ENGINE_FAILOVER_READ_H

#include "engine/definition.h"
#include "engine/failover_lease.h"

struct hyfw_failover_reading;

/* Begins to read the lease in 'directory'; several may be read at once. */
struct hyfw_failover_reading *hyfw_failover_read_begin(const char *directory);

/* The lease, once; -EBUSY with all of '*ret_lease' when its lock is held.  Frees
 * 'reading'. */
int hyfw_failover_read_end(struct hyfw_failover_reading *reading, struct hyfw_failover_lease *ret_lease,
			   struct hyfw_error **err);

/* Whether another host has it, as far as the storage tells: 1, 0, or -ETIMEDOUT.  Where one was waited
 * for in vain the next ones of this process get less time. */
int hyfw_failover_elsewhere(const struct hyfw_definition *definition, struct hyfw_error **err);

/* hyfw_failover_kept() */
int hyfw_failover_read_kept(const char *directory, struct hyfw_definition **ret_definition, struct hyfw_error **err);

#endif
