/* SPDX-License-Identifier: BSD-3-Clause
 * Figures of a running workload from all its drivers. */
#ifndef HYFW_ENGINE_STATS_H
#define HYFW_ENGINE_STATS_H

#include "engine/store.h"

int hyfw_stats_collect(const struct hyfw_state *state, struct hyfw_stats *ret_stats, struct hyfw_error **err);

#endif
