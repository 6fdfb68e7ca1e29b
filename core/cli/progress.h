/* SPDX-License-Identifier: BSD-3-Clause
 * A progress bar for long work: on standard error, and only when that is a
 * terminal. */
#ifndef HYFW_CLI_PROGRESS_H
#define HYFW_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* Whether a bar is to be shown; 'label' is kept. */
bool hyfw_progress_begin(const char *label, bool quiet);

/* Shows 'done' of 'total' bytes (0: unknown), at most ten times a second. */
void hyfw_progress_show(uint64_t done, uint64_t total);

/* Takes the bar away. */
void hyfw_progress_end(void);

#endif
