/* SPDX-License-Identifier: BSD-3-Clause
 * Writing the journal; reading it is in journal_read.c. */
#include "engine/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/files.h"
#include "base/json.h"
#include "engine/journal_format.h"

/* ---- ownership ---- */

static struct hyfw_journal *owned;

/* After fork() the child has the list and not the locks. */
const struct hyfw_journal *hyfw_journal_owned(const char *path)
{
	const struct hyfw_journal *journal;

	for (journal = owned; journal; journal = journal->next_owned)
		if (journal->owner == getpid() && strcmp(journal->path, path) == 0)
			return journal;
	return NULL;
}

static void own(struct hyfw_journal *journal)
{
	journal->owner = getpid();
	journal->next_owned = owned;
	owned = journal;
}

static void disown(const struct hyfw_journal *journal)
{
	struct hyfw_journal **at;

	for (at = &owned; *at; at = &(*at)->next_owned) {
		if (*at == journal) {
			*at = journal->next_owned;
			return;
		}
	}
}

void hyfw_journal_let_go(void)
{
	struct hyfw_journal *journal;

	for (journal = owned; journal; journal = journal->next_owned) {
		if (journal->owner != getpid() && journal->fd >= 0) {
			close(journal->fd);
			journal->fd = -1;
		}
	}
}

/* ---- life ---- */

static struct hyfw_journal *journal_new(const char *path, bool sync)
{
	struct hyfw_journal *journal = hyfw_new(sizeof(*journal));

	journal->fd = -1;
	journal->path = hyfw_dup(path);
	journal->sync = sync;
	return journal;
}

static int fail_busy(int fd, struct hyfw_error **err)
{
	const pid_t holder = hyfw_lock_holder(fd);

	if (holder <= 0)
		return hyfw_fail(err, EBUSY, "another process was just working on it; try again");
	return hyfw_fail(err, EBUSY, "process %d is working on it; wait for it to end", (int)holder);
}

int hyfw_journal_open(const char *path, bool sync, struct hyfw_journal **ret_journal, struct hyfw_error **err)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = journal_new(path, sync);
	struct stat st;
	int result;

	if (hyfw_journal_owned(path))
		return hyfw_fail(err, EBUSY, "this very process is working on it");
	journal->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (journal->fd < 0)
		return hyfw_fail_errno(err, errno, "journal %s", path);
	result = hyfw_lock_take(journal->fd, true, false);
	if (result == -EAGAIN)
		return fail_busy(journal->fd, err);
	if (result < 0)
		return hyfw_fail_errno(err, -result, "lock journal %s", path);
	/* Removed between open and lock: whoever had it is done with it. */
	if (fstat(journal->fd, &st) < 0 || st.st_nlink == 0)
		return hyfw_fail(err, EBUSY, "it was just removed; try again");
	own(journal);
	result = st.st_size > 0 ? hyfw_journal_load(journal, err) : 0;
	if (result < 0)
		return result;
	*ret_journal = HYFW_STEAL(journal);
	return 0;
}

int hyfw_journal_read(const char *path, struct hyfw_journal **ret_journal, struct hyfw_error **err)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = journal_new(path, false);
	const struct hyfw_journal *mine = hyfw_journal_owned(path);
	int result;

	journal->fd = mine ? mine->fd : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (journal->fd < 0)
		return hyfw_fail_errno(err, errno, "journal %s", path);
	result = hyfw_journal_load(journal, err);
	if (mine)
		journal->fd = -1; /* the owner's, to be closed by it alone */
	if (result < 0)
		return result;
	*ret_journal = HYFW_STEAL(journal);
	return 0;
}

int hyfw_journal_read_fd(int fd, struct hyfw_journal **ret_journal, struct hyfw_error **err)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = journal_new("of a run", false);

	int result;

	journal->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (journal->fd < 0)
		return hyfw_fail_errno(err, errno, "journal");
	result = hyfw_journal_load(journal, err);
	if (result < 0)
		return result;
	*ret_journal = HYFW_STEAL(journal);
	return 0;
}

