/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/operate.h"

#include <json-c/json.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "cli/progress.h"
#include "engine/events.h"
#include "engine/reach.h"

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static bool is_cancelled(const struct hyfw_operation *operation)
{
	(void)operation;
	return interrupted != 0;
}

static void on_progress(const struct hyfw_operation *operation, uint64_t done, uint64_t total)
{
	(void)operation;
	hyfw_progress_show(done, total);
}

/* Those that only look are no events. */
static bool changes_something(const char *verb)
{
	return strcmp(verb, "display") != 0 && strcmp(verb, "snapshot-list") != 0;
}

int hyfw_cli_operate(struct hyfw_cli *cli, const char *workload, const char *verb, const struct hyfw_pairs *args,
		     struct hyfw_arena *arena, struct hyfw_map *ret_result)
{
	const struct sigaction once = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
	struct hyfw_operation operation = { .verb = verb, .args = hyfw_pairs_map(args), .input_fd = -1,
					    .output_fd = -1, .arena = arena, .progress = on_progress,
					    .cancelled = is_cancelled };
	struct hyfw_error *err = NULL;
	int result;

	interrupted = 0;
	sigaction(SIGINT, &once, NULL);
	sigaction(SIGTERM, &once, NULL);
	hyfw_progress_begin(workload, cli->quiet);
	result = hyfw_reach_operate(workload, &operation, ret_result, &err);
	hyfw_progress_end();
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (result < 0)
		return hyfw_cli_error(err);
	if (changes_something(verb))
		hyfw_event(workload, verb, NULL, NULL);
	return 0;
}

/* ---- rows ---- */

void hyfw_cli_print_rows(const struct hyfw_map *rows)
{
	struct json_object *array = json_object_new_array(), *object = NULL;
	size_t i;

	for (i = 0; i < rows->count; i++) {
		if (strcmp(rows->items[i].key, "row") == 0) {
			object = json_object_new_object();
			json_object_array_add(array, object);
		} else if (object) {
			hyfw_json_add_text(object, rows->items[i].key, rows->items[i].value);
		}
	}
	hyfw_cli_print_json(array);
	json_object_put(array);
}

const char *hyfw_cli_row_value(const struct hyfw_map *rows, size_t at, const char *key)
{
	for (at++; at < rows->count && strcmp(rows->items[at].key, "row") != 0; at++)
		if (strcmp(rows->items[at].key, key) == 0)
			return rows->items[at].value;
	return NULL;
}

void hyfw_cli_print_row_table(const struct hyfw_map *rows, const char *const *head, size_t columns,
			      void (*add)(struct hyfw_table *table, const struct hyfw_map *rows, size_t at))
{
	struct hyfw_table *table = hyfw_table_new(columns);
	size_t i;

	for (i = 0; i < columns; i++)
		hyfw_table_add(table, head[i]);
	for (i = 0; i < rows->count; i++)
		if (strcmp(rows->items[i].key, "row") == 0)
			add(table, rows, i);
	hyfw_table_print(table);
}

void hyfw_cli_add_time(struct hyfw_table *table, const char *seconds)
{
	const time_t time = seconds ? (time_t)strtoll(seconds, NULL, 10) : 0;
	char when[32] = "";
	struct tm parts;

	if (seconds && gmtime_r(&time, &parts))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &parts);
	hyfw_table_add(table, when);
}

void hyfw_cli_add_bytes(struct hyfw_table *table, const char *bytes)
{
	hyfw_table_add(table, bytes ? hyfw_cli_bytes(strtoull(bytes, NULL, 10)) : NULL);
}
