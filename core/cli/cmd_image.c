/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw image: the images that workloads start from. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/image.h"
#include "cli/image_build.h"
#include "cli/storages.h"
#include "plugin/driver.h"

int hyfw_image_help(void)
{
	printf("Usage: hyfw %s\n\n"
	       "%s.\n\n"
	       "  import NAME SOURCE  make an image from a directory or a tar archive (plain, gzip,\n"
	       "                      bzip2, xz, zstd or lz4), or for machines from a disk (raw,\n"
	       "                      qcow2, vmdk, vdi, vhdx or vhd)\n"
	       "  build-disk NAME --from ROOTFS|IMAGE  make an image that machines boot\n"
	       "  list                all images\n"
	       "  inspect NAME...     what is known about them, as JSON\n"
	       "  rm NAME...          delete images that no workload uses\n\n"
	       "Flags:\n"
	       "  --storage DRIVER    which storage driver keeps it; import: without it what the\n"
	       "                      source is decides\n\n"
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

/* ---- rm ---- */

/* The driver itself refuses an image that a writable layer or disk is based on, which
 * every workload with an image has. */
static int remove_image(const char *name, const char *storage, struct hyfw_error **err)
{
	HYFW_AUTO_FREE struct hyfw_driver **stores = NULL;
	size_t count = 0;
	int result = hyfw_image_stores_with(name, storage, &stores, &count, err);

	if (result == 0 && count > 1)
		return hyfw_fail(err, EINVAL, "image %s: %s and %s both have one of that name; say which with --storage", name,
				 hyfw_driver_name(stores[0]), hyfw_driver_name(stores[1]));
	return result < 0 ? result : hyfw_storage_image_remove(stores[0], name, err);
}

static int main_rm(struct hyfw_cli *cli, int argc, char **argv)
{
	const char *storage = NULL;
	struct hyfw_error *err = NULL;
	int i, status = 0, first = hyfw_image_parse_storage(argc, argv, &storage);

	if (first < 0)
		return HYFW_EXIT_FAILED;
	if (argc <= first)
		return hyfw_cli_usage(&hyfw_command_image, "rm needs the NAME of an image");
	if (hyfw_storages_configure(cli, &err) < 0)
		return hyfw_cli_error(err);
	for (i = first; i < argc; i++) {
		if (remove_image(argv[i], storage, &err) < 0) {
			status = hyfw_cli_error(err);
			err = NULL;
		} else if (!cli->quiet) {
			puts(argv[i]);
		}
	}
	return status;
}

int hyfw_image_parse_storage(int argc, char **argv, const char **ret_storage)
{
	static const struct option options[] = { { "storage", required_argument, NULL, 's' }, { 0 } };
	int flag;

	optind = 0;
	while ((flag = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (flag == '?')
			return -EINVAL;
		*ret_storage = optarg;
	}
	return optind;
}

static int main_image(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*main)(struct hyfw_cli *cli, int argc, char **argv);
	} verbs[] = {
		{ "import", hyfw_image_main_import }, { "build-disk", hyfw_image_build_main },
		{ "list", hyfw_image_main_list }, { "ls", hyfw_image_main_list }, { "inspect", hyfw_image_main_inspect },
		{ "rm", main_rm },
	};
	size_t i;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return hyfw_image_help();
	for (i = 0; argc > 1 && i < HYFW_COUNT(verbs); i++) {
		if (strcmp(verbs[i].name, argv[1]) != 0)
			continue;
		if (argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0))
			return hyfw_image_help();
		return verbs[i].main(cli, argc - 1, argv + 1);
	}
	return hyfw_cli_usage(&hyfw_command_image, "what to do with images: import, build-disk, list, inspect or rm");
}

const struct hyfw_command hyfw_command_image = {
	.name = "image",
	.usage = "image import [FLAGS] NAME DIRECTORY|ARCHIVE|DISK | build-disk [FLAGS] NAME | list | inspect NAME... | rm NAME...",
	.summary = "Images: import, build-disk, list, inspect, rm",
	.main = main_image,
};
