/* SPDX-License-Identifier: BSD-3-Clause
 * A machine that has come to this host from another one: what its hyfw gave it to go
 * with, and how the hyfw here takes it over. */
#ifndef HYFW_ENGINE_ADOPT_H
#define HYFW_ENGINE_ADOPT_H

#include "engine/definition.h"

/* The definition as it goes along with a machine that moves, free(): what it is, without
 * secrets and without the settings of drivers, which are each host's own. */
char *hyfw_adopt_offer(struct hyfw_definition *definition);

#endif
