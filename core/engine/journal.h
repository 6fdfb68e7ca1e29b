/* SPDX-License-Identifier: BSD-3-Clause
 * The journal: what was about to be done, what was done, and what was noted for
 * undoing it.
 *
 * Format: a line per record, "CRC32 JSON\n" (CRC-32 of IEEE 802.3 over the JSON
 * text, eight hex digits).  Records carry the microseconds of CLOCK_MONOTONIC in
 * "t", which is also the start ledger of `hyfw inspect --timing`.  done and commit take
 * the phases that base/ledger.h has by then along, as "phases": [NAME, BEGIN, TOOK, ...].
 *     begin   an operation ("up", "down", "create", "run", ...) starts
 *     intent  a step is about to be applied; all that undo needs from the plan
 *     note    KEY=VALUE for a step, written before the change it is about
 *     done    the step is applied
 *     undone  the step is taken back
 *     commit  the operation is complete: without an owner nothing is to be undone
 *     exit    the workload ended with this status
 * A torn last line is what a crash leaves and is dropped; damage anywhere else
 * marks the journal 'damaged': what stands before it still counts, the next owner
 * puts a copy of the whole into quarantine and cuts the rest off.  A journal of a
 * newer version is left alone (-EPROTONOSUPPORT).
 *
 * Ownership: the process that works on a journal holds a record lock on it
 * (base/files.h), which goes with the process.  Closing any descriptor of a file
 * drops the locks that its process has on it, so a process never opens a journal
 * it owns a second time: the functions below know which ones those are.  A journal that is not committed
 * and has no owner is unfinished business for recover.c.
 */
#ifndef HYFW_ENGINE_JOURNAL_H
#define HYFW_ENGINE_JOURNAL_H

#include <sys/types.h>

#include <hyfw/step.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/ledger.h"

enum hyfw_entry_state { HYFW_ENTRY_INTENT = 0, HYFW_ENTRY_DONE, HYFW_ENTRY_UNDONE };

struct hyfw_entry {
	unsigned id;
	unsigned kind;         /* enum hyfw_kind; 0: a step of the core itself */
	char *driver;          /* "core" for those */
	char *subject;         /* network, volume or workload that it is about */
	char *workload;        /* NULL for shared steps */
	char *verb, *object;
	enum hyfw_lifetime lifetime;
	struct hyfw_pairs args, notes;
	enum hyfw_entry_state state;
	unsigned operation;    /* number of the begin record that it belongs to */
	uint64_t intent_us, done_us;
};

struct hyfw_journal {
	int fd;
	pid_t owner;           /* the process that has the lock; 0 for mere readers */
	struct hyfw_journal *next_owned;
	off_t size;            /* bytes of whole records in the file */
	char *path;
	bool sync;             /* what it describes outlives a reboot: fsync each record */
	bool committed;
	bool damaged;
	char *operation;       /* of the last begin record; NULL when there was none */
	unsigned operations;   /* how many there were, those before a clear included */
	uint64_t begin_us;
	int64_t begin_time;    /* CLOCK_REALTIME of the last begin, milliseconds */
	struct hyfw_entry *entries;
	size_t count, room;
	struct hyfw_phases phases; /* of all operations */
	uint64_t commit_us;    /* of the last commit; 0: none */
	bool exited;           /* an exit record stands behind the last begin */
	int exit_status;
	int64_t exit_time;     /* CLOCK_REALTIME milliseconds */
	bool oom_killed;
};

/* Opens or makes the journal at 'path' and takes its lock; -EBUSY when another
 * process owns it ("is being worked on by process N").  Reads what is in it. */
int hyfw_journal_open(const char *path, bool sync, struct hyfw_journal **ret_journal, struct hyfw_error **err);

/* Reads without owning; for ps, inspect, exec.  -ENOENT. */
int hyfw_journal_read(const char *path, struct hyfw_journal **ret_journal, struct hyfw_error **err);

/* The same from an open descriptor, which is not taken over. */
int hyfw_journal_read_fd(int fd, struct hyfw_journal **ret_journal, struct hyfw_error **err);

/* Gives the lock back and frees; the file stays.  Accepts NULL. */
void hyfw_journal_close(struct hyfw_journal *journal);

/* Empties the file, keeping the lock.  Nothing happens while there is an entry
 * that is not undone. */
void hyfw_journal_clear(struct hyfw_journal *journal);

int hyfw_journal_begin(struct hyfw_journal *journal, const char *operation, struct hyfw_error **err);
/* The same, unless the last operation is this one and not committed: an attempt
 * that is made again adds nothing to the file. */
int hyfw_journal_resume(struct hyfw_journal *journal, const char *operation, struct hyfw_error **err);
/* '*ret_index' of the new entry in journal->entries. */
int hyfw_journal_intent(struct hyfw_journal *journal, const struct hyfw_entry *entry, size_t *ret_index,
			struct hyfw_error **err);
int hyfw_journal_note(struct hyfw_journal *journal, size_t index, const char *key, const char *value,
		      struct hyfw_error **err);
int hyfw_journal_done(struct hyfw_journal *journal, size_t index, struct hyfw_error **err);
int hyfw_journal_undone(struct hyfw_journal *journal, size_t index, struct hyfw_error **err);
int hyfw_journal_commit(struct hyfw_journal *journal, struct hyfw_error **err);
int hyfw_journal_exit(struct hyfw_journal *journal, int status, bool oom_killed, struct hyfw_error **err);

/* After fork(): closes the descriptors of the parent's journals, for a process that
 * outlives it.  Their owner keeps its locks; nobody here may use them any more. */
void hyfw_journal_let_go(void);

/* The process that owns the journal at 'path'; 0 when nobody does or there is none. */
pid_t hyfw_journal_owner(const char *path);

/* How many entries are not undone. */
size_t hyfw_journal_live(const struct hyfw_journal *journal);

/* True when an entry is neither undone nor of a committed operation. */
bool hyfw_journal_unfinished(const struct hyfw_journal *journal);

/* The newest entry, not undone, of a driver's verb; NULL.  Verb NULL: any. */
struct hyfw_entry *hyfw_journal_find(const struct hyfw_journal *journal, unsigned kind, const char *driver,
				     const char *subject, const char *verb);

/* Arguments and notes of all live entries of a driver about 'subject' (NULL: any). */
void hyfw_journal_record(const struct hyfw_journal *journal, unsigned kind, const char *driver,
			 const char *subject, struct hyfw_pairs *ret_record);

static inline void hyfw_cleanup_journal(struct hyfw_journal **journal)
{
	hyfw_journal_close(*journal);
}
#define HYFW_AUTO_JOURNAL __attribute__((cleanup(hyfw_cleanup_journal)))

#endif
