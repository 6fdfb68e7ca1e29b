/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw plan: what `up` would do, and what one would type for it. */
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "config/load.h"
#include "engine/ids.h"
#include "engine/plan.h"
#include "engine/stack.h"
#include "engine/worker.h"
#include "plugin/host.h"
#include "engine/apply.h"

/* ---- making ---- */

static int plan_uses(struct hyfw_plan *plan, const struct hyfw_definition *definition, struct hyfw_strings *seen,
		     struct hyfw_error **err)
{
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < definition->network_count + definition->volume_count; i++) {
		const bool network = i < definition->network_count;
		const struct hyfw_use *use = network ? &definition->networks[i]
						      : &definition->volumes[i - definition->network_count];
		HYFW_AUTO_FREE char *key = hyfw_format("%c%s", network ? 'n' : 'v', use->name);

		if (use->anonymous || hyfw_strings_has(seen, key))
			continue;
		hyfw_strings_add(seen, key);
		result = network ? hyfw_plan_network(plan, definition, use, err)
				 : hyfw_plan_volume(plan, definition, use, err);
	}
	return result;
}

static int plan_stack(struct hyfw_plan *plan, const struct hyfw_stack *stack, struct hyfw_error **err)
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

/* ---- printing ---- */

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

static void print_json(const struct hyfw_stack *stack, const struct hyfw_plan *plan)
{
	struct json_object *object = json_object_new_object(), *steps = json_object_new_array();
	size_t i;

	for (i = 0; i < plan->count; i++) {
		const struct hyfw_planned *planned = &plan->steps[i];
		struct json_object *step = json_object_new_object();

		json_object_object_add(step, "id", json_object_new_int64(planned->id));
		json_object_object_add(step, "kind",
				       json_object_new_string(hyfw_kind_name((enum hyfw_kind)planned->kind)));
		json_object_object_add(step, "driver", json_object_new_string(planned->driver));
		json_object_object_add(step, "workload",
				       planned->workload ? json_object_new_string(planned->workload) : NULL);
		json_object_object_add(step, "verb", json_object_new_string(planned->step.verb));
		json_object_object_add(step, "object", json_object_new_string(planned->step.object));
		json_object_object_add(step, "summary", json_object_new_string(planned->step.summary));
		json_object_object_add(step, "changes",
				       json_object_new_boolean(!(planned->step.flags & HYFW_STEP_NOTE)));
		add_needs(step, plan, i);
		json_object_object_add(step, "commands", commands_json(planned->step.commands));
		json_object_array_add(steps, step);
	}
	json_object_object_add(object, "stack", json_object_new_string(stack->name));
	json_object_object_add(object, "steps", steps);
	hyfw_cli_print_json(object);
	json_object_put(object);
}

static void print_commands(const char *commands)
{
	HYFW_AUTO_FREE char *copy = hyfw_dup(commands);
	char *rest = copy, *line;

	while (rest && (line = strsep(&rest, "\n")))
		if (*line)
			printf("        $ %s\n", line);
}

static void print_text(const struct hyfw_stack *stack, const struct hyfw_plan *plan)
{
	const char *workload = "";
	size_t i;

	printf("stack %s: %zu workload%s, %zu steps; nothing has been changed\n", stack->name, stack->count,
	       stack->count == 1 ? "" : "s", plan->count);
	for (i = 0; i < plan->count; i++) {
		const struct hyfw_planned *planned = &plan->steps[i];
		const char *owner = planned->workload ? planned->workload : planned->about == HYFW_SUBJECT_WORKLOAD ? planned->subject : "shared";

		if (strcmp(owner, workload) != 0)
			printf("\n%s\n", owner);
		workload = owner;
		printf("  %3u %s %s: %s\n", planned->id,
		       planned->step.flags & HYFW_STEP_NOTE ? "-" : "+", planned->driver, planned->step.summary);
		print_commands(planned->step.commands);
	}
}

/* ---- command ---- */

static int plan_files(struct hyfw_cli *cli, char *const *files)
{
	struct hyfw_config *config = NULL;
	struct hyfw_stack stack = { 0 };
	struct hyfw_error *err = NULL;
	struct hyfw_plan plan;
	int result;

	hyfw_plan_init(&plan);
	result = hyfw_config_load(&cli->context, cli->config_given, (const char *const *)files, &config, &err);
	if (result == 0)
		result = hyfw_config_load_drivers_and_validate(config, &err);
	if (result == 0)
		result = hyfw_stack_new(config, &stack, &err);
	if (result == 0)
		result = plan_stack(&plan, &stack, &err);
	if (result == 0 && cli->json)
		print_json(&stack, &plan);
	else if (result == 0)
		print_text(&stack, &plan);
	hyfw_plan_finish(&plan);
	hyfw_stack_finish(&stack);
	hyfw_config_free(config);
	return result < 0 ? hyfw_cli_error(err) : 0;
}

static int plan_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "format", required_argument, NULL, 'f' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	int flag;

	while ((flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		if (flag == 'h') {
			hyfw_session_help(&hyfw_command_plan,
					  "+ is a change, - only tells; $ is what one would type for it.\n");
			return 0;
		}
		if (flag != 'f' || hyfw_cli_format(cli, optarg) < 0)
			return HYFW_EXIT_FAILED;
	}
	if (optind == argc)
		return hyfw_cli_usage(&hyfw_command_plan, "a FILE is missing");
	hyfw_engine_init();
	return plan_files(cli, argv + optind);
}

const struct hyfw_command hyfw_command_plan = {
	.name = "plan",
	.usage = "plan [--format table|json] FILE...",
	.summary = "Show what `up` would do, changing nothing",
	.main = plan_main,
};
