/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw volume: named volumes that hyfw keeps in its data directory. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/cli.h"
#include "engine/store.h"
#include "plugin/driver.h"
#include "plugin/host.h"

#define KEEPER "dir" /* the driver that keeps volumes */

static int help(void)
{
	printf("Usage: hyfw %s\n\n"
	       "%s.  A volume is made when the first workload that names\n"
	       "it starts.\n\n"
	       "  list         all volumes, and where their data is\n"
	       "  rm NAME...   delete volumes that no workload uses, with their data\n",
	       hyfw_command_volume.usage, hyfw_command_volume.summary);
	return 0;
}

static int compare(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

/* Sorted names; '*ret_directory' (free()) is where they are. */
static void volumes(struct hyfw_strings *ret_names, char **ret_directory)
{
	char *path = hyfw_format("%s/volumes", hyfw_host_table()->directory(KEEPER, HYFW_DIRECTORY_DATA));
	HYFW_AUTO_DIR DIR *listing = opendir(path);
	struct dirent *entry;

	*ret_directory = path;
	while (listing && (entry = readdir(listing)))
		if (entry->d_name[0] != '.')
			hyfw_strings_add(ret_names, entry->d_name);
	if (ret_names->count > 1)
		qsort(ret_names->items, ret_names->count, sizeof(*ret_names->items), compare);
}

static void list_json(const struct hyfw_strings *names, const char *directory)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < names->count; i++) {
		HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", directory, names->items[i]);
		struct json_object *object = json_object_new_object();

		hyfw_json_add_text(object, "name", names->items[i]);
		hyfw_json_add_text(object, "driver", KEEPER);
		hyfw_json_add_text(object, "path", path);
		json_object_array_add(list, object);
	}
	hyfw_cli_print_json(list);
	json_object_put(list);
}

static void list_table(const struct hyfw_strings *names, const char *directory)
{
	struct hyfw_table *table = hyfw_table_new(3);
	size_t i;

	hyfw_table_add(table, "NAME");
	hyfw_table_add(table, "DRIVER");
	hyfw_table_add(table, "PATH");
	for (i = 0; i < names->count; i++) {
		HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", directory, names->items[i]);

		hyfw_table_add(table, names->items[i]);
		hyfw_table_add(table, KEEPER);
		hyfw_table_add(table, path);
	}
	hyfw_table_print(table);
}

static int main_list(struct hyfw_cli *cli, int argc)
{
	HYFW_AUTO_FREE char *directory = NULL;
	struct hyfw_strings names = { 0 };
	size_t i;

	if (argc != 1)
		return hyfw_cli_usage(&hyfw_command_volume, "list takes no arguments");
	volumes(&names, &directory);
	if (cli->json)
		list_json(&names, directory);
	else if (cli->quiet)
		for (i = 0; i < names.count; i++)
			puts(names.items[i]);
	else
		list_table(&names, directory);
	hyfw_strings_finish(&names);
	return 0;
}

static bool has_volume(const struct hyfw_use *uses, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!uses[i].anonymous && strcmp(uses[i].name, name) == 0)
			return true;
	return false;
}

/* -EBUSY when 'workload' uses volume 'name'; one that went meanwhile does not. */
static int check_user(const char *name, const char *workload, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	int result = hyfw_store_definition(workload, &definition, err);

	if (result == -ENOENT) {
		hyfw_forget(err);
		return 0;
	}
	if (result == 0 && (has_volume(definition->volumes, definition->volume_count, name) ||
			    has_volume(definition->disks, definition->disk_count, name)))
		result = hyfw_fail(err, EBUSY, "volume %s: used by workload %s; `hyfw rm %s` first", name, workload,
					   workload);
	return result;
}

static int check_unused(const char *name, struct hyfw_error **err)
{
	struct hyfw_strings workloads = { 0 };
	int result = hyfw_store_workloads(&workloads, err);
	size_t i;

	for (i = 0; result == 0 && i < workloads.count; i++)
		result = check_user(name, workloads.items[i], err);
	hyfw_strings_finish(&workloads);
	return result;
}

/* Under the lock that the first user of a volume takes. */
static int remove_volume(struct hyfw_driver *keeper, const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock("volume", name, err);
	int result;

	if (lock == -EINVAL) {
		hyfw_forget(err);
		return hyfw_fail(err, EINVAL, "volume '%s': not a usable name", name);
	}
	if (lock < 0)
		return hyfw_wrap(err, "volume %s", name);
	result = check_unused(name, err);
	return result < 0 ? result : hyfw_storage_volume_remove(keeper, name, err);
}

static int main_rm(struct hyfw_cli *cli, int argc, char **argv)
{
	struct hyfw_error *err = NULL;
	struct hyfw_driver *keeper;
	int i, status = 0;

	if (argc < 2)
		return hyfw_cli_usage(&hyfw_command_volume, "rm needs the NAME of a volume");
	if (hyfw_registry_get(HYFW_KIND_STORAGE, KEEPER, &keeper, &err) < 0)
		return hyfw_cli_error(err);
	for (i = 1; i < argc; i++) {
		if (remove_volume(keeper, argv[i], &err) < 0) {
			status = hyfw_cli_error(err);
			err = NULL;
		} else if (!cli->quiet) {
			puts(argv[i]);
		}
	}
	return status;
}

static int main_volume(struct hyfw_cli *cli, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc && i < 3; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return help();
	if (argc > 1 && (strcmp(argv[1], "list") == 0 || strcmp(argv[1], "ls") == 0))
		return main_list(cli, argc - 1);
	if (argc > 1 && strcmp(argv[1], "rm") == 0)
		return main_rm(cli, argc - 1, argv + 1);
	return hyfw_cli_usage(&hyfw_command_volume, "what to do with volumes: list or rm");
}

const struct hyfw_command hyfw_command_volume = {
	.name = "volume",
	.usage = "volume list | rm NAME...",
	.summary = "Volumes: list, rm",
	.main = main_volume,
};
