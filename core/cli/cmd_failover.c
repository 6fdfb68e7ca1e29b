/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw failover: machines of other hosts, and starting lost ones here. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "config/load.h"
#include "engine/failover.h"

/* ---- listing ---- */

static void print_table(const struct hyfw_failover_machines *machines)
{
	static const char *const head[] = { "NAME", "HOST", "GENERATION", "RENEWED", "VERDICT" };
	struct hyfw_table *table = hyfw_table_new(HYFW_COUNT(head));
	size_t i;

	for (i = 0; i < HYFW_COUNT(head); i++)
		hyfw_table_add(table, head[i]);
	for (i = 0; i < machines->count; i++) {
		const struct hyfw_failover_machine *machine = &machines->items[i];
		HYFW_AUTO_FREE char *generation = hyfw_format("%llu", (unsigned long long)machine->lease.generation);
		HYFW_AUTO_FREE char *age = hyfw_format("%.1f s ago", (double)machine->age_ms / 1000);
		HYFW_AUTO_FREE char *verdict =
			hyfw_format("%s%s%s", hyfw_failover_verdict_name(machine->verdict), machine->problem ? ": " : "",
				    machine->problem ? machine->problem : "");

		hyfw_table_add(table, machine->name);
		hyfw_table_add(table, machine->lease.host);
		hyfw_table_add(table, generation);
		hyfw_table_add(table, age);
		hyfw_table_add(table, verdict);
	}
	hyfw_table_print(table);
}

static void print_json(const struct hyfw_failover_machines *machines)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < machines->count; i++) {
		const struct hyfw_failover_machine *machine = &machines->items[i];
		struct json_object *object = json_object_new_object();

		hyfw_json_add_text(object, "name", machine->name);
		hyfw_json_add_text(object, "host", *machine->lease.host ? machine->lease.host : NULL);
		hyfw_json_add_number(object, "generation", (int64_t)machine->lease.generation);
		hyfw_json_add_number(object, "age_ms", machine->age_ms);
		hyfw_json_add_number(object, "period_ms", machine->lease.period_ms);
		hyfw_json_add_text(object, "verdict", hyfw_failover_verdict_name(machine->verdict));
		hyfw_json_add_text(object, "problem", machine->problem);
		hyfw_json_add_text(object, "directory", machine->directory);
		json_object_array_add(array, object);
	}
	hyfw_cli_print_json(array);
	json_object_put(array);
}

static int list(const struct hyfw_cli *cli, const struct hyfw_config *config)
{
	struct hyfw_failover_machines machines;

	hyfw_failover_list(config, &machines);
	if (cli->json)
		print_json(&machines);
	else
		print_table(&machines);
	hyfw_failover_machines_finish(&machines);
	return 0;
}

/* ---- taking ---- */

struct shown {
	bool quiet, terminal;
	struct hyfw_strings told;
};

/* Once for each machine; on a terminal the seconds that are left as well. */
static void show_waiting(void *data, const char *name, const char *host, unsigned left_ms)
{
	struct shown *shown = data;

	if (shown->quiet)
		return;
	if (!hyfw_strings_has(&shown->told, name)) {
		fprintf(stderr, "hyfw: %s: waiting until host %s has not renewed its lease for %.0f s\n", name, host,
			left_ms / 1000.0);
		hyfw_strings_add(&shown->told, name);
	} else if (shown->terminal) {
		fprintf(stderr, "\r\033[K%s: %.0f s ", name, left_ms / 1000.0);
	}
}

static void show_done(void *data, const char *name, const struct hyfw_error *failure)
{
	const struct shown *shown = data;
	HYFW_AUTO_FREE char *prefix = hyfw_format("workload %s: ", name);

	if (shown->terminal && shown->told.count > 0)
		fputs("\r\033[K", stderr);
	if (!failure)
		puts(name);
	else if (strncmp(failure->message, prefix, strlen(prefix)) == 0)
		fprintf(stderr, "hyfw: %s\n", failure->message);
	else
		fprintf(stderr, "hyfw: %s%s\n", prefix, failure->message);
	fflush(stdout);
}

static int take(const struct hyfw_cli *cli, const struct hyfw_config *config, const struct hyfw_strings *names)
{
	struct shown shown = { .quiet = cli->quiet, .terminal = isatty(STDERR_FILENO) };
	const struct hyfw_failover_report report = { show_waiting, show_done, &shown };
	struct hyfw_error *err = NULL;
	int result = hyfw_failover_take(config, names, &report, &err);

	hyfw_strings_finish(&shown.told);
	if (result == -ECANCELED) { /* each was told */
		hyfw_error_free(err);
		return HYFW_EXIT_FAILED;
	}
	return result < 0 ? hyfw_cli_error(err) : 0;
}

/* ---- the command ---- */

static int load(struct hyfw_cli *cli, struct hyfw_config **ret_config, struct hyfw_error **err)
{
	return hyfw_config_load_to_show(&cli->context, cli->config_given, NULL, ret_config, err);
}

static int failover(struct hyfw_cli *cli, bool all, int argc, char **argv)
{
	struct hyfw_strings names = { 0 };
	struct hyfw_config *config = NULL;
	struct hyfw_error *err = NULL;
	int status;

	hyfw_session_begin(cli);
	if (load(cli, &config, &err) < 0)
		return hyfw_cli_error(err);
	for (; optind < argc; optind++)
		if (!hyfw_strings_has(&names, argv[optind]))
			hyfw_strings_add(&names, argv[optind]);
	status = all || names.count ? take(cli, config, all ? NULL : &names) : list(cli, config);
	hyfw_strings_finish(&names);
	hyfw_config_free(config);
	return status;
}

static int failover_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "all", no_argument, NULL, 'a' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	bool all = false;
	int flag;

	while ((flag = getopt_long(argc, argv, "ah", flags, NULL)) != -1) {
		switch (flag) {
		case 'a': all = true; break;
		case 'h':
			hyfw_session_help(&hyfw_command_failover,
					  "  -a, --all  start all here that are lost and may run here\n"
					  "\nWithout names and flags: the machines on storage that hosts share.\n");
			return 0;
		default: return HYFW_EXIT_FAILED;
		}
	}
	if (all && optind < argc)
		return hyfw_cli_usage(&hyfw_command_failover, "--all goes without names");
	return failover(cli, all, argc, argv);
}

const struct hyfw_command hyfw_command_failover = {
	.name = "failover",
	.usage = "failover [-a] [MACHINE...]",
	.summary = "Start machines here whose host is lost",
	.main = failover_main,
};
