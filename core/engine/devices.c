/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/devices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "engine/ask.h"
#include "engine/store.h"

/* ---- settings ---- */

/* "SOURCE|OPTION=VALUE|...", free(). */
static char *normal_of(const struct hyfw_use *disk)
{
	char *text = hyfw_dup(disk->name);
	size_t i;

	for (i = 0; i < disk->options.count; i++) {
		char *longer;

		if (strcmp(disk->options.items[i].key, "source") == 0)
			continue;
		longer = hyfw_format("%s|%s=%s", text, disk->options.items[i].key, disk->options.items[i].value);
		free(text);
		text = longer;
	}
	return text;
}

static void write_setting(struct hyfw_definition *definition, const struct hyfw_use *use, bool disk)
{
	HYFW_AUTO_FREE char *text = disk ? normal_of(use) : hyfw_dup(use->name);

	hyfw_pairs_add(&definition->settings, disk ? "disk" : "network", text);
}

/* The key that it came from; the others stay as they are, so that a device that comes
 * and goes leaves the definition as it was. */
static void remove_setting(struct hyfw_definition *definition, const struct hyfw_use *use, bool disk)
{
	const size_t length = strlen(use->name);
	size_t i;

	for (i = 0; i < definition->settings.count; i++) {
		const struct hyfw_pair *pair = &definition->settings.items[i];
		const bool key = disk ? strcmp(pair->key, "disk") == 0 || strcmp(pair->key, "cdrom") == 0
				      : strcmp(pair->key, "network") == 0;

		if (key && strncmp(pair->value, use->name, length) == 0 &&
		    (pair->value[length] == '\0' || pair->value[length] == '|')) {
			hyfw_pairs_remove_at(&definition->settings, i);
			return;
		}
	}
}

/* ---- adding ---- */

static const struct hyfw_use *find(const struct hyfw_use *uses, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!uses[i].gone && strcmp(uses[i].name, name) == 0)
			return &uses[i];
	return NULL;
}

static size_t move_use(struct hyfw_use **to, size_t *to_count, struct hyfw_use *from, size_t *from_count)
{
	*to = hyfw_grow(*to, *to_count + 1, sizeof(**to));
	(*to)[*to_count] = from[0];
	memmove(from, from + 1, (*from_count - 1) * sizeof(*from));
	(*from_count)--;
	return (*to_count)++;
}

/* Those of drivers that the workload did not use before. */
static void take_plugins(struct hyfw_definition *definition, const struct hyfw_definition *add)
{
	size_t i;

	for (i = 0; i < add->plugins.count; i++) {
		const struct hyfw_map settings = hyfw_pairs_map(&add->plugin_settings[i]);
		struct hyfw_pairs *copy;

		if (hyfw_strings_has(&definition->plugins, add->plugins.items[i]))
			continue;
		hyfw_strings_add(&definition->plugins, add->plugins.items[i]);
		definition->plugin_settings = hyfw_grow(definition->plugin_settings, definition->plugins.count,
							sizeof(*definition->plugin_settings));
		copy = &definition->plugin_settings[definition->plugins.count - 1];
		memset(copy, 0, sizeof(*copy));
		hyfw_pairs_add_map(copy, &settings);
	}
}

int hyfw_devices_add(struct hyfw_definition *definition, struct hyfw_definition *add, bool *ret_disk,
		     size_t *ret_index, struct hyfw_error **err)
{
	const bool disk = add->disk_count > 0;

	if (add->disk_count + add->network_count != 1)
		return hyfw_fail(err, EINVAL, "one disk or one network can be added at a time");
	if (disk && find(definition->disks, definition->disk_count, add->disks[0].name))
		return hyfw_fail(err, EEXIST, "it has the disk %s already", add->disks[0].name);
	if (!disk && find(definition->networks, definition->network_count, add->networks[0].name))
		return hyfw_fail(err, EEXIST, "it is on the network %s already", add->networks[0].name);
	take_plugins(definition, add);
	*ret_disk = disk;
	write_setting(definition, disk ? &add->disks[0] : &add->networks[0], disk);
	*ret_index = disk ? move_use(&definition->disks, &definition->disk_count, add->disks, &add->disk_count)
			  : move_use(&definition->networks, &definition->network_count, add->networks, &add->network_count);
	return 0;
}

