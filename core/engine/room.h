/* SPDX-License-Identifier: BSD-3-Clause
 * Room for a snapshot where the disks of a workload are kept: asked of the storage
 * drivers before the isolation driver makes it. */
#ifndef HYFW_ENGINE_ROOM_H
#define HYFW_ENGINE_ROOM_H

#include "engine/store.h"

/* Has the drivers promise what 'operation', a "snapshot-create" of that workload, may
 * take; -EDQUOT when one of them has no room for it.  The caller ends it with
 * hyfw_room_release(), whatever this returned. */
int hyfw_room_reserve(const struct hyfw_state *state, const struct hyfw_operation *operation,
		      struct hyfw_error **err);
void hyfw_room_release(const struct hyfw_state *state);

#endif
