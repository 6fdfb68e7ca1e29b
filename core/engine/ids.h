/* SPDX-License-Identifier: BSD-3-Clause
 * Ranges of user and group ids, one for each workload with a user namespace.
 *
 * 65,536 ids each from 1,879,048,192 up: the part of the 32-bit space that
 * systemd's table of uid ranges (UIDS-GIDS) leaves to nobody.  A range is a file
 * DATA/ids/N that names its workload, made with its content in one step: writable layers keep files with these ids,
 * so it stays with the workload over a reboot.  An ordinary user has no ranges: their
 * workloads get one id, that of the user. */
#ifndef HYFW_ENGINE_IDS_H
#define HYFW_ENGINE_IDS_H

#include <hyfw/step.h>

#include "base/alloc.h"
#include "base/error.h"

/* Takes a free range for the workload of 'call' and notes "range" = "N". */
int hyfw_ids_take(struct hyfw_call *call, struct hyfw_error **err);

/* Gives range "N" back if 'workload' has it; NULL: nothing was taken. */
int hyfw_ids_drop(const char *range, const char *workload, struct hyfw_error **err);

/* Range "N", which 'from' has, is the workload 'to's from now on. */
int hyfw_ids_rename(const char *range, const char *from, const char *to, struct hyfw_error **err);

struct hyfw_idmap hyfw_ids_map(unsigned range);

/* The range that 'workload' would get now; for plans. */
struct hyfw_idmap hyfw_ids_preview(const char *workload);

/* Gives back ranges of workloads that there are not. */
int hyfw_ids_collect(struct hyfw_error **err);

#endif
