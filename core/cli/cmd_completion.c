/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw completion: prints the script (conf/completion) that completes hyfw's
 * commands, flags and live names in a shell. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char bash_script[] =
#include "completion_bash.h"
	;

static int main_completion(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int flag;

	(void)cli;
	while ((flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		if (flag != 'h')
			return HYFW_EXIT_FAILED;
		printf("Usage: hyfw %s\n\n%s.\n  -h, --help   this text\n", hyfw_command_completion.usage,
		       hyfw_command_completion.summary);
		return 0;
	}
	if (optind + 1 != argc || strcmp(argv[optind], "bash") != 0)
		return hyfw_cli_usage(&hyfw_command_completion, "there is completion for bash only");
	fputs(bash_script, stdout);
	return 0;
}

const struct hyfw_command hyfw_command_completion = {
	.name = "completion",
	.usage = "completion bash",
	.summary = "Print the script that completes hyfw in a shell",
	.main = main_completion,
};
