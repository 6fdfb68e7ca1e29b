/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw update. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "engine/update.h"

static const char help[] =
	"  --cpus N             how many CPUs' worth of time\n"
	"  --cpuset-cpus LIST   on which CPUs\n"
	"  -c, --cpu-shares N   weight when CPUs are busy\n"
	"  -m, --memory SIZE    most memory; of a machine what its balloon leaves it\n"
	"  --memory-swap SIZE   memory and swap together\n"
	"  --pids-limit N       most processes and threads\n"
	"  --restart POLICY     no, on-failure[:N], always, unless-stopped\n"
	"  --vcpus N            processors of a machine\n"
	"All of them are put into effect, or none.\n";

static int update_one(const char *name, void *data)
{
	struct hyfw_error *err = NULL;

	if (hyfw_workload_update(name, data, &err) < 0)
		return hyfw_cli_error(err);
	puts(name);
	return 0;
}

static int update_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const char *const keys[] = { "cpus", "cpuset", "cpu_shares", "memory",
					    "memory_swap", "pids", "restart", "vcpus" };
	enum { FIRST = 256 };
	static const struct option flags[] = { { "cpus", required_argument, NULL, FIRST },
					       { "cpuset-cpus", required_argument, NULL, FIRST + 1 },
					       { "cpu-shares", required_argument, NULL, FIRST + 2 },
					       { "memory", required_argument, NULL, FIRST + 3 },
					       { "memory-swap", required_argument, NULL, FIRST + 4 },
					       { "pids-limit", required_argument, NULL, FIRST + 5 },
					       { "restart", required_argument, NULL, FIRST + 6 },
					       { "vcpus", required_argument, NULL, FIRST + 7 },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	struct hyfw_pairs changes = { 0 };
	struct hyfw_map map;
	int flag, status;

	while ((flag = getopt_long(argc, argv, "c:m:h", flags, NULL)) != -1) {
		if (flag == 'h')
			hyfw_session_help(&hyfw_command_update, help);
		if (flag == 'h' || flag == '?')
			return flag == 'h' ? 0 : HYFW_EXIT_FAILED;
		flag = flag == 'c' ? FIRST + 2 : flag == 'm' ? FIRST + 3 : flag;
		hyfw_pairs_set(&changes, keys[flag - FIRST], optarg);
	}
	if (optind == argc)
		return hyfw_cli_usage(&hyfw_command_update, "the name of a workload is missing");
	if (changes.count == 0)
		return hyfw_cli_usage(&hyfw_command_update, "nothing to change is given");
	hyfw_session_begin(cli);
	map = hyfw_pairs_map(&changes);
	status = hyfw_session_each(false, argc, argv, update_one, &map);
	hyfw_pairs_finish(&changes);
	return status;
}

const struct hyfw_command hyfw_command_update = {
	.name = "update",
	.usage = "update [FLAGS] WORKLOAD...",
	.summary = "Change limits and restart policy of workloads, also while they run",
	.main = update_main,
};
