/* SPDX-License-Identifier: BSD-3-Clause
 * Machines that move to another host, seen from both: what goes along in the metadata of
 * the domain, and how the hyfw there makes a workload of it.
 *
 *     hyfw_adopt_look()     what came with it; changes nothing, as the next
 *     hyfw_adopt_prepare()  the workload that it is here, or why it cannot be one
 *     hyfw_adopt_take()     creates that, goes on with the machine where it runs, and takes
 *                           the offer away, in this order: what a crash cuts off the same
 *                           command does to its end
 *
 * A workload that has moved away and comes back is the one that is still here: its own
 * definition holds, and the mark of moved.h goes.
 *
 * Thread: processes are forked, so the calling one must be single-threaded. */
#ifndef HYFW_ENGINE_ADOPT_H
#define HYFW_ENGINE_ADOPT_H

#include "engine/definition.h"

/* The definition as it goes along with a machine that moves, free(): what it is, without
 * secrets and without the settings of drivers, which are each host's own.  NULL when its
 * driver cannot be asked what is secret. */
char *hyfw_adopt_offer(struct hyfw_definition *definition);

struct hyfw_adoption {
	struct hyfw_driver *driver; /* that has it, configured */
	const char *object;         /* what it is called there */
	const char *name;           /* the workload's; NULL: what it was called, or is there */
	const struct hyfw_pairs *set; /* keys that are to be other than they came, as written */
	unsigned step_timeout_ms;
	struct hyfw_arena *arena;   /* of 'facts' */

	struct hyfw_map facts;      /* of look(): see the verb in isolation.h */
	bool runs;
	struct hyfw_definition *definition; /* of prepare() */
	bool known;                 /* the workload is here already */
};

int hyfw_adopt_look(struct hyfw_adoption *adoption, struct hyfw_error **err);

/* 'config' is loaded and not validated yet. */
int hyfw_adopt_prepare(struct hyfw_adoption *adoption, struct hyfw_config *config, struct hyfw_error **err);

/* A failure leaves both sides as they were, unless it says otherwise. */
int hyfw_adopt_take(struct hyfw_adoption *adoption, struct hyfw_error **err);

void hyfw_adopt_finish(struct hyfw_adoption *adoption);

#endif
