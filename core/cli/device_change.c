/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/device_change.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "config/load.h"
#include "engine/devices.h"
#include "engine/store.h"

/* The keys of the workload that decide which disks and networks it may have. */
static int set_frame(struct hyfw_config *config, const struct hyfw_definition *definition, struct hyfw_error **err)
{
	static const char *const keys[] = { "isolation", "image", "rootfs", "storage" };
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < HYFW_COUNT(keys); i++) {
		const char *value = hyfw_definition_get(definition, keys[i]);

		if (value)
			result = hyfw_config_set(config, "workload", definition->name, keys[i], value, "workload", err);
	}
	return result;
}

/* A network that is written in the stack of 'definition' is known by the workloads
 * that are on it. */
static int set_network(struct hyfw_config *config, const struct hyfw_definition *definition, const char *network,
		       struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *flag = hyfw_format("stack %s", definition->stack);
	struct hyfw_strings names = { 0 };
	bool found = false;
	size_t i, j, k;
	int result = hyfw_store_workloads(&names, err);

	for (i = 0; result == 0 && !found && i < names.count; i++) {
		HYFW_AUTO_DEFINITION struct hyfw_definition *other = NULL;

		if (hyfw_store_definition(names.items[i], &other, NULL) < 0 || !other->stack ||
		    strcmp(other->stack, definition->stack) != 0)
			continue;
		for (j = 0; result == 0 && !found && j < other->network_count; j++) {
			const struct hyfw_use *use = &other->networks[j];

			if (strcmp(use->name, network) != 0)
				continue;
			found = true;
			result = hyfw_config_set(config, "network", network, "driver", use->driver, flag, err);
			for (k = 0; result == 0 && k < use->settings.count; k++)
				if (strcmp(use->settings.items[k].key, "driver") != 0)
					result = hyfw_config_set(config, "network", network, use->settings.items[k].key,
								 use->settings.items[k].value, flag, err);
		}
	}
	hyfw_strings_finish(&names);
	return result;
}

/* Through the configuration, as a flag of `hyfw run` goes: with its checks, and the
 * sections of the main configuration about it. */
static int read_addition(const struct hyfw_cli *cli, const struct hyfw_definition *definition, bool disk,
			 const char *text, struct hyfw_definition **ret_add, struct hyfw_error **err)
{
	struct hyfw_config *config = NULL;
	int result = hyfw_config_load(&cli->context, cli->config_given, NULL, &config, err);

	if (result == 0)
		result = set_frame(config, definition, err);
	if (result == 0 && !disk && definition->stack && !hyfw_config_find(config, "network", text))
		result = set_network(config, definition, text, err);
	if (result == 0)
		result = hyfw_config_set(config, "workload", definition->name, "network", disk ? "none" : text,
					 "--add-network", err);
	if (result == 0 && disk)
		result = hyfw_config_set(config, "workload", definition->name, "disk", text, "--add-disk", err);
	if (result == 0)
		result = hyfw_config_load_drivers_and_validate(config, err);
	if (result == 0)
		result = hyfw_definition_new(config, hyfw_config_find(config, "workload", definition->name), ret_add, err);
	hyfw_config_free(config);
	return result;
}

/* "./disk.img:ro" is seen from here; free(). */
static char *absolute(const char *text)
{
	const size_t length = strcspn(text, ":");
	HYFW_AUTO_FREE char *source = hyfw_dup_n(text, length);
	HYFW_AUTO_FREE char *path = *text == '.' ? realpath(source, NULL) : NULL;

	return path ? hyfw_format("%s%s", path, text + length) : hyfw_dup(text);
}

/* [defaults] may have given it others. */
static void keep_one(struct hyfw_definition *add, bool disk)
{
	size_t i;

	for (i = 0; disk && i < add->network_count; i++)
		hyfw_devices_drop(add, false, i);
	for (i = 0; !disk && i < add->disk_count; i++)
		hyfw_devices_drop(add, true, i);
	hyfw_devices_settle(add);
}

int hyfw_device_change(const struct hyfw_cli *cli, const char *workload, enum hyfw_device_flag flag,
		       const char *text, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL, *add = NULL;
	struct hyfw_device_change change = { 0 };
	const bool disk = flag == HYFW_ADD_DISK;
	int result = 0;

	if (disk || flag == HYFW_ADD_NETWORK) {
		HYFW_AUTO_FREE char *seen = disk ? absolute(text) : hyfw_dup(text);

		result = hyfw_store_definition(workload, &definition, err);
		if (result == 0)
			result = read_addition(cli, definition, disk, seen, &add, err);
		if (result < 0)
			return result;
		keep_one(add, disk);
		change.add = add;
	} else if (flag == HYFW_REMOVE_DISK) {
		change.disk = text;
	} else {
		change.network = text;
	}
	return hyfw_devices_change(workload, &change, err);
}

/* ---- and back ---- */

/* The one that 'gone' names; NULL when it is not there. */
static struct hyfw_definition *only_that(const struct hyfw_definition *before, const struct hyfw_device_change *gone)
{
	HYFW_AUTO_FREE char *json = hyfw_definition_to_json(before);
	struct hyfw_definition *copy = NULL;
	size_t index, i;
	bool disk;

	if (hyfw_devices_find(before, gone, &disk, &index, NULL) < 0 || hyfw_definition_from_json(json, &copy, NULL) < 0)
		return NULL;
	for (i = 0; i < copy->disk_count; i++)
		if (!disk || i != index)
			hyfw_devices_drop(copy, true, i);
	for (i = 0; i < copy->network_count; i++)
		if (disk || i != index)
			hyfw_devices_drop(copy, false, i);
	hyfw_devices_settle(copy);
	return copy;
}

int hyfw_device_change_back(const struct hyfw_definition *before, enum hyfw_device_flag flag, const char *text,
			    struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *add = NULL;
	HYFW_AUTO_FREE char *seen = flag == HYFW_ADD_DISK ? absolute(text) : hyfw_dup(text);
	struct hyfw_device_change change = { 0 };
	const bool disk = flag == HYFW_ADD_DISK || flag == HYFW_REMOVE_DISK;

	if (flag == HYFW_ADD_DISK)
		seen[strcspn(seen, ":")] = '\0';
	change.disk = disk ? seen : NULL;
	change.network = disk ? NULL : seen;
	if (flag == HYFW_REMOVE_DISK || flag == HYFW_REMOVE_NETWORK) {
		add = only_that(before, &change);
		if (!add)
			return hyfw_fail(err, ENOENT, "it had no %s", text);
		change = (struct hyfw_device_change){ .add = add };
	}
	return hyfw_devices_change(before->name, &change, err);
}
