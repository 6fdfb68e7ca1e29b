/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw template create|list|inspect|rm. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/operate.h"
#include "cli/session.h"
#include "config/load.h"
#include "engine/definition.h"
#include "engine/store.h"
#include "plugin/driver.h"

#define KEEPER "kvm" /* the driver that keeps templates */

static const char help[] =
	"Verbs:\n"
	"  create NAME WORKLOAD   save a running machine as a template; it goes on running\n"
	"  list                   what there is\n"
	"  inspect NAME           what machines that start from it are like\n"
	"  rm NAME...             remove it; not while a workload starts from it\n\n"
	"  --format json          list, inspect: as JSON\n\n"
	"A machine starts from it with the key template = NAME.\n";

/* ---- the driver ---- */

/* Of no workload: in this process. */
static int ask_keeper(struct hyfw_cli *cli, const char *verb, const char *object, struct hyfw_arena *arena,
		      struct hyfw_map *ret_rows, struct hyfw_error **err)
{
	const struct hyfw_operation operation = { .size = sizeof(operation), .verb = verb, .object = object,
						  .input_fd = -1, .output_fd = -1, .arena = arena };
	const struct hyfw_map none = { 0 };
	struct hyfw_config *config = NULL;
	struct hyfw_driver *keeper;
	int result = hyfw_config_load_to_show(&cli->context, cli->config_given, NULL, &config, err);

	hyfw_config_free(config);
	if (result == 0)
		result = hyfw_registry_get(HYFW_KIND_ISOLATION, KEEPER, &keeper, err);
	return result < 0 ? result : hyfw_isolation_operate(keeper, &none, &operation, ret_rows, err);
}

/* ---- printing ---- */

static void add_row(struct hyfw_table *table, const struct hyfw_map *rows, size_t at)
{
	hyfw_table_add(table, rows->items[at].value);
	if (hyfw_cli_row_value(rows, at, "damaged"))
		hyfw_table_add(table, "damaged");
	else
		hyfw_cli_add_time(table, hyfw_cli_row_value(rows, at, "created"));
	hyfw_table_add(table, hyfw_cli_row_value(rows, at, "workload"));
	hyfw_cli_add_bytes(table, hyfw_cli_row_value(rows, at, "memory"));
	hyfw_table_add(table, hyfw_cli_row_value(rows, at, "vcpus"));
	hyfw_cli_add_bytes(table, hyfw_cli_row_value(rows, at, "bytes"));
	hyfw_table_add(table, hyfw_cli_row_value(rows, at, "users"));
}

static void print_table(const struct hyfw_map *rows)
{
	static const char *const head[] = { "NAME", "CREATED", "MADE OF", "MEMORY", "VCPUS", "SIZE", "USED BY" };

	hyfw_cli_print_row_table(rows, head, HYFW_COUNT(head), add_row);
}

static void print_facts(const struct hyfw_map *rows)
{
	size_t i;

	for (i = 0; i < rows->count; i++)
		if (strcmp(rows->items[i].key, "row") != 0)
			printf("%-24s %s\n", rows->items[i].key, rows->items[i].value);
}

/* ---- verbs ---- */

static int create(struct hyfw_cli *cli, char **words)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_pairs args = { 0 };
	struct hyfw_map nothing = { 0 };
	int status;

	hyfw_pairs_set(&args, "name", words[0]);
	status = hyfw_cli_operate(cli, words[1], "template-create", &args, arena, &nothing);
	hyfw_pairs_finish(&args);
	if (status == 0)
		puts(words[0]);
	return status;
}

static int show(struct hyfw_cli *cli, const char *verb, const char *object)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_error *err = NULL;
	struct hyfw_map rows = { 0 };

	if (ask_keeper(cli, verb, object, arena, &rows, &err) < 0)
		return hyfw_cli_error(err);
	if (cli->json)
		hyfw_cli_print_rows(&rows);
	else if (*object)
		print_facts(&rows);
	else
		print_table(&rows);
	return 0;
}

static int list(struct hyfw_cli *cli, char **words)
{
	(void)words;
	return show(cli, "template-list", "");
}

static int inspect(struct hyfw_cli *cli, char **words)
{
	return show(cli, "template-inspect", words[0]);
}

/* Workloads that were made for it and have not been started: the driver knows the others. */
static int check_unnamed(const char *template, struct hyfw_error **err)
{
	struct hyfw_strings names = { 0 };
	int result = hyfw_store_workloads(&names, err);
	size_t i;

	for (i = 0; result == 0 && i < names.count; i++) {
		HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
		HYFW_AUTO_ERROR struct hyfw_error *ignored = NULL;
		const char *named;

		if (hyfw_store_definition(names.items[i], &definition, &ignored) < 0)
			continue; /* it goes just now */
		named = hyfw_definition_get(definition, "template");
		if (named && strcmp(named, template) == 0)
			result = hyfw_fail(err, EBUSY, "template %s is used by %s; `hyfw rm %s` first", template,
					   names.items[i], names.items[i]);
	}
	hyfw_strings_finish(&names);
	return result;
}

static int remove_one(struct hyfw_cli *cli, const char *name)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_error *err = NULL;
	struct hyfw_map nothing = { 0 };

	if (check_unnamed(name, &err) < 0 || ask_keeper(cli, "template-remove", name, arena, &nothing, &err) < 0)
		return hyfw_cli_error(err);
	puts(name);
	return 0;
}

static int remove_all(struct hyfw_cli *cli, char **words)
{
	int status = 0;

	for (; *words; words++) {
		int one = remove_one(cli, *words);

		status = status ? status : one;
	}
	return status;
}

/* ---- command ---- */

static const struct {
	const char *name, *wanted;
	int least, most; /* words after it */
	int (*run)(struct hyfw_cli *cli, char **words);
} verbs[] = {
	{ "create", "a name and a workload are needed", 2, 2, create },
	{ "list", "it takes no words", 0, 0, list },
	{ "ls", "it takes no words", 0, 0, list },
	{ "inspect", "one name is needed", 1, 1, inspect },
	{ "rm", "a name is needed", 1, 1 << 10, remove_all },
};

static int template_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "format", required_argument, NULL, 'f' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	size_t i;
	int flag, words;

	while ((flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		if (flag == 'h') {
			hyfw_session_help(&hyfw_command_template, help);
			return 0;
		}
		if (flag != 'f' || hyfw_cli_format(cli, optarg) < 0)
			return HYFW_EXIT_FAILED;
	}
	words = argc - optind - 1;
	if (words < 0)
		return hyfw_cli_usage(&hyfw_command_template, "a verb is missing: create, list, inspect or rm");
	for (i = 0; i < HYFW_COUNT(verbs) && strcmp(verbs[i].name, argv[optind]) != 0; i++)
		continue;
	if (i == HYFW_COUNT(verbs))
		return hyfw_cli_usage(&hyfw_command_template, "there is no verb %s", argv[optind]);
	if (words < verbs[i].least || words > verbs[i].most)
		return hyfw_cli_usage(&hyfw_command_template, "%s: %s", verbs[i].name, verbs[i].wanted);
	hyfw_session_begin(cli);
	return verbs[i].run(cli, argv + optind + 1);
}

const struct hyfw_command hyfw_command_template = {
	.name = "template",
	.usage = "template create|list|inspect|rm [FLAGS] [NAME] [WORKLOAD]",
	.summary = "Keep running machines for others to start from",
	.main = template_main,
};
