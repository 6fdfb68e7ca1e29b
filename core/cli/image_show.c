/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw image list, inspect: what there is in all stores of images. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/image.h"
#include "cli/storages.h"
#include "plugin/driver.h"

static const char *iso_time(int64_t seconds, char ret_text[static 32])
{
	const time_t when = (time_t)seconds;
	struct tm utc;

	if (!gmtime_r(&when, &utc) || strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		return "-";
	return ret_text;
}

/* An image, and the driver that keeps it. */
struct kept {
	const struct hyfw_image *image;
	const char *storage;
};

static struct json_object *image_to_json(const struct hyfw_image *image, const char *storage)
{
	struct json_object *object = json_object_new_object();
	char created[32];

	hyfw_json_add_text(object, "name", image->name);
	hyfw_json_add_text(object, "storage", storage);
	json_object_object_add(object, "bytes", json_object_new_uint64(image->bytes));
	if (image->format) {
		hyfw_json_add_text(object, "format", image->format);
		json_object_object_add(object, "virtual_size", json_object_new_uint64(image->virtual_size));
	} else {
		json_object_object_add(object, "layers", json_object_new_uint64(image->layers));
	}
	hyfw_json_add_text(object, "created", iso_time(image->created, created));
	return object;
}

static void list_json(const struct kept *images, size_t count)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < count; i++)
		json_object_array_add(list, image_to_json(images[i].image, images[i].storage));
	hyfw_cli_print_json(list);
	json_object_put(list);
}

static void list_table(const struct kept *images, size_t count)
{
	static const char *const heads[] = { "NAME", "TYPE", "SIZE", "STORAGE", "CREATED" };
	struct hyfw_table *table = hyfw_table_new(HYFW_COUNT(heads));
	size_t i;

	for (i = 0; i < HYFW_COUNT(heads); i++)
		hyfw_table_add(table, heads[i]);
	for (i = 0; i < count; i++) {
		const struct hyfw_image *image = images[i].image;
		HYFW_AUTO_FREE char *type = image->format ? hyfw_format("disk %s", hyfw_cli_bytes(image->virtual_size)) :
							    hyfw_format("%u layer%s", image->layers,
									image->layers == 1 ? "" : "s");
		char created[32];

		hyfw_table_add(table, image->name);
		hyfw_table_add(table, type);
		hyfw_table_add(table, hyfw_cli_bytes(image->bytes));
		hyfw_table_add(table, images[i].storage);
		hyfw_table_add(table, iso_time(image->created, created));
	}
	hyfw_table_print(table);
}

static int by_name(const void *one, const void *other)
{
	const struct kept *a = one, *b = other;
	int order = strcmp(a->image->name, b->image->name);

	return order ? order : strcmp(a->storage, b->storage);
}

/* Those of all stores, sorted, in 'arena'. */
static int list_all(struct hyfw_arena *arena, struct kept **ret_images, size_t *ret_count, struct hyfw_error **err)
{
	HYFW_AUTO_FREE struct hyfw_driver **stores = NULL;
	struct kept *all = NULL;
	size_t store_count = 0, count = 0, i, j;
	int result = hyfw_storages(HYFW_KEEPS_IMAGES, NULL, &stores, &store_count, err);

	for (i = 0; result == 0 && i < store_count; i++) {
		struct hyfw_image *images = NULL;
		size_t found = 0;

		result = hyfw_storage_image_list(stores[i], arena, &images, &found, err);
		if (result < 0)
			break;
		all = hyfw_grow(all, count + found + 1, sizeof(*all));
		for (j = 0; j < found; j++)
			all[count++] = (struct kept){ &images[j], hyfw_driver_name(stores[i]) };
	}
	if (result < 0) {
		free(all);
		return result;
	}
	if (count > 1)
		qsort(all, count, sizeof(*all), by_name);
	*ret_images = all;
	*ret_count = count;
	return 0;
}

int hyfw_image_main_list(struct hyfw_cli *cli, int argc, char **argv)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_FREE struct kept *images = NULL;
	struct hyfw_error *err = NULL;
	size_t count = 0, i;

	(void)argv;
	if (argc != 1)
		return hyfw_cli_usage(&hyfw_command_image, "list takes no arguments");
	if (list_all(arena, &images, &count, &err) < 0)
		return hyfw_cli_error(err);
	if (cli->json)
		list_json(images, count);
	else if (cli->quiet)
		for (i = 0; i < count; i++)
			puts(images[i].image->name);
	else
		list_table(images, count);
	return 0;
}

/* The image's defaults: keys that are lists repeat, the others do not. */
static struct json_object *config_to_json(const struct hyfw_map *config)
{
	static const struct { const char *key; bool list; } keys[] = {
		{ "entrypoint", true }, { "command", true }, { "env", true }, { "workdir", false }, { "user", false },
	};
	struct json_object *object = json_object_new_object(), *list;
	const char *value;
	size_t i;

	for (i = 0; i < HYFW_COUNT(keys); i++) {
		size_t cursor = 0;

		value = hyfw_map_get(config, keys[i].key);
		if (!value)
			continue;
		if (!keys[i].list) {
			hyfw_json_add_text(object, keys[i].key, value);
			continue;
		}
		list = json_object_new_array();
		while ((value = hyfw_map_next(config, keys[i].key, &cursor)))
			json_object_array_add(list, json_object_new_string(value));
		json_object_object_add(object, keys[i].key, list);
	}
	return object;
}

/* The image of that name in each store that has one. */
static int inspect(const char *name, const char *storage, struct json_object *list, struct hyfw_arena *arena,
		   struct hyfw_error **err)
{
	HYFW_AUTO_FREE struct hyfw_driver **stores = NULL;
	size_t count = 0, i;
	int result = hyfw_image_stores_with(name, storage, &stores, &count, err);

	for (i = 0; result == 0 && i < count; i++) {
		struct hyfw_image image = { .size = sizeof(image) };
		struct json_object *object;

		result = hyfw_storage_image_get(stores[i], name, arena, &image, err);
		if (result < 0)
			break;
		object = image_to_json(&image, hyfw_driver_name(stores[i]));
		json_object_object_add(object, "config", config_to_json(&image.config));
		json_object_array_add(list, object);
	}
	return result;
}

int hyfw_image_main_inspect(struct hyfw_cli *cli, int argc, char **argv)
{
	struct json_object *list = json_object_new_array();
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	const char *storage = NULL;
	struct hyfw_error *err = NULL;
	int i, result = 0, first = hyfw_image_parse_storage(argc, argv, &storage);

	(void)cli;
	for (i = first; first > 0 && result == 0 && i < argc; i++)
		result = inspect(argv[i], storage, list, arena, &err);
	if (first > 0 && result == 0 && argc > first)
		hyfw_cli_print_json(list);
	json_object_put(list);
	if (first < 0)
		return HYFW_EXIT_FAILED;
	if (argc <= first)
		return hyfw_cli_usage(&hyfw_command_image, "inspect needs the NAME of an image");
	return result < 0 ? hyfw_cli_error(err) : 0;
}
