/* SPDX-License-Identifier: BSD-3-Clause
 * The way from any process to the driver that holds a running workload: called here,
 * by what its journal says, or through its monitor where only that holds it
 * (HYFW_HELD_BY_MONITOR).  'state' is one of a workload that runs. */
#ifndef HYFW_ENGINE_REACH_H
#define HYFW_ENGINE_REACH_H

#include "engine/store.h"

int hyfw_reach_signal(const struct hyfw_state *state, int signal, bool all, struct hyfw_error **err);

/* Adds to 'stats' what is not known yet. */
int hyfw_reach_stats(const struct hyfw_state *state, struct hyfw_stats *stats, struct hyfw_error **err);

int hyfw_reach_describe(const struct hyfw_state *state, struct hyfw_arena *arena, struct hyfw_map *ret_facts,
			struct hyfw_error **err);

/* A further command is a child of the caller, so one that the monitor holds has none. */
int hyfw_reach_exec(const struct hyfw_state *state, const struct hyfw_exec *exec, struct hyfw_arena *arena,
		    struct hyfw_driver **ret_driver, struct hyfw_running *ret_running, struct hyfw_error **err);

/* By the monitor always: it knows then what stands still. */
int hyfw_reach_pause(const char *name, bool paused, struct hyfw_error **err);

/* The monitor takes the stored definition for the runs to come. */
int hyfw_reach_reload(const char *name, struct hyfw_error **err);

/* 'operation' of the workload 'name', which may run or not; where no monitor holds
 * it, in a child process, and one that does not run cannot be started meanwhile.
 * 'operation->arena' takes the result; 'operation->object' and 'core' are set here.
 * progress() and cancelled() are called from this thread, now and then. */
int hyfw_reach_operate(const char *name, struct hyfw_operation *operation, struct hyfw_map *ret_result,
		       struct hyfw_error **err);

/* One of no workload, in a child process; 'operation->object' is the caller's. */
int hyfw_reach_driver(struct hyfw_driver *driver, struct hyfw_operation *operation, struct hyfw_map *ret_result,
		      struct hyfw_error **err);

#endif
