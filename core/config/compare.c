/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/compare.h"

#include <string.h>

#include "base/cleanup.h"
#include "config/private.h"

int hyfw_config_set_isolation(struct hyfw_config *config, const char *isolation, const char *flag,
			      struct hyfw_error **err)
{
	struct hyfw_config_section *workload;
	size_t cursor = 0;
	int result = 0;

	while (result == 0 && (workload = hyfw_config_next(config, "workload", &cursor)))
		result = hyfw_config_set(config, "workload", workload->name, "isolation", isolation, flag, err);
	return result;
}

/* All elements between blanks, NULL when there is none; free(). */
static char *join(const struct hyfw_config_section *section, const char *key)
{
	const char *value;
	char *text = NULL;
	size_t cursor = 0;

	while ((value = hyfw_map_next(&section->map, key, &cursor))) {
		char *longer = text ? hyfw_format("%s %s", text, value) : hyfw_dup(value);

		free(text);
		text = longer;
	}
	return text;
}

static bool is_secret(const struct hyfw_config_section *section, const char *key)
{
	size_t i;

	for (i = 0; i < section->count; i++)
		if (strcmp(section->values[i].key, key) == 0 && section->values[i].secret)
			return true;
	return false;
}

struct compare {
	const struct hyfw_config_section *now, *then;
	struct hyfw_strings seen;
	hyfw_config_difference report;
	void *user;
};

static void compare_key(struct compare *compare, const char *key)
{
	HYFW_AUTO_FREE char *now = NULL, *then = NULL;

	if (hyfw_strings_has(&compare->seen, key) || is_secret(compare->now, key) || is_secret(compare->then, key))
		return;
	hyfw_strings_add(&compare->seen, key);
	now = join(compare->now, key);
	then = join(compare->then, key);
	if ((!now && !then) || (now && then && strcmp(now, then) == 0))
		return;
	compare->report(compare->user, compare->now->name, key, now, then);
}

void hyfw_config_compare(const struct hyfw_config *now, const struct hyfw_config *then,
			 hyfw_config_difference report, void *user)
{
	struct compare compare = { .report = report, .user = user };
	size_t cursor = 0, i;

	while ((compare.now = hyfw_config_next(now, "workload", &cursor))) {
		compare.then = hyfw_config_find(then, "workload", compare.now->name);
		if (!compare.then)
			continue;
		for (i = 0; i < compare.now->map.count; i++)
			compare_key(&compare, compare.now->map.items[i].key);
		for (i = 0; i < compare.then->map.count; i++)
			compare_key(&compare, compare.then->map.items[i].key);
		hyfw_strings_finish(&compare.seen);
		memset(&compare.seen, 0, sizeof(compare.seen));
	}
}
