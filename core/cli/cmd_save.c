/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw save, hyfw restore. */
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/operate.h"
#include "cli/session.h"
#include "engine/control.h"
#include "engine/launch.h"
#include "engine/store.h"

/* The operation's argument is where libvirt and we ourselves find it from anywhere. */
static void take_path(struct hyfw_pairs *args, const char *file)
{
	HYFW_AUTO_FREE char *here = getcwd(NULL, 0);
	HYFW_AUTO_FREE char *path = file[0] == '/' ? hyfw_dup(file) : hyfw_format("%s/%s", here ? here : "", file);

	hyfw_pairs_set(args, "path", path);
}

static int operate(struct hyfw_cli *cli, const struct hyfw_command *command, int argc, char **argv)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_pairs args = { 0 };
	struct hyfw_map result = { 0 };
	int status;

	if (argc - optind > 2)
		return hyfw_cli_usage(command, "one workload and at most one file are needed");
	if (argc - optind == 2)
		take_path(&args, argv[optind + 1]);
	hyfw_session_begin(cli);
	status = hyfw_cli_operate(cli, argv[optind], command->name, &args, arena, &result);
	hyfw_pairs_finish(&args);
	return status;
}

/* Its run ends with the operation; what comes next finds it ended. */
static int wait_for_end(const char *name)
{
	struct hyfw_error *err = NULL;
	int ignored;

	if (hyfw_workload_wait(name, &ignored, &err) < 0)
		return hyfw_cli_error(err);
	puts(name);
	return 0;
}

static int save_main(struct hyfw_cli *cli, int argc, char **argv)
{
	int status;

	if (!hyfw_session_arguments(&hyfw_command_save, argc, argv, 1, &status))
		return status;
	status = operate(cli, &hyfw_command_save, argc, argv);
	return status ? status : wait_for_end(argv[optind]);
}

const struct hyfw_command hyfw_command_save = {
	.name = "save",
	.usage = "save WORKLOAD [FILE]",
	.summary = "Write a running machine with its memory to a file and end it",
	.main = save_main,
};

static int start(const char *name)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	struct hyfw_launch launch = { 0 };
	struct hyfw_launched launched = { .socket = -1 };
	struct hyfw_error *err = NULL;

	if (hyfw_store_definition(name, &definition, &err) < 0 ||
	    hyfw_launch(definition, &launch, &launched, &err) < 0)
		return hyfw_cli_error(err);
	hyfw_launched_close(&launched);
	puts(name);
	return 0;
}

static int restore_main(struct hyfw_cli *cli, int argc, char **argv)
{
	int status;

	if (!hyfw_session_arguments(&hyfw_command_restore, argc, argv, 1, &status))
		return status;
	status = operate(cli, &hyfw_command_restore, argc, argv);
	return status ? status : start(argv[optind]);
}

const struct hyfw_command hyfw_command_restore = {
	.name = "restore",
	.usage = "restore WORKLOAD [FILE]",
	.summary = "Start a machine where it was saved",
	.main = restore_main,
};
