/* SPDX-License-Identifier: BSD-3-Clause
 * Giving up: `hyfw rm -f` frees the name of a workload also when an undo keeps
 * failing.  What is left on the machine is named, the journals that tell how it was
 * made go to quarantine.  No driver is called here: it has been tried. */
#ifndef HYFW_ENGINE_ABANDON_H
#define HYFW_ENGINE_ABANDON_H

#include "base/alloc.h"
#include "base/error.h"

struct hyfw_abandoned {
	struct hyfw_strings objects; /* what stays behind: "bridge hyfw0", ... */
	struct hyfw_strings kept;    /* journals in quarantine */
};
void hyfw_abandoned_finish(struct hyfw_abandoned *abandoned);

/* The run of a workload, and what is shared if nobody else uses it; -EBUSY while
 * somebody works on it. */
int hyfw_abandon_run(const char *name, struct hyfw_abandoned *abandoned, struct hyfw_error **err);

/* What lasts until it is removed. */
int hyfw_abandon_lasting(const char *name, struct hyfw_abandoned *abandoned, struct hyfw_error **err);

/* Sets '*err' to the one sentence that says what stays behind, 'why' being the
 * undo's own; 0 when nothing does. */
int hyfw_abandoned_tell(const struct hyfw_abandoned *abandoned, const char *name, const struct hyfw_error *why,
			struct hyfw_error **err);

#endif
