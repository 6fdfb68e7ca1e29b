/* SPDX-License-Identifier: BSD-3-Clause
 * plan(): the two steps of a machine. */
#include "kvm.h"

int kvm_plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
	     struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = ((struct kvm_instance *)instance)->host;
	struct hyfw_step create = {
		.size = sizeof(create), .verb = HYFW_VERB_CREATE, .lifetime = HYFW_LIFETIME_RUN,
	};
	struct hyfw_step start = {
		.size = sizeof(start), .verb = HYFW_VERB_START, .lifetime = HYFW_LIFETIME_RUN,
	};
	int r;

	if (subject->kind != HYFW_SUBJECT_WORKLOAD)
		return 0;
	create.object = start.object = host->format(arena, "machine %s", subject->name);
	create.summary = host->format(arena, "create machine %s", subject->name);
	start.summary = host->format(arena, "start machine %s", subject->name);
	r = host->plan_step(plan, &create, err);
	return r < 0 ? r : host->plan_step(plan, &start, err);
}
