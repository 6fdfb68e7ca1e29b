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
#include "engine/apply.h"
#include "engine/plan_stack.h"

/* ---- printing ---- */

static void print_json(const struct hyfw_stack *stack, const struct hyfw_plan *plan)
{
	struct json_object *object = hyfw_plan_to_json(stack, plan);

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

static void print_standing(const char *workload, const char *what)
{
	if (strcmp(what, "running") == 0)
		printf("%s runs like this already: `up` leaves it as it is\n", workload);
	else if (strcmp(what, "replaced") == 0)
		printf("%s is there with other settings: `up` replaces it\n", workload);
}

static int print_text(const struct hyfw_stack *stack, const struct hyfw_plan *plan, struct hyfw_error **err)
{
	const char *workload = "";
	int result;
	size_t i;

	printf("stack %s: %zu workload%s, %zu steps; nothing has been changed\n", stack->name, stack->count,
	       stack->count == 1 ? "" : "s", plan->count);
	result = hyfw_stack_foresee(stack, print_standing, err);
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
	return result;
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
		result = hyfw_plan_stack(&plan, &stack, &err);
	if (result == 0 && cli->json)
		print_json(&stack, &plan);
	else if (result == 0)
		result = print_text(&stack, &plan, &err);
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
