/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cli/disk.h"
#include "cli/operate.h"

#define ROW "row" /* begins each thing of a list */

/* Keys whose values are bytes: shown as such to people. */
static bool is_bytes(const char *key)
{
	static const char *const keys[] = { "size", "used", "available", "bytes", "virtual_size", "actual_size" };
	size_t i;

	for (i = 0; i < HYFW_COUNT(keys); i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

/* A version or a label of digits is text, so only keys that count something are numbers. */
static bool is_number(const char *key, const char *value)
{
	static const char *const keys[] = { "errors", "leaks", "corruptions", "uid", "gid", "cluster_size" };
	size_t i, digits = strspn(value, "0123456789");

	if (!digits || value[digits] || digits > 19)
		return false;
	if (is_bytes(key))
		return true;
	for (i = 0; i < HYFW_COUNT(keys); i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

static void add_member(struct json_object *object, const struct hyfw_pair *pair)
{
	if (is_number(pair->key, pair->value))
		json_object_object_add(object, pair->key, json_object_new_uint64(strtoull(pair->value, NULL, 10)));
	else if (strcmp(pair->value, "true") == 0 || strcmp(pair->value, "false") == 0)
		hyfw_json_add_bool(object, pair->key, pair->value[0] == 't');
	else
		hyfw_json_add_text(object, pair->key, pair->value);
}

/* Names come out of a stranger's file system: nothing in them reaches the terminal as control. */
static char *cell_of(const char *key, const char *value)
{
	char *cell, *at;

	if (!value)
		return hyfw_dup("");
	if (is_bytes(key) && is_number(key, value))
		return hyfw_dup(hyfw_cli_bytes(strtoull(value, NULL, 10)));
	cell = hyfw_dup(value);
	for (at = cell; *at; at++)
		if (iscntrl((unsigned char)*at))
			*at = '?';
	return cell;
}

static void facts_json(const struct hyfw_map *result)
{
	struct json_object *object = json_object_new_object();
	size_t i;

	for (i = 0; i < result->count; i++)
		add_member(object, &result->items[i]);
	hyfw_cli_print_json(object);
	json_object_put(object);
}

static void facts_table(const struct hyfw_map *result)
{
	struct hyfw_table *table = hyfw_table_new(2);
	size_t i;

	for (i = 0; i < result->count; i++) {
		HYFW_AUTO_FREE char *cell = cell_of(result->items[i].key, result->items[i].value);

		hyfw_table_add(table, result->items[i].key);
		hyfw_table_add(table, cell);
	}
	hyfw_table_print(table);
}

static void rows_json(const struct hyfw_map *result)
{
	struct json_object *list = json_object_new_array(), *object = NULL;
	size_t i;

	for (i = 0; i < result->count; i++) {
		const struct hyfw_pair *pair = &result->items[i];

		if (strcmp(pair->key, ROW) == 0 || !object) {
			object = json_object_new_object();
			json_object_array_add(list, object);
		}
		if (strcmp(pair->key, ROW) != 0)
			add_member(object, pair);
	}
	hyfw_cli_print_json(list);
	json_object_put(list);
}

static void add_head(struct hyfw_table *table, const char *key)
{
	HYFW_AUTO_FREE char *head = hyfw_dup(key);
	char *at;

	for (at = head; *at; at++)
		*at = (char)toupper((unsigned char)*at);
	hyfw_table_add(table, head);
}

/* With 'quiet' just the first column, without head. */
static void rows_table(const struct disk_verb *verb, const struct hyfw_map *result, bool quiet)
{
	size_t columns = 0, column, i;
	struct hyfw_table *table;

	while (verb->columns[columns] && !(quiet && columns == 1))
		columns++;
	table = hyfw_table_new(columns);
	for (column = 0; column < columns && !quiet; column++)
		add_head(table, verb->columns[column]);
	for (i = 0; i < result->count; i++) {
		if (strcmp(result->items[i].key, ROW) != 0)
			continue;
		for (column = 0; column < columns; column++) {
			const char *key = verb->columns[column];
			HYFW_AUTO_FREE char *cell = cell_of(key, hyfw_cli_row_value(result, i, key));

			hyfw_table_add(table, cell);
		}
	}
	hyfw_table_print(table);
}

void disk_show(struct hyfw_cli *cli, const struct disk_verb *verb, const struct hyfw_map *result)
{
	if (verb->result == DISK_FACTS && cli->json)
		facts_json(result);
	else if (verb->result == DISK_FACTS)
		facts_table(result);
	else if (verb->result == DISK_ROWS && cli->json)
		rows_json(result);
	else if (verb->result == DISK_ROWS)
		rows_table(verb, result, cli->quiet);
}
