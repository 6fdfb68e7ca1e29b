/* SPDX-License-Identifier: BSD-3-Clause
 * Workloads in words and in JSON, for ps, inspect and libhyfw. */
#ifndef HYFW_ENGINE_DESCRIBE_H
#define HYFW_ENGINE_DESCRIBE_H

#include "engine/store.h"

struct json_object;

/* All but the second free(). */
char *hyfw_describe_command(const struct hyfw_definition *definition); /* cut to 30 characters */
/* Image, directory or first disk; the definition's, NULL when there is none of them. */
const char *hyfw_describe_root(const struct hyfw_definition *definition);
char *hyfw_describe_status(const struct hyfw_state *state);  /* "up 3 minutes", "exited (1) 2 hours ago" */
char *hyfw_describe_ports(const struct hyfw_state *state);   /* "8888->80/tcp, ..." */

/* What ps and inspect have in common. */
struct json_object *hyfw_describe_json(const char *name, const struct hyfw_state *state);

#endif
