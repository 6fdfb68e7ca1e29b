/* SPDX-License-Identifier: BSD-3-Clause
 * The way from the command line to a validated configuration:
 *
 *     hyfw_config_load()                       hyfw.ini, conf.d and the stack FILEs
 *     hyfw_config_set() ...                    flags of `hyfw run`
 *     hyfw_config_load_drivers_and_validate()  drivers named in it, their options, all checks
 *
 * Afterwards each section's map is complete.  Sections that nobody wrote but
 * that are in use exist too (origin DEFAULT): [network default], [network none],
 * [volume NAME], [plugin NAME]. */
#ifndef HYFW_CONFIG_LOAD_H
#define HYFW_CONFIG_LOAD_H

#include "base/context.h"
#include "config/config.h"

/* Reads the main configuration of 'context' and the stack 'files'
 * (NULL-terminated; NULL for none).  'main_must_exist': --config was given. */
int hyfw_config_load(const struct hyfw_context *context, bool main_must_exist, const char *const *files,
		     struct hyfw_config **ret_config, struct hyfw_error **err);

/* Loads exactly the drivers that the workloads and stack sections name, adds
 * their options, validates, refuses keys that no chosen driver honours, and
 * hands each driver its [plugin NAME] keys.  Networks, volumes and [plugin]s of
 * the main configuration that nothing uses are left out of 'config' unless
 * hyfw_config_keep_unused() was called. */
int hyfw_config_load_drivers_and_validate(struct hyfw_config *config, struct hyfw_error **err);

/* Both in one for commands that show what is there: reads 'files' (without any,
 * the main configuration whole, used or not) and validates. */
int hyfw_config_load_to_show(const struct hyfw_context *context, bool main_must_exist, const char *const *files,
			     struct hyfw_config **ret_config, struct hyfw_error **err);

/* Keys that no driver honours are all told to 'report', instead of the first one
 * being the failure; there is still one then. */
void hyfw_config_report_refused(struct hyfw_config *config, hyfw_config_report report, void *user);

/* Keep and check also what nothing uses: for `hyfw config show` and `hyfw check`. */
void hyfw_config_keep_unused(struct hyfw_config *config);

#endif
