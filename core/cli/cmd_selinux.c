/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw selinux status|contexts|booleans|policy: what the security module sees of SELinux
 * on this host.  Nothing here changes it. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/operate.h"
#include "cli/session.h"
#include "config/load.h"
#include "plugin/driver.h"

#define MODULE "selinux" /* the one that knows libselinux; the core does not link it */

static const char help[] =
	"Verbs:\n"
	"  status     mode and policy, the label that hyfw has, pairs of categories in use\n"
	"  contexts   the labels that workloads and their files get, and whether the policy has them\n"
	"  booleans   switches of the policy; setsebool(8) changes them\n"
	"  policy     modules of the policy; semodule(8) changes them\n\n"
	"  --format json   as JSON\n\n"
	"Nothing is changed.\n";

static const struct verb {
	const char *name;
	const char *const *columns; /* NULL: facts, not rows */
} verbs[] = {
	{ "status", NULL },
	{ "contexts", (const char *const[]){ "context", "known", NULL } },
	{ "booleans", (const char *const[]){ "value", "pending", NULL } },
	{ "policy", (const char *const[]){ "priority", "enabled", NULL } },
};

static int ask_module(struct hyfw_cli *cli, const char *verb, struct hyfw_arena *arena, struct hyfw_map *ret_rows,
		      struct hyfw_error **err)
{
	const struct hyfw_operation operation = { .size = sizeof(operation), .verb = verb, .object = "",
						  .input_fd = -1, .output_fd = -1, .arena = arena };
	struct hyfw_config *config = NULL;
	struct hyfw_driver *module;
	int result = hyfw_config_load_to_show(&cli->context, cli->config_given, NULL, &config, err);

	hyfw_config_free(config);
	if (result == 0)
		result = hyfw_registry_get(HYFW_KIND_SECURITY, MODULE, &module, err);
	return result < 0 ? result : hyfw_security_operate(module, &operation, ret_rows, err);
}

/* ---- printing ---- */

static const char *value_in(const struct hyfw_map *rows, size_t at, const char *key)
{
	for (at++; at < rows->count && strcmp(rows->items[at].key, "row") != 0; at++)
		if (strcmp(rows->items[at].key, key) == 0)
			return rows->items[at].value;
	return NULL;
}

static void add_upper(struct hyfw_table *table, const char *word)
{
	HYFW_AUTO_FREE char *upper = hyfw_dup(word);
	char *at;

	for (at = upper; *at; at++)
		if (*at >= 'a' && *at <= 'z')
			*at = (char)(*at - 'a' + 'A');
	hyfw_table_add(table, upper);
}

static void print_table(const struct hyfw_map *rows, const char *const *columns)
{
	struct hyfw_table *table;
	size_t count = 0, i, j;

	while (columns[count])
		count++;
	table = hyfw_table_new(count + 1);
	add_upper(table, "name");
	for (j = 0; j < count; j++)
		add_upper(table, columns[j]);
	for (i = 0; i < rows->count; i++) {
		if (strcmp(rows->items[i].key, "row") != 0)
			continue;
		hyfw_table_add(table, rows->items[i].value);
		for (j = 0; j < count; j++)
			hyfw_table_add(table, value_in(rows, i, columns[j]));
	}
	hyfw_table_print(table);
}

static void print_facts(const struct hyfw_map *facts)
{
	size_t i;

	for (i = 0; i < facts->count; i++)
		printf("%-20s %s\n", facts->items[i].key, facts->items[i].value);
}

static void print_facts_json(const struct hyfw_map *facts)
{
	struct json_object *object = json_object_new_object();
	size_t i;

	for (i = 0; i < facts->count; i++)
		hyfw_json_add_text(object, facts->items[i].key, facts->items[i].value);
	hyfw_cli_print_json(object);
	json_object_put(object);
}

static int show(struct hyfw_cli *cli, const struct verb *verb)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_error *err = NULL;
	struct hyfw_map rows = { 0 };

	if (ask_module(cli, verb->name, arena, &rows, &err) < 0)
		return hyfw_cli_error(err);
	if (cli->json && verb->columns)
		hyfw_cli_print_rows(&rows);
	else if (cli->json)
		print_facts_json(&rows);
	else if (verb->columns)
		print_table(&rows, verb->columns);
	else
		print_facts(&rows);
	return 0;
}

/* ---- command ---- */

static int selinux_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "format", required_argument, NULL, 'f' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	const char *word;
	size_t i;
	int flag;

	while ((flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		if (flag == 'h') {
			hyfw_session_help(&hyfw_command_selinux, help);
			return 0;
		}
		if (flag != 'f' || hyfw_cli_format(cli, optarg) < 0)
			return HYFW_EXIT_FAILED;
	}
	word = optind < argc ? argv[optind] : "status";
	if (optind + 1 < argc)
		return hyfw_cli_usage(&hyfw_command_selinux, "%s takes no arguments", word);
	for (i = 0; i < HYFW_COUNT(verbs); i++) {
		if (strcmp(word, verbs[i].name) == 0) {
			hyfw_session_begin(cli);
			return show(cli, &verbs[i]);
		}
	}
	return hyfw_cli_usage(&hyfw_command_selinux, "'%s' is none of its verbs", word);
}

const struct hyfw_command hyfw_command_selinux = {
	.name = "selinux",
	.usage = "selinux [status | contexts | booleans | policy]",
	.summary = "Show what SELinux is like on this host",
	.main = selinux_main,
};
