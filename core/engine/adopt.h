/* SPDX-License-Identifier: BSD-3-Clause
 * What goes along with a machine that moves to another host, in the metadata of its
 * domain, so that it can be told there what it was. */
#ifndef HYFW_ENGINE_ADOPT_H
#define HYFW_ENGINE_ADOPT_H

#include "engine/definition.h"

/* The definition as it goes along with a machine that moves, free(): what it is, without
 * secrets and without the settings of drivers, which are each host's own.  NULL when its
 * driver cannot be asked what is secret. */
char *hyfw_adopt_offer(struct hyfw_definition *definition);

#endif
