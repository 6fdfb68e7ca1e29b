/* SPDX-License-Identifier: BSD-3-Clause
 * The definition that came with a machine, and what this host has, made one. */
#include <string.h>

#include "base/cleanup.h"
#include "config/disks.h"
#include "config/normalize.h"
#include "engine/adopt_parts.h"

const char *hyfw_adopt_foreign(const struct hyfw_definition *offered)
{
	static const char *const keys[] = { "rootfs", "volume", "tmpfs" };
	size_t i;

	for (i = 0; i < HYFW_COUNT(keys); i++)
		if (hyfw_definition_get(offered, keys[i]))
			return keys[i];
	return offered->volume_count > 0 ? "volume" : NULL;
}

static void swap_uses(struct hyfw_use **one, size_t *one_count, struct hyfw_use **other, size_t *other_count)
{
	struct hyfw_use *uses = *one;
	const size_t count = *one_count;

	*one = *other;
	*one_count = *other_count;
	*other = uses;
	*other_count = count;
}

void hyfw_adopt_plugins(struct hyfw_definition *definition, struct hyfw_definition *made)
{
	const struct hyfw_strings names = definition->plugins;
	struct hyfw_pairs *settings = definition->plugin_settings;

	definition->plugins = made->plugins;
	definition->plugin_settings = made->plugin_settings;
	made->plugins = names;
	made->plugin_settings = settings;
}

void hyfw_adopt_volumes(struct hyfw_definition *definition, struct hyfw_definition *made)
{
	size_t i, j;

	for (i = 0; i < definition->disk_count; i++)
		for (j = 0; j < made->disk_count; j++) {
			struct hyfw_use *disk = &definition->disks[i], *here = &made->disks[j];
			const struct hyfw_map settings = hyfw_pairs_map(&here->settings);

			if (disk->anonymous || strcmp(disk->name, here->name) != 0)
				continue;
			free(disk->driver);
			disk->driver = hyfw_dup(here->driver);
			hyfw_pairs_finish(&disk->settings);
			hyfw_pairs_add_map(&disk->settings, &settings);
		}
}

static bool has_boot(const struct hyfw_definition *definition)
{
	size_t i;

	for (i = 0; i < definition->disk_count; i++) {
		const struct hyfw_map options = hyfw_pairs_map(&definition->disks[i].options);

		if (hyfw_map_get(&options, "boot"))
			return true;
	}
	return false;
}

/* "disk = PATH" in its normal form, first or last among those in the settings. */
static void add_disk_setting(struct hyfw_definition *definition, const char *normal, bool first)
{
	struct hyfw_pairs settings = { 0 };
	bool added = false;
	size_t i;

	for (i = 0; i < definition->settings.count; i++) {
		const struct hyfw_pair *pair = &definition->settings.items[i];

		if (first && !added && strcmp(pair->key, "disk") == 0) {
			hyfw_pairs_add(&settings, "disk", normal);
			added = true;
		}
		hyfw_pairs_add(&settings, pair->key, pair->value);
	}
	if (!added)
		hyfw_pairs_add(&settings, "disk", normal);
	hyfw_pairs_finish(&definition->settings);
	definition->settings = settings;
}

static void add_disk(struct hyfw_definition *definition, const char *path, const char *normal, bool first)
{
	const size_t at = first ? 0 : definition->disk_count;
	struct hyfw_use *use;

	definition->disks = hyfw_grow(definition->disks, definition->disk_count + 1, sizeof(*definition->disks));
	memmove(definition->disks + at + 1, definition->disks + at, (definition->disk_count - at) * sizeof(*use));
	definition->disk_count++;
	use = &definition->disks[at];
	memset(use, 0, sizeof(*use));
	use->name = hyfw_dup(path);
	use->driver = hyfw_dup(HYFW_DISK_DRIVER);
	use->anonymous = true;
	hyfw_disk_pairs(normal, &use->options);
	add_disk_setting(definition, normal, first);
}

/* The image stays where it was, so the disk that was made of it is one like others: after
 * them, since they keep their names so.  It is booted from as before: by a place of its
 * own, or as the first one where the machine boots from kinds of devices. */
static int take_root(const struct hyfw_adoption *adoption, struct hyfw_definition *definition, struct hyfw_error **err)
{
	static const char *const keys[] = { "image", "disk_size", "storage" };
	const char *path = hyfw_map_get(&adoption->facts, "root"), *format = hyfw_map_get(&adoption->facts, "root_format");
	const bool first = hyfw_definition_get(definition, "boot") != NULL;
	HYFW_AUTO_FREE char *text = NULL, *normal = NULL;
	size_t i;

	if (!hyfw_definition_get(definition, "image"))
		return 0;
	text = hyfw_format("%s:device=disk,format=%s%s,rw", path, format ? format : "qcow2",
			   first || has_boot(definition) ? "" : ",boot=1");
	if (hyfw_normalize_disk(text, &normal, err) < 0)
		return hyfw_wrap(err, "its root disk %s", path);
	for (i = 0; i < HYFW_COUNT(keys); i++)
		hyfw_pairs_remove(&definition->settings, keys[i]);
	add_disk(definition, path, normal, first);
	return 0;
}

static void take_settings(const struct hyfw_adoption *adoption, struct hyfw_definition *definition,
			  const struct hyfw_definition *made)
{
	const struct hyfw_map here = hyfw_pairs_map(&made->settings);
	const char *value;
	size_t i, cursor;

	for (i = 0; i < adoption->set->count; i++)
		hyfw_pairs_remove(&definition->settings, adoption->set->items[i].key);
	for (i = 0; i < adoption->set->count; i++) {
		if (hyfw_definition_get(definition, adoption->set->items[i].key))
			continue; /* a list, which is whole */
		for (cursor = 0; (value = hyfw_map_next(&here, adoption->set->items[i].key, &cursor));)
			hyfw_pairs_add(&definition->settings, adoption->set->items[i].key, value);
	}
	hyfw_pairs_set(&definition->settings, "uuid", hyfw_map_get(&adoption->facts, "uuid"));
}

int hyfw_adopt_merge(const struct hyfw_adoption *adoption, struct hyfw_definition *definition,
		     struct hyfw_definition *made, struct hyfw_error **err)
{
	const struct hyfw_idmap none = { 0 };

	swap_uses(&definition->networks, &definition->network_count, &made->networks, &made->network_count);
	hyfw_adopt_plugins(definition, made);
	take_settings(adoption, definition, made);
	free(definition->name);
	definition->name = hyfw_dup(made->name);
	free(definition->stack);
	definition->stack = NULL;
	definition->transient = false;
	definition->idmap = none;
	return take_root(adoption, definition, err);
}
