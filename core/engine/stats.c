/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/stats.h"

#include "engine/reach.h"

static int from_security(const struct hyfw_state *state, struct hyfw_stats *stats, struct hyfw_error **err)
{
	const struct hyfw_map settings = hyfw_pairs_map(&state->definition->settings);
	const char *module;
	size_t cursor = 0;
	int result = 0;

	while (result == 0 && (module = hyfw_map_next(&settings, "security", &cursor))) {
		struct hyfw_pairs record = { 0 };
		struct hyfw_driver *driver;
		struct hyfw_map map;

		hyfw_journal_record(state->journal, HYFW_KIND_SECURITY, module, NULL, &record);
		map = hyfw_pairs_map(&record);
		result = hyfw_definition_driver(state->definition, HYFW_KIND_SECURITY, module, &driver, err);
		if (result == 0)
			result = hyfw_security_stats(driver, &map, stats, err);
		hyfw_pairs_finish(&record);
	}
	return result;
}

static int from_networks(const struct hyfw_state *state, struct hyfw_stats *stats, struct hyfw_error **err)
{
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < state->definition->network_count; i++) {
		const struct hyfw_use *use = &state->definition->networks[i];
		struct hyfw_pairs record = { 0 };
		struct hyfw_driver *driver;
		struct hyfw_map map;

		hyfw_journal_record(state->journal, HYFW_KIND_NETWORK, use->driver, use->name, &record);
		map = hyfw_pairs_map(&record);
		result = hyfw_definition_driver(state->definition, HYFW_KIND_NETWORK, use->driver, &driver, err);
		if (result == 0)
			result = hyfw_network_stats(driver, &map, stats, err);
		hyfw_pairs_finish(&record);
	}
	return result;
}

int hyfw_stats_collect(const struct hyfw_state *state, struct hyfw_stats *ret_stats, struct hyfw_error **err)
{
	int result;

	hyfw_stats_init(ret_stats);
	result = from_security(state, ret_stats, err);
	if (result == 0)
		result = from_networks(state, ret_stats, err);
	return result == 0 ? hyfw_reach_stats(state, ret_stats, err) : result;
}
