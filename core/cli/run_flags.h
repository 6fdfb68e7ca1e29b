/* SPDX-License-Identifier: BSD-3-Clause
 * The flags that `hyfw run` and `hyfw create` share.  Each sets a key of the
 * workload's section, so that a flag and an INI key are one thing. */
#ifndef HYFW_CLI_RUN_FLAGS_H
#define HYFW_CLI_RUN_FLAGS_H

#include "cli/cli.h"
#include "engine/definition.h"

struct hyfw_run_request {
	struct hyfw_definition *definition;
	bool remove;      /* --rm */
	bool detach;      /* -d */
	bool interactive; /* -i */
	bool terminal;    /* -t */
	unsigned step_timeout_ms;
};

/* Parses and validates; 0, or the exit status with everything said. 'ret_done' is
 * set when that is all (--help). */
int hyfw_run_parse(const struct hyfw_command *command, struct hyfw_cli *cli, int argc, char **argv,
		   struct hyfw_run_request *ret_request, bool *ret_done);

#endif
