/* SPDX-License-Identifier: BSD-3-Clause
 * Definitions on disk. */
#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "engine/definition.h"
#include "engine/journal_format.h"

#define FORMAT_VERSION 1

static struct json_object *uses_to_json(const struct hyfw_use *uses, size_t count)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < count; i++) {
		const struct hyfw_map settings = hyfw_pairs_map(&uses[i].settings);
		const struct hyfw_map options = hyfw_pairs_map(&uses[i].options);
		struct json_object *use;

		if (uses[i].gone)
			continue;
		use = json_object_new_object();
		hyfw_json_add_text(use, "name", uses[i].name);
		hyfw_json_add_text(use, "driver", uses[i].driver);
		if (uses[i].target)
			hyfw_json_add_text(use, "target", uses[i].target);
		hyfw_json_add_bool(use, "read_only", uses[i].read_only);
		hyfw_json_add_bool(use, "anonymous", uses[i].anonymous);
		json_object_object_add(use, "settings", hyfw_map_to_json(&settings));
		if (options.count)
			json_object_object_add(use, "options", hyfw_map_to_json(&options));
		json_object_array_add(array, use);
	}
	return array;
}

static struct json_object *plugins_to_json(const struct hyfw_definition *definition)
{
	struct json_object *object = json_object_new_object();
	size_t i;

	for (i = 0; i < definition->plugins.count; i++) {
		const struct hyfw_map settings = hyfw_pairs_map(&definition->plugin_settings[i]);

		json_object_object_add(object, definition->plugins.items[i], hyfw_map_to_json(&settings));
	}
	return object;
}

char *hyfw_definition_to_json(const struct hyfw_definition *definition)
{
	struct json_object *object = json_object_new_object();
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	char *text;

	hyfw_json_add_number(object, "version", FORMAT_VERSION);
	hyfw_json_add_text(object, "name", definition->name);
	if (definition->stack)
		hyfw_json_add_text(object, "stack", definition->stack);
	hyfw_json_add_bool(object, "transient", definition->transient);
	hyfw_json_add_number(object, "created", definition->created);
	hyfw_json_add_number(object, "host_uid", definition->idmap.host_uid);
	hyfw_json_add_number(object, "host_gid", definition->idmap.host_gid);
	hyfw_json_add_number(object, "id_count", definition->idmap.count);
	json_object_object_add(object, "settings", hyfw_map_to_json(&settings));
	json_object_object_add(object, "networks",
			       uses_to_json(definition->networks, definition->network_count));
	json_object_object_add(object, "volumes", uses_to_json(definition->volumes, definition->volume_count));
	if (definition->disk_count)
		json_object_object_add(object, "disks", uses_to_json(definition->disks, definition->disk_count));
	json_object_object_add(object, "plugins", plugins_to_json(definition));
	text = hyfw_dup(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
								       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
	return text;
}

/* ---- reading ---- */

/* Text that may be missing, but be nothing else. */
static int take_optional(struct json_object *object, const char *key, char **ret_text)
{
	struct json_object *value;

	if (json_object_object_get_ex(object, key, &value) && !json_object_is_type(value, json_type_string))
		return -EINVAL;
	*ret_text = hyfw_dup(hyfw_json_text(object, key));
	return 0;
}

static int take_number(struct json_object *object, const char *key, int64_t most, int64_t *ret_number)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_int))
		return -EINVAL;
	*ret_number = json_object_get_int64(value);
	return *ret_number >= 0 && *ret_number <= most ? 0 : -EINVAL;
}

static int take_bool(struct json_object *object, const char *key, bool *ret_bool)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value) || !json_object_is_type(value, json_type_boolean))
		return -EINVAL;
	*ret_bool = json_object_get_boolean(value);
	return 0;
}

static int take_map(struct json_object *object, const char *key, struct hyfw_pairs *ret_pairs)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		return -EINVAL;
	return hyfw_map_from_json(value, ret_pairs);
}

static int take_uses(struct json_object *object, const char *key, struct hyfw_use **ret_uses, size_t *ret_count)
{
	struct json_object *array;
	size_t i;

	if (!json_object_object_get_ex(object, key, &array) || !json_object_is_type(array, json_type_array))
		return -EINVAL;
	*ret_uses = hyfw_new((json_object_array_length(array) + 1) * sizeof(**ret_uses));
	for (i = 0; i < json_object_array_length(array); i++) {
		struct json_object *from = json_object_array_get_idx(array, i);
		struct hyfw_use *use = &(*ret_uses)[(*ret_count)++];

		use->name = hyfw_dup(hyfw_json_text(from, "name"));
		use->driver = hyfw_dup(hyfw_json_text(from, "driver"));
		if (!use->name || !use->driver || take_optional(from, "target", &use->target) < 0 ||
		    take_bool(from, "read_only", &use->read_only) < 0 ||
		    take_bool(from, "anonymous", &use->anonymous) < 0 ||
		    take_map(from, "settings", &use->settings) < 0 ||
		    (json_object_object_get(from, "options") && take_map(from, "options", &use->options) < 0))
			return -EINVAL;
	}
	return 0;
}

