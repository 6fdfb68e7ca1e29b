/* SPDX-License-Identifier: BSD-3-Clause
 * Nothing is ignored silently: each key that somebody set is put into effect by
 * the core or by one of the drivers that its section chooses. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/choice.h"
#include "config/private.h"
#include "plugin/driver.h"

bool hyfw_plugin_lists(const char *const *words, const char *word)
{
	for (; words && *words; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

static bool declares(const struct hyfw_config *config, const char *driver, enum hyfw_option_scope scope,
		     const char *key)
{
	size_t i;

	for (i = 0; i < config->option_count; i++)
		if (strcmp(config->options[i].driver, driver) == 0 && config->options[i].key.option.scope == scope &&
		    strcmp(config->options[i].key.option.name, key) == 0)
			return true;
	return false;
}

static bool honoured(const struct hyfw_config *config, const struct hyfw_config_section *section,
		     const char *key, const struct hyfw_choices *choices)
{
	const struct hyfw_key *core = hyfw_schema_key(section->type, key);
	HYFW_AUTO_FREE char *word = hyfw_format("%s.%s", section->type, key);
	size_t i;

	if (core && (core->flags & HYFW_KEY_CORE))
		return true;
	for (i = 0; i < choices->count; i++) {
		struct hyfw_driver *driver;

		if (hyfw_registry_get(choices->items[i].kind, choices->items[i].name, &driver, NULL) < 0)
			continue;
		if (core ? hyfw_driver_honours(driver, word) :
			   declares(config, choices->items[i].name, hyfw_schema_section(section->type)->scope, key))
			return true;
	}
	return false;
}

/* "; the security module cgroups does", free(). */
static char *who_would(const char *word)
{
	struct hyfw_plugin_report *reports = NULL;
	size_t count = 0, i;
	char *who = NULL;

	if (hyfw_registry_scan(&reports, &count, NULL) < 0)
		return hyfw_dup("");
	for (i = 0; i < count && !who; i++)
		if (reports[i].plugin && hyfw_plugin_lists(reports[i].plugin->honours, word))
			who = hyfw_format("; %s driver %s does", hyfw_kind_name(reports[i].plugin->kind),
					  reports[i].name);
	hyfw_plugin_reports_free(reports, count);
	return who ? who : hyfw_dup("");
}

static int refuse(const struct hyfw_config_section *section, const struct hyfw_config_value *value,
		  const struct hyfw_choices *choices, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *word = hyfw_format("%s.%s", section->type, value->key);
	HYFW_AUTO_FREE char *would = who_would(word);
	HYFW_AUTO_FREE char *names = NULL;
	size_t i;

	for (i = 0; i < choices->count; i++) {
		char *longer = names ? hyfw_format("%s, %s", names, choices->items[i].name) :
				       hyfw_dup(choices->items[i].name);

		free(names);
		names = longer;
	}
	return hyfw_config_fail_value(err, ENOTSUP, section, value,
				      "none of its drivers (%s) honours this key%s", names ? names : "", would);
}

/* The core's own keys of which the isolation driver makes nothing. */
static int check_isolation(const struct hyfw_config_section *section, const struct hyfw_config_value *value,
			   const struct hyfw_choices *choices, struct hyfw_error **err)
{
	struct hyfw_driver *isolation;
	const char *refusal;

	if (strcmp(section->type, "workload") != 0 || choices->count == 0 ||
	    choices->items[0].kind != HYFW_KIND_ISOLATION ||
	    hyfw_registry_get(HYFW_KIND_ISOLATION, choices->items[0].name, &isolation, NULL) < 0)
		return 0;
	refusal = hyfw_config_key_refusal(hyfw_driver_plugin(isolation), value->key);
	if (!refusal)
		return 0;
	return hyfw_config_fail_value(err, ENOTSUP, section, value, "isolation driver %s %s",
				      choices->items[0].name, refusal);
}

/* A further element of a list: what holds for the first holds for it. */
static bool is_repeated(const struct hyfw_config_section *section, size_t index)
{
	size_t i;

	for (i = 0; i < index; i++)
		if (strcmp(section->values[i].key, section->values[index].key) == 0 &&
		    section->values[i].origin.kind != HYFW_ORIGIN_DEFAULT)
			return true;
	return false;
}

static int check_section(const struct hyfw_config *config, const struct hyfw_config_section *section,
			 struct hyfw_error **err)
{
	struct hyfw_choices choices = { 0 };
	size_t i, refused = 0;
	int result = 0;

	hyfw_config_choose(config, section, &choices);
	for (i = 0; result == 0 && i < section->count; i++) {
		const struct hyfw_config_value *value = &section->values[i];

		if (value->origin.kind == HYFW_ORIGIN_DEFAULT || is_repeated(section, i))
			continue;
		result = check_isolation(section, value, &choices, err);
		if (result == 0 && !honoured(config, section, value->key, &choices))
			result = refuse(section, value, &choices, err);
		if (result < 0 && config->refused) {
			config->refused(config->refused_user, *err);
			hyfw_forget(err);
			refused++;
			result = 0;
		}
	}
	hyfw_choices_finish(&choices);
	if (refused > 0)
		return hyfw_fail(err, ENOTSUP, "[%s %s]: %zu of its keys cannot be honoured", section->type, section->name,
				 refused);
	return result;
}

/* Whether 'name' is a network whose driver knows links; one without a section is of
 * driver bridge. */
static bool network_links(const struct hyfw_config *config, const char *name)
{
	const struct hyfw_config_section *network = hyfw_config_find(config, "network", name);
	const struct hyfw_config_value *value;
	struct hyfw_driver *driver;
	size_t cursor = 0;

	value = network ? hyfw_config_raw_value(config, network, "driver", &cursor) : NULL;
	return hyfw_registry_get(HYFW_KIND_NETWORK, value ? value->text : "bridge", &driver, NULL) < 0 ||
	       hyfw_driver_honours(driver, "workload.links");
}

static bool shares(const struct hyfw_config_section *peer, const char *network)
{
	const struct hyfw_config_value *value;
	size_t cursor = 0;

	while ((value = hyfw_config_next_value(peer, "network", &cursor)))
		if (strcmp(value->normal, network) == 0)
			return true;
	return false;
}

/* Of several networks that two workloads have in common one at least must know links. */
static int check_links(const struct hyfw_config *config, const struct hyfw_config_section *workload,
		       struct hyfw_error **err)
{
	const struct hyfw_config_value *link, *network;
	const struct hyfw_config_section *peer;
	size_t cursor = 0, at;
	bool common;

	while ((link = hyfw_config_next_value(workload, "links", &cursor))) {
		peer = hyfw_config_find(config, "workload", link->normal);
		common = !peer;
		for (at = 0; !common && (network = hyfw_config_next_value(workload, "network", &at));)
			common = shares(peer, network->normal) && network_links(config, network->normal);
		if (!common)
			return hyfw_config_fail_value(err, ENOTSUP, workload, link,
						      "the drivers of the networks that '%s' and this workload have in common "
						      "know no links", link->normal);
	}
	return 0;
}

int hyfw_config_check_honours(const struct hyfw_config *config, struct hyfw_error **err)
{
	int result = 0;
	size_t i;

	for (i = 0; result == 0 && i < config->count; i++) {
		const char *type = config->sections[i]->type;

		if (strcmp(type, "workload") == 0 || strcmp(type, "network") == 0 || strcmp(type, "volume") == 0)
			result = check_section(config, config->sections[i], err);
		if (result == 0 && strcmp(type, "workload") == 0)
			result = check_links(config, config->sections[i], err);
	}
	return result;
}
