/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw image import: from a directory, an archive or a disk. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/image.h"
#include "cli/progress.h"
#include "cli/storages.h"
#include "config/normalize.h"
#include "plugin/driver.h"

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
	const char *storage;
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
	enum { REPLACE = 256, COMMAND, ENTRYPOINT, STORAGE };
	static const struct option options[] = {
		{ "replace", no_argument, NULL, REPLACE },
		{ "command", required_argument, NULL, COMMAND },
		{ "entrypoint", required_argument, NULL, ENTRYPOINT },
		{ "storage", required_argument, NULL, STORAGE },
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
			hyfw_image_help();
			return 1;
		}
		result = check_flag(flag, optarg, err);
		if (result < 0)
			return result;
		switch (flag) {
		case REPLACE: flags->replace = true; break;
		case COMMAND: hyfw_strings_add(&flags->command, optarg); break;
		case ENTRYPOINT: hyfw_strings_add(&flags->entrypoint, optarg); break;
		case STORAGE: flags->storage = optarg; break;
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
	int result = hyfw_storages_configure(cli, err);
	bool bar;

	if (result == 0)
		result = hyfw_image_store_for(flags->storage, source, &store, err);
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

int hyfw_image_main_import(struct hyfw_cli *cli, int argc, char **argv)
{
	struct import_flags flags = { 0 };
	struct hyfw_error *err = NULL;
	int result = parse_import(&flags, argc, argv, &err), status = 0;

	if (result == 0 && optind + 2 != argc)
		status = hyfw_cli_usage(&hyfw_command_image, "import needs a NAME and a directory, an archive or a disk");
	else if (result == 0)
		result = import(cli, argv[optind], argv[optind + 1], &flags, &err);
	if (result < 0)
		status = err ? hyfw_cli_error(err) : HYFW_EXIT_FAILED;
	import_flags_finish(&flags);
	return status;
}
