/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/image_build.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/disk.h"
#include "config/normalize.h"
#include "plugin/driver.h"

#define LAYERS "overlay" /* the driver that keeps images of directories */

enum { FROM = 256, SIZE, HOSTNAME, SSH_KEY, ROOT_PASSWORD_FILE, CMDLINE, REPLACE };

/* Where the layers of image 'name' are, as its driver says for a root file system. */
static int add_layers(struct hyfw_pairs *args, const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	const struct hyfw_pair settings[] = { { "image", name } };
	const struct hyfw_subject subject = { .size = sizeof(subject), .kind = HYFW_SUBJECT_ROOT, .name = "build",
					      .workload = "build", .settings = { 1, settings } };
	const struct hyfw_map record = { 0 };
	struct hyfw_attachment root = { .size = sizeof(root) };
	struct hyfw_driver *keeper;
	int result = hyfw_registry_get(HYFW_KIND_STORAGE, LAYERS, &keeper, err);
	size_t i;

	if (result == 0)
		result = hyfw_storage_attachment(keeper, &subject, &record, arena, &root, err);
	for (i = 0; result == 0 && root.lower && root.lower[i]; i++)
		hyfw_pairs_add(args, "from", root.lower[i]);
	return result;
}

static int add_source(struct hyfw_pairs *args, const char *source, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = NULL;
	int result;

	if (!strchr(source, '/'))
		return add_layers(args, source, err);
	result = disk_path(source, &path, err);
	if (result == 0)
		hyfw_pairs_add(args, "from", path);
	return result;
}

static int add_file(struct hyfw_pairs *args, const char *key, const char *file, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = NULL;
	int result = disk_path(file, &path, err);

	if (result == 0)
		hyfw_pairs_add(args, key, path);
	return result;
}

static int add_size(struct hyfw_pairs *args, const char *text, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *value = NULL;
	int64_t bytes;
	int result = hyfw_parse_size(text, &bytes, err);

	if (result == 0 && bytes <= 0)
		result = hyfw_fail(err, EINVAL, "'%s' is no size", text);
	if (result < 0)
		return hyfw_wrap(err, "--size");
	value = hyfw_format("%lld", (long long)bytes);
	hyfw_pairs_set(args, "size", value);
	return 0;
}

static int take_flag(struct hyfw_pairs *args, int flag, const char *value, struct hyfw_error **err)
{
	switch (flag) {
	case FROM: return add_source(args, value, err);
	case SIZE: return add_size(args, value, err);
	case SSH_KEY: return add_file(args, "ssh_key_file", value, err);
	case ROOT_PASSWORD_FILE: return add_file(args, "root_password_file", value, err);
	case HOSTNAME: hyfw_pairs_set(args, "hostname", value); return 0;
	case CMDLINE: hyfw_pairs_set(args, "cmdline", value); return 0;
	case REPLACE: hyfw_pairs_set(args, "replace", "true"); return 0;
	default: return -EINVAL; /* getopt has said it */
	}
}

static int parse(struct hyfw_pairs *args, int argc, char **argv, struct hyfw_error **err)
{
	static const struct option options[] = {
		{ "from", required_argument, NULL, FROM },
		{ "size", required_argument, NULL, SIZE },
		{ "hostname", required_argument, NULL, HOSTNAME },
		{ "ssh-key", required_argument, NULL, SSH_KEY },
		{ "root-password-file", required_argument, NULL, ROOT_PASSWORD_FILE },
		{ "cmdline", required_argument, NULL, CMDLINE },
		{ "replace", no_argument, NULL, REPLACE },
		{ 0 },
	};
	int flag, result = 0;

	optind = 0;
	while (result == 0 && (flag = getopt_long(argc, argv, "", options, NULL)) != -1)
		result = take_flag(args, flag, optarg, err);
	return result;
}

int hyfw_image_build_main(struct hyfw_cli *cli, int argc, char **argv)
{
	struct disk_request request = { .input_fd = -1, .output_fd = -1 };
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_map result_map = { 0 }, args;
	struct hyfw_error *err = NULL;
	int result = parse(&request.args, argc, argv, &err), status = 0;

	args = hyfw_pairs_map(&request.args);
	if (result == 0 && (optind + 1 != argc || !hyfw_map_get(&args, "from"))) {
		status = hyfw_cli_usage(&hyfw_command_image, "build-disk needs a NAME and --from");
	} else if (result == 0) {
		request.object = hyfw_format("image/%s", argv[optind]);
		result = disk_operate(cli, "build-disk", "Building", &request, arena, &result_map, &err);
		if (result == 0 && !cli->quiet)
			puts(argv[optind]);
	}
	if (result < 0)
		status = err ? hyfw_cli_error(err) : HYFW_EXIT_FAILED;
	disk_request_finish(&request);
	return status;
}
