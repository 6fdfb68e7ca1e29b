/* SPDX-License-Identifier: BSD-3-Clause
 * What the files of `hyfw image` share. */
#ifndef HYFW_CLI_IMAGE_H
#define HYFW_CLI_IMAGE_H

#include "cli/cli.h"
#include "plugin/registry.h"

/* ---- cmd_image.c ---- */

int hyfw_image_help(void);

/* The flag --storage before names; the index of the first of those, negative after it has
 * been told what is wrong. */
int hyfw_image_parse_storage(int argc, char **argv, const char **ret_storage);

/* ---- the verbs ---- */

int hyfw_image_main_import(struct hyfw_cli *cli, int argc, char **argv);
int hyfw_image_main_list(struct hyfw_cli *cli, int argc, char **argv);
int hyfw_image_main_inspect(struct hyfw_cli *cli, int argc, char **argv);

/* ---- image_stores.c: of the drivers that keep images ---- */

/* Those that have image 'name'; -ENOENT when none has. */
int hyfw_image_stores_with(const char *name, const char *storage, struct hyfw_driver ***ret_stores,
			   size_t *ret_count, struct hyfw_error **err);

/* The one for a new image from 'source', by what is in it. */
int hyfw_image_store_for(const char *storage, const char *source, struct hyfw_driver **ret_store,
			 struct hyfw_error **err);

#endif
