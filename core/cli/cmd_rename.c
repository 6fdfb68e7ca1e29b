/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw rename. */
#include <getopt.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "engine/rename.h"

static int rename_main(struct hyfw_cli *cli, int argc, char **argv)
{
	struct hyfw_error *err = NULL;
	int status;

	if (!hyfw_session_arguments(&hyfw_command_rename, argc, argv, 2, &status))
		return status;
	if (argc - optind != 2)
		return hyfw_cli_usage(&hyfw_command_rename, "a workload and its new name are needed");
	hyfw_session_begin(cli);
	if (hyfw_workload_rename(argv[optind], argv[optind + 1], &err) < 0) {
		hyfw_wrap(&err, "workload %s", argv[optind]);
		return hyfw_cli_error(err);
	}
	puts(argv[optind + 1]);
	return 0;
}

const struct hyfw_command hyfw_command_rename = {
	.name = "rename",
	.usage = "rename WORKLOAD NAME",
	.summary = "Give a workload that does not run another name",
	.main = rename_main,
};
