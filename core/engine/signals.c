/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/signals.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int hyfw_signal_number(const char *name)
{
	char *end;
	long number = strtol(name, &end, 10);
	int i;

	if (*name && *end == '\0')
		return number > 0 && number <= SIGRTMAX ? (int)number : -1;
	if (strncasecmp(name, "SIG", 3) == 0)
		name += 3;
	for (i = 1; i < SIGRTMIN; i++) {
		const char *known = sigabbrev_np(i);

		if (known && strcasecmp(known, name) == 0)
			return i;
	}
	return -1;
}
