/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/adopt.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

/* ---- what goes along ---- */

char *hyfw_adopt_offer(struct hyfw_definition *definition)
{
	const struct hyfw_option *option;
	struct hyfw_driver *driver;
	size_t i;

	if (hyfw_definition_driver(definition, HYFW_KIND_ISOLATION, hyfw_definition_isolation(definition), &driver,
				   NULL) < 0)
		return NULL;
	for (option = hyfw_driver_plugin(driver)->options; option && option->name; option++)
		if (option->flags & HYFW_OPTION_SECRET)
			hyfw_pairs_remove(&definition->settings, option->name);
	for (i = 0; i < definition->plugins.count; i++)
		hyfw_pairs_finish(&definition->plugin_settings[i]);
	hyfw_strings_finish(&definition->plugins);
	return hyfw_definition_to_json(definition);
}
