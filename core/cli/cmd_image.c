/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw image: the images that workloads start from. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/image_build.h"
#include "cli/progress.h"
#include "config/load.h"
#include "config/normalize.h"
#include "plugin/driver.h"

#define STORE "overlay" /* the driver that keeps images */

static int help(void)
{
	printf("Usage: hyfw %s\n\n"
	       "%s.\n\n"
	       "  import NAME SOURCE  make an image from a directory or a tar archive (plain, gzip,\n"
	       "                      bzip2, xz, zstd or lz4)\n"
	       "  build-disk NAME --from ROOTFS|IMAGE  make an image that machines boot\n"
	       "  list                all images\n"
	       "  inspect NAME...     what is known about them, as JSON\n"
	       "  rm NAME...          delete images that no workload uses\n\n"
	       "Flags of import:\n"
	       "  --replace           replace an image of that name\n"
	       "  --command WORDS     what a workload runs by default; given once it is split as a\n"
	       "                      shell does, given several times each is one argument\n"
	       "  --entrypoint WORDS  put before the command, written like it\n"
	       "  --env KEY=VALUE     a variable of the environment; may be given several times\n"
	       "  --workdir DIR       where the command starts\n"
	       "  --user USER[:GROUP] who runs it\n\n" HYFW_IMAGE_BUILD_HELP,
	       hyfw_command_image.usage, hyfw_command_image.summary);
	return 0;
}

static int get_store(struct hyfw_driver **ret_driver, struct hyfw_error **err)
{
	return hyfw_registry_get(HYFW_KIND_STORAGE, STORE, ret_driver, err);
}

/* The limits of imports are keys of [plugin overlay]; the configuration is read
 * only when it has that section. */
static int configure_store(struct hyfw_cli *cli, struct hyfw_error **err)
{
	struct hyfw_config *config = NULL;
	int result = hyfw_config_load(&cli->context, cli->config_given, NULL, &config, err);

	if (result < 0)
		return result;
	if (hyfw_config_find(config, "plugin", STORE)) {
		hyfw_config_keep_unused(config);
		result = hyfw_config_load_drivers_and_validate(config, err);
	}
	hyfw_config_free(config);
	return result;
}

/* ---- import ---- */

/* Adds the texts of --command or --entrypoint to 'config'. */
static int add_arguments(struct hyfw_pairs *config, const char *key, const struct hyfw_strings *texts,
			 struct hyfw_error **err)
{
	struct hyfw_strings words = { 0 };
	int result = 0;
	size_t i;

	if (texts->count == 1)
		result = hyfw_split_arguments(texts->items[0], &words, err);
	for (i = 0; i < words.count; i++)
		hyfw_pairs_add(config, key, words.items[i]);
	for (i = 0; i < texts->count && texts->count > 1; i++)
		hyfw_pairs_add(config, key, texts->items[i]);
	hyfw_strings_finish(&words);
	return result < 0 ? hyfw_wrap(err, "--%s", key) : 0;
}

struct import_flags {
	bool replace;
	struct hyfw_strings command, entrypoint;
	struct hyfw_pairs config;
};

static void import_flags_finish(struct import_flags *flags)
{
	hyfw_strings_finish(&flags->command);
	hyfw_strings_finish(&flags->entrypoint);
	hyfw_pairs_finish(&flags->config);
}

static int check_flag(int flag, const char *value, struct hyfw_error **err)
{
	if (flag == 'e' && (value[0] == '=' || !strchr(value, '=')))
		return hyfw_fail(err, EINVAL, "--env %s: must be KEY=VALUE", value);
	if (flag == 'w' && value[0] != '/')
		return hyfw_fail(err, EINVAL, "--workdir %s: must be an absolute path", value);
	return 0;
}

