/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/session.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/apply.h"
#include "engine/recover.h"
#include "engine/store.h"

static void say_failures(const struct hyfw_recovery *recovery)
{
	size_t i;

	for (i = 0; i < recovery->failed.count; i++)
		fprintf(stderr, "hyfw: recover: %s\n", recovery->failed.items[i]);
}

void hyfw_session_begin(struct hyfw_cli *cli)
{
	struct hyfw_recovery recovery = { 0 };
	struct hyfw_error *err = NULL;
	size_t i;

	hyfw_engine_init();
	if (!hyfw_recover_needed())
		return;
	if (hyfw_recover(false, &recovery, &err) < 0)
		hyfw_cli_error(err);
	for (i = 0; i < recovery.done.count && !cli->quiet; i++)
		fprintf(stderr, "hyfw: %s\n", recovery.done.items[i]);
	say_failures(&recovery);
	hyfw_recovery_finish(&recovery);
}

void hyfw_session_help(const struct hyfw_command *command, const char *details)
{
	printf("Usage: hyfw %s\n\n%s\n%s%s", command->usage, command->summary, details ? "\n" : "",
	       details ? details : "");
}

int hyfw_session_each(bool all, int argc, char **argv, int (*one)(const char *name, void *data), void *data)
{
	struct hyfw_strings names = { 0 };
	struct hyfw_error *err = NULL;
	size_t i;
	int status = 0;

	if (all && hyfw_store_workloads(&names, &err) < 0)
		return hyfw_cli_error(err);
	for (; !all && optind < argc; optind++)
		hyfw_strings_add(&names, argv[optind]);
	for (i = 0; i < names.count; i++) {
		const int result = one(names.items[i], data);

		status = result ? result : status;
	}
	hyfw_strings_finish(&names);
	return status;
}

int hyfw_session_arguments(const struct hyfw_command *command, int argc, char **argv, int least,
			   int *ret_status)
{
	static const struct option flags[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int flag;

	while ((flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		*ret_status = flag == 'h' ? 0 : HYFW_EXIT_FAILED;
		if (flag == 'h')
			hyfw_session_help(command, NULL);
		return 0;
	}
	if (argc - optind >= least)
		return 1;
	*ret_status = hyfw_cli_usage(command, "an argument is missing");
	return 0;
}

int hyfw_session_seconds(const char *text)
{
	char *end;
	const double seconds = strtod(text, &end);

	return *text && *end == '\0' && seconds >= 0 && seconds < 86400 ? (int)(seconds * 1000) : -1;
}
