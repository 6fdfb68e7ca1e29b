/* SPDX-License-Identifier: BSD-3-Clause
 * The plan of a whole stack, and the plan as JSON. */
#include "engine/plan_stack.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "engine/ids.h"
#include "engine/worker.h"

static int plan_use(struct hyfw_plan *plan, const struct hyfw_definition *definition, const struct hyfw_use *use,
		    bool network, struct hyfw_strings *seen, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *key = hyfw_format("%c%s", network ? 'n' : 'v', use->name);

	if (use->anonymous || hyfw_strings_has(seen, key))
		return 0;
	hyfw_strings_add(seen, key);
	return network ? hyfw_plan_network(plan, definition, use, err) : hyfw_plan_volume(plan, definition, use, err);
}

static int plan_uses(struct hyfw_plan *plan, const struct hyfw_definition *definition, struct hyfw_strings *seen,
		     struct hyfw_error **err)
{
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < definition->network_count; i++)
		result = plan_use(plan, definition, &definition->networks[i], true, seen, err);
	for (i = 0; result == 0 && i < definition->volume_count; i++)
		result = plan_use(plan, definition, &definition->volumes[i], false, seen, err);
	for (i = 0; result == 0 && i < definition->disk_count; i++)
		result = plan_use(plan, definition, &definition->disks[i], false, seen, err);
	return result;
}

int hyfw_plan_stack(struct hyfw_plan *plan, const struct hyfw_stack *stack, struct hyfw_error **err)
{
	struct hyfw_strings seen = { 0 };
	struct hyfw_driver *isolation;
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < stack->count; i++) {
		struct hyfw_definition *definition = stack->workloads[i];

		result = hyfw_definition_driver(definition, HYFW_KIND_ISOLATION,
						hyfw_definition_isolation(definition), &isolation, err);
		if (result == 0 && hyfw_worker_wants_ids(definition, isolation))
			definition->idmap = hyfw_ids_preview(definition->name);
		if (result == 0)
			result = plan_uses(plan, definition, &seen, err);
	}
	for (i = 0; result == 0 && i < stack->count; i++)
		result = hyfw_plan_workload(plan, stack->workloads[i], ~0u, err);
	hyfw_strings_finish(&seen);
	return result;
}

/* A step waits for the last change before it for the same workload; its first
 * one for the shared objects and for the workloads it depends on. */
static void add_needs(struct json_object *step, const struct hyfw_plan *plan, size_t index)
{
	struct json_object *needs = json_object_new_array();
	const struct hyfw_planned *planned = &plan->steps[index];
	size_t i = index;

	while (i > 0) {
		const struct hyfw_planned *before = &plan->steps[--i];
		const bool same = planned->workload && before->workload &&
				  strcmp(planned->workload, before->workload) == 0;

		if (before->step.flags & HYFW_STEP_NOTE)
			continue;
		if (same || !before->workload)
			json_object_array_add(needs, json_object_new_int64(before->id));
		if (same || (!planned->workload && !before->workload))
			break;
	}
	json_object_object_add(step, "needs", needs);
}

static struct json_object *commands_json(const char *commands)
{
	struct json_object *array = json_object_new_array();
	HYFW_AUTO_FREE char *copy = hyfw_dup(commands);
	char *rest = copy, *line;

	while (rest && (line = strsep(&rest, "\n")))
		if (*line)
			json_object_array_add(array, json_object_new_string(line));
	return array;
}

struct json_object *hyfw_plan_to_json(const struct hyfw_stack *stack, const struct hyfw_plan *plan)
{
	struct json_object *object = json_object_new_object(), *steps = json_object_new_array();
	size_t i;

	for (i = 0; i < plan->count; i++) {
		const struct hyfw_planned *planned = &plan->steps[i];
		struct json_object *step = json_object_new_object();

		hyfw_json_add_number(step, "id", planned->id);
		hyfw_json_add_text(step, "kind", hyfw_kind_name((enum hyfw_kind)planned->kind));
		hyfw_json_add_text(step, "driver", planned->driver);
		hyfw_json_add_text(step, "workload", planned->workload);
		hyfw_json_add_text(step, "verb", planned->step.verb);
		hyfw_json_add_text(step, "object", planned->step.object);
		hyfw_json_add_text(step, "summary", planned->step.summary);
		hyfw_json_add_bool(step, "changes", !(planned->step.flags & HYFW_STEP_NOTE));
		add_needs(step, plan, i);
		json_object_object_add(step, "commands", commands_json(planned->step.commands));
		json_object_array_add(steps, step);
	}
	hyfw_json_add_text(object, "stack", stack->name);
	json_object_object_add(object, "steps", steps);
	return object;
}
