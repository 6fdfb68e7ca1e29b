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
#include "base/json.h"
#include "config/compare.h"
#include "config/load.h"
#include "engine/apply.h"
#include "engine/plan_stack.h"

/* ---- with another isolation driver ---- */

/* What --isolation asks for, and what it changes. */
struct other {
	const char *isolation; /* NULL: as the files say */
	struct json_object *differences;
};

static void add_difference(void *user, const char *workload, const char *key, const char *now, const char *then)
{
	struct json_object *difference = json_object_new_object();

	hyfw_json_add_text(difference, "workload", workload);
	hyfw_json_add_text(difference, "key", key);
	hyfw_json_add_text(difference, "now", now);
	hyfw_json_add_text(difference, "then", then);
	json_object_array_add(user, difference);
}

/* Against the files as they are; where those are refused there is nothing to compare. */
static void compare(const struct hyfw_cli *cli, char *const *files, const struct hyfw_config *then,
		    struct other *other)
{
	HYFW_AUTO_ERROR struct hyfw_error *ignored = NULL;
	struct hyfw_config *now = NULL;

	other->differences = json_object_new_array();
	if (hyfw_config_load(&cli->context, cli->config_given, (const char *const *)files, &now, &ignored) < 0)
		return;
	if (hyfw_config_load_drivers_and_validate(now, &ignored) == 0)
		hyfw_config_compare(now, then, add_difference, other->differences);
	hyfw_config_free(now);
}

static void print_refusal(void *user, const struct hyfw_error *refusal)
{
	(void)user;
	fprintf(stderr, "hyfw: %s\n", refusal->message);
}

static const char *member(struct json_object *object, const char *key)
{
	return hyfw_json_text(object, key);
}

static void print_differences(const struct other *other)
{
	static const char *const keys[] = { "workload", "key", "now", "then" };
	struct hyfw_table *table;
	size_t i, column;

	if (!other->differences || json_object_array_length(other->differences) == 0)
		return;
	printf("with isolation driver %s this would differ:\n", other->isolation);
	table = hyfw_table_new(HYFW_COUNT(keys));
	hyfw_table_add(table, "  WORKLOAD");
	hyfw_table_add(table, "KEY");
	hyfw_table_add(table, "NOW");
	hyfw_table_add(table, "THEN");
	for (i = 0; i < json_object_array_length(other->differences); i++) {
		struct json_object *difference = json_object_array_get_idx(other->differences, i);
		HYFW_AUTO_FREE char *name = hyfw_format("  %s", member(difference, keys[0]));

		hyfw_table_add(table, name);
		for (column = 1; column < HYFW_COUNT(keys); column++)
			hyfw_table_add(table, member(difference, keys[column]));
	}
	hyfw_table_print(table);
	putchar('\n');
}

/* ---- printing ---- */

static void print_json(const struct hyfw_stack *stack, const struct hyfw_plan *plan, const struct other *other)
{
	struct json_object *object = hyfw_plan_to_json(stack, plan);

	if (other->differences)
		json_object_object_add(object, "differences", json_object_get(other->differences));
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

static int load(struct hyfw_cli *cli, char *const *files, struct other *other, struct hyfw_config **ret_config,
		struct hyfw_error **err)
{
	int result = hyfw_config_load(&cli->context, cli->config_given, (const char *const *)files, ret_config, err);

	if (result == 0 && other->isolation) {
		hyfw_config_report_refused(*ret_config, print_refusal, NULL);
		result = hyfw_config_set_isolation(*ret_config, other->isolation, "--isolation", err);
	}
	if (result == 0)
		result = hyfw_config_load_drivers_and_validate(*ret_config, err);
	if (result == 0 && other->isolation)
		compare(cli, files, *ret_config, other);
	return result;
}

static int plan_files(struct hyfw_cli *cli, char *const *files, struct other *other)
{
	struct hyfw_config *config = NULL;
	struct hyfw_stack stack = { 0 };
	struct hyfw_error *err = NULL;
	struct hyfw_plan plan;
	int result;

	hyfw_plan_init(&plan);
	result = load(cli, files, other, &config, &err);
	if (result == 0)
		result = hyfw_stack_new(config, &stack, &err);
	if (result == 0)
		result = hyfw_plan_stack(&plan, &stack, &err);
	if (result == 0 && cli->json)
		print_json(&stack, &plan, other);
	if (result == 0 && !cli->json) {
		print_differences(other);
		result = print_text(&stack, &plan, &err);
	}
	hyfw_plan_finish(&plan);
	hyfw_stack_finish(&stack);
	hyfw_config_free(config);
	return result < 0 ? hyfw_cli_error(err) : 0;
}

static int plan_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "format", required_argument, NULL, 'f' },
					       { "isolation", required_argument, NULL, 'i' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	struct other other = { 0 };
	int flag, status;

	while ((flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		if (flag == 'h') {
			hyfw_session_help(&hyfw_command_plan,
					  "  --isolation DRIVER  as if every workload were isolated by DRIVER: what\n"
					  "                      would differ, and what it cannot honour\n\n"
					  "+ is a change, - only tells; $ is what one would type for it.\n");
			return 0;
		}
		if (flag == 'i') {
			other.isolation = optarg;
			continue;
		}
		if (flag != 'f' || hyfw_cli_format(cli, optarg) < 0)
			return HYFW_EXIT_FAILED;
	}
	if (optind == argc)
		return hyfw_cli_usage(&hyfw_command_plan, "a FILE is missing");
	hyfw_engine_init();
	status = plan_files(cli, argv + optind, &other);
	json_object_put(other.differences);
	return status;
}

const struct hyfw_command hyfw_command_plan = {
	.name = "plan",
	.usage = "plan [--format table|json] [--isolation DRIVER] FILE...",
	.summary = "Show what `up` would do, changing nothing",
	.main = plan_main,
};
