/* SPDX-License-Identifier: BSD-3-Clause
 * From text to normal values: each key is known, stands where it may, has a
 * value of its type; then what was not given is filled in. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/nearest.h"
#include "config/normalize.h"
#include "config/private.h"

static const struct hyfw_origin built_in = { .kind = HYFW_ORIGIN_DEFAULT };

void hyfw_config_add_options(struct hyfw_config *config, const char *driver, enum hyfw_kind kind,
			     const struct hyfw_option *options, size_t stride)
{
	const char *at = (const char *)options;

	for (; options && ((const struct hyfw_option *)at)->name; at += stride) {
		struct hyfw_config_option *added;

		config->options = hyfw_grow(config->options, config->option_count + 1, sizeof(*config->options));
		added = &config->options[config->option_count++];
		memset(added, 0, sizeof(*added));
		added->driver = hyfw_dup(driver);
		added->kind = kind;
		memcpy(&added->key.option, at, stride < sizeof(struct hyfw_option) ? stride : sizeof(struct hyfw_option));
		if ((added->key.option.flags & HYFW_OPTION_LIST) &&
		    (added->key.option.type == HYFW_OPTION_NAME || added->key.option.type == HYFW_OPTION_CHOICE))
			added->key.flags |= HYFW_KEY_WORDS;
	}
}

static bool is_driver_key(const struct hyfw_config *config, const struct hyfw_key *key)
{
	const char *at = (const char *)key, *from = (const char *)config->options;

	return from && at >= from && at < from + config->option_count * sizeof(*config->options);
}

/* ---- which keys there are ---- */

static void add_known(struct hyfw_strings *known, const struct hyfw_config *config, const char *type,
		      const char *name)
{
	const struct hyfw_section_schema *schema = hyfw_schema_section(type);
	const struct hyfw_key *key;
	size_t i;

	for (key = schema->keys; key->option.name; key++)
		if (hyfw_schema_key(type, key->option.name))
			hyfw_strings_add(known, key->option.name);
	for (i = 0; i < config->option_count; i++)
		if (config->options[i].key.option.scope == schema->scope &&
		    (schema->scope != HYFW_SCOPE_PLUGIN || strcmp(config->options[i].driver, name) == 0))
			hyfw_strings_add(known, config->options[i].key.option.name);
}

static int unknown_key(const struct hyfw_config *config, const struct hyfw_config_section *section,
		       const struct hyfw_config_value *value, struct hyfw_error **err)
{
	struct hyfw_strings known = { 0 };
	HYFW_AUTO_FREE char *message = NULL, *title = NULL;
	const char *nearest;

	add_known(&known, config, section->type, section->name);
	nearest = hyfw_nearest(value->key, (const char *const *)known.items);
	if (strcmp(section->type, "defaults") == 0 && hyfw_schema_key("workload", value->key))
		message = hyfw_dup("is each workload's own and cannot be a default; move it to [workload NAME]");
	else if (nearest)
		message = hyfw_format("unknown key; did you mean '%s'?", nearest);
	else if (strcmp(section->type, "plugin") == 0)
		message = hyfw_format("unknown key; `hyfw plugin inspect %s` lists those of this driver", section->name);
	else
		message = hyfw_dup("unknown key; hyfw.ini(5) lists those there are");
	hyfw_strings_finish(&known);
	title = *section->name ? hyfw_format("[%s %s]", section->type, section->name) :
				 hyfw_format("[%s]", section->type);
	if (value->origin.kind == HYFW_ORIGIN_FLAG)
		return hyfw_fail(err, EINVAL, "%s: %s %s: %s", value->origin.file, title, value->key, message);
	return hyfw_fail(err, EINVAL, "%s:%u: %s %s: %s", value->origin.file, value->origin.line, title, value->key,
			 message);
}

/* ---- where a key stands ---- */

static int check_place(const struct hyfw_config_section *section, const struct hyfw_key *key,
		       const struct hyfw_config_value *value, struct hyfw_error **err)
{
	const struct hyfw_origin *origin = &value->origin;

	if (origin->kind == HYFW_ORIGIN_FILE && (key->flags & HYFW_KEY_MAIN) && !origin->main)
		return hyfw_config_fail_value(err, EINVAL, section, value,
					      "belongs in the main configuration, not in a stack file");
	if (origin->kind == HYFW_ORIGIN_FILE && (key->flags & HYFW_KEY_STACK) && origin->main)
		return hyfw_config_fail_value(err, EINVAL, section, value,
					      "belongs in a stack file, not in the main configuration");
	if (value->continued && !(key->option.flags & HYFW_OPTION_LIST))
		return hyfw_config_fail_value(err, EINVAL, section, value,
					      "an indented line continues a list, and %s is not one; "
					      "remove the indentation", key->option.name);
	return 0;
}

/* A key that is no list, given twice in one file. */
static int check_once(const struct hyfw_config_section *section, size_t index, struct hyfw_error **err)
{
	const struct hyfw_config_value *value = &section->values[index];
	size_t i;

	for (i = 0; i < index; i++) {
		const struct hyfw_config_value *first = &section->values[i];

		if (strcmp(first->key, value->key) == 0 && first->origin.kind == HYFW_ORIGIN_FILE &&
		    first->origin.file == value->origin.file)
			return hyfw_config_fail_value(err, EINVAL, section, value,
						      "given at line %u already; remove one of them",
						      first->origin.line);
	}
	return 0;
}

