/* SPDX-License-Identifier: BSD-3-Clause
 * After a crash: finishing the undo of journals whose owner is gone. */
#ifndef HYFW_ENGINE_RECOVER_H
#define HYFW_ENGINE_RECOVER_H

#include "base/alloc.h"
#include "base/error.h"

/* What was found and done, for the report. */
struct hyfw_recovery {
	struct hyfw_strings done;   /* sentences */
	struct hyfw_strings failed; /* sentences */
};
void hyfw_recovery_finish(struct hyfw_recovery *recovery);

/* Cheap: is there a journal without an owner?  Loads nothing. */
bool hyfw_recover_needed(void);

/* Everything: stacks, workloads, shared objects, id ranges, leases, quarantine;
 * with 'thorough' also each driver's gc(), which is what `hyfw recover` asks for.
 * Other processes wait for each other here. */
int hyfw_recover(bool thorough, struct hyfw_recovery *recovery, struct hyfw_error **err);

/* One workload whose monitor is gone; 1 when there was nothing to recover. */
int hyfw_recover_workload(const char *name, struct hyfw_error **err);

#endif
