/* SPDX-License-Identifier: BSD-3-Clause
 * Definitions from a configuration.  Storing them is in definition_json.c, what
 * drivers are asked about in subjects.c. */
#include "engine/definition.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "config/disks.h"
#include "engine/systemd.h"

void hyfw_use_finish(struct hyfw_use *use)
{
	free(use->name);
	free(use->driver);
	free(use->target);
	hyfw_pairs_finish(&use->settings);
	hyfw_pairs_finish(&use->options);
}

static void uses_free(struct hyfw_use *uses, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		hyfw_use_finish(&uses[i]);
	free(uses);
}

void hyfw_definition_free(struct hyfw_definition *definition)
{
	size_t i;

	if (!definition)
		return;
	uses_free(definition->networks, definition->network_count);
	uses_free(definition->volumes, definition->volume_count);
	uses_free(definition->disks, definition->disk_count);
	for (i = 0; i < definition->plugins.count; i++)
		hyfw_pairs_finish(&definition->plugin_settings[i]);
	free(definition->plugin_settings);
	hyfw_strings_finish(&definition->plugins);
	hyfw_pairs_finish(&definition->settings);
	free(definition->name);
	free(definition->stack);
	free(definition);
}

/* ---- from the configuration ---- */

static struct hyfw_use *add_use(struct hyfw_use **uses, size_t *count, const char *name)
{
	struct hyfw_use *use;

	*uses = hyfw_grow(*uses, *count + 1, sizeof(**uses));
	use = &(*uses)[(*count)++];
	memset(use, 0, sizeof(*use));
	use->name = hyfw_dup(name);
	return use;
}

static void take_section(struct hyfw_use *use, const struct hyfw_config *config, const char *type,
			 const char *fallback_driver)
{
	const struct hyfw_config_section *section = hyfw_config_find(config, type, use->name);
	const char *driver = NULL;

	if (section) {
		hyfw_pairs_add_map(&use->settings, &section->map);
		driver = hyfw_map_get(&section->map, "driver");
	}
	use->driver = hyfw_dup(driver ? driver : fallback_driver);
}

static void take_networks(struct hyfw_definition *definition, const struct hyfw_config *config)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	const char *name;
	size_t cursor = 0;

	while ((name = hyfw_map_next(&settings, "network", &cursor)))
		take_section(add_use(&definition->networks, &definition->network_count, name), config,
			     "network", strcmp(name, "none") == 0 ? "none" : "bridge");
	if (definition->network_count == 0)
		take_section(add_use(&definition->networks, &definition->network_count, "default"), config,
			     "network", "bridge");
}

/* "SOURCE|TARGET|ro" */
static int take_volume(struct hyfw_definition *definition, const struct hyfw_config *config,
		       const char *text, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *copy = hyfw_dup(text);
	char *rest = copy, *source = strsep(&rest, "|"), *target = strsep(&rest, "|"), *mode = strsep(&rest, "|");
	struct hyfw_use *use;

	if (!target || !mode)
		return hyfw_fail(err, EINVAL, "volume %s: not of the form SOURCE|TARGET|MODE", text);
	use = add_use(&definition->volumes, &definition->volume_count, source);
	use->target = hyfw_dup(target);
	use->read_only = strcmp(mode, "ro") == 0;
	use->anonymous = source[0] == '/';
	if (use->anonymous) {
		use->driver = hyfw_dup("dir");
		hyfw_pairs_add(&use->settings, "path", source);
	} else {
		take_section(use, config, "volume", "dir");
	}
	return 0;
}

/* "SOURCE|OPTION=VALUE|..." */
static void take_disk(struct hyfw_definition *definition, const struct hyfw_config *config, const char *text)
{
	HYFW_AUTO_FREE char *source = hyfw_dup_n(text, strcspn(text, "|"));
	struct hyfw_use *use = add_use(&definition->disks, &definition->disk_count, source);
	struct hyfw_map options;

	hyfw_disk_pairs(text, &use->options);
	options = hyfw_pairs_map(&use->options);
	use->read_only = hyfw_map_bool(&options, "read_only", false);
	/* What this host's memory kept would reach the disk when another host has it. */
	if (!use->read_only && hyfw_definition_get(definition, "failover") && !hyfw_map_get(&options, "cache"))
		hyfw_pairs_add(&use->options, "cache", "none");
	use->anonymous = source[0] == '/';
	if (use->anonymous)
		use->driver = hyfw_dup(HYFW_DISK_DRIVER);
	else
		take_section(use, config, "volume", HYFW_DISK_DRIVER);
}

