/* SPDX-License-Identifier: BSD-3-Clause
 * Keeping the lease of a machine with `failover` while it may run here.
 *
 * A process of its own, a child of the monitor, takes the lease, holds its lock and
 * renews it from a thread, so that storage that hangs stops nothing else.  It ends the
 * machine at once (SIGKILL to its hypervisor) when
 *
 *     the lease was not renewed for 3/4 of its period,
 *     the lease is somebody else's, or another file is in its place,
 *     the monitor is gone,
 *
 * and gives the lock up only when the hypervisor is gone.  Another host waits for the
 * whole period: the quarter between is for the kill, and for clocks of unequal speed.
 * The time counts while the host sleeps (CLOCK_BOOTTIME). */
#ifndef HYFW_ENGINE_FAILOVER_KEEPER_H
#define HYFW_ENGINE_FAILOVER_KEEPER_H

#include <sys/types.h>

#include "engine/definition.h"
#include "engine/failover_lease.h"

struct hyfw_failover_keeper {
	int socket;    /* readable: hyfw_failover_keeper_hear(); -1: there is none */
	pid_t pid;
	pid_t watched; /* the hypervisor, 0 for none yet, and ... */
	int watched_fd;
};

/* Takes the lease: one that nobody has, or that this host had; and with 'seen' one that
 * is still as it was seen, whoever had it.  -EBUSY names who has it.  Nothing happens
 * for definitions without failover ('socket' is -1 then).  Threads: forks, see
 * launch.h. */
int hyfw_failover_keeper_start(struct hyfw_failover_keeper *keeper, const struct hyfw_definition *definition,
			       const struct hyfw_failover_lease *seen, struct hyfw_error **err);

/* The hypervisor that is to be ended; to be told before the guest runs. */
int hyfw_failover_keeper_watch(struct hyfw_failover_keeper *keeper, pid_t pid, struct hyfw_error **err);

/* Why the machine has been ended, or has to be; NULL when it may go on.  free(). */
char *hyfw_failover_keeper_hear(struct hyfw_failover_keeper *keeper);

/* The end of it; with 'release' the lease is given back, else it is left to lapse.  False
 * when it could not be given back. */
bool hyfw_failover_keeper_stop(struct hyfw_failover_keeper *keeper, bool release);

#endif
