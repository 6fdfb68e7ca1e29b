/* SPDX-License-Identifier: BSD-3-Clause
 * The lease of a machine with `failover`: one block of text in a file on the storage
 * that its hosts share, which says who may run it.
 *
 *     a lock      of the whole file (F_OFD_SETLK: works over NFSv4 and on cluster file
 *                 systems), held by who runs the machine as long as it may run
 *     content     host, boot, token of the holder, a generation that grows with every
 *                 taking, a counter that grows with every renewal
 *
 * The lock says at once that the machine runs.  It may be lost with the storage, or
 * outlive its host at the server; then the content decides: who has not renewed for the
 * whole period, seen by the clock of who looks, has ended the machine long before by
 * its own (failover_keeper.h).  No clocks are compared.
 *
 * Format: the line of a journal, "CRC32 JSON\n", filled up with newlines to 512 bytes,
 * the unit in which disks write whole or not at all. */
#ifndef HYFW_ENGINE_FAILOVER_LEASE_H
#define HYFW_ENGINE_FAILOVER_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define HYFW_LEASE_BLOCK 512
#define HYFW_LEASE_LEAST_MS 1000
#define HYFW_LEASE_MOST_MS 3600000

struct hyfw_failover_lease {
	char host[65];        /* as `uname -n` tells; "" when nobody ever had it */
	char boot[40];        /* of the host */
	char token[33];       /* of this taking, random */
	uint64_t generation;
	uint64_t counter;
	unsigned period_ms;   /* how long it is good without being renewed */
	bool held;            /* false: given back by 'host' */
};

/* Opens the lease at 'path', with 'make' an empty one when there is none (else
 * -ENOENT).  The descriptor is the lock's: it goes with the last copy of it. */
int hyfw_failover_lease_open(const char *path, bool make, struct hyfw_error **err);

/* -EBADMSG when it is damaged; an empty file is a lease that nobody ever had. */
int hyfw_failover_lease_read(int fd, struct hyfw_failover_lease *ret_lease, struct hyfw_error **err);

/* Writes all of it to the storage (fdatasync). */
int hyfw_failover_lease_write(int fd, const struct hyfw_failover_lease *lease, struct hyfw_error **err);

/* -EAGAIN when somebody else has it. */
int hyfw_failover_lease_lock(int fd);
bool hyfw_failover_lease_locked(int fd);

/* 1 when 'path' still leads to the open file, 0 when it does not, a negative errno when
 * that cannot be told. */
int hyfw_failover_lease_is_at(int fd, const char *path);

/* Both say the same taking; and the same renewal of it. */
bool hyfw_failover_lease_same(const struct hyfw_failover_lease *a, const struct hyfw_failover_lease *b);
bool hyfw_failover_lease_unchanged(const struct hyfw_failover_lease *a, const struct hyfw_failover_lease *b);

/* What follows 'before' when this host takes it. */
int hyfw_failover_lease_next(const struct hyfw_failover_lease *before, unsigned period_ms,
			     struct hyfw_failover_lease *ret_lease, struct hyfw_error **err);

/* This host's name and boot id. */
int hyfw_failover_here(char ret_host[static 65], char ret_boot[static 40], struct hyfw_error **err);

#endif
