/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw ps. */
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "engine/describe.h"
#include "cli/session.h"
#include "config/config.h"
#include "config/load.h"
#include "engine/store.h"

struct ps {
	struct hyfw_cli *cli;
	bool all;
	struct hyfw_strings stacks; /* only workloads of these; empty: all */
	struct hyfw_table *table;
	struct json_object *array;
};

static void add_row(struct ps *ps, const char *name, const struct hyfw_state *state)
{
	HYFW_AUTO_FREE char *command = hyfw_describe_command(state->definition);
	HYFW_AUTO_FREE char *status = hyfw_describe_status(state);
	HYFW_AUTO_FREE char *ports = hyfw_describe_ports(state);

	hyfw_table_add(ps->table, name);
	hyfw_table_add(ps->table, hyfw_describe_root(state->definition));
	hyfw_table_add(ps->table, command);
	hyfw_table_add(ps->table, status);
	hyfw_table_add(ps->table, ports);
	hyfw_table_add(ps->table, hyfw_definition_isolation(state->definition));
	hyfw_table_add(ps->table, state->definition->stack);
}

static bool wanted(const struct ps *ps, const struct hyfw_state *state)
{
	if (!ps->all && !hyfw_status_is_up(state->status) && state->status != HYFW_STATUS_STARTING &&
	    state->status != HYFW_STATUS_STOPPING && state->status != HYFW_STATUS_RESTARTING)
		return false;
	return ps->stacks.count == 0 ||
	       (state->definition->stack && hyfw_strings_has(&ps->stacks, state->definition->stack));
}

static void one(struct ps *ps, const char *name)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_state state;

	/* A workload that goes while we look is no error; a damaged one is said. */
	if (hyfw_state_load(name, &state, &err) < 0) {
		if (err->errnum == EINVAL)
			fprintf(stderr, "hyfw: %s\n", err->message);
	} else if (wanted(ps, &state)) {
		if (ps->array)
			json_object_array_add(ps->array, hyfw_describe_json(name, &state));
		else if (ps->cli->quiet)
			puts(name);
		else
			add_row(ps, name, &state);
	}
	hyfw_state_finish(&state);
}

static int add_stack(struct ps *ps, const char *file, struct hyfw_error **err)
{
	const char *const files[] = { file, NULL };
	struct hyfw_config *config = NULL;
	int result = hyfw_config_load(&ps->cli->context, ps->cli->config_given, files, &config, err);

	if (result == 0)
		hyfw_strings_add(&ps->stacks, hyfw_config_stack_name(config));
	hyfw_config_free(config);
	return result;
}

static int print_all(struct ps *ps)
{
	static const char *const head[] = { "NAME", "IMAGE", "COMMAND", "STATUS", "PORTS", "ISOLATION", "STACK" };
	struct hyfw_strings names = { 0 };
	struct hyfw_error *err = NULL;
	size_t i;

	if (hyfw_store_workloads(&names, &err) < 0)
		return hyfw_cli_error(err);
	ps->table = hyfw_table_new(HYFW_COUNT(head));
	for (i = 0; i < HYFW_COUNT(head); i++)
		hyfw_table_add(ps->table, head[i]);
	if (ps->cli->json)
		ps->array = json_object_new_array();
	for (i = 0; i < names.count; i++)
		one(ps, names.items[i]);
	if (ps->array)
		hyfw_cli_print_json(ps->array);
	else if (!ps->cli->quiet)
		hyfw_table_print(ps->table);
	json_object_put(ps->array);
	hyfw_strings_finish(&names);
	return 0;
}

static int ps_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "all", no_argument, NULL, 'a' },
					       { "quiet", no_argument, NULL, 'q' },
					       { "format", required_argument, NULL, 'f' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	struct ps ps = { .cli = cli };
	struct hyfw_error *err = NULL;
	int flag, status = 0;

	while ((flag = getopt_long(argc, argv, "aqh", flags, NULL)) != -1) {
		switch (flag) {
		case 'a': ps.all = true; break;
		case 'q': cli->quiet = true; break;
		case 'f':
			if (hyfw_cli_format(cli, optarg) < 0)
				return HYFW_EXIT_FAILED;
			break;
		case 'h':
			hyfw_session_help(&hyfw_command_ps, "  -a, --all    those that do not run too\n"
							    "  -q, --quiet  only names\n"
							    "With FILE: the workloads of these stacks.\n");
			return 0;
		default: return HYFW_EXIT_FAILED;
		}
	}
	hyfw_session_begin(cli);
	for (; optind < argc && status == 0; optind++)
		if (add_stack(&ps, argv[optind], &err) < 0)
			status = hyfw_cli_error(err);
	if (ps.stacks.count > 0)
		ps.all = true;
	if (status == 0)
		status = print_all(&ps);
	hyfw_strings_finish(&ps.stacks);
	return status;
}

const struct hyfw_command hyfw_command_ps = {
	.name = "ps",
	.usage = "ps [-a] [-q] [--format table|json] [FILE...]",
	.summary = "List workloads",
	.main = ps_main,
};
