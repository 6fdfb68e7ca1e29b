/* SPDX-License-Identifier: BSD-3-Clause
 * The driver's operations; comments in plugin.h and security.h of the SDK. */
#ifndef HYFW_CGROUPS_OPERATIONS_H
#define HYFW_CGROUPS_OPERATIONS_H

#include "oci.h"

/* The instance. */
struct cgroups {
	const struct hyfw_host *host;
	char *mount;
	bool found;
	struct hierarchy hierarchy; /* when 'found' */
};

/* Looked for once, when first needed. */
int cgroups_hierarchy(struct cgroups *instance, struct hyfw_error **err);

/* ---- steps.c ---- */

int cgroups_check(void *data, const struct hyfw_subject *subject, struct hyfw_error **err);
int cgroups_plan(void *data, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		 struct hyfw_arena *arena, struct hyfw_error **err);
int cgroups_apply(void *data, struct hyfw_call *call, struct hyfw_error **err);
int cgroups_undo(void *data, struct hyfw_call *call, struct hyfw_error **err);
int cgroups_gc(void *data, const struct hyfw_alive *alive, struct hyfw_error **err);

/* ---- running.c ---- */

int cgroups_confine(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
		    struct hyfw_arena *arena, struct hyfw_confinement *confinement, struct hyfw_error **err);
int cgroups_stats(void *data, const struct hyfw_map *record, struct hyfw_stats *stats, struct hyfw_error **err);
int cgroups_report(void *data, const struct hyfw_map *record, struct hyfw_arena *arena, const char **ret_json,
		   struct hyfw_error **err);
int cgroups_freeze(void *data, const struct hyfw_map *record, bool frozen, struct hyfw_error **err);
int cgroups_kill(void *data, const struct hyfw_map *record, struct hyfw_error **err);
int cgroups_update(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
		   struct hyfw_error **err);
int cgroups_explain(void *data, const struct hyfw_subject *subject, const struct hyfw_map *record,
		    const struct hyfw_operation *operation, struct hyfw_map *ret_result, struct hyfw_error **err);

#endif
