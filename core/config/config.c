/* SPDX-License-Identifier: BSD-3-Clause
 * The sections and their values, in memory. */
#include "config/config.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/normalize.h"
#include "config/private.h"

static const struct hyfw_origin built_in = { .kind = HYFW_ORIGIN_DEFAULT };

/* ---- sections ---- */

struct hyfw_config_section *hyfw_config_section_new(const char *type, const char *name,
						    const struct hyfw_origin *origin)
{
	struct hyfw_config_section *section = hyfw_new(sizeof(*section));

	section->type = hyfw_dup(type);
	section->name = hyfw_dup(name);
	section->origin = *origin;
	return section;
}

static void value_finish(struct hyfw_config_value *value)
{
	free(value->key);
	free(value->text);
	free(value->normal);
}

void hyfw_config_section_free(struct hyfw_config_section *section)
{
	struct hyfw_pairs pairs;
	size_t i;

	if (!section)
		return;
	hyfw_config_section_free(section->implied);
	for (i = 0; i < section->count; i++)
		value_finish(&section->values[i]);
	/* the map was made from pairs, whose copies it took over */
	pairs = (struct hyfw_pairs){ section->map.count, section->map.count,
				     (struct hyfw_pair *)section->map.items };
	hyfw_pairs_finish(&pairs);
	free(section->values);
	free(section->type);
	free(section->name);
	free(section);
}

struct hyfw_config_section *hyfw_config_section_add(struct hyfw_config *config,
						    struct hyfw_config_section *section)
{
	if (config->count == config->room) {
		config->room = config->room ? config->room * 2 : 16;
		config->sections = hyfw_grow(config->sections, config->room, sizeof(*config->sections));
	}
	if (strcmp(section->type, "defaults") == 0)
		config->defaults = section;
	return config->sections[config->count++] = section;
}

void hyfw_config_section_drop(struct hyfw_config *config, const struct hyfw_config_section *section)
{
	size_t i;

	for (i = 0; i < config->count && config->sections[i] != section; i++)
		;
	if (i == config->count)
		return;
	hyfw_config_section_free(config->sections[i]);
	memmove(&config->sections[i], &config->sections[i + 1],
		(--config->count - i) * sizeof(*config->sections));
}

struct hyfw_config_section *hyfw_config_find(const struct hyfw_config *config, const char *type,
					     const char *name)
{
	size_t i;

	for (i = 0; i < config->count; i++)
		if (strcmp(config->sections[i]->type, type) == 0 && strcmp(config->sections[i]->name, name) == 0)
			return config->sections[i];
	return NULL;
}

struct hyfw_config_section *hyfw_config_next(const struct hyfw_config *config, const char *type,
					     size_t *cursor)
{
	while (*cursor < config->count) {
		struct hyfw_config_section *section = config->sections[(*cursor)++];

		if (strcmp(section->type, type) == 0)
			return section;
	}
	return NULL;
}

/* ---- values ---- */

struct hyfw_config_value *hyfw_config_value_add(struct hyfw_config_section *section, const char *key,
						const char *text, const struct hyfw_origin *origin)
{
	struct hyfw_config_value *value;

	if (section->count == section->room) {
		section->room = section->room ? section->room * 2 : 8;
		section->values = hyfw_grow(section->values, section->room, sizeof(*section->values));
	}
	value = &section->values[section->count++];
	*value = (struct hyfw_config_value){ .key = hyfw_dup(key), .text = hyfw_dup(text), .origin = *origin };
	return value;
}

void hyfw_config_value_remove(struct hyfw_config_section *section, const char *key)
{
	size_t from, to = 0;

	for (from = 0; from < section->count; from++) {
		if (strcmp(section->values[from].key, key) == 0)
			value_finish(&section->values[from]);
		else
			section->values[to++] = section->values[from];
	}
	section->count = to;
}

size_t hyfw_config_count(const struct hyfw_config_section *section, const char *key)
{
	size_t i, count = 0;

	for (i = 0; i < section->count; i++)
		count += strcmp(section->values[i].key, key) == 0;
	return count;
}

const struct hyfw_key *hyfw_config_key(const struct hyfw_config *config,
				       const struct hyfw_config_section *section, const char *name)
{
	const struct hyfw_key *key = hyfw_schema_key(section->type, name);
	const struct hyfw_section_schema *schema = hyfw_schema_section(section->type);
	size_t i;

	if (key || !schema)
		return key;
	for (i = 0; i < config->option_count; i++) {
		const struct hyfw_config_option *option = &config->options[i];

		if (option->key.option.scope == schema->scope && strcmp(option->key.option.name, name) == 0 &&
		    (schema->scope != HYFW_SCOPE_PLUGIN || strcmp(option->driver, section->name) == 0))
			return &option->key;
	}
	return NULL;
}

int hyfw_config_set(struct hyfw_config *config, const char *type, const char *name, const char *key,
		    const char *text, const char *flag, struct hyfw_error **err)
{
	const struct hyfw_origin origin = { HYFW_ORIGIN_FLAG, hyfw_config_path_keep(config, flag), 0, false };
	struct hyfw_config_section *section = hyfw_config_find(config, type, name);
	const struct hyfw_section_schema *schema = hyfw_schema_section(type);
	const struct hyfw_key *known;

	if (!schema)
		return hyfw_fail(err, EINVAL, "%s: there are no sections [%s]", flag, type);
	if (schema->named && hyfw_check_name(name, err) < 0)
		return hyfw_wrap(err, "%s %s", flag, name);
	if (!section)
		section = hyfw_config_section_add(config, hyfw_config_section_new(type, name, &origin));
	known = hyfw_config_key(config, section, key);
	if (known && !(known->option.flags & HYFW_OPTION_LIST))
		hyfw_config_value_remove(section, key);
	return hyfw_config_value_read(section, known, key, text, &origin, false, err);
}