static void entry_finish(struct hyfw_entry *entry)
{
	free(entry->driver);
	free(entry->subject);
	free(entry->workload);
	free(entry->verb);
	free(entry->object);
	hyfw_pairs_finish(&entry->args);
	hyfw_pairs_finish(&entry->notes);
}

void hyfw_journal_drop_entry(struct hyfw_journal *journal)
{
	entry_finish(&journal->entries[--journal->count]);
}

static void forget_entries(struct hyfw_journal *journal)
{
	while (journal->count > 0)
		hyfw_journal_drop_entry(journal);
}

void hyfw_journal_close(struct hyfw_journal *journal)
{
	if (!journal)
		return;
	disown(journal);
	forget_entries(journal);
	free(journal->entries);
	hyfw_phases_finish(&journal->phases);
	if (journal->fd >= 0)
		close(journal->fd);
	free(journal->operation);
	free(journal->path);
	free(journal);
}

void hyfw_journal_clear(struct hyfw_journal *journal)
{
	/* Where it cannot be emptied the old records stay, and so do their ids. */
	if (hyfw_journal_live(journal) > 0 || ftruncate(journal->fd, 0) < 0)
		return;
	forget_entries(journal);
	hyfw_phases_finish(&journal->phases);
	journal->size = 0;
	journal->exited = false;
}

/* ---- records ---- */

/* A record that could not be written whole (disk full) is cut off again: what
 * comes next must start on a line of its own. */
static int append(struct hyfw_journal *journal, struct json_object *record, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *line = hyfw_journal_line(record);
	const size_t size = strlen(line);
	int result;

	json_object_put(record);
	hyfw_crash_point();
	result = hyfw_write_all(journal->fd, line, size);
	if (result == 0 && journal->sync && fdatasync(journal->fd) < 0)
		result = -errno;
	hyfw_crash_point();
	if (result < 0) {
		hyfw_fail_errno(err, -result, "write journal %s", journal->path);
		if (ftruncate(journal->fd, journal->size) < 0)
			hyfw_wrap(err, "and its torn end stays");
		return result;
	}
	journal->size += (off_t)size;
	return 0;
}

static struct json_object *record_new(const char *type)
{
	struct json_object *record = json_object_new_object();

	hyfw_json_add_text(record, "r", type);
	hyfw_json_add_number(record, "t", (int64_t)hyfw_now_us());
	return record;
}

/* Those that this record is the first after. */
static void take_phases(struct hyfw_journal *journal, struct json_object *record)
{
	size_t i = journal->phases.count;
	struct json_object *list;

	hyfw_ledger_take(&journal->phases);
	if (i == journal->phases.count)
		return;
	list = json_object_new_array();
	for (; i < journal->phases.count; i++) {
		const struct hyfw_phase *phase = &journal->phases.items[i];

		json_object_array_add(list, json_object_new_string(phase->name));
		json_object_array_add(list, json_object_new_int64((int64_t)phase->begin_us));
		json_object_array_add(list, json_object_new_int64((int64_t)phase->took_us));
	}
	json_object_object_add(record, "phases", list);
}

static struct json_object *step_record(const char *type, const struct hyfw_entry *entry)
{
	struct json_object *record = record_new(type);

	hyfw_json_add_number(record, "id", entry->id);
	return record;
}

int hyfw_journal_begin(struct hyfw_journal *journal, const char *operation, struct hyfw_error **err)
{
	struct json_object *record = record_new("begin");

	journal->begin_us = hyfw_now_us();
	journal->begin_time = hyfw_now_ms();
	journal->operations++;
	hyfw_json_add_number(record, "t", (int64_t)journal->begin_us);
	hyfw_json_add_text(record, "op", operation);
	hyfw_json_add_number(record, "n", journal->operations);
	hyfw_json_add_number(record, "time", journal->begin_time);
	hyfw_json_add_number(record, "version", HYFW_JOURNAL_VERSION);
	free(journal->operation);
	journal->operation = hyfw_dup(operation);
	journal->committed = false;
	journal->exited = false;
	return append(journal, record, err);
}

