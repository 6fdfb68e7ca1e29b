/* SPDX-License-Identifier: BSD-3-Clause
 * `hyfw failover`: machines of other hosts, as they are seen on the storage that this
 * host shares with them, and taking lost ones over.
 *
 * Who takes over only looks until the lease has not changed for its whole period by the
 * clock of this host.  The rest is a start from the kept definition, in which the lease
 * is taken under its lock if it still is what was seen (failover_take.c): of several
 * that try at once one gets it.  A start that fails leaves the lease to lapse, so that
 * the next attempt, here or elsewhere, goes the same way. */
#ifndef HYFW_ENGINE_FAILOVER_H
#define HYFW_ENGINE_FAILOVER_H

#include "config/config.h"
#include "engine/definition.h"
#include "engine/failover_lease.h"

enum hyfw_failover_verdict {
	HYFW_FAILOVER_RUNS,     /* its lease is locked */
	HYFW_FAILOVER_STOPPED,  /* given back: nothing was lost */
	HYFW_FAILOVER_SILENT,   /* held, not locked, and renewed not long ago */
	HYFW_FAILOVER_LOST,     /* the same for longer than its period */
	HYFW_FAILOVER_ELSEWHERE, /* lost, and this host is none that may have it */
	HYFW_FAILOVER_DAMAGED,  /* 'problem' says what; of a pool as a whole "[pool NAME]" */
};
const char *hyfw_failover_verdict_name(enum hyfw_failover_verdict verdict);

struct hyfw_failover_machine {
	char *name, *directory;
	enum hyfw_failover_verdict verdict;
	struct hyfw_failover_lease lease;
	int64_t age_ms;   /* since it was written, by the clocks of storage and host: for people */
	char *problem;
};

struct hyfw_failover_machines {
	struct hyfw_failover_machine *items;
	size_t count;
};

/* All in the shared pools of 'config', by name. */
void hyfw_failover_list(const struct hyfw_config *config, struct hyfw_failover_machines *ret_machines);
void hyfw_failover_machines_finish(struct hyfw_failover_machines *machines);

/* Starts those of 'names' (NULL: all that are lost, which are waited for together, and
 * what is damaged fails) here.  Each one that is waited for is told to 'waiting', then what became of it to
 * 'done' ('failure' NULL: it runs). -ECANCELED when one of them failed. */
struct hyfw_failover_report {
	void (*waiting)(void *data, const char *name, const char *host, unsigned left_ms);
	void (*done)(void *data, const char *name, const struct hyfw_error *failure);
	void *data;
};
int hyfw_failover_take(const struct hyfw_config *config, const struct hyfw_strings *names,
		       const struct hyfw_failover_report *report, struct hyfw_error **err);

#endif
