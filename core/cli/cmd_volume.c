/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw volume: named volumes that hyfw keeps in its data directory. */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/storages.h"
#include "engine/store.h"
#include "plugin/driver.h"
#include "plugin/host.h"

#define KEEPER "dir" /* the driver whose volumes are directories, in the place that its name says */

static int help(void)
{
	printf("Usage: hyfw %s\n\n"
	       "%s.  A volume is made when the first workload that names\n"
	       "it starts.\n\n"
	       "  list         all volumes, and where their data is\n"
	       "  rm NAME...   delete volumes that no workload uses, with their data\n\n"
	       "Flag of rm:\n"
	       "  --driver DRIVER   where several drivers have one of the name\n",
	       hyfw_command_volume.usage, hyfw_command_volume.summary);
	return 0;
}

struct volume {
	const char *name, *driver, *path; /* in the arena of the list */
};

struct volumes {
	struct volume *items;
	size_t count;
};

static void add(struct volumes *volumes, const char *name, const char *driver, const char *path)
{
	volumes->items = hyfw_grow(volumes->items, volumes->count + 1, sizeof(*volumes->items));
	volumes->items[volumes->count++] = (struct volume){ name, driver, path };
}

static int compare(const void *one, const void *other)
{
	const struct volume *a = one, *b = other;
	int order = strcmp(a->name, b->name);

	return order ? order : strcmp(a->driver, b->driver);
}

static void add_directories(struct volumes *volumes, struct hyfw_arena *arena)
{
	const char *data = hyfw_host_table()->directory(KEEPER, HYFW_DIRECTORY_DATA);
	const char *path = hyfw_arena_format(arena, "%s/volumes", data);
	HYFW_AUTO_DIR DIR *listing = opendir(path);
	struct dirent *entry;

	while (listing && (entry = readdir(listing)))
		if (entry->d_name[0] != '.')
			add(volumes, hyfw_arena_dup(arena, entry->d_name), KEEPER,
			    hyfw_arena_format(arena, "%s/%s", path, entry->d_name));
}

/* Of a driver that says what it has. */
static int add_told(struct volumes *volumes, struct hyfw_driver *driver, struct hyfw_arena *arena,
		    struct hyfw_error **err)
{
	const struct hyfw_operation operation = { .size = sizeof(operation), .verb = "volumes", .object = "",
						  .input_fd = -1, .output_fd = -1, .arena = arena };
	struct hyfw_map rows = { 0 };
	const char *name = "";
	size_t i;
	int result = hyfw_storage_operate(driver, &operation, &rows, err);

	if (result == -ENOTSUP) {
		hyfw_forget(err);
		return 0;
	}
	for (i = 0; result == 0 && i < rows.count; i++) {
		if (strcmp(rows.items[i].key, "name") == 0)
			name = rows.items[i].value;
		else if (strcmp(rows.items[i].key, "path") == 0)
			add(volumes, name, hyfw_driver_name(driver), rows.items[i].value);
	}
	return result;
}

/* All there are, sorted; the items are freed with free(). */
static int list_all(struct hyfw_cli *cli, struct hyfw_arena *arena, struct volumes *ret_volumes,
		    struct hyfw_error **err)
{
	HYFW_AUTO_FREE struct hyfw_driver **keepers = NULL;
	size_t count = 0, i;
	int result = hyfw_storages_configure(cli, err);

	if (result == 0)
		result = hyfw_storages(HYFW_KEEPS_VOLUMES, NULL, &keepers, &count, err);
	add_directories(ret_volumes, arena);
	for (i = 0; result == 0 && i < count; i++)
		if (strcmp(hyfw_driver_name(keepers[i]), KEEPER) != 0)
			result = add_told(ret_volumes, keepers[i], arena, err);
	if (ret_volumes->count > 1)
		qsort(ret_volumes->items, ret_volumes->count, sizeof(*ret_volumes->items), compare);
	return result;
}

