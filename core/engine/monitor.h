/* SPDX-License-Identifier: BSD-3-Clause
 * The monitor: one process per running workload.  It does the steps of the run,
 * holds the workload's stdio, writes its log, applies the restart policy, and
 * undoes everything at the end.
 *
 * SIGTERM asks it to stop the workload: stop_signal, then SIGKILL after the time
 * in the signal's value (milliseconds + 1, sigqueue(3)) or stop_timeout.  When it
 * is killed, the workload dies with it and recover.c does the rest. */
#ifndef HYFW_ENGINE_MONITOR_H
#define HYFW_ENGINE_MONITOR_H

#include "engine/launch.h"

/* Runs in the forked child and never returns. */
void hyfw_monitor_main(struct hyfw_definition *definition, const struct hyfw_launch *launch, int socket)
	__attribute__((noreturn));

#endif
