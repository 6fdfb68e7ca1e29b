/* SPDX-License-Identifier: BSD-3-Clause
 * The drivers' own checks of a validated configuration. */
#ifndef HYFW_CONFIG_CHECK_H
#define HYFW_CONFIG_CHECK_H

#include "config/config.h"

/* Asks each chosen driver about each network, volume, root file system,
 * endpoint and workload.  Every refusal is handed to 'report' (with file and
 * line); returns how many there were. */
unsigned hyfw_config_check_drivers(const struct hyfw_config *config,
				   hyfw_config_report report, void *user);

/* The same for commands that go on to make changes: the first refusal is the error. */
int hyfw_config_require_drivers(const struct hyfw_config *config, struct hyfw_error **err);

#endif
