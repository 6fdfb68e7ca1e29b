/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw plugin list|inspect: which drivers there are, and what is wrong with those
 * that are refused. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/plugin_show.h"
#include "plugin/driver.h"
#include "plugin/inspect.h"

/* ---- list ---- */

struct row {
	const char *name, *kind, *version, *result, *reason;
};

/* What probe() says, or why it cannot be asked; texts in 'arena'. */
static void judge(const struct hyfw_plugin_report *report, struct hyfw_arena *arena, struct row *row)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct hyfw_probe probe = { 0 };
	struct hyfw_driver *driver;

	*row = (struct row){ .name = report->name, .result = "refused", .reason = report->refusal };
	if (!report->plugin)
		return;
	row->kind = hyfw_kind_name(report->plugin->kind);
	row->version = report->plugin->version;
	if (hyfw_registry_get(report->plugin->kind, report->name, &driver, &err) < 0 ||
	    hyfw_driver_probe(driver, arena, &probe, &err) < 0) {
		row->result = "no";
		row->reason = hyfw_arena_dup(arena, err->message);
		return;
	}
	row->result = hyfw_plugin_result_word(probe.result);
	row->reason = probe.reason;
}

static void print_list_json(const struct row *rows, size_t count)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < count; i++) {
		struct json_object *object = json_object_new_object();

		hyfw_json_add_text(object, "name", rows[i].name);
		hyfw_json_add_text(object, "kind", rows[i].kind);
		hyfw_json_add_text(object, "version", rows[i].version);
		hyfw_json_add_text(object, "result", rows[i].result);
		hyfw_json_add_text(object, "reason", rows[i].reason);
		json_object_array_add(array, object);
	}
	hyfw_cli_print_json(array);
	json_object_put(array);
}

static void print_list(const struct hyfw_cli *cli, const struct row *rows, size_t count)
{
	static const char *const head[] = { "NAME", "KIND", "VERSION", "RESULT", "REASON" };
	struct hyfw_table *table;
	size_t i;

	if (cli->quiet) {
		for (i = 0; i < count; i++)
			puts(rows[i].name);
		return;
	}
	table = hyfw_table_new(HYFW_COUNT(head));
	for (i = 0; i < HYFW_COUNT(head); i++)
		hyfw_table_add(table, head[i]);
	for (i = 0; i < count; i++) {
		hyfw_table_add(table, rows[i].name);
		hyfw_table_add(table, rows[i].kind);
		hyfw_table_add(table, rows[i].version);
		hyfw_table_add(table, rows[i].result);
		hyfw_table_add(table, rows[i].reason);
	}
	hyfw_table_print(table);
}

static int list_plugins(struct hyfw_cli *cli)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_plugin_report *reports;
	struct hyfw_error *err = NULL;
	struct row *rows;
	size_t count, i;

	if (hyfw_registry_scan(&reports, &count, &err) < 0)
		return hyfw_cli_error(err);
	rows = hyfw_new((count + 1) * sizeof(*rows));
	for (i = 0; i < count; i++)
		judge(&reports[i], arena, &rows[i]);
	if (cli->json)
		print_list_json(rows, count);
	else
		print_list(cli, rows, count);
	free(rows);
	hyfw_plugin_reports_free(reports, count);
	hyfw_registry_close();
	return 0;
}

/* ---- inspect ---- */

static void show(const struct hyfw_cli *cli, const struct hyfw_plugin_view *view)
{
	struct json_object *object;

	if (!cli->json) {
		hyfw_plugin_print(view);
		return;
	}
	object = hyfw_plugin_json(view);
	hyfw_cli_print_json(object);
	json_object_put(object);
}

/* The descriptor and probe result of what was loaded. */
static void look_into(struct hyfw_driver *driver, struct hyfw_arena *arena, struct hyfw_plugin_view *view)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

	view->plugin = hyfw_driver_plugin(driver);
	if (hyfw_driver_probe(driver, arena, &view->probe, &err) < 0) {
		view->probe.result = HYFW_PROBE_NO;
		view->probe.reason = hyfw_arena_dup(arena, err->message);
	}
}

static int inspect_plugin(struct hyfw_cli *cli, const char *which)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_FREE char *absolute = NULL, *path = NULL;
	struct hyfw_plugin_view view = { 0 };
	struct hyfw_trust_trail trail = { 0 };
	struct hyfw_driver *driver = NULL;
	struct hyfw_error *err = NULL;
	int status = 0;

	if (which[0] != '/' && strchr(which, '/')) {
		HYFW_AUTO_FREE char *here = getcwd(NULL, 0);

		absolute = hyfw_format("%s/%s", here ? here : "", strncmp(which, "./", 2) == 0 ? which + 2 : which);
	}
	if (hyfw_plugin_inspect(absolute ? absolute : which, &trail, &path, &driver, &err) == 0)
		look_into(driver, arena, &view);
	else if (trail.count)
		view.refusal = err->message;
	view.path = path;
	view.trail = &trail;
	if (trail.count)
		show(cli, &view);
	if (err) {
		hyfw_wrap(&err, "plugin %s", which);
		status = hyfw_cli_error(err);
	}
	hyfw_trust_trail_finish(&trail);
	hyfw_registry_close();
	return status;
}

/* ---- the command ---- */

static int print_help(void)
{
	printf("Usage: hyfw %s\n\n"
	       "  list            every driver in the plugin path and whether it works here\n"
	       "  inspect NAME    one of them, or the file PATH: options, capabilities, needs,\n"
	       "                  the keys it honours, and whom its file is trusted from\n"
	       "  -h, --help      this text\n",
	       hyfw_command_plugin.usage);
	return 0;
}

static int main_plugin(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = {
		{ "format", required_argument, NULL, 'f' }, { "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' },	    { 0 },
	};
	int flag;

	while ((flag = getopt_long(argc, argv, "qh", flags, NULL)) != -1) {
		switch (flag) {
		case 'f':
			if (strcmp(optarg, "json") != 0 && strcmp(optarg, "table") != 0)
				return hyfw_cli_usage(&hyfw_command_plugin, "--format %s: must be table or json",
						      optarg);
			cli->json = strcmp(optarg, "json") == 0;
			break;
		case 'q': cli->quiet = true; break;
		case 'h': return print_help();
		default: return HYFW_EXIT_FAILED;
		}
	}
	argc -= optind;
	argv += optind;
	if (argc == 1 && (strcmp(argv[0], "list") == 0 || strcmp(argv[0], "ls") == 0))
		return list_plugins(cli);
	if (argc == 2 && strcmp(argv[0], "inspect") == 0)
		return inspect_plugin(cli, argv[1]);
	if (argc && strcmp(argv[0], "list") != 0 && strcmp(argv[0], "inspect") != 0)
		return hyfw_cli_usage(&hyfw_command_plugin, "there is no '%s'", argv[0]);
	return hyfw_cli_usage(&hyfw_command_plugin, argc ? "%s: wrong number of arguments" : "what to do?",
			      argc ? argv[0] : "");
}

const struct hyfw_command hyfw_command_plugin = {
	.name = "plugin",
	.usage = "plugin list | plugin inspect NAME|PATH",
	.summary = "Show the drivers there are, and what is wrong with those refused",
	.main = main_plugin,
};
