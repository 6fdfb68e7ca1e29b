/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw disk: disk images, and what is in them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/disk.h"
#include "cli/session.h"

static void help_flags(const struct disk_verb *verb)
{
	const struct disk_flag *flag;

	for (flag = verb->flags; flag && flag->name; flag++) {
		HYFW_AUTO_FREE char *head =
			hyfw_format("--%s%s%s", flag->name, flag->argument ? " " : "", flag->argument ? flag->argument : "");

		printf("      %-27s %s\n", head, flag->help);
	}
}

static int help(const char *only)
{
	const struct disk_verb *verb;

	printf("Usage: hyfw disk VERB [FLAGS] DISK ...\n\n%s.\n\n"
	       "DISK is a path with a / in it (./new.qcow2), a volume, image/NAME, or a workload's name.\n\n",
	       hyfw_command_disk.summary);
	for (verb = disk_verbs; verb->name; verb++) {
		HYFW_AUTO_FREE char *head = NULL;

		if (!verb->help || (only && strncmp(verb->name, only, strlen(only)) != 0))
			continue;
		head = hyfw_format("%s %s", verb->name, verb->usage);
		if (strlen(head) > 30)
			printf("  %s\n%34s%s\n", head, "", verb->help);
		else
			printf("  %-31s %s\n", head, verb->help);
		help_flags(verb);
	}
	return 0;
}

/* The verb that argv[1], or argv[1] and argv[2], names; '*ret_words' is how many. */
static const struct disk_verb *find(int argc, char **argv, int *ret_words)
{
	const struct disk_verb *verb;

	for (verb = disk_verbs; verb->name; verb++) {
		const char *blank = strchr(verb->name, ' ');

		*ret_words = blank ? 2 : 1;
		if (!blank && strcmp(verb->name, argv[1]) == 0)
			return verb;
		if (blank && argc > 2 && strncmp(argv[1], verb->name, (size_t)(blank - verb->name)) == 0 &&
		    argv[1][blank - verb->name] == '\0' && strcmp(argv[2], blank + 1) == 0)
			return verb;
	}
	return NULL;
}

static int run(struct hyfw_cli *cli, const struct disk_verb *verb, struct disk_request *request,
	       struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_map result = { 0 };
	int status;

	if (verb->run)
		return verb->run(cli, verb, request, err);
	status = disk_operate(cli, verb->operation ? verb->operation : verb->name, verb->label, request, arena, &result,
			      err);
	if (status == 0)
		disk_show(cli, verb, &result);
	return status;
}

static int main_disk(struct hyfw_cli *cli, int argc, char **argv)
{
	struct disk_request request = { .input_fd = -1, .output_fd = -1 };
	const struct disk_verb *verb;
	struct hyfw_error *err = NULL;
	int words, result, status = 0;

	if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
		return help(NULL);
	if (argc < 2)
		return hyfw_cli_usage(&hyfw_command_disk, "what to do; `hyfw disk --help` lists it");
	verb = find(argc, argv, &words);
	if (!verb)
		return hyfw_cli_usage(&hyfw_command_disk, "there is no '%s'; `hyfw disk --help` lists what there is",
				      argv[1]);
	result = disk_parse(verb, argc - words, argv + words, &request, &err);
	if (result == 0) {
		help(argv[1]);
	} else if (result > 0) {
		hyfw_session_begin(cli);
		result = run(cli, verb, &request, &err);
	}
	if (result < 0)
		status = err ? hyfw_cli_error(err) : HYFW_EXIT_FAILED;
	disk_request_finish(&request);
	return status;
}

const struct hyfw_command hyfw_command_disk = {
	.name = "disk",
	.usage = "disk VERB [FLAGS] DISK ...",
	.summary = "Disk images: make, change, look into them",
	.main = main_disk,
};
