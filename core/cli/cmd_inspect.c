/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw inspect: settings, state, the live confinement, and with --timing where
 * the time of the start went. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/cli.h"
#include "engine/describe.h"
#include "engine/failover_place.h"
#include "cli/session.h"
#include "cli/timing.h"
#include "engine/reach.h"

/* ---- parts ---- */

/* Repeated keys become arrays. */
static struct json_object *map_to_object(const struct hyfw_map *map)
{
	struct json_object *object = json_object_new_object(), *there;
	size_t i;

	for (i = 0; i < map->count; i++) {
		struct json_object *value = json_object_new_string(map->items[i].value);

		if (!json_object_object_get_ex(object, map->items[i].key, &there)) {
			json_object_object_add(object, map->items[i].key, value);
		} else if (json_object_is_type(there, json_type_array)) {
			json_object_array_add(there, value);
		} else {
			struct json_object *array = json_object_new_array();

			json_object_array_add(array, json_object_get(there));
			json_object_array_add(array, value);
			json_object_object_add(object, map->items[i].key, array);
		}
	}
	return object;
}

static struct json_object *endpoints(const struct hyfw_state *state)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < state->definition->network_count; i++) {
		const struct hyfw_use *use = &state->definition->networks[i];
		struct json_object *object;
		struct hyfw_pairs record = { 0 };
		struct hyfw_map map;

		if (state->journal)
			hyfw_journal_record(state->journal, HYFW_KIND_NETWORK, use->driver, use->name, &record);
		map = hyfw_pairs_map(&record);
		object = map_to_object(&map);
		hyfw_json_add_text(object, "network", use->name);
		hyfw_json_add_text(object, "driver", use->driver);
		json_object_array_add(array, object);
		hyfw_pairs_finish(&record);
	}
	return array;
}

static struct json_object *volumes(const struct hyfw_definition *definition)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < definition->volume_count; i++) {
		struct json_object *object = json_object_new_object();

		hyfw_json_add_text(object, "source", definition->volumes[i].name);
		hyfw_json_add_text(object, "driver", definition->volumes[i].driver);
		hyfw_json_add_text(object, "target", definition->volumes[i].target);
		hyfw_json_add_bool(object, "read_only", definition->volumes[i].read_only);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *disks(const struct hyfw_definition *definition)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < definition->disk_count; i++) {
		const struct hyfw_map options = hyfw_pairs_map(&definition->disks[i].options);
		struct json_object *object = map_to_object(&options);

		hyfw_json_add_text(object, "driver", definition->disks[i].driver);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *idmap(const struct hyfw_definition *definition)
{
	struct json_object *object = json_object_new_object();

	hyfw_json_add_number(object, "host_uid", definition->idmap.host_uid);
	hyfw_json_add_number(object, "host_gid", definition->idmap.host_gid);
	hyfw_json_add_number(object, "count", definition->idmap.count);
	return object;
}

/* What the driver reads from the running process. */
static struct json_object *confinement(const struct hyfw_state *state)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct json_object *object;
	struct hyfw_map facts = { 0 };

	hyfw_reach_describe(state, arena, &facts, &err);
	object = map_to_object(&facts);
	if (err)
		hyfw_json_add_text(object, "unknown", err->message);
	return object;
}

static struct json_object *security_records(const struct hyfw_state *state)
{
	const struct hyfw_map settings = hyfw_pairs_map(&state->definition->settings);
	struct json_object *object = json_object_new_object();
	const char *module;
	size_t cursor = 0;

	while ((module = hyfw_map_next(&settings, "security", &cursor))) {
		struct hyfw_pairs record = { 0 };
		struct hyfw_map map;

		hyfw_journal_record(state->journal, HYFW_KIND_SECURITY, module, NULL, &record);
		map = hyfw_pairs_map(&record);
		json_object_object_add(object, module, map_to_object(&map));
		hyfw_pairs_finish(&record);
	}
	return object;
}

/* What its isolation driver calls a secret is not for logs and screens. */
static void hide_secrets(const struct hyfw_definition *definition, struct json_object *settings)
{
	const struct hyfw_option *option;
	struct hyfw_driver *driver;

	if (hyfw_definition_driver(definition, HYFW_KIND_ISOLATION, hyfw_definition_isolation(definition), &driver,
				   NULL) < 0)
		return;
	for (option = hyfw_driver_plugin(driver)->options; option && option->name; option++)
		if ((option->flags & HYFW_OPTION_SECRET) && json_object_object_get_ex(settings, option->name, NULL))
			json_object_object_add(settings, option->name, json_object_new_string("(secret)"));
}

static struct json_object *inspect(const char *name, const struct hyfw_state *state)
{
	struct json_object *object = hyfw_describe_json(name, state);
	const struct hyfw_map settings = hyfw_pairs_map(&state->definition->settings);

	struct json_object *shown = map_to_object(&settings);

	hide_secrets(state->definition, shown);
	json_object_object_add(object, "settings", shown);
	json_object_object_add(object, "networks", endpoints(state));
	json_object_object_add(object, "volumes", volumes(state->definition));
	json_object_object_add(object, "disks", disks(state->definition));
	json_object_object_add(object, "idmap", idmap(state->definition));
	if (hyfw_failover_wanted(state->definition))
		json_object_object_add(object, "failover", hyfw_failover_noted(state->definition));
	if (hyfw_status_is_up(state->status)) {
		json_object_object_add(object, "confinement", confinement(state));
		json_object_object_add(object, "security", security_records(state));
	}
	return object;
}

/* ---- timing ---- */

static int print_timing(const char *name, const struct hyfw_state *state)
{
	if (!state->journal) {
		fprintf(stderr, "hyfw: workload %s does not run; the times of a start are kept while it does\n",
			name);
		return HYFW_EXIT_FAILED;
	}
	hyfw_timing_print(state->journal, state->journal->begin_us, NULL);
	return 0;
}

/* ---- command ---- */

static int one(const char *name, bool timing, struct json_object *array)
{
	struct hyfw_error *err = NULL;
	struct hyfw_state state;
	int status = 0;

	if (hyfw_state_load(name, &state, &err) < 0)
		status = hyfw_cli_error(err);
	else if (timing)
		status = print_timing(name, &state);
	else
		json_object_array_add(array, inspect(name, &state));
	hyfw_state_finish(&state);
	return status;
}

static int inspect_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "timing", no_argument, NULL, 't' },
					       { "format", required_argument, NULL, 'f' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	struct json_object *array;
	bool timing = false;
	int flag, status = 0;

	while ((flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		switch (flag) {
		case 't': timing = true; break;
		case 'f':
			if (hyfw_cli_format(cli, optarg) < 0)
				return HYFW_EXIT_FAILED;
			break;
		case 'h':
			hyfw_session_help(&hyfw_command_inspect,
					  "      --timing  where the time of the start went\n");
			return 0;
		default: return HYFW_EXIT_FAILED;
		}
	}
	if (optind == argc)
		return hyfw_cli_usage(&hyfw_command_inspect, "the name of a workload is missing");
	hyfw_session_begin(cli);
	array = json_object_new_array();
	for (; optind < argc; optind++) {
		const int result = one(argv[optind], timing, array);

		status = result ? result : status;
	}
	if (!timing)
		hyfw_cli_print_json(array);
	json_object_put(array);
	return status;
}

const struct hyfw_command hyfw_command_inspect = {
	.name = "inspect",
	.usage = "inspect [--timing] WORKLOAD...",
	.summary = "Show everything about workloads, as JSON",
	.main = inspect_main,
};
