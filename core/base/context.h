/* SPDX-License-Identifier: BSD-3-Clause
 * Where this hyfw instance keeps its things, and what its objects are marked
 * with.  One per process; everything else is reached from it. */
#ifndef HYFW_BASE_CONTEXT_H
#define HYFW_BASE_CONTEXT_H

#include <stdbool.h>

#include "base/error.h"

struct hyfw_context {
	char *runtime;     /* /run/hyfw, or --state */
	char *data;        /* /var/lib/hyfw, or --root */
	char *config_file; /* /etc/hyfw/hyfw.ini, or --config; NULL: built-in defaults only */
	char *plugin_path; /* one absolute directory, or --plugin-path */
	char owner[16];    /* see hyfw_host.owner */
	unsigned verbosity; /* enum hyfw_log_level */
};

/* What the command line or an embedding program wants; NULL members take the
 * defaults of the user (root: /run/hyfw, /var/lib/hyfw; others, also as root of a user
 * namespace: XDG). */
struct hyfw_context_options {
	const char *runtime, *data, *config_file, *plugin_path;
};

int hyfw_context_init(struct hyfw_context *context, const struct hyfw_context_options *options,
		      struct hyfw_error **err);
void hyfw_context_finish(struct hyfw_context *context);

/* The one context of this process, set by hyfw_context_init(); for the log and
 * the host table, which have no argument to carry it. */
struct hyfw_context *hyfw_context_current(void);

#endif
