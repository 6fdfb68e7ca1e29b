/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw stop, hyfw kill, hyfw rm, hyfw wait: ends of workloads. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "engine/apply.h"
#include "engine/control.h"
#include "engine/signals.h"
#include "engine/store.h"

/* ---- stop ---- */

static int stop_one(const char *name, void *data)
{
	struct hyfw_error *err = NULL;
	struct hyfw_state state;

	if (hyfw_state_load(name, &state, &err) < 0) {
		hyfw_state_finish(&state);
		return hyfw_cli_error(err);
	}
	hyfw_state_finish(&state);
	if (hyfw_workload_stop(name, *(int *)data, &err) < 0)
		return hyfw_cli_error(err);
	puts(name);
	return 0;
}

static int stop_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "time", required_argument, NULL, 't' },
					       { "all", no_argument, NULL, 'a' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	int flag, timeout_ms = -1;
	bool all = false;

	while ((flag = getopt_long(argc, argv, "t:ah", flags, NULL)) != -1) {
		switch (flag) {
		case 't':
			timeout_ms = hyfw_session_seconds(optarg);
			if (timeout_ms < 0)
				return hyfw_cli_usage(&hyfw_command_stop, "--time %s: not a number of seconds",
						      optarg);
			break;
		case 'a': all = true; break;
		case 'h':
			hyfw_session_help(&hyfw_command_stop,
					  "  -t, --time SECONDS  between the stop signal and SIGKILL\n"
					  "  -a, --all           all workloads\n");
			return 0;
		default: return HYFW_EXIT_FAILED;
		}
	}
	if (!all && optind == argc)
		return hyfw_cli_usage(&hyfw_command_stop, "the name of a workload is missing");
	hyfw_session_begin(cli);
	return hyfw_session_each(all, argc, argv, stop_one, &timeout_ms);
}

const struct hyfw_command hyfw_command_stop = {
	.name = "stop",
	.usage = "stop [-t SECONDS] [-a] WORKLOAD...",
	.summary = "Stop running workloads",
	.main = stop_main,
};

/* ---- kill ---- */

static int kill_one(const char *name, void *data)
{
	struct hyfw_error *err = NULL;

	if (hyfw_workload_signal(name, *(int *)data, &err) < 0)
		return hyfw_cli_error(err);
	puts(name);
	return 0;
}

static int kill_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "signal", required_argument, NULL, 's' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	int flag, number = 9;

	while ((flag = getopt_long(argc, argv, "s:h", flags, NULL)) != -1) {
		switch (flag) {
		case 's':
			number = hyfw_signal_number(optarg);
			if (number < 0)
				return hyfw_cli_usage(&hyfw_command_kill, "--signal %s: there is no such signal",
						      optarg);
			break;
		case 'h':
			hyfw_session_help(&hyfw_command_kill, "  -s, --signal SIGNAL  instead of KILL\n");
			return 0;
		default: return HYFW_EXIT_FAILED;
		}
	}
	if (optind == argc)
		return hyfw_cli_usage(&hyfw_command_kill, "the name of a workload is missing");
	hyfw_session_begin(cli);
	return hyfw_session_each(false, argc, argv, kill_one, &number);
}

const struct hyfw_command hyfw_command_kill = {
	.name = "kill",
	.usage = "kill [-s SIGNAL] WORKLOAD...",
	.summary = "Send a signal to running workloads",
	.main = kill_main,
};

/* ---- rm ---- */

static int rm_one(const char *name, void *data)
{
	struct hyfw_error *err = NULL;

	if (hyfw_workload_remove(name, *(bool *)data, &err) < 0)
		return hyfw_cli_error(err);
	puts(name);
	return 0;
}

static int rm_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "force", no_argument, NULL, 'f' },
					       { "all", no_argument, NULL, 'a' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	bool force = false, all = false;
	int flag;

	while ((flag = getopt_long(argc, argv, "fah", flags, NULL)) != -1) {
		switch (flag) {
		case 'f': force = true; break;
		case 'a': all = true; break;
		case 'h':
			hyfw_session_help(&hyfw_command_rm, "  -f, --force  running ones too, and those that cannot\n"
							    "               be undone\n"
							    "  -a, --all    all workloads\n");
			return 0;
		default: return HYFW_EXIT_FAILED;
		}
	}
	if (!all && optind == argc)
		return hyfw_cli_usage(&hyfw_command_rm, "the name of a workload is missing");
	if (force && !all)
		hyfw_engine_init(); /* what a crash left of them goes now, whatever it takes */
	else
		hyfw_session_begin(cli);
	return hyfw_session_each(all, argc, argv, rm_one, &force);
}

const struct hyfw_command hyfw_command_rm = {
	.name = "rm",
	.usage = "rm [-f] [-a] WORKLOAD...",
	.summary = "Remove workloads",
	.main = rm_main,
};

/* ---- wait ---- */

static int wait_one(const char *name, void *data)
{
	struct hyfw_error *err = NULL;
	int status;

	(void)data;
	if (hyfw_workload_wait(name, &status, &err) < 0)
		return hyfw_cli_error(err);
	printf("%d\n", status);
	return 0;
}

static int wait_main(struct hyfw_cli *cli, int argc, char **argv)
{
	int status;

	if (!hyfw_session_arguments(&hyfw_command_wait, argc, argv, 1, &status))
		return status;
	hyfw_session_begin(cli);
	return hyfw_session_each(false, argc, argv, wait_one, NULL);
}

const struct hyfw_command hyfw_command_wait = {
	.name = "wait",
	.usage = "wait WORKLOAD...",
	.summary = "Wait until workloads have ended and print their exit status",
	.main = wait_main,
};
