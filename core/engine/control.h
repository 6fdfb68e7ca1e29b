/* SPDX-License-Identifier: BSD-3-Clause
 * What other commands do to workloads: stop, kill, pause, wait, remove. */
#ifndef HYFW_ENGINE_CONTROL_H
#define HYFW_ENGINE_CONTROL_H

#include "base/error.h"
#include "engine/definition.h"
#include "engine/launch.h"

/* hyfw_worker_create under the time limit. */
int hyfw_workload_create(struct hyfw_definition *definition, unsigned step_timeout_ms, struct hyfw_error **err);

/* Asks its monitor to stop it and waits until everything is undone.  'timeout_ms'
 * < 0: the workload's stop_timeout.  Success when it does not run. */
int hyfw_workload_stop(const char *name, int timeout_ms, struct hyfw_error **err);

/* Stops it, if it runs, and starts it; not for transient workloads. */
int hyfw_workload_restart(const char *name, int timeout_ms, struct hyfw_error **err);

/* -ESRCH when it does not run. */
int hyfw_workload_signal(const char *name, int signal, struct hyfw_error **err);

/* Has all of its processes stand still, or go on; -ESRCH when it does not run.  No
 * failure when they do already. */
int hyfw_workload_pause(const char *name, bool paused, struct hyfw_error **err);

/* Waits until it has ended for good; its exit status. */
int hyfw_workload_wait(const char *name, int *ret_status, struct hyfw_error **err);

/* Removes it; a running one only with 'force', which also frees the name of one that
 * cannot be undone: the failure says then what stays behind, see abandon.h. */
int hyfw_workload_remove(const char *name, bool force, struct hyfw_error **err);

/* Stop and remove, whatever its state; success when there is none. */
int hyfw_workload_take_down(const char *name, struct hyfw_error **err);

#endif