/* ---- taking away ---- */

static int find_by(const struct hyfw_use *uses, size_t count, const char *text, size_t *ret_index)
{
	char *end;
	unsigned long place = strtoul(text, &end, 10), i, alive = 0;
	const bool numbered = *text && !*end;

	for (i = 0; i < count; i++) {
		if (uses[i].gone)
			continue;
		if (strcmp(uses[i].name, text) == 0 || (numbered && alive == place)) {
			*ret_index = i;
			return 0;
		}
		alive++;
	}
	return -ENOENT;
}

int hyfw_devices_find(const struct hyfw_definition *definition, const struct hyfw_device_change *change,
		      bool *ret_disk, size_t *ret_index, struct hyfw_error **err)
{
	*ret_disk = change->disk != NULL;
	if (change->disk && find_by(definition->disks, definition->disk_count, change->disk, ret_index) < 0)
		return hyfw_fail(err, ENOENT, "it has no disk %s; `hyfw inspect %s` lists them", change->disk,
				 definition->name);
	if (!change->disk && find_by(definition->networks, definition->network_count, change->network, ret_index) < 0)
		return hyfw_fail(err, ENOENT, "it is not on the network %s; `hyfw inspect %s` lists them",
				 change->network, definition->name);
	return 0;
}

void hyfw_devices_drop(struct hyfw_definition *definition, bool disk, size_t index)
{
	struct hyfw_use *use = disk ? &definition->disks[index] : &definition->networks[index];

	use->gone = true;
	remove_setting(definition, use, disk);
}

static size_t compact(struct hyfw_use *uses, size_t count)
{
	size_t i, kept = 0;

	for (i = 0; i < count; i++) {
		if (uses[i].gone)
			hyfw_use_finish(&uses[i]);
		else
			uses[kept++] = uses[i];
	}
	return kept;
}

void hyfw_devices_settle(struct hyfw_definition *definition)
{
	definition->disk_count = compact(definition->disks, definition->disk_count);
	definition->network_count = compact(definition->networks, definition->network_count);
}

/* ---- of a workload ---- */

/* Under the lock that creation and removal take. */
static int change_stored(const char *name, struct hyfw_device_change *change, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *run = hyfw_path_runtime(name, "journal");
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock("workload", name, err);
	size_t index;
	bool disk;
	int result;

	if (lock < 0)
		return -(*err)->errnum;
	result = hyfw_store_definition(name, &definition, err);
	if (result < 0)
		return result;
	if (hyfw_journal_owner(run) > 0)
		return hyfw_fail(err, EBUSY, "workload %s is just being started; try again", name);
	result = change->add ? hyfw_devices_add(definition, change->add, &disk, &index, err)
			     : hyfw_devices_find(definition, change, &disk, &index, err);
	if (result == 0 && !change->add)
		hyfw_devices_drop(definition, disk, index);
	if (result == 0)
		result = hyfw_store_save(definition, err);
	return result < 0 ? hyfw_wrap(err, "workload %s", name) : 0;
}

static struct json_object *request_of(const struct hyfw_device_change *change)
{
	struct json_object *args = json_object_new_object();
	HYFW_AUTO_FREE char *add = change->add ? hyfw_definition_to_json(change->add) : NULL;

	if (add)
		hyfw_json_add_text(args, "add", add);
	if (change->disk)
		hyfw_json_add_text(args, "disk", change->disk);
	if (change->network)
		hyfw_json_add_text(args, "network", change->network);
	return args;
}

int hyfw_devices_change(const char *name, struct hyfw_device_change *change, struct hyfw_error **err)
{
	struct hyfw_state state;
	int result = hyfw_state_load(name, &state, err);
	const bool up = result == 0 && hyfw_status_is_up(state.status);

	hyfw_state_finish(&state);
	if (result < 0)
		return result;
	return up ? hyfw_ask(name, "plug", request_of(change), NULL, err) : change_stored(name, change, err);
}
