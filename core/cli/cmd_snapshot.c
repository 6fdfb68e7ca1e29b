/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw snapshot create|list|revert|delete. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/operate.h"
#include "cli/session.h"
#include "engine/control.h"
#include "engine/launch.h"
#include "engine/store.h"

static const char help[] =
	"Verbs:\n"
	"  create WORKLOAD NAME   keep its state under a name\n"
	"  list WORKLOAD          what there is; the current one has a star\n"
	"  revert WORKLOAD NAME   back to it\n"
	"  delete WORKLOAD NAME   forget it\n\n"
	"  --description TEXT  create: what it is for\n"
	"  --memory            create: with the memory of a machine that runs\n"
	"  --disk-only         create: its disks alone\n"
	"  --external          create: in files of its own beside the disks.  Going back to\n"
	"                      one ends a machine that runs and starts it again\n"
	"  --running           revert: and let it run\n"
	"  --paused            revert: and have it stand still\n"
	"  --children          delete: those made after it too\n"
	"  --format json       list: as JSON\n";

static const struct {
	const char *flag, *verb, *arg; /* flag of the command, verb that it is for, argument of the operation */
} switches[] = {
	{ "memory", "create", "memory" },     { "disk-only", "create", "disk_only" },
	{ "external", "create", "external" }, { "running", "revert", "running" },
	{ "paused", "revert", "paused" },     { "children", "delete", "children" },
};

struct request {
	struct hyfw_pairs args;
	const char *flags[HYFW_COUNT(switches) + 1]; /* verbs that the flags given belong to */
	size_t flag_count;
	bool json;
};

/* ---- printing ---- */

static void add_row(struct hyfw_table *table, const struct hyfw_map *rows, size_t at)
{
	const char *name = hyfw_cli_row_value(rows, at, "name"), *current = hyfw_cli_row_value(rows, at, "current");
	const char *memory = hyfw_cli_row_value(rows, at, "memory");
	HYFW_AUTO_FREE char *marked = hyfw_format("%s%s", name ? name : "?",
						  current && strcmp(current, "true") == 0 ? " *" : "");

	hyfw_table_add(table, marked);
	hyfw_cli_add_time(table, hyfw_cli_row_value(rows, at, "created"));
	hyfw_table_add(table, hyfw_cli_row_value(rows, at, "type"));
	hyfw_table_add(table, hyfw_cli_row_value(rows, at, "state"));
	hyfw_table_add(table, memory && strcmp(memory, "true") == 0 ? "yes" : "no");
	hyfw_table_add(table, hyfw_cli_row_value(rows, at, "parent"));
	hyfw_cli_add_bytes(table, hyfw_cli_row_value(rows, at, "bytes"));
}

static void print_table(const struct hyfw_map *rows)
{
	static const char *const head[] = { "NAME", "CREATED", "TYPE", "STATE", "MEMORY", "PARENT", "SIZE" };

	hyfw_cli_print_row_table(rows, head, HYFW_COUNT(head), add_row);
}

/* ---- command ---- */

static bool says(const struct hyfw_map *result, const char *key)
{
	return hyfw_map_bool(result, key, false);
}

static int start(const struct request *request, const char *workload, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	const struct hyfw_map args = hyfw_pairs_map(&request->args);
	const struct hyfw_launch launch = { 0 };
	struct hyfw_launched launched = { .socket = -1 };
	int result = hyfw_store_definition(workload, &definition, err);

	if (result == 0)
		result = hyfw_launch(definition, &launch, &launched, err);
	if (result < 0)
		return result;
	hyfw_launched_close(&launched);
	return says(&args, "paused") ? hyfw_workload_pause(workload, true, err) : 0;
}

/* What a driver cannot do to a machine that runs: "stop" asks for its end and to be
 * called again, "start" for its next start (isolation.h). */
static int follow(struct hyfw_cli *cli, struct request *request, const char *workload, struct hyfw_arena *arena,
		  struct hyfw_map *result)
{
	struct hyfw_error *err = NULL;
	int status;

