/* SPDX-License-Identifier: BSD-3-Clause
 * Where tests have the process killed: before and after each write of a journal.
 *
 * With HYFW_CRASH_AT=FILE:N in the environment every passage of a crash point,
 * by any process of the run, appends a byte to FILE; the one that makes it N
 * bytes long ends itself with SIGKILL.  N = 0 only counts. */
#ifndef HYFW_BASE_CRASH_POINT_H
#define HYFW_BASE_CRASH_POINT_H

void hyfw_crash_point(void);

#endif
