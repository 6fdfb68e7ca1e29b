/* SPDX-License-Identifier: BSD-3-Clause
 * Workloads that have moved to another host: DATA/workloads/NAME/moved names the place.
 * Two hosts must never run the same one, so the mark is there before the migration
 * begins and goes when it failed; where a crash cut it off, the administrator looks. */
#ifndef HYFW_ENGINE_MOVED_H
#define HYFW_ENGINE_MOVED_H

#include <hyfw/step.h>

#include "base/error.h"
#include "engine/definition.h"

/* Whether 'operation' moves a workload away, if it succeeds. */
bool hyfw_moved_by(const struct hyfw_operation *operation);

/* Whether a workload may move, or be asked whether it could: -ENOTSUP for one with
 * failover, whose lease stays, and -EBUSY for one that another host has.  0 for other
 * operations. */
int hyfw_moved_permit(const struct hyfw_definition *definition, const struct hyfw_operation *operation,
		      struct hyfw_error **err);

/* The mark, for what moves there with 'operation'.  Nothing for transient workloads,
 * which end with their run. */
int hyfw_moved_mark(const struct hyfw_definition *definition, const struct hyfw_operation *operation,
		    struct hyfw_error **err);
void hyfw_moved_forget(const char *name);

/* The mark of one that is away at 'place' after all. */
int hyfw_moved_again(const char *name, const char *place, struct hyfw_error **err);

/* Where it has moved to, free(); NULL: it is here. */
char *hyfw_moved_to(const char *name);

/* -EBUSY with what to do when it has moved. */
int hyfw_moved_check(const char *name, struct hyfw_error **err);

#endif