/* 0, or 1 when the usage was printed, or a negative errno. */
static int parse_import(struct import_flags *flags, int argc, char **argv, struct hyfw_error **err)
{
	enum { REPLACE = 256, COMMAND, ENTRYPOINT };
	static const struct option options[] = {
		{ "replace", no_argument, NULL, REPLACE },
		{ "command", required_argument, NULL, COMMAND },
		{ "entrypoint", required_argument, NULL, ENTRYPOINT },
		{ "env", required_argument, NULL, 'e' },
		{ "workdir", required_argument, NULL, 'w' },
		{ "user", required_argument, NULL, 'u' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int flag, result;

	optind = 0;
	while ((flag = getopt_long(argc, argv, "e:w:u:h", options, NULL)) != -1) {
		if (flag == '?')
			return -EINVAL;
		if (flag == 'h') {
			help();
			return 1;
		}
		result = check_flag(flag, optarg, err);
		if (result < 0)
			return result;
		switch (flag) {
		case REPLACE: flags->replace = true; break;
		case COMMAND: hyfw_strings_add(&flags->command, optarg); break;
		case ENTRYPOINT: hyfw_strings_add(&flags->entrypoint, optarg); break;
		case 'e': hyfw_pairs_add(&flags->config, "env", optarg); break;
		case 'w': hyfw_pairs_set(&flags->config, "workdir", optarg); break;
		case 'u': hyfw_pairs_set(&flags->config, "user", optarg); break;
		}
	}
	result = add_arguments(&flags->config, "command", &flags->command, err);
	return result < 0 ? result : add_arguments(&flags->config, "entrypoint", &flags->entrypoint, err);
}

static int import(struct hyfw_cli *cli, const char *name, const char *source, const struct import_flags *flags,
		  struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *label = hyfw_format("Importing %s", name);
	struct hyfw_map config = hyfw_pairs_map(&flags->config);
	struct hyfw_driver *store;
	int result = configure_store(cli, err);
	bool bar;

	if (result == 0)
		result = get_store(&store, err);
	if (result < 0)
		return result;
	bar = hyfw_progress_begin(label, cli->quiet);
	result = hyfw_storage_image_import(store, name, source, &config, flags->replace,
					   bar ? hyfw_progress_show : NULL, err);
	hyfw_progress_end();
	if (result == 0 && !cli->quiet)
		puts(name);
	return result;
}

static int main_import(struct hyfw_cli *cli, int argc, char **argv)
{
	struct import_flags flags = { 0 };
	struct hyfw_error *err = NULL;
	int result = parse_import(&flags, argc, argv, &err), status = 0;

	if (result == 0 && optind + 2 != argc)
		status = hyfw_cli_usage(&hyfw_command_image, "import needs a NAME and a directory or archive");
	else if (result == 0)
		result = import(cli, argv[optind], argv[optind + 1], &flags, &err);
	if (result < 0)
		status = err ? hyfw_cli_error(err) : HYFW_EXIT_FAILED;
	import_flags_finish(&flags);
	return status;
}

/* ---- list, inspect ---- */

static const char *iso_time(int64_t seconds, char ret_text[static 32])
{
	const time_t when = (time_t)seconds;
	struct tm utc;

	if (!gmtime_r(&when, &utc) || strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
		return "-";
	return ret_text;
}

static struct json_object *image_to_json(const struct hyfw_image *image)
{
	struct json_object *object = json_object_new_object();
	char created[32];

	hyfw_json_add_text(object, "name", image->name);
	json_object_object_add(object, "bytes", json_object_new_uint64(image->bytes));
	json_object_object_add(object, "layers", json_object_new_uint64(image->layers));
	hyfw_json_add_text(object, "created", iso_time(image->created, created));
	return object;
}

static void list_json(const struct hyfw_image *images, size_t count)
{
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < count; i++)
		json_object_array_add(list, image_to_json(&images[i]));
	hyfw_cli_print_json(list);
	json_object_put(list);
}

static void list_table(const struct hyfw_image *images, size_t count)
{
	struct hyfw_table *table = hyfw_table_new(4);
	size_t i;

	hyfw_table_add(table, "NAME");
	hyfw_table_add(table, "SIZE");
	hyfw_table_add(table, "LAYERS");
	hyfw_table_add(table, "CREATED");
	for (i = 0; i < count; i++) {
		HYFW_AUTO_FREE char *layers = hyfw_format("%u", images[i].layers);
		char created[32];

		hyfw_table_add(table, images[i].name);
		hyfw_table_add(table, hyfw_cli_bytes(images[i].bytes));
		hyfw_table_add(table, layers);
		hyfw_table_add(table, iso_time(images[i].created, created));
	}
	hyfw_table_print(table);
}

static int main_list(struct hyfw_cli *cli, int argc, char **argv)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_image *images = NULL;
	struct hyfw_error *err = NULL;
	struct hyfw_driver *store;
	size_t count = 0, i;

	(void)argv;
	if (argc != 1)
		return hyfw_cli_usage(&hyfw_command_image, "list takes no arguments");
	if (get_store(&store, &err) < 0 || hyfw_storage_image_list(store, arena, &images, &count, &err) < 0)
		return hyfw_cli_error(err);
	if (cli->json)
		list_json(images, count);
	else if (cli->quiet)
		for (i = 0; i < count; i++)
			puts(images[i].name);
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

static int main_inspect(struct hyfw_cli *cli, int argc, char **argv)
{
	struct json_object *list = json_object_new_array();
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_error *err = NULL;
	struct hyfw_driver *store;
	int i, result;

	(void)cli;
	result = argc < 2 ? 0 : get_store(&store, &err);
	for (i = 1; result == 0 && i < argc; i++) {
		struct hyfw_image image = { .size = sizeof(image) };
		struct json_object *object;

		result = hyfw_storage_image_get(store, argv[i], arena, &image, &err);
		if (result < 0)
			break;
		object = image_to_json(&image);
		json_object_object_add(object, "config", config_to_json(&image.config));
		json_object_array_add(list, object);
	}
	if (result == 0 && argc > 1)
		hyfw_cli_print_json(list);
	json_object_put(list);
	if (argc < 2)
		return hyfw_cli_usage(&hyfw_command_image, "inspect needs the NAME of an image");
	return result < 0 ? hyfw_cli_error(err) : 0;
}

/* ---- rm ---- */

/* The driver itself refuses an image that a writable layer is based on, which
 * every workload with an image has. */
static int main_rm(struct hyfw_cli *cli, int argc, char **argv)
{
	struct hyfw_error *err = NULL;
	struct hyfw_driver *store;
	int i, status = 0;

	if (argc < 2)
		return hyfw_cli_usage(&hyfw_command_image, "rm needs the NAME of an image");
	if (get_store(&store, &err) < 0)
		return hyfw_cli_error(err);
	for (i = 1; i < argc; i++) {
		if (hyfw_storage_image_remove(store, argv[i], &err) < 0) {
			status = hyfw_cli_error(err);
			err = NULL;
		} else if (!cli->quiet) {
			puts(argv[i]);
		}
	}
	return status;
}

static int main_image(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*main)(struct hyfw_cli *cli, int argc, char **argv);
	} verbs[] = {
		{ "import", main_import }, { "build-disk", hyfw_image_build_main }, { "list", main_list }, { "ls", main_list },
		{ "inspect", main_inspect }, { "rm", main_rm },
	};
	size_t i;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return help();
	for (i = 0; argc > 1 && i < HYFW_COUNT(verbs); i++) {
		if (strcmp(verbs[i].name, argv[1]) != 0)
			continue;
		if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0))
			return help();
		return verbs[i].main(cli, argc - 1, argv + 1);
	}
	return hyfw_cli_usage(&hyfw_command_image, "what to do with images: import, build-disk, list, inspect or rm");
}

const struct hyfw_command hyfw_command_image = {
	.name = "image",
	.usage = "image import [FLAGS] NAME DIRECTORY|ARCHIVE | build-disk [FLAGS] NAME | list | inspect NAME... | rm NAME...",
	.summary = "Images: import, build-disk, list, inspect, rm",
	.main = main_image,
};
