/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/signals.h"

#include <signal.h>

#include <stdlib.h>

#include "base/cleanup.h"
#include "config/normalize.h"

bool hyfw_signal_ends(int signal_number)
{
	return signal_number == SIGINT || signal_number == SIGTERM || signal_number == SIGQUIT;
}

int hyfw_signal_number(const char *name)
{
	HYFW_AUTO_FREE char *number = NULL;

	return hyfw_normalize_signal(name, &number, NULL) == 0 ? atoi(number) : -1;
}
