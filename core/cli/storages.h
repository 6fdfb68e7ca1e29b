/* SPDX-License-Identifier: BSD-3-Clause
 * The storage drivers that there are, for commands that speak of what all of them keep. */
#ifndef HYFW_CLI_STORAGES_H
#define HYFW_CLI_STORAGES_H

#include "cli/cli.h"
#include "plugin/registry.h"

/* Those with 'capability' (a word of storage.h), or only 'name' unless that is NULL; free(). */
int hyfw_storages(const char *capability, const char *name, struct hyfw_driver ***ret_stores, size_t *ret_count,
		  struct hyfw_error **err);

/* Gives them the settings of [plugin NAME] and [pool NAME]; the configuration is checked
 * only when it has such a section. */
int hyfw_storages_configure(struct hyfw_cli *cli, struct hyfw_error **err);

#endif