const struct hyfw_config_value *hyfw_config_next_value(const struct hyfw_config_section *section,
						       const char *key, size_t *cursor)
{
	while (*cursor < section->count) {
		const struct hyfw_config_value *value = &section->values[(*cursor)++];

		if (value->normal && strcmp(value->key, key) == 0)
			return value;
	}
	return NULL;
}

bool hyfw_config_has_root(const struct hyfw_config_section *workload)
{
	return hyfw_config_count(workload, "image") > 0 || hyfw_config_count(workload, "rootfs") > 0;
}

/* ---- what a key comes to ---- */

static const struct hyfw_config_section *fallbacks_for(const struct hyfw_config *config, const char *type)
{
	size_t i;

	for (i = 0; hyfw_config_schema[i].type; i++)
		if (strcmp(hyfw_config_schema[i].type, type) == 0)
			return config->fallbacks[i];
	return NULL;
}

/* A root file system that is a directory is storage = dir, unless the workload
 * itself says otherwise. */
static const struct hyfw_config_section *implied_by_rootfs(const struct hyfw_config *config,
							   const struct hyfw_config_section *section,
							   const char *key)
{
	if (strcmp(section->type, "workload") == 0 && strcmp(key, "storage") == 0 &&
	    hyfw_config_count(section, "rootfs") > 0 && hyfw_config_count(section, "image") == 0)
		return config->implied;
	return NULL;
}

const struct hyfw_config_section *hyfw_config_supplier(const struct hyfw_config *config,
						       const struct hyfw_config_section *section,
						       const char *key)
{
	const struct hyfw_config_section *from;

	if (hyfw_config_count(section, key) > 0)
		return section;
	from = implied_by_rootfs(config, section, key);
	if (from)
		return from;
	if (strcmp(section->type, "workload") == 0) {
		from = config->defaults;
		if (from && hyfw_config_count(from, key) > 0)
			return from;
	}
	if (section->implied && hyfw_config_count(section->implied, key) > 0)
		return section->implied;
	from = fallbacks_for(config, section->type);
	return from && hyfw_config_count(from, key) > 0 ? from : NULL;
}

const struct hyfw_config_value *hyfw_config_raw_value(const struct hyfw_config *config,
						      const struct hyfw_config_section *section,
						      const char *key, size_t *cursor)
{
	const struct hyfw_config_section *from = hyfw_config_supplier(config, section, key);
	const struct hyfw_key *known = hyfw_config_key(config, section, key);
	bool list = known && (known->option.flags & HYFW_OPTION_LIST);
	const struct hyfw_config_value *last = NULL;

	while (from && *cursor < from->count) {
		const struct hyfw_config_value *value = &from->values[(*cursor)++];

		if (strcmp(value->key, key) != 0)
			continue;
		if (list && *value->text)
			return value;
		if (!list)
			last = value; /* of a scalar the last one counts */
	}
	return last;
}

const char *hyfw_config_raw(const struct hyfw_config *config, const struct hyfw_config_section *section,
			    const char *key, size_t *cursor)
{
	const struct hyfw_config_value *value = hyfw_config_raw_value(config, section, key, cursor);

	return value ? value->text : NULL;
}

/* ---- the whole ---- */

static struct hyfw_config_section *fallbacks_of(const struct hyfw_section_schema *schema)
{
	struct hyfw_config_section *section = hyfw_config_section_new(schema->type, "", &built_in);
	const struct hyfw_key *key;

	for (key = schema->keys; key->option.name && strcmp(schema->type, "defaults") != 0; key++)
		if (key->option.fallback) /* ours: cannot fail */
			hyfw_config_value_read(section, key, key->option.name, key->option.fallback, &built_in,
					       false, NULL);
	return section;
}

struct hyfw_config *hyfw_config_new(void)
{
	struct hyfw_config *config = hyfw_new(sizeof(*config));
	size_t count = 0, i;

	while (hyfw_config_schema[count].type)
		count++;
	config->fallbacks = hyfw_new((count + 1) * sizeof(*config->fallbacks));
	for (i = 0; i < count; i++)
		config->fallbacks[i] = fallbacks_of(&hyfw_config_schema[i]);
	config->implied = hyfw_config_section_new("workload", "", &built_in);
	hyfw_config_value_add(config->implied, "storage", "dir", &built_in);
	return config;
}

void hyfw_config_free(struct hyfw_config *config)
{
	size_t i;

	if (!config)
		return;
	for (i = 0; i < config->count; i++)
		hyfw_config_section_free(config->sections[i]);
	for (i = 0; config->fallbacks[i]; i++)
		hyfw_config_section_free(config->fallbacks[i]);
	hyfw_config_section_free(config->implied);
	for (i = 0; i < config->option_count; i++)
		free(config->options[i].driver);
	free(config->sections);
	free(config->fallbacks);
	free(config->options);
	hyfw_strings_finish(&config->paths);
	free(config->stack_name);
	free(config->stack_path);
	free(config);
}

const char *hyfw_config_path_keep(struct hyfw_config *config, const char *path)
{
	hyfw_strings_add(&config->paths, path);
	return config->paths.items[config->paths.count - 1];
}

const char *hyfw_config_stack_name(const struct hyfw_config *config)
{
	const struct hyfw_config_section *section = hyfw_config_find(config, "hyfw", "");
	size_t cursor = 0;
	const char *name = section ? hyfw_config_raw(config, section, "name", &cursor) : NULL;

	return name ? name : config->stack_name;
}
