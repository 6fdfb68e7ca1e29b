/* SPDX-License-Identifier: BSD-3-Clause
 * Steps with their journal: intent, the change, done; and the way back. */
#ifndef HYFW_ENGINE_APPLY_H
#define HYFW_ENGINE_APPLY_H

#include "engine/definition.h"
#include "engine/journal.h"
#include "engine/plan.h"

/* What a step's change is; 'call' is ready for the driver. */
typedef int (*hyfw_action)(struct hyfw_call *call, void *data, struct hyfw_error **err);

/* Journals the intent of 'planned', does 'action', journals that it is done.
 * When the action fails, the step is undone before this returns. */
int hyfw_apply(struct hyfw_journal *journal, const struct hyfw_definition *definition,
	       const struct hyfw_planned *planned, hyfw_action action, void *data, struct hyfw_error **err);

/* A step of the core's own, see core_steps.h. 'key' and 'value' are its one argument. */
int hyfw_apply_core(struct hyfw_journal *journal, const struct hyfw_definition *definition,
		    const char *verb, const char *subject, const char *key, const char *value,
		    enum hyfw_lifetime lifetime, struct hyfw_error **err);

/* Takes back, newest first, every entry whose lifetime is in the mask (bits 1 <<
 * enum hyfw_lifetime) and whose operation is at least 'operation' (0: all).
 * Goes on after a failure and returns the first one; such entries stay in the
 * journal for the next attempt.  'definition' may be NULL when it is lost. */
int hyfw_undo(struct hyfw_journal *journal, const struct hyfw_definition *definition, unsigned lifetime_mask,
	      unsigned operation, struct hyfw_error **err);

#define HYFW_ALL_LIFETIMES 0xffu

/* Takes back, newest first, the entries that 'which' picks; stops at a failure. */
int hyfw_undo_some(struct hyfw_journal *journal, const struct hyfw_definition *definition,
		   bool (*which)(const struct hyfw_entry *entry, const void *data), const void *data,
		   struct hyfw_error **err);

/* The host table's note(). */
int hyfw_apply_note(struct hyfw_call *call, const char *key, const char *value, struct hyfw_error **err);

/* Makes the engine the host table's end for plan_step() and note(). */
void hyfw_engine_init(void);

#endif
