/* SPDX-License-Identifier: BSD-3-Clause
 * Plans: what a workload or a network takes, as steps of its drivers in the
 * order in which they are applied.  Making a plan changes nothing. */
#ifndef HYFW_ENGINE_PLAN_H
#define HYFW_ENGINE_PLAN_H

#include <hyfw/step.h>

#include "base/error.h"
#include "engine/definition.h"
#include "plugin/registry.h"

struct hyfw_planned {
	unsigned id;            /* position in the plan, from 1 */
	unsigned kind;          /* enum hyfw_kind; 0: the core's own */
	const char *driver;
	const char *subject;    /* network, volume or workload; "disk N" for disks */
	const char *workload;   /* NULL for shared objects */
	enum hyfw_subject_kind about;
	size_t index;           /* ENDPOINT, DISK: its place in the definition */
	struct hyfw_step step;
};

struct hyfw_plan {
	struct hyfw_arena *arena;
	struct hyfw_planned *steps;
	size_t count, room;
	struct hyfw_planned current; /* what the driver being asked is asked about */
};

void hyfw_plan_init(struct hyfw_plan *plan);
void hyfw_plan_finish(struct hyfw_plan *plan);

/* Everything 'definition' takes beside its networks and volumes; 'lifetime_mask'
 * selects by 1 << enum hyfw_lifetime. */
int hyfw_plan_workload(struct hyfw_plan *plan, const struct hyfw_definition *definition,
		       unsigned lifetime_mask, struct hyfw_error **err);
int hyfw_plan_network(struct hyfw_plan *plan, const struct hyfw_definition *definition,
		      const struct hyfw_use *use, struct hyfw_error **err);
int hyfw_plan_volume(struct hyfw_plan *plan, const struct hyfw_definition *definition,
		     const struct hyfw_use *use, struct hyfw_error **err);
/* One disk, one endpoint of 'definition': what is plugged into a running workload. */
int hyfw_plan_disk(struct hyfw_plan *plan, const struct hyfw_definition *definition, size_t disk,
		   struct hyfw_error **err);
int hyfw_plan_endpoint(struct hyfw_plan *plan, const struct hyfw_definition *definition, size_t network,
		       struct hyfw_error **err);

/* The host table's plan_step(). */
int hyfw_plan_add(struct hyfw_plan *plan, const struct hyfw_step *step, struct hyfw_error **err);

#endif
