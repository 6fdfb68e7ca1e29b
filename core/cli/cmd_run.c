/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw run, hyfw create, hyfw start. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/cleanup.h"
#include "cli/attach.h"
#include "cli/cli.h"
#include "cli/run_flags.h"
#include "cli/session.h"
#include "engine/control.h"
#include "engine/launch.h"
#include "engine/store.h"

/* ---- run ---- */

static int check_name_free(const struct hyfw_definition *definition, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, definition->name, NULL);

	if (!definition->transient || access(path, F_OK) < 0)
		return 0;
	return hyfw_fail(err, EEXIST, "the name %s is taken; `hyfw rm %s` frees it, or choose another",
			 definition->name, definition->name);
}

static int run(const struct hyfw_run_request *request)
{
	struct hyfw_definition *definition = request->definition;
	const struct hyfw_launch launch = { .foreground = !request->detach,
					    .interactive = request->interactive,
					    .step_timeout_ms = request->step_timeout_ms };
	struct hyfw_launched launched = { .socket = -1 };
	struct hyfw_error *err = NULL, *undo = NULL;
	int status = 0, result = check_name_free(definition, &err);

	if (result == 0 && !definition->transient)
		result = hyfw_workload_create(definition, request->step_timeout_ms, &err);
	if (result < 0)
		return hyfw_cli_error(err);
	if (launch.foreground)
		hyfw_attach_prepare();
	if (hyfw_launch(definition, &launch, &launched, &err) < 0) {
		if (!definition->transient && hyfw_workload_take_down(definition->name, &undo) < 0)
			hyfw_cli_error(undo);
		return hyfw_cli_error(err);
	}
	if (request->detach)
		puts(definition->name);
	else
		status = hyfw_attach(&launched, definition->name, request->terminal);
	hyfw_launched_close(&launched);
	return status;
}

static int run_main(struct hyfw_cli *cli, int argc, char **argv)
{
	struct hyfw_run_request request;
	bool done = false;
	int status;

	hyfw_session_begin(cli);
	status = hyfw_run_parse(&hyfw_command_run, cli, argc, argv, &request, &done);
	hyfw_caller_note_arguments(argv + 1);
	if (status == 0 && !done)
		status = run(&request);
	hyfw_definition_free(request.definition);
	return status;
}

const struct hyfw_command hyfw_command_run = {
	.name = "run",
	.usage = "run [FLAGS] IMAGE [--] [COMMAND...]\n       hyfw run [FLAGS] --rootfs DIR [--] COMMAND...",
	.summary = "Create a workload and start it",
	.main = run_main,
};

/* ---- create ---- */

static int create_main(struct hyfw_cli *cli, int argc, char **argv)
{
	struct hyfw_run_request request;
	struct hyfw_error *err = NULL;
	bool done = false;
	int status;

	hyfw_session_begin(cli);
	status = hyfw_run_parse(&hyfw_command_create, cli, argc, argv, &request, &done);
	if (status == 0 && !done && (request.remove || request.detach))
		status = hyfw_cli_usage(&hyfw_command_create, "--rm and -d are for run");
	else if (status == 0 && !done &&
		 hyfw_workload_create(request.definition, request.step_timeout_ms, &err) < 0)
		status = hyfw_cli_error(err);
	else if (status == 0 && !done)
		puts(request.definition->name);
	hyfw_definition_free(request.definition);
	return status;
}

const struct hyfw_command hyfw_command_create = {
	.name = "create",
	.usage = "create [FLAGS] IMAGE [--] [COMMAND...]\n       hyfw create [FLAGS] --rootfs DIR [--] COMMAND...",
	.summary = "Create a workload without starting it",
	.main = create_main,
};

/* ---- start ---- */

static int start_one(const char *name, bool attach, bool interactive)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	struct hyfw_launch launch = { .foreground = attach, .interactive = interactive };
	struct hyfw_launched launched = { .socket = -1 };
	struct hyfw_error *err = NULL;
	struct hyfw_map settings;
	int status = 0;

	if (hyfw_store_definition(name, &definition, &err) < 0)
		return hyfw_cli_error(err);
	if (definition->transient) {
		hyfw_fail(&err, EBUSY, "workload %s is already running", name);
		return hyfw_cli_error(err);
	}
	settings = hyfw_pairs_map(&definition->settings);
	if (attach)
		hyfw_attach_prepare();
	if (hyfw_launch(definition, &launch, &launched, &err) < 0)
		return hyfw_cli_error(err);
	if (attach)
		status = hyfw_attach(&launched, name, hyfw_map_bool(&settings, "terminal", false));
	else
		puts(name);
	hyfw_launched_close(&launched);
	return status;
}

static int start_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "attach", no_argument, NULL, 'a' },
					       { "interactive", no_argument, NULL, 'i' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	bool attach = false, interactive = false;
	int flag, status = 0;

	while ((flag = getopt_long(argc, argv, "aih", flags, NULL)) != -1) {
		switch (flag) {
		case 'a': attach = true; break;
		case 'i': attach = interactive = true; break;
		case 'h':
			hyfw_session_help(&hyfw_command_start,
					  "  -a, --attach       stay in the foreground\n"
					  "  -i, --interactive  and pass standard input on\n");
			return 0;
		default: return HYFW_EXIT_FAILED;
		}
	}
	if (optind == argc)
		return hyfw_cli_usage(&hyfw_command_start, "the name of a workload is missing");
	if (attach && argc - optind > 1)
		return hyfw_cli_usage(&hyfw_command_start, "only one workload can be attached to");
	hyfw_session_begin(cli);
	for (; optind < argc; optind++) {
		const int one = start_one(argv[optind], attach, interactive);

		status = one ? one : status;
	}
	return status;
}

const struct hyfw_command hyfw_command_start = {
	.name = "start",
	.usage = "start [-a] [-i] WORKLOAD...",
	.summary = "Start workloads that were created or have ended",
	.main = start_main,
};
