/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw update: disks and networks (device_change.c) one by one, in the order of the
 * command line, then limits together; what fails has all before it taken back. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/cli.h"
#include "cli/device_change.h"
#include "cli/session.h"
#include "engine/store.h"
#include "engine/update.h"

static const char help[] =
	"  --cpus N             how many CPUs' worth of time\n"
	"  --cpuset-cpus LIST   on which CPUs\n"
	"  -c, --cpu-shares N   weight when CPUs are busy\n"
	"  -m, --memory SIZE    most memory; of a machine what its balloon leaves it\n"
	"  --memory-swap SIZE   memory and swap together\n"
	"  --pids-limit N       most processes and threads\n"
	"  --io-max LIMITS      of a disk, DEVICE:rbps=SIZE,wbps=SIZE,riops=N,wiops=N; all that are\n"
	"                       given take the place of those before\n"
	"  --restart POLICY     no, on-failure[:N], always, unless-stopped\n"
	"  --autostart YES|NO   start it with the host\n"
	"  --vcpus N            processors of a machine\n"
	HYFW_DEVICE_FLAGS_HELP
	"A SIZE or N of \"unlimited\" or 0 takes the limit away.  All that is asked for\n"
	"is put into effect, or nothing.\n";

#define DEVICES_LIMIT 64u

struct changes {
	const struct hyfw_cli *cli;
	struct hyfw_pairs settings;
	struct {
		enum hyfw_device_flag flag;
		const char *text;
	} devices[DEVICES_LIMIT];
	size_t device_count;
};

/* Newest first, the first 'count' of them; 'before' are the definitions as each found
 * it.  One that does not run gets its own again as it was. */
static void take_back(const struct changes *changes, struct hyfw_definition *const *before, size_t count)
{
	struct hyfw_state state;
	size_t i;
	bool up;

	if (count == 0)
		return;
	up = hyfw_state_load(before[0]->name, &state, NULL) == 0 && hyfw_status_is_up(state.status);
	hyfw_state_finish(&state);
	for (i = count; i > 0; i--) {
		struct hyfw_error *err = NULL;
		const int result = up ? hyfw_device_change_back(before[i - 1], changes->devices[i - 1].flag,
								changes->devices[i - 1].text, &err)
				      : hyfw_store_save(before[i - 1], &err);

		if (result < 0) {
			hyfw_wrap(&err, "%s stays changed", changes->devices[i - 1].text);
			hyfw_cli_error(err);
		}
	}
}

/* Devices first: each of them can be taken back, and the settings are one change. */
static int update_one(const char *name, void *data)
{
	const struct changes *changes = data;
	const struct hyfw_map map = hyfw_pairs_map(&changes->settings);
	struct hyfw_definition *before[DEVICES_LIMIT] = { 0 };
	struct hyfw_error *err = NULL;
	size_t done = 0, i;
	int result = 0;

	for (i = 0; result == 0 && i < changes->device_count; i++) {
		result = hyfw_store_definition(name, &before[i], &err);
		if (result == 0)
			result = hyfw_device_change(changes->cli, name, changes->devices[i].flag, changes->devices[i].text,
						    &err);
		done += result == 0;
	}
	if (result == 0 && map.count > 0)
		result = hyfw_workload_update(name, &map, &err);
	if (result < 0)
		take_back(changes, before, done);
	for (i = 0; i < changes->device_count; i++)
		hyfw_definition_free(before[i]);
	if (result < 0)
		return hyfw_cli_error(err);
	puts(name);
	return 0;
}

/* Flags of settings are FIRST and the place of their key. */
enum { FIRST = 256 };

static const char *const keys[] = { "cpus", "cpuset", "cpu_shares", "memory",
				    "memory_swap", "pids", "restart", "vcpus", "autostart",
				    "io_max" };
static const struct option flags[] = { { "cpus", required_argument, NULL, FIRST },
				       { "cpuset-cpus", required_argument, NULL, FIRST + 1 },
				       { "cpu-shares", required_argument, NULL, FIRST + 2 },
				       { "memory", required_argument, NULL, FIRST + 3 },
				       { "memory-swap", required_argument, NULL, FIRST + 4 },
				       { "pids-limit", required_argument, NULL, FIRST + 5 },
				       { "restart", required_argument, NULL, FIRST + 6 },
				       { "vcpus", required_argument, NULL, FIRST + 7 },
				       { "autostart", required_argument, NULL, FIRST + 8 },
				       { "io-max", required_argument, NULL, FIRST + 9 },
				       { "add-disk", required_argument, NULL, HYFW_ADD_DISK },
				       { "remove-disk", required_argument, NULL, HYFW_REMOVE_DISK },
				       { "add-network", required_argument, NULL, HYFW_ADD_NETWORK },
				       { "remove-network", required_argument, NULL, HYFW_REMOVE_NETWORK },
				       { "help", no_argument, NULL, 'h' },
				       { 0 } };

static int take_flag(struct changes *changes, int flag, const char *text)
{
	flag = flag == 'c' ? FIRST + 2 : flag == 'm' ? FIRST + 3 : flag;
	if (flag == FIRST + 9) {
		hyfw_pairs_add(&changes->settings, keys[flag - FIRST], text);
	} else if (flag >= FIRST) {
		hyfw_pairs_set(&changes->settings, keys[flag - FIRST], text);
	} else if (changes->device_count < DEVICES_LIMIT) {
		changes->devices[changes->device_count].flag = (enum hyfw_device_flag)flag;
		changes->devices[changes->device_count++].text = text;
	} else {
		return hyfw_cli_usage(&hyfw_command_update, "more than %u devices at once", DEVICES_LIMIT);
	}
	return 0;
}

static int update_main(struct hyfw_cli *cli, int argc, char **argv)
{
	struct changes changes = { .cli = cli };
	int flag, status = 0;

	while (status == 0 && (flag = getopt_long(argc, argv, "c:m:h", flags, NULL)) != -1) {
		if (flag == 'h')
			hyfw_session_help(&hyfw_command_update, help);
		if (flag == 'h' || flag == '?')
			return flag == 'h' ? 0 : HYFW_EXIT_FAILED;
		status = take_flag(&changes, flag, optarg);
	}
	if (status == 0 && optind == argc)
		status = hyfw_cli_usage(&hyfw_command_update, "the name of a workload is missing");
	else if (status == 0 && changes.settings.count + changes.device_count == 0)
		status = hyfw_cli_usage(&hyfw_command_update, "nothing to change is given");
	if (status == 0) {
		hyfw_session_begin(cli);
		status = hyfw_session_each(false, argc, argv, update_one, &changes);
	}
	hyfw_pairs_finish(&changes.settings);
	return status;
}

const struct hyfw_command hyfw_command_update = {
	.name = "update",
	.usage = "update [FLAGS] WORKLOAD...",
	.summary = "Change limits, devices and restart policy of workloads, also while they run",
	.main = update_main,
};
