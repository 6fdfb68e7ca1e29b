/* SPDX-License-Identifier: BSD-3-Clause
 * Networks and volumes that several workloads use: made when the first user
 * comes, taken away with the last.  'what' is "network" or "volume".
 *
 *     RUNTIME/shared/WHAT/NAME/definition.json  of the workload that came first,
 *                                               with the settings in force
 *                              journal          the steps of the driver
 *                              users/WORKLOAD   one empty file each */
#ifndef HYFW_ENGINE_SHARED_H
#define HYFW_ENGINE_SHARED_H

#include "engine/definition.h"

/* Makes workload 'definition' a user of its network or volume 'name'.
 * -EEXIST when it is in use with other settings. */
int hyfw_shared_acquire(const struct hyfw_definition *definition, const char *what, const char *name,
			struct hyfw_error **err);

/* The way back; idempotent. */
int hyfw_shared_release(const char *what, const char *name, const char *workload, struct hyfw_error **err);

/* The same without undoing anything, where that keeps failing: when 'workload' was
 * the last user, the object is forgotten and '*ret_kept' (free()) is where its
 * journal is now; untouched when others use it, or it is gone. */
int hyfw_shared_abandon(const char *what, const char *name, const char *workload, char **ret_kept,
			struct hyfw_error **err);

/* What the driver's steps noted, and their arguments. */
int hyfw_shared_record(const char *what, const char *name, struct hyfw_pairs *ret_record,
		       struct hyfw_error **err);

/* Releases for every user that does not run, and finishes what was left
 * unfinished. */
int hyfw_shared_collect(struct hyfw_error **err);

#endif
