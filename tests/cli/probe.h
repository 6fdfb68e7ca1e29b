/* SPDX-License-Identifier: BSD-3-Clause
 * What probe.c and probe_calls.c share. */
#ifndef HYFW_PROBE_H
#define HYFW_PROBE_H

#include <stddef.h>

struct probe_call {
	const char *name;
	long (*call)(void); /* negative, with errno, when it was refused */
};

extern const struct probe_call probe_calls[];
extern const size_t probe_call_count;

#endif
