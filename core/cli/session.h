/* SPDX-License-Identifier: BSD-3-Clause
 * How commands that touch workloads begin. */
#ifndef HYFW_CLI_SESSION_H
#define HYFW_CLI_SESSION_H

#include "cli/cli.h"

/* Readies the engine and, when a crash left something, undoes that first and says
 * so on standard error. */
void hyfw_session_begin(struct hyfw_cli *cli);

/* The usual main of a command without flags of its own: --help, then at least
 * 'least' arguments.  1: go on at argv[optind]; otherwise '*ret_status' is it. */
int hyfw_session_arguments(const struct hyfw_command *command, int argc, char **argv, int least,
			   int *ret_status);

/* Calls 'one' for every argument from argv[optind] on, or with 'all' for every
 * workload; the last bad status wins. */
int hyfw_session_each(bool all, int argc, char **argv, int (*one)(const char *name, void *data), void *data);

/* Milliseconds of a number of seconds as people give it; -1 when it is none. */
int hyfw_session_seconds(const char *text);

/* Prints --help of a command: usage, summary and 'details' (may be NULL). */
void hyfw_session_help(const struct hyfw_command *command, const char *details);

#endif
