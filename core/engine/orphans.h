/* SPDX-License-Identifier: BSD-3-Clause
 * What drivers made and nobody owns any more. */
#ifndef HYFW_ENGINE_ORPHANS_H
#define HYFW_ENGINE_ORPHANS_H

#include "base/alloc.h"

/* Every driver's gc(), each in a process of its own: with the settings that the
 * driver was configured with, and with those that definitions of workloads have.
 * Failures are added to 'failed' as sentences. */
void hyfw_orphans_collect(struct hyfw_strings *failed);

#endif
