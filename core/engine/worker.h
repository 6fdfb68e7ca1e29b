/* SPDX-License-Identifier: BSD-3-Clause
 * A worker is what a process holds while it creates or runs one workload: the
 * claim on its name, the journal, and the running thing.  Drivers change the
 * machine only inside workers, which are processes of their own: one that hangs
 * or crashes takes nobody with it. */
#ifndef HYFW_ENGINE_WORKER_H
#define HYFW_ENGINE_WORKER_H

#include "engine/build.h"
#include "engine/definition.h"
#include "engine/journal.h"

/* ---- what lasts until the workload is removed ---- */

/* Writes the definition down and applies the steps of lifetime WORKLOAD.  Not for
 * transient workloads.  -EEXIST when the name is taken. */
int hyfw_worker_create(struct hyfw_definition *definition, struct hyfw_error **err);

/* Undoes those and forgets the workload, which must not run. */
int hyfw_worker_remove(const char *name, struct hyfw_error **err);

/* The same where a crash cut its creation or removal off; -ESTALE when that is not
 * so (any more). */
int hyfw_worker_remove_unfinished(const char *name, struct hyfw_error **err);

/* Whether the workload is to have a range of ids of its own, and the one that its
 * journal says it has. */
bool hyfw_worker_wants_ids(const struct hyfw_definition *definition, struct hyfw_driver *isolation);
struct hyfw_idmap hyfw_worker_ids(const struct hyfw_journal *journal);

/* ---- a run ---- */

struct hyfw_worker {
	struct hyfw_definition *definition; /* borrowed */
	struct hyfw_driver *isolation;
	struct hyfw_journal *journal;       /* of the run, owned */
	struct hyfw_journal *persistent;    /* NULL for transient workloads */
	struct hyfw_running running;
	bool created;                       /* 'running' is filled */
	bool adopt;                         /* bring_up(): what runs already goes on, see adopt.h */
	void (*progress)(void *data);       /* called after each step; may be NULL */
	/* Asked between create and start, when the workload exists and nothing of it has run:
	 * a failure is one of the start.  May be NULL. */
	int (*permit)(void *data, struct hyfw_error **err);
	void *progress_data;                /* given to both */
};

/* Claims the name: makes the runtime directory and its journal.  -EBUSY when the
 * workload runs. */
int hyfw_worker_open(struct hyfw_worker *worker, struct hyfw_definition *definition, struct hyfw_error **err);

/* All steps but the isolation driver's, and in 'ret_workload' what that would be given:
 * for an operation on a workload that does not run.  Ends with bring_down(); on failure
 * everything is undone.  What it says lives in 'arena', and has no open descriptors. */
int hyfw_worker_prepare(struct hyfw_worker *worker, struct hyfw_arena *arena, struct hyfw_workload *ret_workload,
			struct hyfw_error **err);

/* All steps of a run up to the command's exec.  'stdio' are borrowed.  On failure
 * everything is undone. */
int hyfw_worker_bring_up(struct hyfw_worker *worker, const int stdio[3], struct hyfw_error **err);

/* Undoes the run; what cannot be undone stays in the journal. */
int hyfw_worker_bring_down(struct hyfw_worker *worker, struct hyfw_error **err);

/* Gives the claim back and removes the runtime directory, unless something is
 * left in the journal. */
void hyfw_worker_close(struct hyfw_worker *worker);

#endif
