/* SPDX-License-Identifier: BSD-3-Clause
 * What the monitor's side of keeping a lease (failover_keeper.c), the process that keeps
 * it (failover_guard.c) and its thread (failover_renew.c) share.  For nobody else. */
#ifndef HYFW_ENGINE_FAILOVER_PARTS_H
#define HYFW_ENGINE_FAILOVER_PARTS_H

#include <stdint.h>

#include "engine/definition.h"
#include "engine/failover_lease.h"

enum hyfw_keeper_word {
	HYFW_KEEPER_TAKEN = 1, /* guard: the lease is ours */
	HYFW_KEEPER_FAILED,    /* guard: number is the errno, text why; it ends */
	HYFW_KEEPER_LOST,      /* guard: text says why the machine is ended */
	HYFW_KEEPER_WATCH,     /* monitor: number is the hypervisor's process */
	HYFW_KEEPER_RELEASE,   /* monitor: give the lease back and end */
	HYFW_KEEPER_RENEWED,   /* thread: number is when that began, milliseconds */
	HYFW_KEEPER_TROUBLE,   /* thread: text says why it could not be renewed just now */
};

struct hyfw_keeper_message {
	enum hyfw_keeper_word word;
	int64_t number;
	char text[400];
};

/* What is kept. */
struct hyfw_keeping {
	char *directory, *path;
	int fd;                            /* of the lease, with its lock */
	struct hyfw_failover_lease lease;  /* as it was written last */
};

/* failover_take.c: takes the lease in 'directory' and writes the definition beside it. */
int hyfw_keeping_take(struct hyfw_keeping *keeping, const char *directory,
		      const struct hyfw_definition *definition, const struct hyfw_failover_lease *seen,
		      struct hyfw_error **err);

/* How long after the beginning of the last renewal the machine is ended. */
static inline int64_t hyfw_keeping_limit(unsigned period_ms)
{
	return period_ms / 4 * 3;
}

/* failover_renew.c: milliseconds of CLOCK_BOOTTIME. */
int64_t hyfw_keeping_now(void);

/* Starts the thread that renews.  It writes RENEWED, TROUBLE and LOST to the end of a
 * pipe that '*ret_news' is; a byte written to '*ret_stop' makes it give the lease back,
 * after which it closes its end. */
int hyfw_keeping_renew(struct hyfw_keeping *keeping, int *ret_news, int *ret_stop, struct hyfw_error **err);

/* failover_guard.c: the process; does not return. */
_Noreturn void hyfw_keeping_guard(const char *directory, const struct hyfw_definition *definition,
				  const struct hyfw_failover_lease *seen, int monitor);

#endif
