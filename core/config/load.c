/* SPDX-License-Identifier: BSD-3-Clause */
#include "config/load.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/choice.h"
#include "config/private.h"
#include "plugin/driver.h"

/* The drivers that this configuration uses. */
struct drivers {
	size_t count;
	struct hyfw_driver **items;
};

int hyfw_config_load(const struct hyfw_context *context, bool main_must_exist, const char *const *files,
		     struct hyfw_config **ret_config, struct hyfw_error **err)
{
	struct hyfw_config *config = hyfw_config_new();
	int result = 0;

	if (context->config_file)
		result = hyfw_config_read_main(config, context->config_file, main_must_exist, err);
	for (; result == 0 && files && *files; files++)
		result = hyfw_config_read_stack(config, *files, err);
	if (result < 0)
		hyfw_config_free(config);
	else
		*ret_config = config;
	return result;
}

void hyfw_config_keep_unused(struct hyfw_config *config)
{
	config->keep_unused = true;
}

void hyfw_config_report_refused(struct hyfw_config *config, hyfw_config_report report, void *user)
{
	config->refused = report;
	config->refused_user = user;
}

/* ---- what is used ---- */

/* Workloads and what stack files say is; of the main configuration only what a
 * workload names. */
static bool in_use(const struct hyfw_config *config, const struct hyfw_config_section *section)
{
	const struct hyfw_config_section *workload;
	size_t cursor = 0;

	if (config->keep_unused || !section->origin.main)
		return true;
	if (strcmp(section->type, "network") != 0 && strcmp(section->type, "volume") != 0)
		return true;
	while ((workload = hyfw_config_next(config, "workload", &cursor)))
		if (hyfw_config_uses(config, workload, section->type, section->name))
			return true;
	return false;
}

static void drop_unused(struct hyfw_config *config)
{
	size_t i = config->count;

	while (i-- > 0)
		if (!in_use(config, config->sections[i]))
			hyfw_config_section_drop(config, config->sections[i]);
}

/* ---- loading ---- */

static void keep_driver(struct hyfw_config *config, struct drivers *drivers, struct hyfw_driver *driver)
{
	const struct hyfw_plugin *plugin = hyfw_driver_plugin(driver);
	size_t i;

	for (i = 0; i < drivers->count; i++)
		if (drivers->items[i] == driver)
			return;
	drivers->items = hyfw_grow(drivers->items, drivers->count + 1, sizeof(*drivers->items));
	drivers->items[drivers->count++] = driver;
	hyfw_config_add_options(config, plugin->name, plugin->kind, plugin->options, plugin->option_stride);
}

static int load_choice(struct hyfw_config *config, struct drivers *drivers, const struct hyfw_choice *choice,
		       struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *cause = NULL;
	struct hyfw_driver *driver;

	if (hyfw_registry_get(choice->kind, choice->name, &driver, &cause) < 0)
		return hyfw_config_fail_value(err, cause->errnum, choice->section, choice->value, "%s",
					      cause->message);
	keep_driver(config, drivers, driver);
	return 0;
}

/* Ahead of all others: which ones those are may follow from it. */
static int load_isolations(struct hyfw_config *config, struct drivers *drivers, struct hyfw_error **err)
{
	struct hyfw_config_section *workload;
	size_t cursor = 0;
	int result = 0;

	while (result == 0 && (workload = hyfw_config_next(config, "workload", &cursor))) {
		struct hyfw_choices choices = { 0 };
		struct hyfw_driver *driver;

		hyfw_config_choose(config, workload, &choices);
		if (choices.count > 0 && choices.items[0].kind == HYFW_KIND_ISOLATION) {
			result = load_choice(config, drivers, &choices.items[0], err);
			if (result == 0 && hyfw_registry_get(HYFW_KIND_ISOLATION, choices.items[0].name, &driver, NULL) == 0)
				hyfw_config_fit_workload(config, workload, driver);
		}
		hyfw_choices_finish(&choices);
	}
	hyfw_config_fit_volumes(config);
	return result;
}

