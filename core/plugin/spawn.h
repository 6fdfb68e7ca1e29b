/* SPDX-License-Identifier: BSD-3-Clause
 * Runs a program to its end: no shell, a fixed environment, a time limit, bounded
 * output.  The service hyfw_host.run(). */
#ifndef HYFW_PLUGIN_SPAWN_H
#define HYFW_PLUGIN_SPAWN_H

#include <hyfw/host.h>

#include "base/error.h"

int hyfw_spawn_run(struct hyfw_arena *arena, const struct hyfw_program *given, char **ret_output,
		   struct hyfw_error **err);

#endif