static bool superseded(const struct hyfw_config_section *section, size_t index)
{
	size_t i;

	for (i = index + 1; i < section->count; i++)
		if (strcmp(section->values[i].key, section->values[index].key) == 0)
			return true;
	return false;
}

/* ---- normal form ---- */

static int normalize(const struct hyfw_config_section *section, const struct hyfw_key *key,
		     struct hyfw_config_value *value, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *cause = NULL;
	int result;

	value->secret = key->option.flags & HYFW_OPTION_SECRET;
	if (*value->text == '\0') {
		if (value->origin.kind == HYFW_ORIGIN_FLAG && !(key->flags & (HYFW_KEY_ARGUMENTS | HYFW_KEY_EMPTY)))
			return hyfw_config_fail_value(err, EINVAL, section, value,
						      "has no value; give one, or leave it out");
		if ((key->option.flags & HYFW_OPTION_LIST) && !(key->flags & HYFW_KEY_ARGUMENTS && !value->continued &&
								 value->origin.kind == HYFW_ORIGIN_FLAG))
			return 0; /* the list is empty, or begins on the next line */
		if (!(key->option.flags & HYFW_OPTION_LIST) && !(key->flags & HYFW_KEY_EMPTY))
			return hyfw_config_fail_value(err, EINVAL, section, value,
						      "has no value; give one, or remove the line");
	}
	result = key->normalize ? key->normalize(value->text, &value->normal, &cause) :
				  hyfw_normalize_option(&key->option, value->text, &value->normal, &cause);
	if (result < 0)
		return hyfw_config_fail_value(err, cause->errnum, section, value, "%s", cause->message);
	return 0;
}

/* command = and entrypoint = on one line of a file: its words. */
static int read_arguments(struct hyfw_config_section *to, const struct hyfw_config_section *from,
			  const struct hyfw_config_value *value, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *cause = NULL;
	struct hyfw_strings words = { 0 };
	int result = hyfw_split_arguments(value->text, &words, &cause);
	size_t i;

	if (result < 0)
		result = hyfw_config_fail_value(err, cause->errnum, from, value, "%s", cause->message);
	for (i = 0; result == 0 && i < words.count; i++) {
		struct hyfw_config_value *word = hyfw_config_value_add(to, value->key, words.items[i], &value->origin);

		word->normal = hyfw_dup(words.items[i]);
	}
	hyfw_strings_finish(&words);
	return result;
}

static bool is_command_line(const struct hyfw_config_section *section, const struct hyfw_key *key,
			    const struct hyfw_config_value *value)
{
	size_t i, lines = 0;

	for (i = 0; i < section->count; i++)
		lines += strcmp(section->values[i].key, value->key) == 0 && *section->values[i].text;
	return (key->flags & HYFW_KEY_ARGUMENTS) && lines == 1 && value->origin.kind == HYFW_ORIGIN_FILE;
}

/* "KEY =" with the elements on the lines below: is no element itself. */
static bool begins_list(const struct hyfw_config_section *section, const struct hyfw_config_value *value)
{
	size_t i;

	for (i = 0; i < section->count; i++)
		if (strcmp(section->values[i].key, value->key) == 0 && *section->values[i].text)
			return value->origin.kind == HYFW_ORIGIN_FILE;
	return false;
}

/* The value at 'index' into 'to', in normal form. */
static int read_value(const struct hyfw_config *config, struct hyfw_config_section *section, size_t index,
		      struct hyfw_config_section *to, struct hyfw_error **err)
{
	struct hyfw_config_value *value = &section->values[index];
	const struct hyfw_key *key = hyfw_config_key(config, section, value->key);
	size_t first = to->count, i;
	int result;

	if (!key)
		return unknown_key(config, section, value, err);
	value->secret = key->option.flags & HYFW_OPTION_SECRET; /* before any message shows it */
	result = check_place(section, key, value, err);
	if (result == 0 && !(key->option.flags & HYFW_OPTION_LIST))
		result = check_once(section, index, err);
	if (result < 0)
		return result;
	if (!(key->option.flags & HYFW_OPTION_LIST) && superseded(section, index))
		return 0;
	if ((key->option.flags & HYFW_OPTION_LIST) && !*value->text && begins_list(section, value))
		return 0;
	if (is_command_line(section, key, value) && *value->text)
		return read_arguments(to, section, value, err);
	if (is_driver_key(config, key)) { /* was not known when it was read */
		result = hyfw_config_value_read(to, key, value->key, value->text, &value->origin,
						value->continued, err);
	} else {
		hyfw_config_value_add(to, value->key, value->text, &value->origin)->continued = value->continued;
	}
	for (i = first; result == 0 && i < to->count; i++)
		result = normalize(section, key, &to->values[i], err);
	return result;
}

