/* SPDX-License-Identifier: BSD-3-Clause
 * Operations of drivers on workloads, as commands do them: with a progress bar, and
 * ^C cancels (a second one ends the command, and the operation with it). */
#ifndef HYFW_CLI_OPERATE_H
#define HYFW_CLI_OPERATE_H

#include <hyfw/types.h>

#include "base/alloc.h"
#include "cli/cli.h"

/* 'ret_result' lives in 'arena'.  0, or the exit status with the failure said. */
int hyfw_cli_operate(struct hyfw_cli *cli, const char *workload, const char *verb, const struct hyfw_pairs *args,
		     struct hyfw_arena *arena, struct hyfw_map *ret_result);

/* A result that lists things as JSON: an array of objects. */
void hyfw_cli_print_rows(const struct hyfw_map *rows);

/* The value of 'key' in the row that begins at 'at'; NULL. */
const char *hyfw_cli_row_value(const struct hyfw_map *rows, size_t at, const char *key);

/* As a table with this head; 'add' adds the cells of one row. */
void hyfw_cli_print_row_table(const struct hyfw_map *rows, const char *const *head, size_t columns,
			      void (*add)(struct hyfw_table *table, const struct hyfw_map *rows, size_t at));

/* Cells of times in seconds, and of bytes; NULL prints as "-". */
void hyfw_cli_add_time(struct hyfw_table *table, const char *seconds);
void hyfw_cli_add_bytes(struct hyfw_table *table, const char *bytes);

#endif
