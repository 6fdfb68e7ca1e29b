/* SPDX-License-Identifier: BSD-3-Clause
 * The steps that no driver makes, in the same journal as those of drivers:
 *
 *     ids       SUBJECT a workload: a range of ids of its own
 *     use       SUBJECT a network or volume (argument "what"): made when its first
 *               user comes, taken away with the last
 *     workload  SUBJECT a workload of a stack, made by it; its undo takes it down
 *     run       SUBJECT a workload that was there; its undo stops it */
#ifndef HYFW_ENGINE_CORE_STEPS_H
#define HYFW_ENGINE_CORE_STEPS_H

#include "base/error.h"
#include "engine/definition.h"

#define HYFW_CORE_IDS "ids"
#define HYFW_CORE_USE "use"
#define HYFW_CORE_WORKLOAD "workload"
#define HYFW_CORE_RUN "run"

int hyfw_core_apply(struct hyfw_call *call, const struct hyfw_definition *definition, const char *subject,
		    struct hyfw_error **err);
int hyfw_core_undo(struct hyfw_call *call, const char *subject, struct hyfw_error **err);

#endif
