/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw config show: what the configuration comes to, and where each value is
 * from.  What is printed can be read back as INI. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/cli.h"
#include "config/load.h"

static const char *const section_types[] = { "hyfw", "defaults", "workload", "network", "volume", "plugin" };

static const char *shown(const struct hyfw_config_value *value)
{
	return value->secret ? "***" : value->text;
}

static char *origin_text(const struct hyfw_origin *origin)
{
	if (origin->kind == HYFW_ORIGIN_FILE)
		return hyfw_format("%s:%u", origin->file, origin->line);
	return hyfw_dup(origin->kind == HYFW_ORIGIN_FLAG ? origin->file : "default");
}

/* ---- text ---- */

static int line_width(const struct hyfw_config_section *section)
{
	size_t widest = 0, i;

	for (i = 0; i < section->count; i++) {
		size_t width = strlen(section->values[i].key) + strlen(shown(&section->values[i])) + 3;

		if (width > widest && width <= 48)
			widest = width;
	}
	return (int)widest;
}

static void print_section(const struct hyfw_config_section *section, bool origin)
{
	int width = line_width(section);
	size_t i;

	printf("[%s%s%s]\n", section->type, *section->name ? " " : "", section->name);
	for (i = 0; i < section->count; i++) {
		const struct hyfw_config_value *value = &section->values[i];
		HYFW_AUTO_FREE char *from = origin_text(&value->origin);
		HYFW_AUTO_FREE char *line = hyfw_format("%s =%s%s", value->key, *value->text ? " " : "", shown(value));

		if (origin)
			printf("%-*s  ; %s\n", width, line, from);
		else
			puts(line);
	}
}

static void print_text(const struct hyfw_config *config, bool origin)
{
	const struct hyfw_config_section *section;
	bool first = true;
	size_t type;

	for (type = 0; type < HYFW_COUNT(section_types); type++) {
		size_t cursor = 0;

		while ((section = hyfw_config_next(config, section_types[type], &cursor))) {
			if (!first)
				putchar('\n');
			first = false;
			print_section(section, origin);
		}
	}
}

/* ---- JSON ---- */

static struct json_object *value_json(const struct hyfw_config_value *value)
{
	HYFW_AUTO_FREE char *from = origin_text(&value->origin);
	struct json_object *object = json_object_new_object();

	hyfw_json_add_text(object, "key", value->key);
	hyfw_json_add_text(object, "text", shown(value));
	if (value->normal)
		hyfw_json_add_text(object, "value", value->secret ? "***" : value->normal);
	hyfw_json_add_text(object, "origin", from);
	return object;
}

static void print_json(const struct hyfw_config *config)
{
	struct json_object *all = json_object_new_array();
	const struct hyfw_config_section *section;
	size_t type, i;

	for (type = 0; type < HYFW_COUNT(section_types); type++) {
		size_t cursor = 0;

		while ((section = hyfw_config_next(config, section_types[type], &cursor))) {
			struct json_object *object = json_object_new_object(), *values = json_object_new_array();

			hyfw_json_add_text(object, "type", section->type);
			hyfw_json_add_text(object, "name", section->name);
			for (i = 0; i < section->count; i++)
				json_object_array_add(values, value_json(&section->values[i]));
			json_object_object_add(object, "values", values);
			json_object_array_add(all, object);
		}
	}
	hyfw_cli_print_json(all);
	json_object_put(all);
}

/* ---- the command ---- */

static int show(struct hyfw_cli *cli, bool origin, char *const *files)
{
	struct hyfw_config *config = NULL;
	struct hyfw_error *err = NULL;

	if (hyfw_config_load_to_show(&cli->context, cli->config_given, (const char *const *)files, &config, &err) < 0)
		return hyfw_cli_error(err);
	if (cli->json)
		print_json(config);
	else
		print_text(config, origin);
	hyfw_config_free(config);
	return 0;
}

static int config_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "origin", no_argument, NULL, 'o' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	bool origin = false;
	int flag;

	while ((flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		if (flag == 'o') {
			origin = true;
		} else if (flag == 'h') {
			printf("Usage: hyfw %s\n\n%s\n\n  --origin  say where each value comes from\n\n"
			       "Without FILE the main configuration is shown.\n",
			       hyfw_command_config.usage, hyfw_command_config.summary);
			return 0;
		} else {
			return HYFW_EXIT_FAILED;
		}
	}
	if (optind == argc)
		return hyfw_cli_usage(&hyfw_command_config, "the verb is missing; there is `show`");
	if (strcmp(argv[optind], "show") != 0)
		return hyfw_cli_usage(&hyfw_command_config, "'%s' is not a verb of it; there is `show`", argv[optind]);
	return show(cli, origin, argv + optind + 1);
}

const struct hyfw_command hyfw_command_config = {
	.name = "config",
	.usage = "config show [--origin] [FILE...]",
	.summary = "Show the effective configuration",
	.main = config_main,
};
