/* SPDX-License-Identifier: BSD-3-Clause
 * The foreground of `hyfw run`: signals and the terminal's size go to the
 * workload, its end ends us. */
#ifndef HYFW_CLI_ATTACH_H
#define HYFW_CLI_ATTACH_H

#include <stdbool.h>

#include "engine/launch.h"

/* Blocks the signals that are passed on; before the workload is launched. */
void hyfw_attach_prepare(void);

/* A descriptor of those among them that come from a terminal or end us. */
int hyfw_terminal_signals(void);

/* Waits for the end; the workload's exit status, or 125 with the reason said. */
int hyfw_attach(struct hyfw_launched *launched, const char *name, bool terminal);

/* Raw mode for the terminal on standard input until hyfw_terminal_restore(). */
void hyfw_terminal_raw(void);
void hyfw_terminal_restore(void);
/* rows << 16 | columns; 0 when there is no terminal. */
int hyfw_terminal_size(void);

#endif
