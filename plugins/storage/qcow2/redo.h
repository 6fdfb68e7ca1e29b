/* SPDX-License-Identifier: BSD-3-Clause
 * What must not stay half done.  Before an operation does the last thing to a disk, what
 * that is is written down in its working directory; who uses the disk next, or looks for
 * what is left, and finds the directory without its process does it again.  All of it can be done twice. */
#ifndef HYFW_STORAGE_QCOW2_REDO_H
#define HYFW_STORAGE_QCOW2_REDO_H

#include "qcow2.h"

struct qcow2_redo {
	const char *disk, *format; /* the disk that is changed, without links in its path; NULL for none */
	struct stat st;            /* which file that was */
	const char *overlay;       /* committed into it; NULL */
	struct stat overlay_st;
	uint64_t shrink;           /* then it gets this size; 0: it keeps its own */
	const char *backing;       /* what the disk is based on again; NULL: as it is */
	const char *backing_format;
	bool leaks;                /* what was allocated and is not used is given back */
	const char *stage;         /* a directory in which a new disk was being made; NULL */
};

/* An operation that is written down. */
struct qcow2_work {
	char *path; /* directory of its own, for temporary files too; NULL */
	int lock;
};

#define QCOW2_NO_WORK ((struct qcow2_work){ NULL, -1 })

int qcow2_work_begin(struct qcow2 *qcow2, struct hyfw_arena *arena, struct qcow2_work *ret_work,
		     struct hyfw_error **err);
/* Removes the directory with all that is in it; nothing is done again. */
void qcow2_work_end(struct qcow2_work *work);
/* Leaves it for who uses the disk next. */
void qcow2_work_leave(struct qcow2_work *work);

/* Writes it down in 'work', durably. */
int qcow2_redo_note(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_work *work,
		    const struct qcow2_redo *redo, struct hyfw_error **err);

/* For a change of tables or of the header in 'disk', in a directory of its own: when it is
 * killed, what was allocated for nothing is given back, and with 'rebase' the disk is
 * based on what it is based on now, since qemu-img writes its header before its tables. */
int qcow2_redo_begin(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *disk,
		     bool rebase, struct qcow2_work *ret_work, struct hyfw_error **err);
/* Ends it; what 'failed' is taken back first. */
void qcow2_redo_end(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *disk,
		    bool rebase, bool failed, struct qcow2_work *work);

/* Writes 'redo' down in 'work', closes 'disk' and does it.  When that fails with the disk
 * changed already, 'work' is left to who uses it next; else nothing was done. */
int qcow2_redo_commit(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct qcow2_work *work,
		      const struct qcow2_redo *redo, struct qcow2_disk *disk, struct hyfw_error **err);

/* Commits and shrinks; 'operation' (may be NULL) is told the progress. */
int qcow2_redo_do(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct hyfw_operation *operation,
		  const struct qcow2_redo *redo, struct hyfw_error **err);

/* Does again what was interrupted of a file, or of what it is based on, for somebody who
 * is about to use it: -EBUSY, with 'what' for its name, when that cannot be done now.
 * What was interrupted of others may take long and is left to them. */
int qcow2_redo_of(struct qcow2 *qcow2, const char *path, const char *format, const struct stat *st, const char *what,
		  struct hyfw_error **err);

/* Does again all that was interrupted, and removes what that left. */
void qcow2_redo_all(struct qcow2 *qcow2);

/* ---- for redo.c and redo_again.c ---- */

#define QCOW2_REDO_NOTE "redo" /* in a working directory */

const char *qcow2_work_parent(struct qcow2 *qcow2, struct hyfw_arena *arena);
int qcow2_redo_take_back(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_redo *redo,
			 struct hyfw_error **err);

#endif