static void list_json(const struct volumes *volumes)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < volumes->count; i++) {
		struct json_object *object = json_object_new_object();

		hyfw_json_add_text(object, "name", volumes->items[i].name);
		hyfw_json_add_text(object, "driver", volumes->items[i].driver);
		hyfw_json_add_text(object, "path", volumes->items[i].path);
		json_object_array_add(list, object);
	}
	hyfw_cli_print_json(list);
	json_object_put(list);
}

static void list_table(const struct volumes *volumes)
{
	struct hyfw_table *table = hyfw_table_new(3);
	size_t i;

	hyfw_table_add(table, "NAME");
	hyfw_table_add(table, "DRIVER");
	hyfw_table_add(table, "PATH");
	for (i = 0; i < volumes->count; i++) {
		hyfw_table_add(table, volumes->items[i].name);
		hyfw_table_add(table, volumes->items[i].driver);
		hyfw_table_add(table, volumes->items[i].path);
	}
	hyfw_table_print(table);
}

static int main_list(struct hyfw_cli *cli, int argc)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_error *err = NULL;
	struct volumes volumes = { 0 };
	size_t i;
	int result;

	if (argc != 1)
		return hyfw_cli_usage(&hyfw_command_volume, "list takes no arguments");
	result = list_all(cli, arena, &volumes, &err);
	if (result == 0 && cli->json)
		list_json(&volumes);
	else if (result == 0 && cli->quiet)
		for (i = 0; i < volumes.count; i++)
			puts(volumes.items[i].name);
	else if (result == 0)
		list_table(&volumes);
	free(volumes.items);
	return result < 0 ? hyfw_cli_error(err) : 0;
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

/* The driver of volume 'name', 'wanted' unless that is NULL. */
static int find_keeper(const struct volumes *volumes, const char *name, const char *wanted,
		       struct hyfw_driver **ret_keeper, struct hyfw_error **err)
{
	const char *found = wanted;
	size_t i;

	for (i = 0; !wanted && i < volumes->count; i++) {
		if (strcmp(volumes->items[i].name, name) != 0)
			continue;
		if (found && strcmp(found, volumes->items[i].driver) != 0)
			return hyfw_fail(err, EINVAL, "volume %s: %s and %s both have one of that name; say which with --driver",
					 name, found, volumes->items[i].driver);
		found = volumes->items[i].driver;
	}
	return hyfw_registry_get(HYFW_KIND_STORAGE, found ? found : KEEPER, ret_keeper, err);
}

static int rm_all(struct hyfw_cli *cli, const struct volumes *volumes, const char *driver, char **names)
{
	struct hyfw_driver *keeper;
	int status = 0;

	for (; *names; names++) {
		struct hyfw_error *err = NULL;
		int result = find_keeper(volumes, *names, driver, &keeper, &err);

		if (result == 0)
			result = remove_volume(keeper, *names, &err);
		if (result < 0)
			status = hyfw_cli_error(err);
		else if (!cli->quiet)
			puts(*names);
	}
	return status;
}

static int main_rm(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option options[] = { { "driver", required_argument, NULL, 'd' }, { 0 } };
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_error *err = NULL;
	struct volumes volumes = { 0 };
	const char *driver = NULL;
	int flag, status;

	optind = 0;
	while ((flag = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (flag == '?')
			return HYFW_EXIT_FAILED;
		driver = optarg;
	}
	if (optind == argc)
		return hyfw_cli_usage(&hyfw_command_volume, "rm needs the NAME of a volume");
	status = list_all(cli, arena, &volumes, &err) < 0 ? hyfw_cli_error(err) :
							     rm_all(cli, &volumes, driver, argv + optind);
	free(volumes.items);
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
	.usage = "volume list | rm [--driver DRIVER] NAME...",
	.summary = "Volumes: list, rm",
	.main = main_volume,
};
