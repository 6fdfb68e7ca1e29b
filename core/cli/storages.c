/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/storages.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "config/load.h"
#include "plugin/driver.h"
#include "plugin/host.h"

static int add(const char *name, const char *capability, struct hyfw_driver **stores, size_t *count, struct hyfw_error **err)
{
	struct hyfw_driver *driver;
	int result = hyfw_registry_get(HYFW_KIND_STORAGE, name, &driver, err);

	if (result == 0 && hyfw_driver_can(driver, capability))
		stores[(*count)++] = driver;
	return result;
}

/* One that cannot be loaded keeps the others from nothing. */
static int add_all(const struct hyfw_strings *names, const char *capability, struct hyfw_driver **stores,
		   size_t *count)
{
	size_t i;

	for (i = 0; i < names->count; i++) {
		HYFW_AUTO_ERROR struct hyfw_error *err = NULL;

		if (add(names->items[i], capability, stores, count, &err) < 0)
			hyfw_host_table()->log(HYFW_LOG_WARNING, "%s", err->message);
	}
	return 0;
}

int hyfw_storages(const char *capability, const char *name, struct hyfw_driver ***ret_stores, size_t *ret_count,
		  struct hyfw_error **err)
{
	struct hyfw_strings names = { 0 };
	HYFW_AUTO_FREE struct hyfw_driver **stores = NULL;
	int result = name ? 0 : hyfw_registry_names(HYFW_KIND_STORAGE, &names, err);

	if (result == 0) {
		stores = hyfw_new((names.count + 1) * sizeof(*stores));
		*ret_count = 0;
		result = name ? add(name, capability, stores, ret_count, err) :
				add_all(&names, capability, stores, ret_count);
	}
	if (result == 0 && name && *ret_count == 0)
		result = hyfw_fail(err, EINVAL, "storage driver %s: it does not do that (%s)", name, capability);
	hyfw_strings_finish(&names);
	if (result == 0)
		*ret_stores = HYFW_STEAL(stores);
	return result;
}

int hyfw_storages_configure(struct hyfw_cli *cli, struct hyfw_error **err)
{
	struct hyfw_strings names = { 0 };
	struct hyfw_config *config = NULL;
	size_t i, cursor = 0;
	bool wanted = false;
	int result = hyfw_config_load(&cli->context, cli->config_given, NULL, &config, err);

	if (result < 0)
		return result;
	result = hyfw_registry_names(HYFW_KIND_STORAGE, &names, err);
	for (i = 0; result == 0 && i < names.count; i++)
		wanted = wanted || hyfw_config_find(config, "plugin", names.items[i]);
	hyfw_strings_finish(&names);
	if (result == 0 && (wanted || hyfw_config_next(config, "pool", &cursor))) {
		hyfw_config_keep_unused(config);
		result = hyfw_config_load_drivers_and_validate(config, err);
	}
	hyfw_config_free(config);
	return result;
}
