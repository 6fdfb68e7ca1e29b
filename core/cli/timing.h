/* SPDX-License-Identifier: BSD-3-Clause
 * The ledger of a start as a table: steps, and the phases within and between them. */
#ifndef HYFW_CLI_TIMING_H
#define HYFW_CLI_TIMING_H

#include "engine/journal.h"

/* What began at 'since_us' or later.  'waited' names a phase that is not the start's own
 * work, and is left out of the sum; NULL: there is none. */
void hyfw_timing_print(const struct hyfw_journal *journal, uint64_t since_us, const char *waited);

#endif
