/* SPDX-License-Identifier: BSD-3-Clause
 * One plugin file looked at closely, for `hyfw plugin inspect`. */
#ifndef HYFW_PLUGIN_INSPECT_H
#define HYFW_PLUGIN_INSPECT_H

#include "plugin/registry.h"
#include "plugin/trust.h"

/* A name in the plugin path, or an absolute path.  'trail' and '*ret_path'
 * (free()) are filled also on failure, as far as it got.  A constructor that
 * crashes is survived.  The driver belongs to the registry. */
int hyfw_plugin_inspect(const char *name_or_path, struct hyfw_trust_trail *trail, char **ret_path,
			struct hyfw_driver **ret_driver, struct hyfw_error **err);

#endif