static void take_disks(struct hyfw_definition *definition, const struct hyfw_config *config)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	const char *text;
	size_t cursor = 0;

	while ((text = hyfw_map_next(&settings, "disk", &cursor)))
		take_disk(definition, config, text);
	cursor = 0;
	while ((text = hyfw_map_next(&settings, "cdrom", &cursor))) {
		HYFW_AUTO_FREE char *disk = hyfw_disk_of_cdrom(text);

		take_disk(definition, config, disk);
	}
}

static void take_plugins(struct hyfw_definition *definition, const struct hyfw_config *config)
{
	struct hyfw_config_section *section;
	size_t cursor = 0;

	while ((section = hyfw_config_next(config, "plugin", &cursor))) {
		struct hyfw_pairs *settings;

		hyfw_strings_add(&definition->plugins, section->name);
		definition->plugin_settings = hyfw_grow(definition->plugin_settings,
							definition->plugins.count, sizeof(*settings));
		settings = &definition->plugin_settings[definition->plugins.count - 1];
		memset(settings, 0, sizeof(*settings));
		hyfw_pairs_add_map(settings, &section->map);
	}
}

static bool is_said(const struct hyfw_config_section *section, const char *key)
{
	size_t i;

	for (i = 0; section && i < section->count; i++)
		if (strcmp(section->values[i].key, key) == 0 && section->values[i].origin.kind != HYFW_ORIGIN_DEFAULT)
			return true;
	return false;
}

/* An ordinary user may have no control groups: then the limit that is built in is done without,
 * and one that somebody has asked for is not.  The driver has to know which it is. */
static void part_defaults(struct hyfw_definition *definition, const struct hyfw_config *config,
			  const struct hyfw_config_section *workload)
{
	HYFW_AUTO_FREE char *pids = hyfw_dup(hyfw_definition_get(definition, "pids"));

	if (geteuid() == 0 || !pids || is_said(workload, "pids") || is_said(workload->implied, "pids") ||
	    is_said(hyfw_config_find(config, "defaults", ""), "pids"))
		return;
	hyfw_pairs_remove(&definition->settings, "pids");
	hyfw_pairs_add(&definition->settings, "pids_default", pids);
}

int hyfw_definition_new(const struct hyfw_config *config, const struct hyfw_config_section *workload,
			struct hyfw_definition **ret_definition, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = hyfw_new(sizeof(*definition));
	const char *volume;
	size_t cursor = 0;
	int result = 0;

	definition->name = hyfw_dup(workload->name);
	definition->stack = hyfw_dup(hyfw_config_stack_name(config));
	definition->created = hyfw_now_ms();
	hyfw_pairs_add_map(&definition->settings, &workload->map);
	part_defaults(definition, config, workload);
	take_networks(definition, config);
	while (result == 0 && (volume = hyfw_map_next(&workload->map, "volume", &cursor)))
		result = take_volume(definition, config, volume, err);
	if (result < 0)
		return result;
	take_disks(definition, config);
	take_plugins(definition, config);
	*ret_definition = HYFW_STEAL(definition);
	return 0;
}

/* ---- the image's defaults ---- */

static void add_default(struct hyfw_definition *definition, const struct hyfw_map *image, const char *key)
{
	const char *value;
	size_t cursor = 0;

	if (hyfw_definition_get(definition, key))
		return;
	while ((value = hyfw_map_next(image, key, &cursor)))
		hyfw_pairs_add(&definition->settings, key, value);
}

/* The workload's own variables come later and so win; see environment.c. */
static void add_environment(struct hyfw_definition *definition, const struct hyfw_map *image)
{
	const char *value;
	size_t cursor = 0;

	while ((value = hyfw_map_next(image, "env", &cursor)))
		hyfw_pairs_add(&definition->settings, "image_env", value);
}

