/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw driver: parity, the table of keys by driver; list and inspect are those of
 * hyfw plugin. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/cli.h"
#include "config/parity.h"
#include "plugin/registry.h"

static const enum hyfw_kind others[] = { HYFW_KIND_NETWORK, HYFW_KIND_STORAGE, HYFW_KIND_SECURITY };

struct parity {
	const struct hyfw_plugin **plugins; /* the good ones */
	size_t plugin_count;
	struct hyfw_parity_key *keys;
	size_t key_count;
};

static const char *word_of(enum hyfw_parity parity)
{
	static const char *const words[] = { "refused", "honoured", "own" };

	return words[parity];
}

static enum hyfw_parity of(const struct parity *parity, size_t key, size_t plugin)
{
	return hyfw_parity_of(&parity->keys[key], parity->plugins[plugin], parity->plugins, parity->plugin_count);
}

/* ---- text ---- */

/* "cgroups, other": the drivers of a kind that do something with it; free(). */
static char *names_of(const struct parity *parity, size_t key, enum hyfw_kind kind)
{
	char *text = NULL;
	size_t i;

	for (i = 0; i < parity->plugin_count; i++) {
		char *longer;

		if (parity->plugins[i]->kind != kind || of(parity, key, i) == HYFW_PARITY_REFUSED)
			continue;
		longer = text ? hyfw_format("%s, %s", text, parity->plugins[i]->name) : hyfw_dup(parity->plugins[i]->name);
		free(text);
		text = longer;
	}
	return text;
}

static size_t isolations(const struct parity *parity)
{
	size_t i, count = 0;

	for (i = 0; i < parity->plugin_count; i++)
		count += parity->plugins[i]->kind == HYFW_KIND_ISOLATION;
	return count;
}

static void print_head(const struct parity *parity, struct hyfw_table *table)
{
	size_t i;

	hyfw_table_add(table, "KEY");
	hyfw_table_add(table, "FROM");
	for (i = 0; i < parity->plugin_count; i++)
		if (parity->plugins[i]->kind == HYFW_KIND_ISOLATION)
			hyfw_table_add(table, parity->plugins[i]->name);
	hyfw_table_add(table, "NETWORK");
	hyfw_table_add(table, "STORAGE");
	hyfw_table_add(table, "SECURITY");
}

static void print_text(const struct parity *parity)
{
	struct hyfw_table *table = hyfw_table_new(2 + isolations(parity) + HYFW_COUNT(others));
	size_t key, i;

	print_head(parity, table);
	for (key = 0; key < parity->key_count; key++) {
		hyfw_table_add(table, parity->keys[key].name);
		hyfw_table_add(table, parity->keys[key].from ? parity->keys[key].from : "hyfw");
		for (i = 0; i < parity->plugin_count; i++)
			if (parity->plugins[i]->kind == HYFW_KIND_ISOLATION)
				hyfw_table_add(table, word_of(of(parity, key, i)));
		for (i = 0; i < HYFW_COUNT(others); i++) {
			HYFW_AUTO_FREE char *names = names_of(parity, key, others[i]);

			hyfw_table_add(table, names);
		}
	}
	hyfw_table_print(table);
}

/* ---- JSON ---- */

static struct json_object *key_json(const struct parity *parity, size_t key)
{
	struct json_object *object = json_object_new_object(), *drivers[HYFW_KIND_SECURITY + 1];
	size_t i;

	hyfw_json_add_text(object, "key", parity->keys[key].name);
	hyfw_json_add_text(object, "from", parity->keys[key].from);
	hyfw_json_add_text(object, "help", parity->keys[key].help);
	hyfw_json_add_bool(object, "core", hyfw_parity_by_core(&parity->keys[key]));
	for (i = HYFW_KIND_ISOLATION; i <= HYFW_KIND_SECURITY; i++) {
		drivers[i] = json_object_new_object();
		json_object_object_add(object, hyfw_kind_name((enum hyfw_kind)i), drivers[i]);
	}
	for (i = 0; i < parity->plugin_count; i++)
		hyfw_json_add_text(drivers[parity->plugins[i]->kind], parity->plugins[i]->name, word_of(of(parity, key, i)));
	return object;
}

static void print_json(const struct parity *parity)
{
	struct json_object *array = json_object_new_array();
	size_t key;

	for (key = 0; key < parity->key_count; key++)
		json_object_array_add(array, key_json(parity, key));
	hyfw_cli_print_json(array);
	json_object_put(array);
}

/* ---- the command ---- */

static int show_parity(const struct hyfw_cli *cli)
{
	struct hyfw_plugin_report *reports = NULL;
	struct hyfw_error *err = NULL;
	struct parity parity = { 0 };
	size_t count, i;

	if (hyfw_registry_scan(&reports, &count, &err) < 0)
		return hyfw_cli_error(err);
	parity.plugins = hyfw_new((count + 1) * sizeof(const struct hyfw_plugin *));
	for (i = 0; i < count; i++)
		if (reports[i].plugin)
			parity.plugins[parity.plugin_count++] = reports[i].plugin;
		else
			fprintf(stderr, "hyfw: driver %s is left out: %s\n", reports[i].name, reports[i].refusal);
	hyfw_parity_keys(parity.plugins, parity.plugin_count, &parity.keys, &parity.key_count);
	if (cli->json)
		print_json(&parity);
	else
		print_text(&parity);
	free(parity.keys);
	free(parity.plugins);
	hyfw_plugin_reports_free(reports, count);
	return 0;
}

static int print_help(void)
{
	printf("Usage: hyfw %s\n\n"
	       "  parity          each key of [workload]: whether a workload of an isolation driver\n"
	       "                  may have it (honoured, or the driver's own) or is refused with it,\n"
	       "                  and which other drivers put it into effect\n"
	       "  list, inspect   as `hyfw plugin` does\n"
	       "  -h, --help      this text\n",
	       hyfw_command_driver.usage);
	return 0;
}

static int driver_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = {
		{ "format", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int flag;

	if (argc > 1 && (strcmp(argv[1], "list") == 0 || strcmp(argv[1], "ls") == 0 || strcmp(argv[1], "inspect") == 0))
		return hyfw_command_plugin.main(cli, argc, argv);
	while ((flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		if (flag == 'h')
			return print_help();
		if (flag != 'f' || hyfw_cli_format(cli, optarg) < 0)
			return HYFW_EXIT_FAILED;
	}
	if (argc - optind == 1 && strcmp(argv[optind], "parity") == 0)
		return show_parity(cli);
	return hyfw_cli_usage(&hyfw_command_driver, argc == optind ? "what to do?" : "there is no '%s'",
			      argc == optind ? "" : argv[optind]);
}

const struct hyfw_command hyfw_command_driver = {
	.name = "driver",
	.usage = "driver parity [--format table|json] | driver list | driver inspect NAME|PATH",
	.summary = "Show which keys come to something with which driver",
	.main = driver_main,
};
