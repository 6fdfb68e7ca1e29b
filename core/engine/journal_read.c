/* SPDX-License-Identifier: BSD-3-Clause
 * Reading a journal back.  The file may be torn by a crash or damaged, so every
 * line is checked before it is believed. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/json.h"
#include "engine/journal_format.h"
#include "engine/quarantine.h"
#include "plugin/host.h"

#define NUMBER_MOST 1000000000 /* of ids and operations; an int holds it */

/* ---- maps ---- */

struct json_object *hyfw_map_to_json(const struct hyfw_map *map)
{
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < map->count; i++) {
		struct json_object *pair = json_object_new_array();

		json_object_array_add(pair, json_object_new_string(map->items[i].key));
		json_object_array_add(pair, json_object_new_string(map->items[i].value));
		json_object_array_add(array, pair);
	}
	return array;
}

int hyfw_map_from_json(struct json_object *array, struct hyfw_pairs *pairs)
{
	size_t i;

	if (!json_object_is_type(array, json_type_array))
		return -EINVAL;
	for (i = 0; i < json_object_array_length(array); i++) {
		struct json_object *pair = json_object_array_get_idx(array, i);
		const char *key, *value;

		if (!json_object_is_type(pair, json_type_array) || json_object_array_length(pair) != 2)
			return -EINVAL;
		if (!json_object_is_type(json_object_array_get_idx(pair, 0), json_type_string) ||
		    !json_object_is_type(json_object_array_get_idx(pair, 1), json_type_string))
			return -EINVAL;
		key = json_object_get_string(json_object_array_get_idx(pair, 0));
		value = json_object_get_string(json_object_array_get_idx(pair, 1));
		hyfw_pairs_add(pairs, key, value);
	}
	return 0;
}

/* ---- records ---- */

static int64_t number_of(struct json_object *record, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(record, key, &value) ? json_object_get_int64(value) : 0;
}

struct hyfw_entry *hyfw_journal_add_entry(struct hyfw_journal *journal)
{
	struct hyfw_entry *entry;

	if (journal->count == journal->room) {
		journal->room = journal->room ? journal->room * 2 : 16;
		journal->entries = hyfw_grow(journal->entries, journal->room, sizeof(*journal->entries));
	}
	entry = &journal->entries[journal->count++];
	memset(entry, 0, sizeof(*entry));
	return entry;
}

/* A number of ours is in 'least' to 'most'. */
static bool number_in(struct json_object *record, const char *key, int64_t least, int64_t most)
{
	const int64_t number = number_of(record, key);

	return number >= least && number <= most;
}

static int take_begin(struct hyfw_journal *journal, struct json_object *record)
{
	if (number_in(record, "version", HYFW_JOURNAL_VERSION + 1, INT64_MAX))
		return -EPROTONOSUPPORT;
	if (!hyfw_json_text(record, "op") || !number_in(record, "version", 1, HYFW_JOURNAL_VERSION) ||
	    !number_in(record, "n", 1, NUMBER_MOST))
		return -EINVAL;
	free(journal->operation);
	journal->operation = hyfw_dup(hyfw_json_text(record, "op"));
	journal->operations = (unsigned)number_of(record, "n");
	journal->begin_us = (uint64_t)number_of(record, "t");
	journal->begin_time = number_of(record, "time");
	journal->committed = false;
	journal->exited = false;
	return 0;
}

/* Whatever undo will rely on; ids rise. */
static bool intent_is_whole(const struct hyfw_journal *journal, struct json_object *record)
{
	const int64_t last = journal->count > 0 ? journal->entries[journal->count - 1].id : 0;

	return hyfw_json_text(record, "driver") && hyfw_json_text(record, "verb") && hyfw_json_text(record, "object") &&
	       hyfw_json_text(record, "subject") && number_in(record, "id", last + 1, NUMBER_MOST) &&
	       number_in(record, "kind", 0, HYFW_KIND_SECURITY) &&
	       number_in(record, "lifetime", 0, HYFW_LIFETIME_SHARED);
}

