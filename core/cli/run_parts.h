/* SPDX-License-Identifier: BSD-3-Clause
 * What run_flags.c, run_values.c and run_definition.c share. */
#ifndef HYFW_CLI_RUN_PARTS_H
#define HYFW_CLI_RUN_PARTS_H

#include "cli/run_flags.h"
#include "config/config.h"

/* A flag with a value that sets a key. */
struct hyfw_run_keyed {
	const char *flag, *key;
	char letter;
	const char *value, *help;
};

struct hyfw_run_parsing {
	struct hyfw_run_request *request;
	struct hyfw_config *config;
	char *name;   /* of the workload, and of its section */
	bool rootfs;
	bool machine; /* a flag was given that a workload without an image may have */
};

/* ---- run_values.c ---- */

/* Sets 'key' to 'text', which came by 'flag'. */
int hyfw_run_set(struct hyfw_run_parsing *parse, const char *key, const char *text, const char *flag,
		 struct hyfw_error **err);

int hyfw_run_take_keyed(struct hyfw_run_parsing *parse, const struct hyfw_run_keyed *keyed, const char *text,
			struct hyfw_error **err);

/* --security-opt WORD=VALUE, --set KEY=VALUE */
int hyfw_run_security_opt(struct hyfw_run_parsing *parse, const char *text, struct hyfw_error **err);
int hyfw_run_set_any(struct hyfw_run_parsing *parse, const char *text, struct hyfw_error **err);

/* ---- run_definition.c ---- */

/* What stands behind the flags, from argv[optind] on. */
int hyfw_run_take_arguments(struct hyfw_run_parsing *parse, const struct hyfw_command *command, int argc, char **argv,
			    struct hyfw_error **err);

/* Validates all of it; fills 'request'. */
int hyfw_run_make_definition(struct hyfw_run_parsing *parse, struct hyfw_error **err);

#endif
