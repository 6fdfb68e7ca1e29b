/* SPDX-License-Identifier: BSD-3-Clause
 * Whether what a driver says it needs (struct hyfw_need) is here. */
#ifndef HYFW_PLUGIN_NEEDS_H
#define HYFW_PLUGIN_NEEDS_H

#include <hyfw/plugin.h>

enum hyfw_need_state {
	HYFW_NEED_MISSING = 0,
	HYFW_NEED_MET = 1,
	HYFW_NEED_UNKNOWN = 2, /* only the driver's probe() can tell */
};

/* Looks, and changes nothing. */
enum hyfw_need_state hyfw_need_look(const struct hyfw_need *need);

#endif
