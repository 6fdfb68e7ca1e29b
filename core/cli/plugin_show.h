/* SPDX-License-Identifier: BSD-3-Clause
 * One plugin for people and for programs; `hyfw plugin inspect`. */
#ifndef HYFW_CLI_PLUGIN_SHOW_H
#define HYFW_CLI_PLUGIN_SHOW_H

#include <hyfw/plugin.h>

#include "plugin/trust.h"

/* All that is known of a plugin; borrowed. */
struct hyfw_plugin_view {
	const char *path;
	const char *refusal;              /* NULL when it was loaded; else the following is not set */
	const struct hyfw_plugin *plugin;
	struct hyfw_probe probe;
	const struct hyfw_trust_trail *trail;
};

void hyfw_plugin_print(const struct hyfw_plugin_view *view);
struct json_object *hyfw_plugin_json(const struct hyfw_plugin_view *view); /* owned by the caller */

const char *hyfw_plugin_result_word(enum hyfw_probe_result result);

#endif
