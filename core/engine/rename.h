/* SPDX-License-Identifier: BSD-3-Clause
 * Another name for a workload that does not run.  Everything that lasts goes by its name:
 * its directory, its range of ids, its root, what its isolation driver keeps.  Once
 * DATA/renames/OLD says so it is going to have the new one: each step can be done again, and
 * whoever comes after a crash does the rest.  A failure before the directory has moved
 * takes all of it back. */
#ifndef HYFW_ENGINE_RENAME_H
#define HYFW_ENGINE_RENAME_H

#include "base/alloc.h"
#include "base/error.h"

/* In a child process. */
int hyfw_workload_rename(const char *from, const char *to, struct hyfw_error **err);

/* ---- what a crash has cut off ---- */

/* Cheap: is there one? */
bool hyfw_rename_pending(void);

/* The old names, and those together with the new ones: whatever goes by them is not to
 * be taken for an orphan. */
void hyfw_rename_list(struct hyfw_strings *ret_names);
void hyfw_rename_names(struct hyfw_strings *names);

/* Finishes the one of 'from'; 1 when it was done meanwhile. */
int hyfw_rename_finish(const char *from, struct hyfw_error **err);

#endif
