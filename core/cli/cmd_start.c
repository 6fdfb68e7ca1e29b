/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw start: those that are named, or with the host those that want it. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/attach.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "engine/autostart.h"
#include "engine/failover_read.h"
#include "engine/launch.h"

static int start_one(const char *name, bool attach, bool interactive, bool here)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	struct hyfw_launch launch = { .foreground = attach, .interactive = interactive, .here = here };
	struct hyfw_launched launched = { .socket = -1 };
	struct hyfw_error *err = NULL;
	struct hyfw_map settings;
	int status = 0;

	if (hyfw_store_definition(name, &definition, &err) < 0)
		return hyfw_cli_error(err);
	if (definition->transient) {
		hyfw_fail(&err, EBUSY, "workload %s is already running", name);
		return hyfw_cli_error(err);
	}
	settings = hyfw_pairs_map(&definition->settings);
	if (attach)
		hyfw_attach_prepare();
	if (hyfw_launch(definition, &launch, &launched, &err) < 0)
		return hyfw_cli_error(err);
	if (attach)
		status = hyfw_attach(&launched, name, hyfw_map_bool(&settings, "terminal", false));
	else
		puts(name);
	hyfw_launched_close(&launched);
	return status;
}

/* ---- with the host ---- */

struct boot {
	struct hyfw_strings names; /* of all workloads */
	bool *seen;
	int status;
};

/* A machine that another host has taken over is where it should be. */
static int start_with_host(const struct hyfw_state *state)
{
	struct hyfw_error *err = NULL;
	const int elsewhere = hyfw_failover_elsewhere(state->definition, &err);

	if (elsewhere == 0)
		return start_one(state->definition->name, false, false, false);
	if (elsewhere < 0) {
		hyfw_wrap(&err, "workload %s", state->definition->name);
		return hyfw_cli_error(err);
	}
	fprintf(stderr, "hyfw: workload %s: another host has it now\n", state->definition->name);
	return 0;
}

/* Those it depends on come first, where they are to be started too. */
static void start_wanted(struct boot *boot, size_t which)
{
	struct hyfw_error *err = NULL;
	struct hyfw_state state;
	struct hyfw_map settings;
	const char *needed;
	size_t cursor = 0, i;
	int status = 0;

	boot->seen[which] = true;
	if (hyfw_state_load(boot->names.items[which], &state, &err) < 0) {
		boot->status = hyfw_cli_error(err);
	} else if (hyfw_autostart_wants(&state)) {
		settings = hyfw_pairs_map(&state.definition->settings);
		while ((needed = hyfw_map_next(&settings, "depends_on", &cursor)))
			for (i = 0; i < boot->names.count; i++)
				if (!boot->seen[i] && strcmp(boot->names.items[i], needed) == 0)
					start_wanted(boot, i);
		status = start_with_host(&state);
	}
	boot->status = status ? status : boot->status;
	hyfw_state_finish(&state);
}

static int start_all_wanted(void)
{
	struct boot boot = { 0 };
	struct hyfw_error *err = NULL;
	size_t i;

	if (hyfw_store_workloads(&boot.names, &err) < 0)
		return hyfw_cli_error(err);
	boot.seen = hyfw_new((boot.names.count + 1) * sizeof(*boot.seen));
	for (i = 0; i < boot.names.count; i++)
		if (!boot.seen[i])
			start_wanted(&boot, i);
	free(boot.seen);
	hyfw_strings_finish(&boot.names);
	return boot.status;
}

static const char help[] =
	"  -a, --attach       stay in the foreground\n"
	"  -i, --interactive  and pass standard input on\n"
	"      --autostart    all that are to be started with the host\n"
	"      --here         although it has moved to another host: it must not run\n"
	"                     there any more\n";

static int start_main(struct hyfw_cli *cli, int argc, char **argv)
{
	enum { AUTOSTART = 256, HERE };
	static const struct option flags[] = { { "attach", no_argument, NULL, 'a' },
					       { "interactive", no_argument, NULL, 'i' },
					       { "autostart", no_argument, NULL, AUTOSTART },
					       { "here", no_argument, NULL, HERE },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	bool attach = false, interactive = false, autostart = false, here = false;
	int flag, status = 0;

	while ((flag = getopt_long(argc, argv, "aih", flags, NULL)) != -1) {
		switch (flag) {
		case 'a': attach = true; break;
		case 'i': attach = interactive = true; break;
		case AUTOSTART: autostart = true; break;
		case HERE: here = true; break;
		case 'h': hyfw_session_help(&hyfw_command_start, help); return 0;
		default: return HYFW_EXIT_FAILED;
		}
	}
	if (autostart && (attach || here || optind < argc))
		return hyfw_cli_usage(&hyfw_command_start, "--autostart goes without other flags and names");
	if (!autostart && optind == argc)
		return hyfw_cli_usage(&hyfw_command_start, "the name of a workload is missing");
	if (attach && argc - optind > 1)
		return hyfw_cli_usage(&hyfw_command_start, "only one workload can be attached to");
	hyfw_session_begin(cli);
	if (autostart)
		return start_all_wanted();
	for (; optind < argc; optind++) {
		const int one = start_one(argv[optind], attach, interactive, here);

		status = one ? one : status;
	}
	return status;
}

const struct hyfw_command hyfw_command_start = {
	.name = "start",
	.usage = "start [-a] [-i] [--here] WORKLOAD...\n       hyfw start --autostart",
	.summary = "Start workloads that were created or have ended",
	.main = start_main,
};