int hyfw_journal_resume(struct hyfw_journal *journal, const char *operation, struct hyfw_error **err)
{
	if (!journal->committed && journal->operation && strcmp(journal->operation, operation) == 0)
		return 0;
	return hyfw_journal_begin(journal, operation, err);
}

static struct hyfw_entry *entry_copy(struct hyfw_journal *journal, const struct hyfw_entry *from)
{
	struct hyfw_entry *entry = hyfw_journal_add_entry(journal);
	const struct hyfw_map args = hyfw_pairs_map(&from->args);

	entry->id = journal->count > 1 ? journal->entries[journal->count - 2].id + 1 : 1;
	entry->kind = from->kind;
	entry->driver = hyfw_dup(from->driver);
	entry->subject = hyfw_dup(from->subject);
	entry->workload = hyfw_dup(from->workload);
	entry->verb = hyfw_dup(from->verb);
	entry->object = hyfw_dup(from->object);
	entry->lifetime = from->lifetime;
	entry->operation = journal->operations;
	entry->intent_us = hyfw_now_us();
	hyfw_pairs_add_map(&entry->args, &args);
	return entry;
}

int hyfw_journal_intent(struct hyfw_journal *journal, const struct hyfw_entry *from, size_t *ret_index,
			struct hyfw_error **err)
{
	struct hyfw_entry *entry = entry_copy(journal, from);
	struct json_object *record = step_record("intent", entry);
	const struct hyfw_map args = hyfw_pairs_map(&entry->args);
	int result;

	hyfw_json_add_number(record, "kind", entry->kind);
	hyfw_json_add_number(record, "lifetime", entry->lifetime);
	hyfw_json_add_text(record, "driver", entry->driver);
	hyfw_json_add_text(record, "subject", entry->subject);
	if (entry->workload)
		hyfw_json_add_text(record, "workload", entry->workload);
	hyfw_json_add_text(record, "verb", entry->verb);
	hyfw_json_add_text(record, "object", entry->object);
	json_object_object_add(record, "args", hyfw_map_to_json(&args));
	result = append(journal, record, err);
	if (result < 0)
		hyfw_journal_drop_entry(journal);
	else
		*ret_index = journal->count - 1;
	return result;
}

int hyfw_journal_note(struct hyfw_journal *journal, size_t index, const char *key, const char *value,
		      struct hyfw_error **err)
{
	struct hyfw_entry *entry = &journal->entries[index];
	struct json_object *record = step_record("note", entry);

	hyfw_json_add_text(record, "k", key);
	hyfw_json_add_text(record, "v", value);
	hyfw_pairs_set(&entry->notes, key, value);
	return append(journal, record, err);
}

int hyfw_journal_done(struct hyfw_journal *journal, size_t index, struct hyfw_error **err)
{
	struct hyfw_entry *entry = &journal->entries[index];
	struct json_object *record = step_record("done", entry);

	entry->state = HYFW_ENTRY_DONE;
	entry->done_us = hyfw_now_us();
	take_phases(journal, record);
	return append(journal, record, err);
}

int hyfw_journal_undone(struct hyfw_journal *journal, size_t index, struct hyfw_error **err)
{
	struct hyfw_entry *entry = &journal->entries[index];

	entry->state = HYFW_ENTRY_UNDONE;
	return append(journal, step_record("undone", entry), err);
}

int hyfw_journal_commit(struct hyfw_journal *journal, struct hyfw_error **err)
{
	struct json_object *record = record_new("commit");
	int result;

	take_phases(journal, record);
	result = append(journal, record, err);
	journal->committed = journal->committed || result == 0;
	journal->commit_us = result == 0 ? hyfw_now_us() : journal->commit_us;
	return result;
}

int hyfw_journal_exit(struct hyfw_journal *journal, int status, bool oom_killed, struct hyfw_error **err)
{
	struct json_object *record = record_new("exit");

	journal->exited = true;
	journal->exit_status = status;
	journal->exit_time = hyfw_now_ms();
	journal->oom_killed = oom_killed;
	hyfw_json_add_number(record, "status", status);
	hyfw_json_add_number(record, "time", journal->exit_time);
	hyfw_json_add_bool(record, "oom", oom_killed);
	return append(journal, record, err);
}
