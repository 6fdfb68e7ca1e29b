/* SPDX-License-Identifier: BSD-3-Clause
 * [pool NAME] sections on their way to the drivers that keep disks in them: as elements
 * of their list option HYFW_OPTION_POOL (plugin.h), so that they go wherever the other
 * settings of a driver go. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/private.h"

#define DEFAULT_POOL "default"

static bool takes_pools(const struct hyfw_config *config, size_t index)
{
	const struct hyfw_config_option *option = &config->options[index];

	return option->kind == HYFW_KIND_STORAGE && option->key.option.scope == HYFW_SCOPE_PLUGIN &&
	       (option->key.option.flags & HYFW_OPTION_LIST) &&
	       strcmp(option->key.option.name, HYFW_OPTION_POOL) == 0;
}

/* Drivers that take pools get a section, which then has its defaults. */
void hyfw_config_expect_pools(struct hyfw_config *config)
{
	const struct hyfw_config_section *pool;
	size_t cursor = 0, i;

	pool = hyfw_config_next(config, "pool", &cursor);
	for (i = 0; pool && i < config->option_count; i++)
		if (takes_pools(config, i) && !hyfw_config_find(config, "plugin", config->options[i].driver))
			hyfw_config_section_add(config, hyfw_config_section_new("plugin", config->options[i].driver,
										 &pool->origin));
}

static int check_pool(const struct hyfw_config_section *pool, struct hyfw_error **err)
{
	if (!hyfw_map_get(&pool->map, "path") && hyfw_map_bool(&pool->map, "shared", false))
		return hyfw_config_fail(err, EINVAL, pool, "shared",
					"hyfw's own directory is not for several hosts; set `path`");
	if (hyfw_map_get(&pool->map, "path") || strcmp(pool->name, DEFAULT_POOL) == 0)
		return 0;
	return hyfw_config_fail_section(err, EINVAL, pool, "set `path`, the directory of its disks");
}

static void hand_over(const struct hyfw_config *config, struct hyfw_config_section *plugin)
{
	struct hyfw_pairs pairs = { 0 };
	const struct hyfw_config_section *pool;
	struct hyfw_map before = plugin->map;
	size_t cursor = 0;

	hyfw_pairs_add_map(&pairs, &before);
	while ((pool = hyfw_config_next(config, "pool", &cursor))) {
		const char *path = hyfw_map_get(&pool->map, "path"), *size = hyfw_map_get(&pool->map, "size");
		const bool shared = hyfw_map_bool(&pool->map, "shared", false);
		HYFW_AUTO_FREE char *text = hyfw_format("%s|%s|%s%s", pool->name, path ? path : "", size ? size : "0",
							shared ? "|shared" : "");

		hyfw_pairs_add(&pairs, HYFW_OPTION_POOL, text);
	}
	plugin->map = hyfw_pairs_map(&pairs);
	pairs = (struct hyfw_pairs){ before.count, before.count,
				     (struct hyfw_pair *)(uintptr_t)before.items };
	hyfw_pairs_finish(&pairs);
}

int hyfw_config_hand_over_pools(struct hyfw_config *config, struct hyfw_error **err)
{
	const struct hyfw_config_section *pool;
	size_t cursor = 0, i;
	int result = 0;

	while (result == 0 && (pool = hyfw_config_next(config, "pool", &cursor)))
		result = check_pool(pool, err);
	for (i = 0; result == 0 && i < config->option_count; i++) {
		struct hyfw_config_section *plugin = takes_pools(config, i) ?
							     hyfw_config_find(config, "plugin", config->options[i].driver) :
							     NULL;

		if (plugin && hyfw_config_count(plugin, HYFW_OPTION_POOL) > 0)
			result = hyfw_config_fail(err, EINVAL, plugin, HYFW_OPTION_POOL,
						  "pools are sections of their own: [pool NAME]");
		else if (plugin)
			hand_over(config, plugin);
	}
	return result;
}