static int read_image(struct hyfw_definition *definition, const char *image, struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_image found = { .size = sizeof(found) };
	struct hyfw_driver *driver;

	if (hyfw_definition_driver(definition, HYFW_KIND_STORAGE, hyfw_definition_storage(definition), &driver,
				   err) < 0)
		return -(*err)->errnum;
	if (hyfw_storage_image_get(driver, image, arena, &found, err) < 0) {
		if ((*err)->errnum == ENOENT)
			hyfw_error_set_status(err, 127);
		return -(*err)->errnum;
	}
	/* A machine's image says nothing of commands. */
	if (hyfw_definition_takes(definition, HYFW_TAKES_NO_COMMAND))
		return 0;
	/* An entry point given for the workload makes the image's command moot. */
	if (!hyfw_definition_get(definition, "entrypoint"))
		add_default(definition, &found.config, "command");
	add_default(definition, &found.config, "entrypoint");
	add_default(definition, &found.config, "workdir");
	add_default(definition, &found.config, "user");
	add_environment(definition, &found.config);
	return 0;
}

int hyfw_definition_add_image_defaults(struct hyfw_definition *definition, struct hyfw_error **err)
{
	const char *image = hyfw_definition_get(definition, "image");
	int result = 0;

	if (image)
		result = read_image(definition, image, err);
	if (result < 0)
		return hyfw_wrap(err, "workload %s", definition->name);
	hyfw_systemd_settle(definition);
	if (hyfw_definition_get(definition, "command") || hyfw_definition_get(definition, "entrypoint") ||
	    hyfw_definition_takes(definition, HYFW_TAKES_NO_COMMAND))
		return 0;
	hyfw_fail(err, ENOENT, "workload %s: there is no command to run: neither the workload nor its image "
		  "names one; set `command`", definition->name);
	return hyfw_error_set_status(err, 127);
}

/* ---- questions ---- */

const char *hyfw_definition_get(const struct hyfw_definition *definition, const char *key)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);

	return hyfw_map_get(&settings, key);
}

const char *hyfw_definition_isolation(const struct hyfw_definition *definition)
{
	const char *isolation = hyfw_definition_get(definition, "isolation");

	return isolation ? isolation : "namespaces";
}

const char *hyfw_definition_storage(const struct hyfw_definition *definition)
{
	const char *storage = hyfw_definition_get(definition, "storage");

	if (hyfw_definition_get(definition, "rootfs"))
		return "dir";
	if (!hyfw_definition_get(definition, "image") && hyfw_definition_takes(definition, HYFW_TAKES_NO_COMMAND))
		return NULL;
	return storage ? storage : "overlay";
}

bool hyfw_definition_takes(const struct hyfw_definition *definition, const char *capability)
{
	struct hyfw_driver *isolation;

	return hyfw_registry_get(HYFW_KIND_ISOLATION, hyfw_definition_isolation(definition), &isolation, NULL) == 0 &&
	       hyfw_driver_can(isolation, capability);
}

int hyfw_definition_driver(const struct hyfw_definition *definition, enum hyfw_kind kind, const char *name,
			   struct hyfw_driver **ret_driver, struct hyfw_error **err)
{
	size_t i;
	int result = hyfw_registry_get(kind, name, ret_driver, err);

	for (i = 0; result == 0 && i < definition->plugins.count; i++) {
		const struct hyfw_map settings = hyfw_pairs_map(&definition->plugin_settings[i]);

		if (strcmp(definition->plugins.items[i], name) == 0)
			hyfw_driver_configure(*ret_driver, &settings);
	}
	return result;
}

static bool same_uses(const struct hyfw_use *a, const struct hyfw_use *b, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(a[i].name, b[i].name) != 0 || strcmp(a[i].driver, b[i].driver) != 0 ||
		    !hyfw_pairs_same(&a[i].settings, &b[i].settings) || !hyfw_pairs_same(&a[i].options, &b[i].options))
			return false;
	return true;
}

static bool same_plugins(const struct hyfw_definition *a, const struct hyfw_definition *b)
{
	size_t i;

	if (a->plugins.count != b->plugins.count)
		return false;
	for (i = 0; i < a->plugins.count; i++)
		if (strcmp(a->plugins.items[i], b->plugins.items[i]) != 0 ||
		    !hyfw_pairs_same(&a->plugin_settings[i], &b->plugin_settings[i]))
			return false;
	return true;
}

bool hyfw_definition_equal(const struct hyfw_definition *a, const struct hyfw_definition *b)
{
	return a->network_count == b->network_count && a->volume_count == b->volume_count &&
	       a->disk_count == b->disk_count && hyfw_pairs_same(&a->settings, &b->settings) &&
	       same_uses(a->networks, b->networks, a->network_count) &&
	       same_uses(a->volumes, b->volumes, a->volume_count) &&
	       same_uses(a->disks, b->disks, a->disk_count) && same_plugins(a, b);
}
