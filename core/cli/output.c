/* SPDX-License-Identifier: BSD-3-Clause
 * Messages, tables and JSON as all commands print them. */
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/cli.h"

int hyfw_cli_error(struct hyfw_error *err)
{
	int status = err ? err->status : HYFW_EXIT_FAILED;

	fflush(stdout);
	fprintf(stderr, "hyfw: %s\n", err ? err->message : "unknown failure");
	hyfw_error_free(err);
	return status;
}

int hyfw_cli_usage(const struct hyfw_command *command, const char *format, ...)
{
	va_list args;

	fflush(stdout);
	fprintf(stderr, "hyfw %s: ", command->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nUsage: hyfw %s\n", command->usage);
	return HYFW_EXIT_FAILED;
}

int hyfw_cli_format(struct hyfw_cli *cli, const char *format)
{
	if (strcmp(format, "json") != 0 && strcmp(format, "table") != 0) {
		fprintf(stderr, "hyfw: --format %s: must be table or json\n", format);
		return -1;
	}
	cli->json = strcmp(format, "json") == 0;
	return 0;
}

/* ---- tables ---- */

struct hyfw_table {
	size_t columns;
	struct hyfw_strings cells;
};

struct hyfw_table *hyfw_table_new(size_t columns)
{
	struct hyfw_table *table = hyfw_new(sizeof(*table));

	table->columns = columns;
	return table;
}

void hyfw_table_add(struct hyfw_table *table, const char *cell)
{
	hyfw_strings_add(&table->cells, cell && *cell ? cell : "-");
}

void hyfw_table_print(struct hyfw_table *table)
{
	size_t *widths = hyfw_new(table->columns * sizeof(*widths));
	size_t i;

	for (i = 0; i < table->cells.count; i++) {
		size_t width = strlen(table->cells.items[i]);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	for (i = 0; i < table->cells.count; i++) {
		if ((i + 1) % table->columns == 0)
			printf("%s\n", table->cells.items[i]);
		else
			printf("%-*s  ", (int)widths[i % table->columns], table->cells.items[i]);
	}
	free(widths);
	hyfw_strings_finish(&table->cells);
	free(table);
}

/* ---- JSON and figures ---- */

void hyfw_cli_print_json(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
}

const char *hyfw_cli_bytes(unsigned long long bytes)
{
	static char buffers[8][24];
	static unsigned next;
	static const char units[] = "BKMGTPE";
	char *buffer = buffers[next++ % 8];
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 2 < sizeof(units)) {
		value /= 1024;
		unit++;
	}
	snprintf(buffer, sizeof(buffers[0]), unit ? "%.1f%c" : "%.0f%c", value, units[unit]);
	return buffer;
}
