/* SPDX-License-Identifier: BSD-3-Clause
 * What the files of rename.h share.
 *
 *     rename.c         what is in the way, the steps, and those that a crash cut off
 *     rename_record.c  which are under way
 *     rename_parts.c   drivers, and the journal of what lasts */
#ifndef HYFW_ENGINE_RENAME_PARTS_H
#define HYFW_ENGINE_RENAME_PARTS_H

#include "engine/definition.h"
#include "engine/journal.h"
#include "engine/rename.h"

struct renaming {
	const char *from, *to;
	struct hyfw_definition *definition; /* under the old name until all is done */
	struct hyfw_arena *arena;
	bool begun; /* the first step, which fails as a whole, is done, or may be */
	struct hyfw_map storage, isolation; /* what notes and arguments of their steps are now */
};

/* The record of one that begins, which lasts; and of one that is at its end. */
int hyfw_rename_record(const struct renaming *renaming, struct hyfw_error **err);
void hyfw_rename_forget(const struct renaming *renaming);

/* The name that 'from' is getting, free(); NULL: there is no record (any more). */
char *hyfw_rename_target(const char *from);

/* What a directory has lasts. */
int hyfw_rename_sync(const char *directory, struct hyfw_error **err);

/* By the storage driver, and by one that holds a machine, from either name to the other.
 * 'check': only say what is in the way. */
int hyfw_rename_root(struct renaming *renaming, const char *from, const char *to, struct hyfw_error **err);
int hyfw_rename_kept(struct renaming *renaming, const char *from, const char *to, bool check, struct hyfw_error **err);

/* The journal in the directory of the new name, with what the two have told. */
int hyfw_rename_journal(const struct renaming *renaming, struct hyfw_error **err);

#endif
