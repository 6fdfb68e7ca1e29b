/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/parity.h"

#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "config/private.h"

static void add(struct hyfw_parity_key **keys, size_t *count, const char *name, const char *from, const char *help)
{
	*keys = hyfw_grow(*keys, *count + 1, sizeof(**keys));
	(*keys)[(*count)++] = (struct hyfw_parity_key){ name, from, help };
}

void hyfw_parity_keys(const struct hyfw_plugin *const *plugins, size_t count, struct hyfw_parity_key **ret_keys,
		      size_t *ret_count)
{
	const struct hyfw_key *key;
	size_t i;

	*ret_keys = NULL;
	*ret_count = 0;
	for (key = hyfw_schema_section("workload")->keys; key->option.name; key++)
		add(ret_keys, ret_count, key->option.name, NULL, key->option.help);
	for (i = 0; i < count; i++) {
		const char *at = (const char *)plugins[i]->options;

		for (; at && ((const struct hyfw_option *)at)->name; at += plugins[i]->option_stride)
			if (((const struct hyfw_option *)at)->scope == HYFW_SCOPE_WORKLOAD)
				add(ret_keys, ret_count, ((const struct hyfw_option *)at)->name, plugins[i]->name,
				    ((const struct hyfw_option *)at)->help);
	}
}

bool hyfw_parity_by_core(const struct hyfw_parity_key *key)
{
	const struct hyfw_key *core = key->from ? NULL : hyfw_schema_key("workload", key->name);

	return core && (core->flags & HYFW_KEY_CORE);
}

/* What the driver does with it by itself. */
static enum hyfw_parity alone(const struct hyfw_parity_key *key, const struct hyfw_plugin *driver)
{
	HYFW_AUTO_FREE char *word = hyfw_format("workload.%s", key->name);

	if (key->from && strcmp(key->from, driver->name) == 0)
		return HYFW_PARITY_OWN;
	return !key->from && hyfw_plugin_lists(driver->honours, word) ? HYFW_PARITY_HONOURED : HYFW_PARITY_REFUSED;
}

enum hyfw_parity hyfw_parity_of(const struct hyfw_parity_key *key, const struct hyfw_plugin *driver,
				const struct hyfw_plugin *const *plugins, size_t count)
{
	enum hyfw_parity parity = alone(key, driver);
	size_t i;

	if (driver->kind != HYFW_KIND_ISOLATION)
		return parity;
	if (!key->from && hyfw_config_key_refusal(driver, key->name))
		return HYFW_PARITY_REFUSED;
	if (hyfw_parity_by_core(key))
		return HYFW_PARITY_HONOURED;
	for (i = 0; parity == HYFW_PARITY_REFUSED && i < count; i++)
		if (plugins[i]->kind != HYFW_KIND_ISOLATION && hyfw_config_fits(driver, plugins[i]) &&
		    alone(key, plugins[i]) != HYFW_PARITY_REFUSED)
			parity = HYFW_PARITY_HONOURED;
	return parity;
}
