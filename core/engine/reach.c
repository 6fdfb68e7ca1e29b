/* SPDX-License-Identifier: BSD-3-Clause
 * Operations are in operate.c. */
#include "engine/reach.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "engine/ask.h"

/* How it is to be reached. */
struct reach {
	struct hyfw_driver *driver;
	struct hyfw_pairs record;
	struct hyfw_map map;
	bool held;
};

static int reach(const struct hyfw_state *state, struct reach *reach, struct hyfw_error **err)
{
	const char *isolation = hyfw_definition_isolation(state->definition);
	int result;

	*reach = (struct reach){ 0 };
	result = hyfw_definition_driver(state->definition, HYFW_KIND_ISOLATION, isolation, &reach->driver, err);
	if (result < 0)
		return result;
	reach->held = hyfw_driver_can(reach->driver, HYFW_HELD_BY_MONITOR);
	if (!reach->held && state->journal)
		hyfw_journal_record(state->journal, HYFW_KIND_ISOLATION, isolation, NULL, &reach->record);
	reach->map = hyfw_pairs_map(&reach->record);
	return 0;
}

int hyfw_reach_signal(const struct hyfw_state *state, int signal, bool all, struct hyfw_error **err)
{
	struct json_object *args;
	struct reach way;
	int result = reach(state, &way, err);

	if (result == 0 && way.held) {
		args = json_object_new_object();
		hyfw_json_add_number(args, "signal", signal);
		hyfw_json_add_bool(args, "all", all);
		result = hyfw_ask(state->definition->name, "signal", args, NULL, err);
	} else if (result == 0) {
		result = hyfw_isolation_signal(way.driver, &way.map, signal, all, err);
	}
	hyfw_pairs_finish(&way.record);
	return result;
}

int hyfw_reach_stats(const struct hyfw_state *state, struct hyfw_stats *stats, struct hyfw_error **err)
{
	struct json_object *answer = NULL, *figures;
	struct reach way;
	int result = reach(state, &way, err);

	if (result == 0 && way.held)
		result = hyfw_ask(state->definition->name, "stats", NULL, &answer, err);
	else if (result == 0)
		result = hyfw_isolation_stats(way.driver, &way.map, stats, err);
	if (result == 0 && json_object_object_get_ex(answer, "stats", &figures))
		hyfw_wire_to_stats(figures, stats);
	json_object_put(answer);
	hyfw_pairs_finish(&way.record);
	return result;
}

int hyfw_reach_describe(const struct hyfw_state *state, struct hyfw_arena *arena, struct hyfw_map *ret_facts,
			struct hyfw_error **err)
{
	struct json_object *answer = NULL, *facts;
	struct reach way;
	int result = reach(state, &way, err);

	if (result == 0 && way.held)
		result = hyfw_ask(state->definition->name, "describe", NULL, &answer, err);
	else if (result == 0)
		result = hyfw_isolation_describe(way.driver, &way.map, arena, ret_facts, err);
	if (result == 0 && way.held &&
	    (!json_object_object_get_ex(answer, "facts", &facts) ||
	     hyfw_wire_to_map(facts, arena, ret_facts) < 0))
		result = hyfw_fail(err, EBADMSG, "workload %s: its monitor answers in an unknown way",
				   state->definition->name);
	json_object_put(answer);
	hyfw_pairs_finish(&way.record);
	return result;
}

int hyfw_reach_exec(const struct hyfw_state *state, const struct hyfw_exec *exec, struct hyfw_arena *arena,
		    struct hyfw_driver **ret_driver, struct hyfw_running *ret_running, struct hyfw_error **err)
{
	struct reach way;
	int result = reach(state, &way, err);

	if (result == 0 && way.held)
		result = hyfw_fail(err, EOPNOTSUPP, "isolation %s: cannot run a further command in a workload",
				   hyfw_driver_name(way.driver));
	if (result == 0)
		result = hyfw_isolation_exec(way.driver, &way.map, exec, arena, ret_running, err);
	if (result == 0)
		*ret_driver = way.driver;
	hyfw_pairs_finish(&way.record);
	return result;
}

int hyfw_reach_pause(const char *name, bool paused, struct hyfw_error **err)
{
	return hyfw_ask(name, paused ? "pause" : "resume", NULL, NULL, err);
}

int hyfw_reach_reload(const char *name, struct hyfw_error **err)
{
	return hyfw_ask(name, "reload", NULL, NULL, err);
}
