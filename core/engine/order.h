/* SPDX-License-Identifier: BSD-3-Clause
 * The order in which the workloads of a stack start. */
#ifndef HYFW_ENGINE_ORDER_H
#define HYFW_ENGINE_ORDER_H

#include "engine/definition.h"

/* Sorts 'workloads' so that each stands behind those it depends on and links to,
 * and gives each its level (free()): 0 for those that need nobody.  A cycle of
 * depends_on is an error; one of links alone is not, links work both ways. */
int hyfw_order(struct hyfw_definition **workloads, size_t count, unsigned **ret_levels, struct hyfw_error **err);

#endif
