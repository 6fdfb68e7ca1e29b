/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/core_steps.h"

#include <errno.h>
#include <string.h>

#include "engine/apply.h"
#include "engine/control.h"
#include "engine/ids.h"
#include "engine/shared.h"

int hyfw_core_apply(struct hyfw_call *call, const struct hyfw_definition *definition, const char *subject,
		    struct hyfw_error **err)
{
	const char *verb = call->step->verb;

	if (strcmp(verb, HYFW_CORE_IDS) == 0)
		return hyfw_ids_take(call, err);
	if (strcmp(verb, HYFW_CORE_USE) == 0)
		return hyfw_shared_acquire(definition, hyfw_map_get(&call->step->args, "what"), subject,
					   err);
	/* A workload is brought up by whoever applies this; only the undo is here. */
	if (strcmp(verb, HYFW_CORE_WORKLOAD) == 0 || strcmp(verb, HYFW_CORE_RUN) == 0)
		return 0;
	return hyfw_fail(err, EINVAL, "unknown step %s", verb);
}

int hyfw_core_undo(struct hyfw_call *call, const char *subject, struct hyfw_error **err)
{
	const char *verb = call->step->verb;

	if (strcmp(verb, HYFW_CORE_IDS) == 0)
		return hyfw_ids_drop(hyfw_map_get(&call->record, "range"), subject, err);
	if (strcmp(verb, HYFW_CORE_USE) == 0)
		return hyfw_shared_release(hyfw_map_get(&call->step->args, "what"), subject, call->workload,
					   err);
	if (strcmp(verb, HYFW_CORE_WORKLOAD) == 0)
		return hyfw_workload_take_down(subject, err);
	if (strcmp(verb, HYFW_CORE_RUN) == 0)
		return hyfw_workload_stop(subject, -1, err);
	return hyfw_fail(err, EINVAL, "unknown step %s", verb);
}
