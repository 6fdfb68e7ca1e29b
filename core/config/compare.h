/* SPDX-License-Identifier: BSD-3-Clause
 * What another isolation driver would change. */
#ifndef HYFW_CONFIG_COMPARE_H
#define HYFW_CONFIG_COMPARE_H

#include "config/config.h"

/* A key of a workload that comes to something else; NULL: it has no value. */
typedef void (*hyfw_config_difference)(void *user, const char *workload, const char *key, const char *now,
				       const char *then);

/* Sets the isolation driver of every workload, before validation; 'flag' asks. */
int hyfw_config_set_isolation(struct hyfw_config *config, const char *isolation, const char *flag,
			      struct hyfw_error **err);

/* Workloads of both configurations, which are validated, key by key; secrets are
 * left out. */
void hyfw_config_compare(const struct hyfw_config *now, const struct hyfw_config *then,
			 hyfw_config_difference report, void *user);

#endif