/* Only machines have them. */
static int take_disks(struct json_object *object, struct hyfw_definition *definition)
{
	size_t i;

	if (!json_object_object_get(object, "disks"))
		return 0;
	if (take_uses(object, "disks", &definition->disks, &definition->disk_count) < 0)
		return -EINVAL;
	for (i = 0; i < definition->disk_count; i++)
		if (definition->disks[i].options.count == 0)
			return -EINVAL;
	return 0;
}

static int take_plugins(struct json_object *object, struct hyfw_definition *definition)
{
	struct json_object *plugins;
	struct json_object_iterator at, end;

	if (!json_object_object_get_ex(object, "plugins", &plugins) ||
	    !json_object_is_type(plugins, json_type_object))
		return -EINVAL;
	end = json_object_iter_end(plugins);
	for (at = json_object_iter_begin(plugins); !json_object_iter_equal(&at, &end);
	     json_object_iter_next(&at)) {
		struct hyfw_pairs *settings;

		hyfw_strings_add(&definition->plugins, json_object_iter_peek_name(&at));
		definition->plugin_settings = hyfw_grow(definition->plugin_settings,
							definition->plugins.count, sizeof(*settings));
		settings = &definition->plugin_settings[definition->plugins.count - 1];
		memset(settings, 0, sizeof(*settings));
		if (hyfw_map_from_json(json_object_iter_peek_value(&at), settings) < 0)
			return -EINVAL;
	}
	return 0;
}

/* A number that is damaged must not become 0: that would be root. */
static int take_ids(struct json_object *object, struct hyfw_idmap *ids)
{
	int64_t uid, gid, count;

	if (take_number(object, "host_uid", UINT32_MAX, &uid) < 0 ||
	    take_number(object, "host_gid", UINT32_MAX, &gid) < 0 ||
	    take_number(object, "id_count", UINT32_MAX, &count) < 0)
		return -EINVAL;
	if (count > 0 && (uid == 0 || gid == 0 || uid + count > UINT32_MAX || gid + count > UINT32_MAX))
		return -EINVAL;
	ids->host_uid = (uint32_t)uid;
	ids->host_gid = (uint32_t)gid;
	ids->count = (uint32_t)count;
	return 0;
}

static int check_volumes(const struct hyfw_definition *definition)
{
	size_t i;

	for (i = 0; i < definition->volume_count; i++)
		if (!definition->volumes[i].target)
			return -EINVAL;
	return 0;
}

static int take_all(struct json_object *object, struct hyfw_definition *definition)
{
	int64_t version;

	if (!json_object_is_type(object, json_type_object) ||
	    take_number(object, "version", FORMAT_VERSION, &version) < 0 || version != FORMAT_VERSION)
		return -EINVAL;
	definition->name = hyfw_dup(hyfw_json_text(object, "name"));
	if (!definition->name || take_optional(object, "stack", &definition->stack) < 0 ||
	    take_bool(object, "transient", &definition->transient) < 0 ||
	    take_number(object, "created", INT64_MAX, &definition->created) < 0 ||
	    take_ids(object, &definition->idmap) < 0 ||
	    take_map(object, "settings", &definition->settings) < 0 ||
	    take_uses(object, "networks", &definition->networks, &definition->network_count) < 0 ||
	    take_uses(object, "volumes", &definition->volumes, &definition->volume_count) < 0 ||
	    check_volumes(definition) < 0 || take_disks(object, definition) < 0)
		return -EINVAL;
	return take_plugins(object, definition);
}

int hyfw_definition_from_json(const char *json, struct hyfw_definition **ret_definition,
			      struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = hyfw_new(sizeof(*definition));
	struct json_object *object = json_tokener_parse(json);
	int result = object ? take_all(object, definition) : -EINVAL;

	json_object_put(object);
	if (result < 0)
		return hyfw_fail(err, EINVAL, "not a workload definition");
	*ret_definition = definition;
	definition = NULL;
	return 0;
}