static int take_intent(struct hyfw_journal *journal, struct json_object *record)
{
	struct hyfw_entry *entry;
	struct json_object *args;

	if (!intent_is_whole(journal, record) || !json_object_object_get_ex(record, "args", &args))
		return -EINVAL;
	entry = hyfw_journal_add_entry(journal);
	entry->id = (unsigned)number_of(record, "id");
	entry->kind = (unsigned)number_of(record, "kind");
	entry->lifetime = (enum hyfw_lifetime)number_of(record, "lifetime");
	entry->driver = hyfw_dup(hyfw_json_text(record, "driver"));
	entry->verb = hyfw_dup(hyfw_json_text(record, "verb"));
	entry->subject = hyfw_dup(hyfw_json_text(record, "subject"));
	entry->workload = hyfw_dup(hyfw_json_text(record, "workload"));
	entry->object = hyfw_dup(hyfw_json_text(record, "object"));
	entry->operation = journal->operations;
	entry->intent_us = (uint64_t)number_of(record, "t");
	if (hyfw_map_from_json(args, &entry->args) == 0)
		return 0;
	hyfw_journal_drop_entry(journal);
	return -EINVAL;
}

/* Of a done or a commit; most have none. */
static int take_phases(struct hyfw_journal *journal, struct json_object *record)
{
	struct json_object *list;
	size_t i;

	if (!json_object_object_get_ex(record, "phases", &list))
		return 0;
	if (!json_object_is_type(list, json_type_array) || json_object_array_length(list) % 3 != 0)
		return -EINVAL;
	for (i = 0; i < json_object_array_length(list); i += 3) {
		struct json_object *name = json_object_array_get_idx(list, i);
		const int64_t begin = json_object_get_int64(json_object_array_get_idx(list, i + 1));
		const int64_t took = json_object_get_int64(json_object_array_get_idx(list, i + 2));

		if (!json_object_is_type(name, json_type_string) || begin < 0 || took < 0)
			return -EINVAL;
		hyfw_phases_add(&journal->phases, json_object_get_string(name), (uint64_t)begin, (uint64_t)took);
	}
	return 0;
}

/* note, done and undone: about an entry that was seen. */
static int take_about(struct hyfw_journal *journal, struct json_object *record, const char *type)
{
	const int64_t id = number_of(record, "id");
	struct hyfw_entry *entry = NULL;
	size_t i;

	for (i = journal->count; i > 0 && !entry; i--)
		if (journal->entries[i - 1].id == id)
			entry = &journal->entries[i - 1];
	if (!entry)
		return -EINVAL;
	if (strcmp(type, "done") == 0) {
		entry->state = HYFW_ENTRY_DONE;
		entry->done_us = (uint64_t)number_of(record, "t");
		return take_phases(journal, record);
	}
	if (strcmp(type, "undone") == 0) {
		entry->state = HYFW_ENTRY_UNDONE;
	} else {
		if (!hyfw_json_text(record, "k") || !hyfw_json_text(record, "v"))
			return -EINVAL;
		hyfw_pairs_set(&entry->notes, hyfw_json_text(record, "k"), hyfw_json_text(record, "v"));
	}
	return 0;
}

static int take_record(struct hyfw_journal *journal, struct json_object *record)
{
	const char *type = hyfw_json_text(record, "r");

	if (!type)
		return -EINVAL;
	if (strcmp(type, "begin") == 0)
		return take_begin(journal, record);
	if (strcmp(type, "intent") == 0)
		return take_intent(journal, record);
	if (strcmp(type, "note") == 0 || strcmp(type, "done") == 0 || strcmp(type, "undone") == 0)
		return take_about(journal, record, type);
	if (strcmp(type, "commit") == 0) {
		journal->committed = true;
		journal->commit_us = (uint64_t)number_of(record, "t");
		return take_phases(journal, record);
	}
	if (strcmp(type, "exit") == 0) {
		journal->exited = true;
		journal->exit_status = (int)number_of(record, "status");
		journal->exit_time = number_of(record, "time");
		journal->oom_killed = number_of(record, "oom") != 0;
		return 0;
	}
	return -EINVAL;
}

static int take_line(struct hyfw_journal *journal, const char *line, size_t length)
{
	struct json_object *record = hyfw_journal_unline(line, length);
	int result;

	if (!record)
		return -EINVAL;
	result = take_record(journal, record);
	json_object_put(record);
	return result;
}

static int read_whole(const struct hyfw_journal *journal, char **ret_data, size_t *ret_size,
		      struct hyfw_error **err)
{
	const off_t end = lseek(journal->fd, 0, SEEK_END);
	HYFW_AUTO_FREE char *data = NULL;
	size_t size = 0;

