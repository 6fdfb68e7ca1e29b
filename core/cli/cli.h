/* SPDX-License-Identifier: BSD-3-Clause
 * What every command of the command line shares.  Commands print and parse,
 * nothing else: data to standard output, messages to standard error. */
#ifndef HYFW_CLI_CLI_H
#define HYFW_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/context.h"
#include "base/error.h"

#define HYFW_EXIT_FAILED 125

struct json_object;

struct hyfw_cli {
	struct hyfw_context context;
	bool json;   /* --format json */
	bool quiet;  /* -q */
	bool config_given; /* --config: the file must exist */
};

/* A command gets its own arguments, argv[0] being "hyfw NAME", and returns the exit
 * status.  Commands print their own errors with hyfw_cli_error(). */
struct hyfw_command {
	const char *name;    /* "run"; nouns have their verbs inside: "image" */
	const char *usage;   /* "run [FLAGS] IMAGE [--] [COMMAND...]" */
	const char *summary; /* one line for `hyfw help` */
	int (*main)(struct hyfw_cli *cli, int argc, char **argv);
};

/* "hyfw: MESSAGE" on standard error; frees 'err', returns the status it asks for. */
int hyfw_cli_error(struct hyfw_error *err);

/* "hyfw COMMAND: MESSAGE" and the usage line; returns 125. */
int hyfw_cli_usage(const struct hyfw_command *command, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Takes the argument of --format; -1 when it is neither table nor json, said. */
int hyfw_cli_format(struct hyfw_cli *cli, const char *format);

/* An aligned table: rows of 'columns' cells, the first row being the head. */
struct hyfw_table;
struct hyfw_table *hyfw_table_new(size_t columns);
void hyfw_table_add(struct hyfw_table *table, const char *cell); /* NULL prints as "-" */
void hyfw_table_print(struct hyfw_table *table);                 /* and frees it */

/* Prints 'object' (owned by the caller) as JSON with a newline. */
void hyfw_cli_print_json(struct json_object *object);

/* Bytes for people: "50.0M"; in a static buffer of eight that are used in turn. */
const char *hyfw_cli_bytes(unsigned long long bytes);

extern const struct hyfw_command hyfw_command_failover, hyfw_command_doctor, hyfw_command_driver, hyfw_command_reboot,
	hyfw_command_selinux, hyfw_command_top, hyfw_command_why;
extern const struct hyfw_command hyfw_command_rename, hyfw_command_adopt, hyfw_command_migrate, hyfw_command_port, hyfw_command_save,
	hyfw_command_restore,
	hyfw_command_snapshot, hyfw_command_template, hyfw_command_update, hyfw_command_vnc;
extern const struct hyfw_command hyfw_command_attach, hyfw_command_check,
	hyfw_command_completion, hyfw_command_config, hyfw_command_console, hyfw_command_create,
	hyfw_command_disk, hyfw_command_down, hyfw_command_events, hyfw_command_exec,
	hyfw_command_image, hyfw_command_inspect, hyfw_command_kill, hyfw_command_logs, hyfw_command_oci,
	hyfw_command_pause, hyfw_command_plan, hyfw_command_plugin, hyfw_command_ps,
	hyfw_command_recover, hyfw_command_restart, hyfw_command_rm, hyfw_command_run,
	hyfw_command_start, hyfw_command_stats, hyfw_command_stop, hyfw_command_unpause,
	hyfw_command_up, hyfw_command_volume, hyfw_command_wait;

#endif
