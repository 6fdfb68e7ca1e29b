/* SPDX-License-Identifier: BSD-3-Clause
 * What is done to all processes of a workload at once: by its isolation driver, or
 * by a security module where that cannot.  In its monitor. */
#ifndef HYFW_ENGINE_PROCESSES_H
#define HYFW_ENGINE_PROCESSES_H

#include "engine/worker.h"

/* -EOPNOTSUPP when nobody can. */
int hyfw_processes_pause(struct hyfw_worker *worker, bool paused, struct hyfw_error **err);

/* SIGKILL by every security module that can; none is no failure. */
int hyfw_processes_kill(struct hyfw_worker *worker, struct hyfw_error **err);

/* The mark RUNTIME/workloads/NAME/paused, for those who only look: why it stands still, ""
 * because somebody asked for it; NULL when it does not. */
void hyfw_processes_mark(const char *name, const char *why);
char *hyfw_processes_marked(const char *name); /* free() */

/* RUNTIME/workloads/NAME/lacks: what it has lost and runs on without; NULL for nothing. */
void hyfw_processes_mark_loss(const char *name, const char *what);
char *hyfw_processes_marked_loss(const char *name); /* free() */

#endif
