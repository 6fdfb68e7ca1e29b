/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/abandon.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "engine/core_steps.h"
#include "engine/quarantine.h"
#include "engine/shared.h"
#include "engine/store.h"

#define NAMED_MOST 8

void hyfw_abandoned_finish(struct hyfw_abandoned *abandoned)
{
	hyfw_strings_finish(&abandoned->objects);
	hyfw_strings_finish(&abandoned->kept);
}

/* ---- one journal ---- */

static void add_object(struct hyfw_abandoned *abandoned, const char *object)
{
	if (!hyfw_strings_has(&abandoned->objects, object))
		hyfw_strings_add(&abandoned->objects, object);
}

/* A network or volume that goes on without this workload, or is gone, is no loss. */
static int abandon_use(const struct hyfw_entry *entry, struct hyfw_abandoned *abandoned, struct hyfw_error **err)
{
	const struct hyfw_map args = hyfw_pairs_map(&entry->args);
	const char *what = hyfw_map_get(&args, "what");
	HYFW_AUTO_FREE char *kept = NULL;
	int result = what && entry->workload
			     ? hyfw_shared_abandon(what, entry->subject, entry->workload, &kept, err)
			     : 0;

	if (result < 0 || !kept)
		return result;
	add_object(abandoned, entry->object);
	hyfw_strings_add(&abandoned->kept, kept);
	return 0;
}

static int abandon_entries(const struct hyfw_journal *journal, struct hyfw_abandoned *abandoned,
			   struct hyfw_error **err)
{
	size_t i;
	int result = 0;

	for (i = journal->count; i > 0 && result == 0; i--) {
		const struct hyfw_entry *entry = &journal->entries[i - 1];

		if (entry->state == HYFW_ENTRY_UNDONE)
			continue;
		if (entry->kind == 0 && strcmp(entry->verb, HYFW_CORE_USE) == 0)
			result = abandon_use(entry, abandoned, err);
		else
			add_object(abandoned, entry->object);
	}
	return result;
}

static int keep(int fd, const char *path, struct hyfw_abandoned *abandoned, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *kept = NULL;
	int result = hyfw_quarantine(fd, path, &kept, err);

	if (result == 0)
		hyfw_strings_add(&abandoned->kept, kept);
	return result;
}

/* A journal that cannot be read (a newer one, or too large) is kept unread. */
static int keep_unread(const char *path, struct hyfw_abandoned *abandoned, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int fd = -1;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? 0 : hyfw_fail_errno(err, errno, "%s", path);
	add_object(abandoned, "whatever its journal tells");
	return keep(fd, path, abandoned, err);
}

static int abandon_journal(const char *path, struct hyfw_abandoned *abandoned, struct hyfw_error **err)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	HYFW_AUTO_ERROR struct hyfw_error *unread = NULL;
	int result = hyfw_journal_open(path, false, &journal, &unread);

	if (result == -EBUSY)
		return hyfw_fail(err, EBUSY, "%s", unread->message);
	if (result < 0)
		return keep_unread(path, abandoned, err);
	result = abandon_entries(journal, abandoned, err);
	if (result == 0 && hyfw_journal_live(journal) > 0)
		result = keep(journal->fd, path, abandoned, err);
	return result;
}

/* The journal is in quarantine before its directory goes. */
static int abandon_directory(const char *directory, const char *path, struct hyfw_abandoned *abandoned,
			     struct hyfw_error **err)
{
	int result;

	if (access(directory, F_OK) < 0)
		return 0;
	result = abandon_journal(path, abandoned, err);
	return result < 0 ? result : hyfw_remove_tree(AT_FDCWD, directory, err);
}

/* ---- both parts of a workload ---- */

int hyfw_abandon_run(const char *name, struct hyfw_abandoned *abandoned, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_runtime(name, NULL);
	HYFW_AUTO_FREE char *path = hyfw_path_runtime(name, "journal");

	return abandon_directory(directory, path, abandoned, err);
}

int hyfw_abandon_lasting(const char *name, struct hyfw_abandoned *abandoned, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_workload(false, name, NULL);
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, name, "journal");
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock("workload", name, err);
	int result;

	if (lock < 0)
		return -(*err)->errnum;
	result = abandon_directory(directory, path, abandoned, err);
	if (result == 0)
		hyfw_busy_remove("workload", name);
	return result;
}

/* ---- the sentence ---- */

static char *join(const struct hyfw_strings *strings)
{
	char *text = hyfw_dup("");
	size_t i;

	for (i = 0; i < strings->count && i < NAMED_MOST; i++) {
		HYFW_AUTO_FREE char *shorter = text;

		text = hyfw_format("%s%s%s", shorter, i ? ", " : "", strings->items[i]);
	}
	if (i < strings->count) {
		HYFW_AUTO_FREE char *shorter = text;

		text = hyfw_format("%s and %zu more", shorter, strings->count - i);
	}
	return text;
}

int hyfw_abandoned_tell(const struct hyfw_abandoned *abandoned, const char *name, const struct hyfw_error *why,
			struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *objects = join(&abandoned->objects), *kept = join(&abandoned->kept);
	HYFW_AUTO_FREE char *prefix = hyfw_format("workload %s: ", name);
	const char *reason = why ? why->message : "its journal cannot be read";
	const bool one = abandoned->objects.count == 1;

	if (abandoned->objects.count == 0)
		return 0;
	if (strncmp(reason, prefix, strlen(prefix)) == 0)
		reason += strlen(prefix);
	return hyfw_fail(err, EIO, "workload %s is removed, but %s %s behind (%s); how %s made is in %s", name,
			 objects, one ? "stays" : "stay", reason, one ? "it was" : "they were", kept);
}