static int read_section(const struct hyfw_config *config, struct hyfw_config_section *section,
			struct hyfw_error **err)
{
	struct hyfw_config_section *to = hyfw_config_section_new(section->type, section->name, &section->origin);
	struct hyfw_config_section spare;
	int result = 0;
	size_t i;

	for (i = 0; result == 0 && i < section->count; i++)
		result = read_value(config, section, i, to, err);
	if (result == 0) {
		spare = *section;
		section->values = to->values;
		section->count = to->count;
		section->room = to->room;
		to->values = spare.values;
		to->count = spare.count;
	}
	hyfw_config_section_free(to);
	return result;
}

/* ---- what was not given ---- */

static void copy_values(struct hyfw_config_section *to, const struct hyfw_config_section *from, const char *key)
{
	size_t i;

	for (i = 0; i < from->count; i++) {
		const struct hyfw_config_value *value = &from->values[i];
		struct hyfw_config_value *copy;

		if (strcmp(value->key, key) != 0)
			continue;
		copy = hyfw_config_value_add(to, key, value->text, &value->origin);
		copy->normal = hyfw_dup(value->normal);
		copy->secret = value->secret;
	}
}

static int fill_option(struct hyfw_config_section *section, const struct hyfw_config_option *option,
		       struct hyfw_error **err)
{
	const char *name = option->key.option.name;
	size_t first = section->count, i;
	int result = 0;

	if (hyfw_config_count(section, name) > 0 || !option->key.option.fallback)
		return 0;
	hyfw_config_value_read(section, &option->key, name, option->key.option.fallback, &built_in, false, err);
	for (i = first; result == 0 && i < section->count; i++)
		result = normalize(section, &option->key, &section->values[i], err);
	return result < 0 ? hyfw_wrap(err, "driver %s", option->driver) : 0;
}

/* Whether a key of the driver says that what was not given comes from elsewhere. */
static bool inherits(const struct hyfw_config *config, const struct hyfw_config_section *section,
		     const char *driver)
{
	size_t i;

	for (i = 0; i < config->option_count; i++) {
		const struct hyfw_config_option *option = &config->options[i];
		const char *name = option->key.option.name;

		if ((option->key.option.flags & HYFW_OPTION_INHERITS) && strcmp(option->driver, driver) == 0 &&
		    hyfw_config_key(config, section, name) == &option->key &&
		    hyfw_config_supplier(config, section, name))
			return true;
	}
	return false;
}

static int fill(const struct hyfw_config *config, struct hyfw_config_section *section, struct hyfw_error **err)
{
	const struct hyfw_section_schema *schema = hyfw_schema_section(section->type);
	const struct hyfw_key *key;
	int result = 0;
	size_t i;

	for (key = schema->keys; key->option.name; key++) {
		const char *name = key->option.name;
		const struct hyfw_config_section *from = hyfw_config_supplier(config, section, name);

		if (from && from != section)
			copy_values(section, from, name);
	}
	for (i = 0; result == 0 && i < config->option_count; i++) {
		const struct hyfw_config_option *option = &config->options[i];
		const struct hyfw_config_section *from;

		if (hyfw_config_key(config, section, option->key.option.name) != &option->key)
			continue;
		from = hyfw_config_supplier(config, section, option->key.option.name);
		if (from && from != section)
			copy_values(section, from, option->key.option.name);
		if (!inherits(config, section, option->driver))
			result = fill_option(section, option, err);
	}
	return result;
}

static void make_map(struct hyfw_config_section *section)
{
	struct hyfw_pairs pairs = { 0 };
	size_t i;

	for (i = 0; i < section->count; i++)
		if (section->values[i].normal)
			hyfw_pairs_add(&pairs, section->values[i].key, section->values[i].normal);
	section->map = hyfw_pairs_map(&pairs);
}

static int check_stack_name(const struct hyfw_config *config, struct hyfw_error **err)
{
	const char *name = hyfw_config_stack_name(config);

	if (!name || hyfw_check_name(name, err) == 0)
		return 0;
	return hyfw_wrap(err, "%s: '%s' cannot be the name of the stack, give one with `name =` in [hyfw]",
			 config->stack_path, name);
}

int hyfw_config_validate(struct hyfw_config *config, struct hyfw_error **err)
{
	int result;
	size_t i;

	if (config->validated)
		return 0;
	result = read_section(config, config->implied, err);
	for (i = 0; result == 0 && hyfw_config_schema[i].type; i++)
		result = read_section(config, config->fallbacks[i], err);
	for (i = 0; result == 0 && i < config->count; i++) {
		result = read_section(config, config->sections[i], err);
		if (result == 0 && config->sections[i]->implied)
			result = read_section(config, config->sections[i]->implied, err);
	}
	if (result == 0)
		result = check_stack_name(config, err);
	if (result < 0)
		return result;
	hyfw_config_add_implied(config);
	for (i = 0; result == 0 && i < config->count; i++)
		if (strcmp(config->sections[i]->type, "defaults") != 0)
			result = fill(config, config->sections[i], err);
	if (result < 0)
		return result;
	for (i = 0; i < config->count; i++)
		make_map(config->sections[i]);
	config->validated = true;
	return hyfw_config_check_references(config, err);
}
