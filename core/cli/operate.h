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

#endif
