/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw stats. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "engine/stats.h"
#include "engine/store.h"

static const struct {
	const char *name;
	size_t offset;
} members[] = {
#define MEMBER(name) { #name, offsetof(struct hyfw_stats, name) }
	MEMBER(cpu_ns),		  MEMBER(cpu_user_ns),	      MEMBER(cpu_system_ns),
	MEMBER(cpu_throttled_ns), MEMBER(cpu_limit_milli),    MEMBER(memory_bytes),
	MEMBER(memory_peak_bytes), MEMBER(memory_limit_bytes), MEMBER(swap_bytes),
	MEMBER(swap_limit_bytes), MEMBER(pids),		      MEMBER(pids_limit),
	MEMBER(io_read_bytes),	  MEMBER(io_write_bytes),     MEMBER(net_rx_bytes),
	MEMBER(net_tx_bytes),	  MEMBER(event_memory_max),   MEMBER(event_oom_kill),
	MEMBER(event_pids_max),	  MEMBER(event_cpu_throttled), MEMBER(balloon_bytes),
	MEMBER(guest_free_bytes),
#undef MEMBER
};

static struct json_object *to_json(const char *name, const struct hyfw_stats *stats)
{
	struct json_object *object = json_object_new_object();
	size_t i;

	hyfw_json_add_text(object, "name", name);
	for (i = 0; i < HYFW_COUNT(members); i++) {
		uint64_t value;

		memcpy(&value, (const char *)stats + members[i].offset, sizeof(value));
		json_object_object_add(object, members[i].name,
				       value == HYFW_STAT_NONE ? NULL : json_object_new_uint64(value));
	}
	return object;
}

static const char *bytes(uint64_t value)
{
	return value == HYFW_STAT_NONE ? "-" : hyfw_cli_bytes(value);
}

static void add_of(struct hyfw_table *table, const char *used, const char *limit)
{
	HYFW_AUTO_FREE char *text = hyfw_format("%s / %s", used, limit);

	hyfw_table_add(table, text);
}

static void add_number_of(struct hyfw_table *table, uint64_t used, uint64_t limit)
{
	HYFW_AUTO_FREE char *left = used == HYFW_STAT_NONE ? hyfw_dup("-") : hyfw_format("%llu", (unsigned long long)used);
	HYFW_AUTO_FREE char *right = limit == HYFW_STAT_NONE ? hyfw_dup("-") : hyfw_format("%llu", (unsigned long long)limit);

	add_of(table, left, right);
}

/* CPU time since the start, as a share of one CPU. */
static void add_cpu(struct hyfw_table *table, const struct hyfw_stats *stats, int64_t started)
{
	const int64_t age_ms = hyfw_now_ms() - started;
	HYFW_AUTO_FREE char *text =
		stats->cpu_ns == HYFW_STAT_NONE || age_ms <= 0
			? NULL
			: hyfw_format("%.1f%%", (double)stats->cpu_ns / 1e4 / (double)age_ms);

	hyfw_table_add(table, text);
}

static void add_row(struct hyfw_table *table, const char *name, const struct hyfw_stats *stats, int64_t started)
{
	hyfw_table_add(table, name);
	add_cpu(table, stats, started);
	add_of(table, bytes(stats->memory_bytes), bytes(stats->memory_limit_bytes));
	hyfw_table_add(table, bytes(stats->memory_peak_bytes));
	add_number_of(table, stats->pids, stats->pids_limit);
	add_of(table, bytes(stats->net_rx_bytes), bytes(stats->net_tx_bytes));
	add_of(table, bytes(stats->io_read_bytes), bytes(stats->io_write_bytes));
	hyfw_table_add(table, stats->balloon_bytes == HYFW_STAT_NONE ? NULL : bytes(stats->balloon_bytes));
	add_number_of(table, stats->event_oom_kill, stats->event_pids_max);
}

static int add_running(const char *name, const struct hyfw_state *state, struct hyfw_table *table,
		       struct json_object *array)
{
	struct hyfw_stats stats = { .size = sizeof(stats) };
	struct hyfw_error *err = NULL;

	if (hyfw_stats_collect(state, &stats, &err) < 0)
		return hyfw_cli_error(err);
	if (array)
		json_object_array_add(array, to_json(name, &stats));
	else
		add_row(table, name, &stats, state->started);
	return 0;
}

static int one(const char *name, bool must_run, struct hyfw_table *table, struct json_object *array)
{
	struct hyfw_error *err = NULL;
	struct hyfw_state state;
	int status = 0;

	if (hyfw_state_load(name, &state, &err) < 0) {
		status = hyfw_cli_error(err);
	} else if (hyfw_status_is_up(state.status)) {
		status = add_running(name, &state, table, array);
	} else if (must_run) {
		fprintf(stderr, "hyfw: workload %s is not running (%s)\n", name, hyfw_status_name(state.status));
		status = HYFW_EXIT_FAILED;
	}
	hyfw_state_finish(&state);
	return status;
}

static int print_all(struct hyfw_cli *cli, const struct hyfw_strings *names, bool must_run)
{
	static const char *const head[] = { "NAME",	   "CPU",	   "MEMORY / LIMIT",    "PEAK",
					    "PIDS / LIMIT", "NET IN / OUT", "DISK READ / WRITTEN",
					    "BALLOON", "KILLED / REFUSED FORKS" };
	struct json_object *array = cli->json ? json_object_new_array() : NULL;
	struct hyfw_table *table = hyfw_table_new(HYFW_COUNT(head));
	size_t i;
	int status = 0;

	for (i = 0; i < HYFW_COUNT(head); i++)
		hyfw_table_add(table, head[i]);
	for (i = 0; i < names->count; i++) {
		const int result = one(names->items[i], must_run, table, array);

		status = result ? result : status;
	}
	if (array)
		hyfw_cli_print_json(array);
	else
		hyfw_table_print(table);
	json_object_put(array);
	return status;
}

static int stats_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "format", required_argument, NULL, 'f' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	struct hyfw_strings names = { 0 };
	struct hyfw_error *err = NULL;
	int flag, status = 0;
	bool named;

	while ((flag = getopt_long(argc, argv, "h", flags, NULL)) != -1) {
		if (flag == 'h') {
			hyfw_session_help(&hyfw_command_stats,
					  "CPU is the share of one CPU since the start. The figures of --format json\n"
					  "are in bytes and nanoseconds; null is unknown or no limit.\n");
			return 0;
		}
		if (flag != 'f' || hyfw_cli_format(cli, optarg) < 0)
			return HYFW_EXIT_FAILED;
	}
	hyfw_session_begin(cli);
	named = optind < argc;
	for (; optind < argc; optind++)
		hyfw_strings_add(&names, argv[optind]);
	if (!named && hyfw_store_workloads(&names, &err) < 0)
		status = hyfw_cli_error(err);
	else
		status = print_all(cli, &names, named);
	hyfw_strings_finish(&names);
	return status;
}

const struct hyfw_command hyfw_command_stats = {
	.name = "stats",
	.usage = "stats [--format table|json] [WORKLOAD...]",
	.summary = "Show what running workloads use",
	.main = stats_main,
};
