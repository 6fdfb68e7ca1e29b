/* SPDX-License-Identifier: BSD-3-Clause
 * The directories that services to drivers live in, made on first use: nothing
 * is made, or even looked at, for a service that nobody asks for. */
#ifndef HYFW_PLUGIN_PLACES_H
#define HYFW_PLUGIN_PLACES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

enum hyfw_place {
	HYFW_PLACE_RUNTIME, /* below hyfw_context.runtime */
	HYFW_PLACE_DATA,    /* below hyfw_context.data */
};

/* Makes BASE/PART[/SUBPART] ('subpart' may be NULL) and all above it.  'mode' is
 * that of the last one, whatever the umask; those above it can be walked through
 * but not read (0711).  '*ret_path' is to be freed. */
int hyfw_place_make(enum hyfw_place place, const char *part, const char *subpart, mode_t mode,
		    char **ret_path, struct hyfw_error **err);

/* The path alone; nothing is made.  NULL when there is no context. */
char *hyfw_place_path(enum hyfw_place place, const char *part, const char *subpart);

/* True for 1 to 128 characters of [A-Za-z0-9._:-] that do not start with a dot:
 * one file name that cannot lead elsewhere. */
bool hyfw_place_name_ok(const char *name);

/* FNV-1a over 'size' bytes.  Shortens names and finds torn writes; it is no
 * protection against anybody. */
uint64_t hyfw_place_digest(const void *data, size_t size);

#endif