static int load_choices(struct hyfw_config *config, struct drivers *drivers, struct hyfw_error **err)
{
	int result = 0;
	size_t i, j;

	for (i = 0; result == 0 && i < config->count; i++) {
		struct hyfw_choices choices = { 0 };

		hyfw_config_choose(config, config->sections[i], &choices);
		for (j = 0; result == 0 && j < choices.count; j++)
			result = load_choice(config, drivers, &choices.items[j], err);
		hyfw_choices_finish(&choices);
	}
	return result;
}

static bool has_driver(const struct drivers *drivers, const char *name)
{
	size_t i;

	for (i = 0; i < drivers->count; i++)
		if (strcmp(hyfw_driver_name(drivers->items[i]), name) == 0)
			return true;
	return false;
}

/* [plugin NAME]: of a driver that is in use, or, in the main configuration, of
 * one that this stack does not need. */
static int settle_plugin(struct hyfw_config *config, struct drivers *drivers,
			 struct hyfw_config_section *section, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *cause = NULL;
	struct hyfw_driver *driver;

	if (has_driver(drivers, section->name))
		return 0;
	if (config->keep_unused) {
		if (hyfw_registry_get(0, section->name, &driver, &cause) < 0)
			return hyfw_config_fail_section(err, cause->errnum, section, "%s", cause->message);
		keep_driver(config, drivers, driver);
		return 0;
	}
	if (!section->origin.main)
		return hyfw_config_fail_section(err, EINVAL, section,
						"nothing in this stack uses a driver of that name; remove the section");
	hyfw_config_section_drop(config, section);
	return 0;
}

static int settle_plugins(struct hyfw_config *config, struct drivers *drivers, struct hyfw_error **err)
{
	size_t i = config->count;
	int result = 0;

	while (result == 0 && i-- > 0)
		if (strcmp(config->sections[i]->type, "plugin") == 0)
			result = settle_plugin(config, drivers, config->sections[i], err);
	return result;
}

static bool declares(const struct hyfw_plugin *plugin, const char *key)
{
	const char *at = (const char *)plugin->options;

	for (; at && ((const struct hyfw_option *)at)->name; at += plugin->option_stride)
		if (((const struct hyfw_option *)at)->scope == HYFW_SCOPE_WORKLOAD &&
		    strcmp(((const struct hyfw_option *)at)->name, key) == 0)
			return true;
	return false;
}

/* The driver that adds 'key' to [workload], among all there are; free(). */
static char *declaring_driver(const char *key)
{
	struct hyfw_plugin_report *reports = NULL;
	size_t count = 0, i;
	char *name = NULL;

	if (hyfw_registry_scan(&reports, &count, NULL) < 0)
		return NULL;
	for (i = 0; i < count && !name; i++)
		if (reports[i].plugin && declares(reports[i].plugin, key))
			name = hyfw_dup(reports[i].name);
	hyfw_plugin_reports_free(reports, count);
	return name;
}

/* [defaults] of the main configuration may have keys of drivers that this stack
 * does not need.  Others that are unknown are left for validation to refuse. */
static void settle_defaults(struct hyfw_config *config, struct drivers *drivers)
{
	struct hyfw_config_section *defaults = hyfw_config_find(config, "defaults", "");
	struct hyfw_driver *driver;
	size_t i = defaults ? defaults->count : 0;

	while (i-- > 0) {
		const struct hyfw_config_value *value = &defaults->values[i];
		HYFW_AUTO_FREE char *name = NULL, *key = NULL;

		if (!value->origin.main || hyfw_config_key(config, defaults, value->key))
			continue;
		key = hyfw_dup(value->key);
		name = declaring_driver(key);
		if (!name)
			continue;
		if (!config->keep_unused) {
			hyfw_config_value_remove(defaults, key);
			i = defaults->count;
		} else if (hyfw_registry_get(0, name, &driver, NULL) == 0) {
			keep_driver(config, drivers, driver);
		}
	}
}

