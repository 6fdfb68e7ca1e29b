/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw run, hyfw create. */
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
