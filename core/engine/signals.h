/* SPDX-License-Identifier: BSD-3-Clause
 * Signal names: "TERM", "SIGTERM", "SIGRTMIN+3", "15"; as in the key stop_signal. */
#ifndef HYFW_ENGINE_SIGNALS_H
#define HYFW_ENGINE_SIGNALS_H

#include <stdbool.h>

/* The number, or -1 for what is no signal. */
int hyfw_signal_number(const char *name);

/* Whether it asks a program to end for good: no restart follows. */
bool hyfw_signal_ends(int signal_number);

#endif
