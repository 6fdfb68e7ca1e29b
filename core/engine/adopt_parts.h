/* SPDX-License-Identifier: BSD-3-Clause
 * What adopt.c, adopt_make.c and adopt_merge.c share.  'made' is what a section of this host came
 * to, and is left with what was taken from 'definition'. */
#ifndef HYFW_ENGINE_ADOPT_PARTS_H
#define HYFW_ENGINE_ADOPT_PARTS_H

#include "engine/adopt.h"

/* Whether no workload of this host is the machine of this uuid: -EEXIST. */
int hyfw_adopt_check_other(const char *uuid, struct hyfw_error **err);

/* A key of what came that no machine has, and that would hand directories of this host to
 * drivers; NULL: none. */
const char *hyfw_adopt_foreign(const struct hyfw_definition *offered);

/* The settings of drivers, which are each host's own. */
void hyfw_adopt_plugins(struct hyfw_definition *definition, struct hyfw_definition *made);

/* Volumes as this host has them; how they are plugged in stays the machine's own. */
void hyfw_adopt_volumes(struct hyfw_definition *definition, struct hyfw_definition *made);

/* All else: 'definition', which came, becomes that of a workload of this host. */
int hyfw_adopt_merge(const struct hyfw_adoption *adoption, struct hyfw_definition *definition,
		     struct hyfw_definition *made, struct hyfw_error **err);

#endif
