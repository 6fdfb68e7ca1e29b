/* SPDX-License-Identifier: BSD-3-Clause
 * Processes named so that a stranger with the same number is never meant: by
 * descriptor, and in records by number (HYFW_NOTE_PID) and start time
 * (HYFW_NOTE_PID_START).  Any thread may call these. */
#ifndef HYFW_ISOLATION_PROCESS_H
#define HYFW_ISOLATION_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

#include <hyfw/types.h>

/* Clock ticks from boot to the start of 'pid': field 22 of proc(5) stat.  0, or -ESRCH
 * when there is no such process, or another negative errno. */
int process_start_time(pid_t pid, uint64_t *ret_ticks);
/* A pidfd of the process that 'record' names, which the caller closes; -ESRCH when it
 * has ended, also when nobody has reaped it.  'ret_pid' may be NULL. */
int process_open(const struct hyfw_map *record, pid_t *ret_pid);
/* Kills it, waits up to 20 s for its end and reaps it where it is a child; negative
 * errno. */
int process_end(int pidfd);

#endif
