/* SPDX-License-Identifier: BSD-3-Clause
 * What hyfw keeps of a machine with `failover` beside its disks:
 *
 *     POOL/.failover/NAME/lease            failover_lease.h
 *                         definition.json  what another host starts it from
 *
 * POOL is the directory of the pool of its first disk that it writes to.  Only root may
 * write there: who can change the definition is root on all hosts. */
#ifndef HYFW_ENGINE_FAILOVER_PLACE_H
#define HYFW_ENGINE_FAILOVER_PLACE_H

#include "engine/definition.h"
#include "engine/journal.h"

#define HYFW_FAILOVER_ROOM ".failover"

/* Whether it has hosts to fail over to; all of the rest is for such definitions. */
bool hyfw_failover_wanted(const struct hyfw_definition *definition);
bool hyfw_failover_names(const struct hyfw_definition *definition, const char *host);
unsigned hyfw_failover_period(const struct hyfw_definition *definition); /* milliseconds */

/* The machine's directory; every disk that it writes to is in a shared pool, or
 * -EINVAL.  free(). */
int hyfw_failover_directory(const struct hyfw_definition *definition, char **ret_directory,
			    struct hyfw_error **err);

/* Makes the directory where it is missing.  -EPERM when others may write to it. */
int hyfw_failover_make(const char *directory, struct hyfw_error **err);
/* The same check of a directory that is there. */
int hyfw_failover_trust(const char *directory, struct hyfw_error **err);

int hyfw_failover_keep(const char *directory, const struct hyfw_definition *definition, struct hyfw_error **err);
int hyfw_failover_kept(const char *directory, struct hyfw_definition **ret_definition, struct hyfw_error **err);

/* The definition has changed while it runs here.  Best effort. */
void hyfw_failover_refresh(const struct hyfw_definition *definition);

/* The workload is being removed: its directory goes too, unless another host has it. */
void hyfw_failover_forget(const struct hyfw_definition *definition);

/* Whether another host has it, as far as the storage tells; failover_read.h has it with a limit. */
bool hyfw_failover_held_elsewhere(const struct hyfw_definition *definition);

/* Notes it for the disks of the run (HYFW_NOTE_LOST), before it is undone. */
void hyfw_failover_lost(struct hyfw_journal *journal);

/* What inspect tells without looking at the storage: DATA/workloads/NAME/failover.json.
 * 'state' is "held", "released" or "fenced"; 'reason' may be NULL. */
void hyfw_failover_note(const struct hyfw_definition *definition, const char *state, const char *reason);
struct json_object *hyfw_failover_noted(const struct hyfw_definition *definition); /* NULL: nothing */

#endif