	if (end < 0)
		return hyfw_fail_errno(err, errno, "journal %s", journal->path);
	if (end > (off_t)HYFW_JOURNAL_LIMIT)
		return hyfw_fail(err, EFBIG, "journal %s: larger than %u bytes", journal->path,
				 HYFW_JOURNAL_LIMIT);
	data = hyfw_new((size_t)end + 1);
	while (size < (size_t)end) {
		const ssize_t got = pread(journal->fd, data + size, (size_t)end - size, (off_t)size);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return hyfw_fail_errno(err, errno, "journal %s", journal->path);
		if (got == 0) /* its owner has just emptied it */
			break;
		size += (size_t)got;
	}
	*ret_data = HYFW_STEAL(data);
	*ret_size = size;
	return 0;
}

/* What stands behind the last good line goes, so that the next record starts on a
 * line of its own and is found again.  A torn end is nothing; of a damaged file a
 * copy is kept. */
static int cut(struct hyfw_journal *journal, size_t good, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *kept = NULL;

	if (journal->damaged) {
		if (hyfw_quarantine(journal->fd, journal->path, &kept, err) < 0)
			return hyfw_wrap(err, "journal %s is damaged", journal->path);
		hyfw_host_table()->log(HYFW_LOG_ERROR,
				       "journal %s is damaged; what stands before the damage still counts, "
				       "%s is a copy of the whole", journal->path, kept);
	}
	if (ftruncate(journal->fd, (off_t)good) < 0)
		return hyfw_fail_errno(err, errno, "journal %s: cut its end off", journal->path);
	return 0;
}

int hyfw_journal_load(struct hyfw_journal *journal, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *data = NULL;
	char *line, *end;
	size_t size = 0, good = 0;
	int result = read_whole(journal, &data, &size, err);

	if (result < 0)
		return result;
	for (line = data; (end = memchr(line, '\n', size - (size_t)(line - data))); line = end + 1) {
		*end = '\0';
		result = take_line(journal, line, (size_t)(end - line));
		if (result == -EPROTONOSUPPORT)
			return hyfw_fail(err, EPROTONOSUPPORT, "journal %s was written by a newer hyfw, "
					 "which has to finish it", journal->path);
		if (result < 0) {
			journal->damaged = true;
			break;
		}
		good = (size_t)(end + 1 - data);
	}
	journal->size = (off_t)good;
	if (good < size && (fcntl(journal->fd, F_GETFL) & O_ACCMODE) == O_RDWR && journal->owner)
		return cut(journal, good, err);
	return 0;
}

/* ---- questions ---- */

pid_t hyfw_journal_owner(const char *path)
{
	HYFW_AUTO_CLOSE int fd = -1;

	if (hyfw_journal_owned(path))
		return getpid();
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? 0 : hyfw_lock_holder(fd);
}

size_t hyfw_journal_live(const struct hyfw_journal *journal)
{
	size_t i, live = 0;

	for (i = 0; i < journal->count; i++)
		live += journal->entries[i].state != HYFW_ENTRY_UNDONE;
	return live;
}

bool hyfw_journal_unfinished(const struct hyfw_journal *journal)
{
	return !journal->committed && (hyfw_journal_live(journal) > 0 || journal->operations > 0);
}

static bool matches(const struct hyfw_entry *entry, unsigned kind, const char *driver, const char *subject)
{
	return entry->state != HYFW_ENTRY_UNDONE && entry->kind == kind &&
	       (!driver || strcmp(entry->driver, driver) == 0) &&
	       (!subject || (entry->subject && strcmp(entry->subject, subject) == 0));
}

struct hyfw_entry *hyfw_journal_find(const struct hyfw_journal *journal, unsigned kind, const char *driver,
				     const char *subject, const char *verb)
{
	size_t i;

	for (i = journal->count; i > 0; i--) {
		struct hyfw_entry *entry = &journal->entries[i - 1];

		if (matches(entry, kind, driver, subject) && (!verb || strcmp(entry->verb, verb) == 0))
			return entry;
	}
	return NULL;
}

void hyfw_journal_record(const struct hyfw_journal *journal, unsigned kind, const char *driver,
			 const char *subject, struct hyfw_pairs *ret_record)
{
	size_t i;

	for (i = journal->count; i > 0; i--) {
		const struct hyfw_entry *entry = &journal->entries[i - 1];
		struct hyfw_map map;

		if (!matches(entry, kind, driver, subject))
			continue;
		map = hyfw_pairs_map(&entry->notes);
		hyfw_pairs_add_map(ret_record, &map);
		map = hyfw_pairs_map(&entry->args);
		hyfw_pairs_add_map(ret_record, &map);
	}
}
