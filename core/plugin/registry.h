/* SPDX-License-Identifier: BSD-3-Clause
 * The drivers of this process: found by name and kind, loaded on first use. */
#ifndef HYFW_PLUGIN_REGISTRY_H
#define HYFW_PLUGIN_REGISTRY_H

#include <hyfw/plugin.h>

#include "base/alloc.h"
#include "base/error.h"

struct hyfw_driver; /* a loaded plugin, perhaps with an open instance; see driver.h */

/* The driver 'name' of 'kind', loaded from the plugin path on first use and kept
 * for the life of the process.  -ENOENT names the nearest driver there is. */
int hyfw_registry_get(enum hyfw_kind kind, const char *name, struct hyfw_driver **ret_driver,
		      struct hyfw_error **err);

/* Adds the names of the drivers of 'kind' that there are, sorted; none is loaded. */
int hyfw_registry_names(enum hyfw_kind kind, struct hyfw_strings *names, struct hyfw_error **err);

/* Everything in the plugin path, good and bad, sorted by name; for `plugin list`. */
struct hyfw_plugin_report {
	char *name;                       /* file name without ".so" */
	char *path;
	const struct hyfw_plugin *plugin; /* NULL when it was refused */
	char *refusal;                    /* why, NULL when it is good */
};
int hyfw_registry_scan(struct hyfw_plugin_report **ret_reports, size_t *ret_count, struct hyfw_error **err);
void hyfw_plugin_reports_free(struct hyfw_plugin_report *reports, size_t count);

/* Closes the instances of all but isolation drivers, to be opened again when they
 * are next used: while a workload merely runs, its monitor needs no more. */
void hyfw_registry_rest(void);

/* Closes all instances; plugins stay mapped (RTLD_NODELETE). */
void hyfw_registry_close(void);

const char *hyfw_kind_name(enum hyfw_kind kind); /* "isolation", "network", ... */

#endif
