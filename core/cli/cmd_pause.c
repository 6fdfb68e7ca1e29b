/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw pause, hyfw unpause, hyfw restart, hyfw reboot. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "engine/control.h"
#include "engine/events.h"
#include "engine/reach.h"

/* ---- pause, unpause ---- */

static int pause_one(const char *name, void *data)
{
	struct hyfw_error *err = NULL;

	if (hyfw_workload_pause(name, *(const bool *)data, &err) < 0)
		return hyfw_cli_error(err);
	puts(name);
	return 0;
}

static int pause_all(const struct hyfw_command *command, struct hyfw_cli *cli, bool paused, int argc, char **argv)
{
	int status;

	if (!hyfw_session_arguments(command, argc, argv, 1, &status))
		return status;
	hyfw_session_begin(cli);
	return hyfw_session_each(false, argc, argv, pause_one, &paused);
}

static int pause_main(struct hyfw_cli *cli, int argc, char **argv)
{
	return pause_all(&hyfw_command_pause, cli, true, argc, argv);
}

const struct hyfw_command hyfw_command_pause = {
	.name = "pause",
	.usage = "pause WORKLOAD...",
	.summary = "Have running workloads stand still",
	.main = pause_main,
};

static int unpause_main(struct hyfw_cli *cli, int argc, char **argv)
{
	return pause_all(&hyfw_command_unpause, cli, false, argc, argv);
}

const struct hyfw_command hyfw_command_unpause = {
	.name = "unpause",
	.usage = "unpause WORKLOAD...",
	.summary = "Let paused workloads go on",
	.main = unpause_main,
};

/* ---- restart ---- */

static int restart_one(const char *name, void *data)
{
	struct hyfw_error *err = NULL;

	if (hyfw_workload_restart(name, *(const int *)data, &err) < 0)
		return hyfw_cli_error(err);
	puts(name);
	return 0;
}

static int restart_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "time", required_argument, NULL, 't' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	int flag, timeout_ms = -1;

	while ((flag = getopt_long(argc, argv, "t:h", flags, NULL)) != -1) {
		switch (flag) {
		case 't':
			timeout_ms = hyfw_session_seconds(optarg);
			if (timeout_ms < 0)
				return hyfw_cli_usage(&hyfw_command_restart,
						      "--time %s: not a number of seconds", optarg);
			break;
		case 'h':
			hyfw_session_help(&hyfw_command_restart,
					  "  -t, --time SECONDS  between the stop signal and SIGKILL\n");
			return 0;
		default: return HYFW_EXIT_FAILED;
		}
	}
	if (optind == argc)
		return hyfw_cli_usage(&hyfw_command_restart, "the name of a workload is missing");
	hyfw_session_begin(cli);
	return hyfw_session_each(false, argc, argv, restart_one, &timeout_ms);
}

const struct hyfw_command hyfw_command_restart = {
	.name = "restart",
	.usage = "restart [-t SECONDS] WORKLOAD...",
	.summary = "Stop workloads and start them again",
	.main = restart_main,
};

/* ---- reboot ---- */

static int ask_to_reboot(const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_operation operation = { .verb = "reboot", .input_fd = -1, .output_fd = -1, .arena = arena };
	struct hyfw_map nothing = { 0 };
	struct hyfw_state state;
	int result = hyfw_state_load(name, &state, err);

	if (result == 0 && !hyfw_status_is_up(state.status))
		result = hyfw_fail(err, ESRCH, "workload %s is not running (%s)", name, hyfw_status_name(state.status));
	hyfw_state_finish(&state);
	if (result < 0)
		return result;
	result = hyfw_reach_operate(name, &operation, &nothing, err);
	return result == -EOPNOTSUPP ? hyfw_wrap(err, "only a machine can reboot; `hyfw restart %s` stops it and starts "
						 "it again", name) : result;
}

static int reboot_one(const char *name, void *data)
{
	struct hyfw_error *err = NULL;

	(void)data;
	if (ask_to_reboot(name, &err) < 0)
		return hyfw_cli_error(err);
	hyfw_event(name, "reboot", NULL, NULL);
	puts(name);
	return 0;
}

static int reboot_main(struct hyfw_cli *cli, int argc, char **argv)
{
	int status;

	if (!hyfw_session_arguments(&hyfw_command_reboot, argc, argv, 1, &status))
		return status;
	hyfw_session_begin(cli);
	return hyfw_session_each(false, argc, argv, reboot_one, NULL);
}

const struct hyfw_command hyfw_command_reboot = {
	.name = "reboot",
	.usage = "reboot WORKLOAD...",
	.summary = "Press the reset button of running machines",
	.main = reboot_main,
};
