/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/choice.h"

#include <string.h>

#include "base/cleanup.h"
#include "config/disks.h"
#include "config/private.h"

static void add(struct hyfw_choices *choices, enum hyfw_kind kind, const char *name,
		const struct hyfw_config_section *section, const struct hyfw_config_value *value)
{
	size_t i;

	for (i = 0; i < choices->count; i++)
		if (choices->items[i].kind == kind && strcmp(choices->items[i].name, name) == 0)
			return;
	choices->items = hyfw_grow(choices->items, choices->count + 1, sizeof(*choices->items));
	choices->items[choices->count++] = (struct hyfw_choice){ kind, name, section, value };
}

void hyfw_choices_finish(struct hyfw_choices *choices)
{
	free(choices->items);
	memset(choices, 0, sizeof(*choices));
}

/* All drivers that 'key' of 'section' names. */
static void add_key(const struct hyfw_config *config, const struct hyfw_config_section *section,
		    const char *key, enum hyfw_kind kind, struct hyfw_choices *choices)
{
	const struct hyfw_config_section *from = hyfw_config_supplier(config, section, key);
	const struct hyfw_config_value *value;
	size_t cursor = 0;

	while ((value = hyfw_config_raw_value(config, section, key, &cursor)))
		add(choices, kind, value->text, value->origin.kind == HYFW_ORIGIN_DEFAULT ? section : from, value);
}

static void add_networks(const struct hyfw_config *config, const struct hyfw_config_section *workload,
			 struct hyfw_choices *choices)
{
	const struct hyfw_config_value *value;
	size_t cursor = 0;

	while ((value = hyfw_config_raw_value(config, workload, "network", &cursor))) {
		const struct hyfw_config_section *network = hyfw_config_find(config, "network", value->text);

		if (network)
			add_key(config, network, "driver", HYFW_KIND_NETWORK, choices);
		else if (strcmp(value->text, "none") == 0)
			add(choices, HYFW_KIND_NETWORK, "none", workload, value);
		else if (strcmp(value->text, "default") == 0)
			add(choices, HYFW_KIND_NETWORK, "bridge", workload, value);
	}
}

/* The volumes and paths of a list key; 'fallback' keeps those that say nothing. */
static void add_volumes(const struct hyfw_config *config, const struct hyfw_config_section *workload,
			const char *key, const char *fallback, struct hyfw_choices *choices)
{
	const struct hyfw_config_value *value;
	size_t cursor = 0;

	while ((value = hyfw_config_raw_value(config, workload, key, &cursor))) {
		HYFW_AUTO_FREE char *name = hyfw_disk_volume(value->text);
		const struct hyfw_config_section *volume = name ? hyfw_config_find(config, "volume", name) : NULL;

		if (volume)
			add_key(config, volume, "driver", HYFW_KIND_STORAGE, choices);
		else
			add(choices, HYFW_KIND_STORAGE, fallback, workload, value);
	}
}

void hyfw_config_choose(const struct hyfw_config *config, const struct hyfw_config_section *section,
			struct hyfw_choices *choices)
{
	if (strcmp(section->type, "workload") == 0) {
		add_key(config, section, "isolation", HYFW_KIND_ISOLATION, choices);
		if (!section->no_command || hyfw_config_has_root(section))
			add_key(config, section, "storage", HYFW_KIND_STORAGE, choices);
		add_key(config, section, "security", HYFW_KIND_SECURITY, choices);
		add_networks(config, section, choices);
		add_volumes(config, section, "volume", "dir", choices);
		add_volumes(config, section, "disk", HYFW_DISK_DRIVER, choices);
		add_volumes(config, section, "cdrom", HYFW_DISK_DRIVER, choices);
	} else if (strcmp(section->type, "network") == 0) {
		add_key(config, section, "driver", HYFW_KIND_NETWORK, choices);
	} else if (strcmp(section->type, "volume") == 0) {
		add_key(config, section, "driver", HYFW_KIND_STORAGE, choices);
	}
}

static bool names(const struct hyfw_config *config, const struct hyfw_config_section *workload, const char *key,
		  const char *name)
{
	const struct hyfw_config_value *value;
	size_t cursor = 0;

	while ((value = hyfw_config_raw_value(config, workload, key, &cursor))) {
		HYFW_AUTO_FREE char *used = hyfw_disk_volume(value->text);

		if (used && strcmp(used, name) == 0)
			return true;
	}
	return false;
}

bool hyfw_config_uses(const struct hyfw_config *config, const struct hyfw_config_section *workload,
		      const char *type, const char *name)
{
	return names(config, workload, type, name) ||
	       (strcmp(type, "volume") == 0 && names(config, workload, "disk", name));
}
