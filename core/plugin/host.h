/* SPDX-License-Identifier: BSD-3-Clause
 * The host table handed to drivers (sdk/include/hyfw/host.h). */
#ifndef HYFW_PLUGIN_HOST_H
#define HYFW_PLUGIN_HOST_H

#include <hyfw/host.h>

#include "base/error.h"

/* The table for the current context (base/context.h); valid for the process. */
const struct hyfw_host *hyfw_host_table(void);

/* plan_step() and note() end here; core/engine implements them and sets these at
 * start.  Tests set their own. */
struct hyfw_host_hooks {
	int (*plan_step)(struct hyfw_plan *plan, const struct hyfw_step *step, struct hyfw_error **err);
	int (*note)(struct hyfw_call *call, const char *key, const char *value, struct hyfw_error **err);
};
void hyfw_host_set_hooks(const struct hyfw_host_hooks *hooks);

#endif
