/* SPDX-License-Identifier: BSD-3-Clause
 * Where tests have the process killed: before and after each write of a journal.
 *
 * With HYFW_CRASH_AT=DIRECTORY in the environment every passage of a crash point,
 * by any process of the run, appends a byte to DIRECTORY/count; the one that makes
 * it as long as the number in DIRECTORY/at says ends itself with SIGKILL.  Without
 * that file the passages are only counted. */
#ifndef HYFW_BASE_CRASH_POINT_H
#define HYFW_BASE_CRASH_POINT_H

void hyfw_crash_point(void);

#endif
