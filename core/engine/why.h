/* SPDX-License-Identifier: BSD-3-Clause
 * What was refused to a workload: every security module tells of its own rules
 * (hyfw_security_ops.explain). */
#ifndef HYFW_ENGINE_WHY_H
#define HYFW_ENGINE_WHY_H

#include "engine/store.h"

struct hyfw_why {
	const struct hyfw_state *state; /* of a workload that runs or not */
	struct hyfw_map args;           /* follow, policy: see there */
	/* What 'module' tells. */
	void (*take)(void *data, const char *module, const struct hyfw_map *rows);
	void *data;
};

int hyfw_why_ask(const struct hyfw_why *why, struct hyfw_error **err);

#endif
