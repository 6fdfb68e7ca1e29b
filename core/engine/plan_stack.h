/* SPDX-License-Identifier: BSD-3-Clause
 * The plan of a whole stack: shared objects first, then workload by workload. */
#ifndef HYFW_ENGINE_PLAN_STACK_H
#define HYFW_ENGINE_PLAN_STACK_H

#include "engine/plan.h"
#include "engine/stack.h"

struct json_object;

/* Workloads that are not created yet are given the ids they would get now. */
int hyfw_plan_stack(struct hyfw_plan *plan, const struct hyfw_stack *stack, struct hyfw_error **err);

/* json_object_put() it. */
struct json_object *hyfw_plan_to_json(const struct hyfw_stack *stack, const struct hyfw_plan *plan);

#endif
