/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw up, hyfw down, hyfw recover. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "config/load.h"
#include "engine/apply.h"
#include "engine/recover.h"
#include "engine/stack.h"
#include "engine/store.h"

static bool quiet;

static void report(const char *workload, const char *what)
{
	if (!quiet)
		printf("%s %s\n", workload, what);
	fflush(stdout);
}

/* Lets a wait be cut short, so that undo starts instead of the process ending. */
static void interrupted(int number)
{
	(void)number;
}

static void catch_interrupts(void)
{
	struct sigaction action = { .sa_handler = interrupted };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static int load(struct hyfw_cli *cli, char *const *files, struct hyfw_config **ret_config)
{
	struct hyfw_error *err = NULL;

	if (hyfw_config_load(&cli->context, cli->config_given, (const char *const *)files, ret_config, &err) < 0)
		return hyfw_cli_error(err);
	return 0;
}

/* ---- up ---- */

static int up_main(struct hyfw_cli *cli, int argc, char **argv)
{
	struct hyfw_config *config = NULL;
	struct hyfw_stack stack = { 0 };
	struct hyfw_error *err = NULL;
	int status;

	if (!hyfw_session_arguments(&hyfw_command_up, argc, argv, 1, &status))
		return status;
	hyfw_session_begin(cli);
	quiet = cli->quiet;
	status = load(cli, argv + optind, &config);
	if (status == 0 && (hyfw_config_load_drivers_and_validate(config, &err) < 0 ||
			    hyfw_stack_new(config, &stack, &err) < 0))
		status = hyfw_cli_error(err);
	if (status == 0) {
		catch_interrupts();
		if (hyfw_stack_up(&stack, report, &err) < 0)
			status = hyfw_cli_error(err);
	}
	hyfw_stack_finish(&stack);
	hyfw_config_free(config);
	return status;
}

const struct hyfw_command hyfw_command_up = {
	.name = "up",
	.usage = "up FILE...",
	.summary = "Bring the stack of these INI files up",
	.main = up_main,
};

/* ---- down ---- */

/* A stack goes by its name, or by the files it came from. */
static int down_one(struct hyfw_cli *cli, char *argument)
{
	char *const files[] = { argument, NULL };
	struct hyfw_config *config = NULL;
	struct hyfw_error *err = NULL;
	const char *name = argument;
	int status = 0;

	if (strchr(argument, '/') || strstr(argument, ".ini")) {
		status = load(cli, files, &config);
		name = status == 0 ? hyfw_config_stack_name(config) : NULL;
	}
	if (status == 0 && hyfw_stack_down(name, report, &err) < 0)
		status = hyfw_cli_error(err);
	hyfw_config_free(config);
	return status;
}

static int down_main(struct hyfw_cli *cli, int argc, char **argv)
{
	int status, result;

	if (!hyfw_session_arguments(&hyfw_command_down, argc, argv, 1, &status))
		return status;
	hyfw_session_begin(cli);
	quiet = cli->quiet;
	for (status = 0; optind < argc; optind++) {
		result = down_one(cli, argv[optind]);
		status = result ? result : status;
	}
	return status;
}

const struct hyfw_command hyfw_command_down = {
	.name = "down",
	.usage = "down FILE|STACK...",
	.summary = "Stop and remove the workloads of a stack",
	.main = down_main,
};

/* ---- recover ---- */

/* Drivers' settings of the main configuration.  It may be broken, and recovery
 * wanted all the more. */
static void configure_drivers(struct hyfw_cli *cli)
{
	struct hyfw_config *config = NULL;
	struct hyfw_error *err = NULL;
	size_t cursor = 0;
	int result = hyfw_config_load(&cli->context, cli->config_given, NULL, &config, &err);

	if (result == 0 && hyfw_config_next(config, "plugin", &cursor)) {
		hyfw_config_keep_unused(config);
		result = hyfw_config_load_drivers_and_validate(config, &err);
	}
	if (result < 0)
		hyfw_cli_error(err);
	hyfw_config_free(config);
}

static int recover_main(struct hyfw_cli *cli, int argc, char **argv)
{
	struct hyfw_recovery recovery = { 0 };
	struct hyfw_error *err = NULL;
	int status;
	size_t i;

	if (!hyfw_session_arguments(&hyfw_command_recover, argc, argv, 0, &status))
		return status;
	/* Not hyfw_session_begin(): this is what it would do first. */
	hyfw_engine_init();
	configure_drivers(cli);
	if (hyfw_recover(true, &recovery, &err) < 0)
		return hyfw_cli_error(err);
	for (i = 0; i < recovery.done.count && !cli->quiet; i++)
		puts(recovery.done.items[i]);
	for (i = 0; i < recovery.failed.count; i++)
		fprintf(stderr, "hyfw: %s\n", recovery.failed.items[i]);
	if (recovery.done.count + recovery.failed.count == 0 && !cli->quiet)
		puts("nothing was left to undo");
	status = recovery.failed.count ? HYFW_EXIT_FAILED : 0;
	hyfw_recovery_finish(&recovery);
	return status;
}

const struct hyfw_command hyfw_command_recover = {
	.name = "recover",
	.usage = "recover",
	.summary = "Undo what crashed commands left, and collect orphans",
	.main = recover_main,
};
