/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/orphans.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/definition.h"
#include "engine/launch.h"
#include "engine/rename.h"
#include "engine/shared.h"
#include "engine/store.h"
#include "plugin/registry.h"

struct living {
	struct hyfw_strings workloads, running, networks, volumes;
};

static void find_living(struct living *living)
{
	HYFW_AUTO_FREE char *networks = hyfw_path_shared("network", "", NULL);
	HYFW_AUTO_FREE char *volumes = hyfw_path_shared("volume", "", NULL);
	HYFW_AUTO_FREE char *running = hyfw_path_runtime("", NULL);

	hyfw_store_workloads(&living->workloads, NULL);
	hyfw_rename_names(&living->workloads);
	hyfw_store_names(running, &living->running, NULL);
	hyfw_store_names(networks, &living->networks, NULL);
	hyfw_store_names(volumes, &living->volumes, NULL);
}

static void living_finish(struct living *living)
{
	hyfw_strings_finish(&living->workloads);
	hyfw_strings_finish(&living->running);
	hyfw_strings_finish(&living->networks);
	hyfw_strings_finish(&living->volumes);
}

static const char *const *names_of(const struct hyfw_strings *names)
{
	static const char *const none[] = { NULL };

	return names->items ? (const char *const *)names->items : none;
}

/* A driver, and the settings for it: NULL for those it has from the main configuration. */
struct orphanage {
	const struct hyfw_plugin_report *found;
	const struct hyfw_pairs *settings;
};

/* Nobody can claim a name meanwhile, so whatever a driver finds that is not in the
 * lists is not just being made. */
static int gc_driver(void *data, struct hyfw_error **err)
{
	const struct orphanage *orphanage = data;
	struct hyfw_alive alive = { .size = sizeof(alive) };
	struct living living = { 0 };
	struct hyfw_driver *driver;
	HYFW_AUTO_CLOSE int gate = hyfw_store_gate(true, err);
	int result;

	if (gate < 0)
		return -(*err)->errnum;
	find_living(&living);
	alive.workloads = names_of(&living.workloads);
	alive.running = names_of(&living.running);
	alive.networks = names_of(&living.networks);
	alive.volumes = names_of(&living.volumes);
	result = hyfw_registry_get((enum hyfw_kind)orphanage->found->plugin->kind, orphanage->found->name, &driver,
				   err);
	if (result == 0 && orphanage->settings) {
		const struct hyfw_map settings = hyfw_pairs_map(orphanage->settings);

		hyfw_driver_configure(driver, &settings);
	}
	if (result == 0)
		result = hyfw_driver_gc(driver, &alive, err);
	living_finish(&living);
	return result;
}

static void gc_with(struct hyfw_strings *failed, const struct hyfw_plugin_report *found,
		    const struct hyfw_pairs *settings)
{
	struct orphanage orphanage = { found, settings };
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

	if (hyfw_guarded(gc_driver, &orphanage, 0, &failure) < 0 &&
	    !hyfw_strings_has(failed, failure->message))
		hyfw_strings_add(failed, failure->message);
}

/* What a workload was made with may not be in the main configuration, or not any
 * more: a driver may have orphans in several places. */
static void gc_as_defined(struct hyfw_strings *failed, const struct hyfw_plugin_report *found,
			  struct hyfw_definition *const *definitions, size_t count)
{
	HYFW_AUTO_FREE const struct hyfw_pairs **done = NULL;
	size_t done_count = 0, i, j, k;

	for (i = 0; i < count; i++)
		for (j = 0; j < definitions[i]->plugins.count; j++) {
			const struct hyfw_pairs *settings = &definitions[i]->plugin_settings[j];

			if (strcmp(definitions[i]->plugins.items[j], found->name) != 0)
				continue;
			for (k = 0; k < done_count && !hyfw_pairs_same(done[k], settings); k++)
				continue;
			if (k < done_count)
				continue;
			done = hyfw_grow(done, done_count + 1, sizeof(*done));
			done[done_count++] = settings;
			gc_with(failed, found, settings);
		}
}

static size_t read_definitions(struct hyfw_definition ***ret_definitions)
{
	struct hyfw_strings names = { 0 };
	size_t i, count = 0;

	hyfw_store_workloads(&names, NULL);
	*ret_definitions = hyfw_new((names.count + 1) * sizeof(**ret_definitions));
	for (i = 0; i < names.count; i++)
		if (hyfw_store_definition(names.items[i], &(*ret_definitions)[count], NULL) == 0)
			count++;
	hyfw_strings_finish(&names);
	return count;
}

void hyfw_orphans_collect(struct hyfw_strings *failed)
{
	struct hyfw_plugin_report *reports = NULL;
	HYFW_AUTO_ERROR struct hyfw_error *scan = NULL;
	HYFW_AUTO_FREE struct hyfw_definition **definitions = NULL;
	size_t count = 0, defined, i;

	if (hyfw_registry_scan(&reports, &count, &scan) < 0) {
		hyfw_strings_add(failed, scan->message);
		return;
	}
	defined = read_definitions(&definitions);
	for (i = 0; i < count; i++) {
		if (!reports[i].plugin)
			continue;
		gc_with(failed, &reports[i], NULL);
		gc_as_defined(failed, &reports[i], definitions, defined);
	}
	for (i = 0; i < defined; i++)
		hyfw_definition_free(definitions[i]);
	hyfw_plugin_reports_free(reports, count);
}
