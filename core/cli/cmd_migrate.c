/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw migrate. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/operate.h"
#include "cli/session.h"
#include "config/normalize.h"
#include "engine/adopt.h"
#include "engine/store.h"

static const char migrate_help[] =
	"  --check            only say what would be in the way\n"
	"  --offline          of a machine that is stopped (also --cold)\n"
	"  --live             while it runs; else it stands still meanwhile\n"
	"  --peer-to-peer     the hosts speak with each other, not with us\n"
	"  --tunnelled        and through their own connection\n"
	"  --copy-storage     with its disks, where they are not shared\n"
	"  --post-copy        may go on there while memory follows\n"
	"  --auto-converge    slow it down when its memory changes too fast\n"
	"  --unsafe           although a check says that data may be lost\n"
	"  --interface IF=bridge:NAME|network:NAME  what an interface joins there\n"
	"  --migrate-uri URI  where memory is sent to, such as tcp://10.1.10.3\n"
	"  --max-downtime MS  longest standstill at the end, in milliseconds\n"
	"  --bandwidth SIZE   most bytes in a second, such as 100M\n"
	"  --name NAME        what it is called there\n";

static const char *const truths[] = { "live", "peer_to_peer", "tunnelled", "copy_storage",
				      "post_copy", "unsafe", "auto_converge", "check", "offline" };

static bool is_number(const char *text)
{
	return *text && strlen(text) < 10 && strspn(text, "0123456789") == strlen(text);
}

static int take_bandwidth(struct hyfw_pairs *args, const char *text)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	HYFW_AUTO_FREE char *bytes = NULL;
	int64_t number;

	if (hyfw_parse_size(text, &number, &err) < 0 || number <= 0)
		return -1;
	bytes = hyfw_format("%lld", (long long)number);
	hyfw_pairs_set(args, "bandwidth", bytes);
	return 0;
}

static void print_outcome(const struct hyfw_map *outcome)
{
	const char *downtime = hyfw_map_get(outcome, "downtime"), *total = hyfw_map_get(outcome, "total");
	const char *bytes = hyfw_map_get(outcome, "bytes");

	if (total)
		printf("%s ms", total);
	if (downtime)
		printf("%s%s ms down", total ? ", " : "", downtime);
	if (bytes)
		printf("%s%s", total || downtime ? ", " : "", hyfw_cli_bytes(strtoull(bytes, NULL, 10)));
	if (total || downtime || bytes)
		putchar('\n');
}

/* It goes along in the metadata of the domain. */
static void add_definition(struct hyfw_pairs *args, const char *workload)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	HYFW_AUTO_FREE char *text = NULL;

	if (hyfw_store_definition(workload, &definition, NULL) < 0)
		return; /* the operation says so */
	text = hyfw_adopt_offer(definition);
	if (text)
		hyfw_pairs_set(args, "definition", text);
}

static int migrate(struct hyfw_cli *cli, struct hyfw_pairs *args, const char *workload, const char *to)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_map outcome = { 0 };
	int status;

	hyfw_pairs_set(args, "to", to);
	hyfw_session_begin(cli);
	add_definition(args, workload);
	status = hyfw_cli_operate(cli, workload, "migrate", args, arena, &outcome);
	if (status == 0 && !cli->quiet)
		print_outcome(&outcome);
	return status;
}

/* Flags of truths are TRUTH and the place of their key. */
enum { TRUTH = 256, DOWNTIME = TRUTH + HYFW_COUNT(truths), BANDWIDTH, NAME, INTERFACE, ADDRESS };

static const struct option flags[] = { { "live", no_argument, NULL, TRUTH },
				       { "peer-to-peer", no_argument, NULL, TRUTH + 1 },
				       { "tunnelled", no_argument, NULL, TRUTH + 2 },
				       { "copy-storage", no_argument, NULL, TRUTH + 3 },
				       { "post-copy", no_argument, NULL, TRUTH + 4 },
				       { "unsafe", no_argument, NULL, TRUTH + 5 },
				       { "auto-converge", no_argument, NULL, TRUTH + 6 },
				       { "check", no_argument, NULL, TRUTH + 7 },
				       { "offline", no_argument, NULL, TRUTH + 8 },
				       { "cold", no_argument, NULL, TRUTH + 8 },
				       { "interface", required_argument, NULL, INTERFACE },
				       { "migrate-uri", required_argument, NULL, ADDRESS },
				       { "max-downtime", required_argument, NULL, DOWNTIME },
				       { "bandwidth", required_argument, NULL, BANDWIDTH },
				       { "name", required_argument, NULL, NAME },
				       { "help", no_argument, NULL, 'h' },
				       { 0 } };

/* One flag that has a value. */
static int take_value(int flag, const char *text, struct hyfw_pairs *args)
{
	switch (flag) {
	case DOWNTIME:
		if (!is_number(text))
			return hyfw_cli_usage(&hyfw_command_migrate, "--max-downtime %s: not a number of "
					      "milliseconds", text);
		hyfw_pairs_set(args, "max_downtime", text);
		return 0;
	case BANDWIDTH:
		if (take_bandwidth(args, text) < 0)
			return hyfw_cli_usage(&hyfw_command_migrate, "--bandwidth %s: not a size such as 100M", text);
		return 0;
	case NAME: hyfw_pairs_set(args, "name", text); return 0;
	case INTERFACE: hyfw_pairs_add(args, "interface", text); return 0;
	case ADDRESS: hyfw_pairs_set(args, "migrate_uri", text); return 0;
	default: return HYFW_EXIT_FAILED;
	}
}

static int migrate_parse(int argc, char **argv, struct hyfw_pairs *args, bool *ret_help)
{
	int flag, status = 0;

	while (status == 0 && (flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		if (flag == 'h') {
			hyfw_session_help(&hyfw_command_migrate, migrate_help);
			*ret_help = true;
			return 0;
		}
		if (flag >= TRUTH && flag < DOWNTIME)
			hyfw_pairs_set(args, truths[flag - TRUTH], "true");
		else
			status = take_value(flag, optarg, args);
	}
	if (status == 0 && argc - optind != 2)
		status = hyfw_cli_usage(&hyfw_command_migrate, "a workload and the URI of a host are needed");
	return status;
}

static int migrate_main(struct hyfw_cli *cli, int argc, char **argv)
{
	struct hyfw_pairs args = { 0 };
	bool help = false;
	int status = migrate_parse(argc, argv, &args, &help);

	if (status == 0 && !help)
		status = migrate(cli, &args, argv[optind], argv[optind + 1]);
	hyfw_pairs_finish(&args);
	return status;
}

const struct hyfw_command hyfw_command_migrate = {
	.name = "migrate",
	.usage = "migrate [FLAGS] WORKLOAD URI",
	.summary = "Move a machine to another host",
	.main = migrate_main,
};
