/* SPDX-License-Identifier: BSD-3-Clause
 * Where things lie, and what is there.
 *
 *     DATA/workloads/NAME/     persistent workloads: definition.json, journal (what
 *                              lasts until removal), last.json, log
 *     RUNTIME/workloads/NAME/  those that run: journal, hosts; for transient
 *                              workloads also definition.json and log
 *     DATA/stacks/NAME/        journal of a stack: its workloads
 *     DATA/renames/OLD         the new name of a workload that is just getting it
 *     DATA/ids/N               who has the N-th range of ids
 *     RUNTIME/shared/KIND/NAME networks and volumes in use: journal, users/
 *     RUNTIME/busy/            journals being worked on in DATA, so that nobody
 *                              has to look through all of them for unfinished ones
 */
#ifndef HYFW_ENGINE_STORE_H
#define HYFW_ENGINE_STORE_H

#include "engine/definition.h"
#include "engine/journal.h"

char *hyfw_path_workload(bool transient, const char *name, const char *file); /* free(); file may be NULL */
char *hyfw_path_runtime(const char *name, const char *file);
char *hyfw_path_stack(const char *name, const char *file);
char *hyfw_path_shared(const char *kind, const char *name, const char *file);

/* A lock over one name ("workload", "stack", "network", "volume"); close() gives it
 * back.  Workloads share 64 locks, so that names that come and go leave no files:
 * nobody may hold those of two workloads at once. */
int hyfw_store_lock(const char *kind, const char *name, struct hyfw_error **err);

/* The gate between those who make names (shared: only while a directory of
 * workloads/ or shared/ appears, and in workloads/ until its journal has an owner)
 * and those who must not take it for an orphan or for what a crash left (exclusive):
 * a driver's gc(), from the listing of what is alive to its end, and recover while
 * it takes a run over.  close() it. */
int hyfw_store_gate(bool exclusive, struct hyfw_error **err);

/* Sorted names of all workloads, persistent and transient. */
int hyfw_store_workloads(struct hyfw_strings *ret_names, struct hyfw_error **err);
int hyfw_store_stacks(struct hyfw_strings *ret_names, struct hyfw_error **err);
/* Names of directory entries, unsorted; a missing directory is an empty one. */
int hyfw_store_names(const char *directory, struct hyfw_strings *ret_names, struct hyfw_error **err);

/* -ENOENT "there is no workload NAME; did you mean ...". */
int hyfw_store_definition(const char *name, struct hyfw_definition **ret_definition, struct hyfw_error **err);
int hyfw_store_save(const struct hyfw_definition *definition, struct hyfw_error **err);

enum hyfw_status {
	HYFW_STATUS_CREATED,  /* never ran */
	HYFW_STATUS_STARTING,
	HYFW_STATUS_RUNNING,
	HYFW_STATUS_STOPPING,
	HYFW_STATUS_RESTARTING, /* between two runs */
	HYFW_STATUS_EXITED,
	HYFW_STATUS_DEAD,     /* its monitor is gone and nobody has cleaned up yet */
	HYFW_STATUS_PAUSED,   /* runs, and stands still */
};
/* RUNNING or PAUSED: there is something that a driver knows. */
bool hyfw_status_is_up(enum hyfw_status status);
const char *hyfw_status_name(enum hyfw_status status);

struct hyfw_state {
	enum hyfw_status status;
	struct hyfw_definition *definition;
	struct hyfw_journal *journal; /* of the run; NULL when it does not run */
	pid_t monitor;
	pid_t pid;
	int64_t started, finished;    /* CLOCK_REALTIME milliseconds; 0 */
	int exit_status;              /* EXITED */
	char *paused_by;              /* PAUSED: what made it stand still, "disk full"; "": somebody asked for it */
	char *lacks;                  /* RUNNING: what it has lost and runs on without, "TPM"; NULL */
	bool oom_killed;
	unsigned restarts;
};
int hyfw_state_load(const char *name, struct hyfw_state *ret_state, struct hyfw_error **err);
void hyfw_state_finish(struct hyfw_state *state);

/* What the last run ended with: DATA/workloads/NAME/last.json. */
int hyfw_store_save_last(const char *name, int64_t started, int64_t finished, int status, bool oom_killed,
			 unsigned restarts, struct hyfw_error **err);

/* RUNTIME/busy. */
int hyfw_busy_add(const char *kind, const char *name, struct hyfw_error **err);
void hyfw_busy_remove(const char *kind, const char *name);

#endif