	if (says(result, "stop")) {
		if (hyfw_workload_stop(workload, 0, &err) < 0)
			return hyfw_cli_error(err);
		status = hyfw_cli_operate(cli, workload, "snapshot-revert", &request->args, arena, result);
		if (status)
			return status;
	}
	return says(result, "start") && start(request, workload, &err) < 0 ? hyfw_cli_error(err) : 0;
}

static int operate(struct hyfw_cli *cli, struct request *request, const char *verb, const char *workload,
		   const char *name)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_FREE char *word = hyfw_format("snapshot-%s", verb);
	struct hyfw_map rows = { 0 };
	int status;

	if (name)
		hyfw_pairs_set(&request->args, "name", name);
	hyfw_session_begin(cli);
	status = hyfw_cli_operate(cli, workload, word, &request->args, arena, &rows);
	if (status == 0 && strcmp(verb, "revert") == 0)
		status = follow(cli, request, workload, arena, &rows);
	if (status)
		return status;
	if (strcmp(verb, "list") != 0)
		puts(name);
	else if (cli->json)
		hyfw_cli_print_rows(&rows);
	else
		print_table(&rows);
	return 0;
}

static int check(const struct request *request, const char *verb, int words)
{
	static const char *const verbs[] = { "create", "list", "revert", "delete" };
	size_t i;

	for (i = 0; i < HYFW_COUNT(verbs) && strcmp(verbs[i], verb) != 0; i++)
		continue;
	if (i == HYFW_COUNT(verbs))
		return hyfw_cli_usage(&hyfw_command_snapshot, "there is no verb %s", verb);
	if (words != (strcmp(verb, "list") == 0 ? 1 : 2))
		return hyfw_cli_usage(&hyfw_command_snapshot, strcmp(verb, "list") == 0
				      ? "list: one workload is needed" : "%s: a workload and a name are needed", verb);
	for (i = 0; i < request->flag_count; i++)
		if (strcmp(request->flags[i], verb) != 0)
			return hyfw_cli_usage(&hyfw_command_snapshot, "a flag of %s is given to %s",
					      request->flags[i], verb);
	return 0;
}

static int snapshot_main(struct hyfw_cli *cli, int argc, char **argv)
{
	enum { SWITCH = 256, DESCRIPTION = SWITCH + HYFW_COUNT(switches), FORMAT };
	static const struct option flags[] = { { "memory", no_argument, NULL, SWITCH },
					       { "disk-only", no_argument, NULL, SWITCH + 1 },
					       { "external", no_argument, NULL, SWITCH + 2 },
					       { "running", no_argument, NULL, SWITCH + 3 },
					       { "paused", no_argument, NULL, SWITCH + 4 },
					       { "children", no_argument, NULL, SWITCH + 5 },
					       { "description", required_argument, NULL, DESCRIPTION },
					       { "format", required_argument, NULL, FORMAT },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	struct request request = { 0 };
	int flag, status;

	while ((flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		if (flag >= SWITCH && flag < DESCRIPTION) {
			hyfw_pairs_set(&request.args, switches[flag - SWITCH].arg, "true");
			request.flags[request.flag_count++ % HYFW_COUNT(switches)] = switches[flag - SWITCH].verb;
			if (request.flag_count > HYFW_COUNT(switches))
				request.flag_count = HYFW_COUNT(switches);
		} else if (flag == DESCRIPTION) {
			hyfw_pairs_set(&request.args, "description", optarg);
		} else if (flag == 'h') {
			hyfw_session_help(&hyfw_command_snapshot, help);
			return 0;
		} else if (flag != FORMAT || hyfw_cli_format(cli, optarg) < 0) {
			return HYFW_EXIT_FAILED;
		}
	}
	if (argc - optind < 1)
		return hyfw_cli_usage(&hyfw_command_snapshot, "a verb is missing: create, list, revert or delete");
	status = check(&request, argv[optind], argc - optind - 1);
	if (status == 0)
		status = operate(cli, &request, argv[optind], argv[optind + 1], argv[optind + 2]);
	hyfw_pairs_finish(&request.args);
	return status;
}

const struct hyfw_command hyfw_command_snapshot = {
	.name = "snapshot",
	.usage = "snapshot create|list|revert|delete [FLAGS] WORKLOAD [NAME]",
	.summary = "Keep states of machines and go back to them",
	.main = snapshot_main,
};
