/* SPDX-License-Identifier: BSD-3-Clause
 * A line's text to the values it stands for. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/normalize.h"
#include "config/private.h"

static void add(struct hyfw_config_section *section, const char *name, const char *text,
		const struct hyfw_origin *origin, bool continued)
{
	hyfw_config_value_add(section, name, text, origin)->continued = continued;
}

/* "env, image, ..." : the keys of 'type' that allow ${VAR}. */
static char *keys_with_variables(const char *type)
{
	const struct hyfw_section_schema *schema = hyfw_schema_section(type);
	const struct hyfw_key *key;
	char *list = NULL;

	for (key = schema->keys; key->option.name; key++) {
		char *longer;

		if (!(key->option.flags & HYFW_OPTION_ENV) || !hyfw_schema_key(type, key->option.name))
			continue;
		longer = list ? hyfw_format("%s, %s", list, key->option.name) : hyfw_dup(key->option.name);
		free(list);
		list = longer;
	}
	return list ? list : hyfw_dup("no key");
}

static int expand(struct hyfw_config_section *section, const struct hyfw_key *key,
		  const struct hyfw_config_value *line, char **ret_text, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *cause = NULL;
	HYFW_AUTO_FREE char *allowed = NULL;

	/* What comes from the command line has been through a shell. */
	if (line->origin.kind != HYFW_ORIGIN_FILE || (key->flags & HYFW_KEY_LITERAL)) {
		*ret_text = hyfw_dup(line->text);
		return 0;
	}
	if (key->option.flags & HYFW_OPTION_ENV) {
		if (hyfw_expand(line->text, ret_text, &cause) < 0)
			return hyfw_config_fail_value(err, cause->errnum, section, line, "%s", cause->message);
		return 0;
	}
	if (strstr(line->text, "${")) {
		allowed = keys_with_variables(section->type);
		return hyfw_config_fail_value(err, EINVAL, section, line,
					      "variables are not replaced here; of [%s], %s can hold them",
					      section->type, allowed);
	}
	*ret_text = hyfw_dup(line->text);
	return 0;
}

int hyfw_config_value_read(struct hyfw_config_section *section, const struct hyfw_key *key,
			   const char *name, const char *text, const struct hyfw_origin *origin,
			   bool continued, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *key_text = hyfw_dup(name), *line_text = hyfw_dup(text), *expanded = NULL;
	struct hyfw_config_value line = { .key = key_text, .text = line_text, .origin = *origin };
	struct hyfw_strings words = { 0 };
	int result;
	size_t i;

	if (!key) {
		add(section, name, text, origin, continued);
		return 0;
	}
	line.secret = key->option.flags & HYFW_OPTION_SECRET;
	result = expand(section, key, &line, &expanded, err);
	if (result < 0)
		return result;
	if (!(key->flags & HYFW_KEY_WORDS)) {
		add(section, name, expanded, origin, continued);
		return 0;
	}
	hyfw_split_list(expanded, &words);
	for (i = 0; i < words.count; i++)
		add(section, name, words.items[i], origin, continued);
	if (words.count == 0)
		add(section, name, "", origin, continued);
	hyfw_strings_finish(&words);
	return 0;
}
