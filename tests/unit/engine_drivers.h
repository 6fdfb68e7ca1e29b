/* SPDX-License-Identifier: BSD-3-Clause
 * For tests of core/engine that need drivers: the fakes of tests/drivers in a
 * plugin directory that is trusted (loader_fixture.h), and what they left. */
#ifndef HYFW_TESTS_ENGINE_DRIVERS_H
#define HYFW_TESTS_ENGINE_DRIVERS_H

#include "engine_fixture.h"
#include "loader_fixture.h"

#include "engine/apply.h"

__attribute__((unused)) static int drivers_set_up(void **state)
{
	hyfw_engine_init();
	return fixture_set_up(state);
}

/* Before each test: all fakes, nothing else. */
__attribute__((unused)) static int drivers_clear(void **state)
{
	if (geteuid() != 0)
		return 0;
	if (fixture_clear(state) < 0 || hyfw_remove_tree(AT_FDCWD, fixture_context.runtime, NULL) < 0 ||
	    hyfw_remove_tree(AT_FDCWD, fixture_context.data, NULL) < 0 ||
	    hyfw_make_directories(fixture_context.runtime, 0711, NULL) < 0)
		return -1;
	fixture_copy("fake-isolation");
	fixture_copy("fake-held");
	fixture_copy("fake-network");
	fixture_copy("fake-storage");
	fixture_copy("fake-security");
	return 0;
}

__attribute__((unused)) static void drivers_need_root(void)
{
	fixture_need_root();
}

__attribute__((unused)) static void drivers_remove(const char *name)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s.so", fixture_plugins, name);

	assert_int_equal(unlink(path), 0);
}

/* A file in the runtime directory; the text lives until the next call. */
__attribute__((unused)) static const char *drivers_file(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", fixture_context.runtime, name);
	return path;
}

__attribute__((unused)) static bool drivers_trace_of(const char *driver, const char *name)
{
	HYFW_AUTO_FREE char *file = hyfw_format("drivers/%s/%s", driver, name);

	return access(drivers_file(file), F_OK) == 0;
}

__attribute__((unused)) static bool drivers_trace(const char *name)
{
	return drivers_trace_of("fake-network", name);
}

__attribute__((unused)) static size_t drivers_traces(void)
{
	return count_names(drivers_file("drivers/fake-network"));
}

__attribute__((unused)) static void drivers_set(struct hyfw_definition *definition, const char *driver,
						const char *key, const char *value)
{
	hyfw_strings_add(&definition->plugins, driver);
	definition->plugin_settings = hyfw_grow(definition->plugin_settings, definition->plugins.count,
						sizeof(*definition->plugin_settings));
	memset(&definition->plugin_settings[definition->plugins.count - 1], 0,
	       sizeof(*definition->plugin_settings));
	hyfw_pairs_add(&definition->plugin_settings[definition->plugins.count - 1], key, value);
}

/* A workload of the fakes alone; 'network' NULL: on none. */
__attribute__((unused)) static struct hyfw_definition *drivers_definition(const char *name, const char *network)
{
	struct hyfw_definition *definition = hyfw_new(sizeof(*definition));

	definition->name = hyfw_dup(name);
	hyfw_pairs_add(&definition->settings, "isolation", "fake-isolation");
	hyfw_pairs_add(&definition->settings, "storage", "fake-storage");
	hyfw_pairs_add(&definition->settings, "security", "fake-security");
	hyfw_pairs_add(&definition->settings, "command", "/bin/true");
	if (network) {
		definition->networks = hyfw_new(sizeof(*definition->networks));
		definition->network_count = 1;
		definition->networks[0].name = hyfw_dup(network);
		definition->networks[0].driver = hyfw_dup("fake-network");
	}
	return definition;
}

#endif
