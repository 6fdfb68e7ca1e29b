/* SPDX-License-Identifier: BSD-3-Clause
 * Settings of a workload that may change while it is there, and while it runs. */
#ifndef HYFW_ENGINE_UPDATE_H
#define HYFW_ENGINE_UPDATE_H

#include <hyfw/types.h>

#include "base/error.h"

/* Whether 'key' of [workload] is one of them. */
bool hyfw_update_knows(const char *key);

/* Puts 'changes', keys with values as in a file, into effect where the workload runs
 * and into its definition: all of them or none.  -ENOTSUP when one takes a new start. */
int hyfw_workload_update(const char *name, const struct hyfw_map *changes, struct hyfw_error **err);

#endif