/* Where no workload says which driver is used, those that may keep disks in a pool. */
static int settle_pools(struct hyfw_config *config, struct drivers *drivers, struct hyfw_error **err)
{
	struct hyfw_strings names = { 0 };
	size_t cursor = 0, i;
	int result = 0;

	if (config->keep_unused && hyfw_config_next(config, "pool", &cursor))
		result = hyfw_registry_names(HYFW_KIND_STORAGE, &names, err);
	for (i = 0; result == 0 && i < names.count; i++) {
		struct hyfw_driver *driver;

		if (hyfw_registry_get(HYFW_KIND_STORAGE, names.items[i], &driver, NULL) == 0)
			keep_driver(config, drivers, driver);
	}
	hyfw_strings_finish(&names);
	return result;
}

/* ---- afterwards ---- */

static void configure(const struct hyfw_config *config, const struct drivers *drivers)
{
	const struct hyfw_config_section *section;
	size_t i;

	for (i = 0; i < drivers->count; i++) {
		section = hyfw_config_find(config, "plugin", hyfw_driver_name(drivers->items[i]));
		if (section)
			hyfw_driver_configure(drivers->items[i], &section->map);
	}
}

/* -q and its like have been there before; they win. */
static void set_verbosity(const struct hyfw_config *config)
{
	static const char *const levels[] = { "error", "warning", "info", "debug" };
	const struct hyfw_config_section *section = hyfw_config_find(config, "hyfw", "");
	const char *level = hyfw_map_get(&section->map, "log_level");
	struct hyfw_context *context = hyfw_context_current();
	unsigned i;

	for (i = 0; context && context->verbosity == HYFW_LOG_WARNING && i < HYFW_COUNT(levels); i++)
		if (strcmp(level, levels[i]) == 0) {
			context->verbosity = i;
			return;
		}
}

int hyfw_config_load_drivers_and_validate(struct hyfw_config *config, struct hyfw_error **err)
{
	struct drivers drivers = { 0 };
	size_t cursor = 0;
	int result;

	if (config->validated)
		return 0;
	if (config->stack_path && !config->keep_unused && !hyfw_config_next(config, "workload", &cursor))
		return hyfw_fail(err, EINVAL, "%s: there is no [workload NAME] in it", config->stack_path);
	drop_unused(config);
	result = load_isolations(config, &drivers, err);
	if (result == 0)
		result = load_choices(config, &drivers, err);
	if (result == 0)
		result = settle_plugins(config, &drivers, err);
	if (result == 0)
		result = settle_pools(config, &drivers, err);
	if (result == 0)
		settle_defaults(config, &drivers);
	if (result == 0)
		hyfw_config_expect_pools(config);
	if (result == 0)
		result = hyfw_config_validate(config, err);
	if (result == 0)
		result = hyfw_config_hand_over_pools(config, err);
	if (result == 0)
		result = hyfw_config_check_honours(config, err);
	if (result == 0)
		result = hyfw_config_check_fit(config, err);
	if (result == 0)
		result = hyfw_config_check_failover(config, err);
	if (result == 0) {
		configure(config, &drivers);
		set_verbosity(config);
	}
	free(drivers.items);
	return result;
}

int hyfw_config_load_to_show(const struct hyfw_context *context, bool main_must_exist, const char *const *files,
			     struct hyfw_config **ret_config, struct hyfw_error **err)
{
	struct hyfw_config *config = NULL;
	int result = hyfw_config_load(context, main_must_exist, files, &config, err);

	if (result < 0)
		return result;
	if (!files || !*files)
		hyfw_config_keep_unused(config);
	result = hyfw_config_load_drivers_and_validate(config, err);
	if (result < 0)
		hyfw_config_free(config);
	else
		*ret_config = config;
	return result;
}
