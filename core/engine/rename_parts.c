/* SPDX-License-Identifier: BSD-3-Clause
 * What drivers keep by the name of a workload, and the journal that tells of it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crash_point.h"
#include "engine/rename_parts.h"
#include "engine/store.h"

/* ---- drivers ---- */

int hyfw_rename_root(struct renaming *renaming, const char *from, const char *to, struct hyfw_error **err)
{
	struct hyfw_definition *definition = renaming->definition;
	const char *driver_name = hyfw_definition_storage(definition);
	struct hyfw_subject subject = hyfw_subject_root(definition);
	struct hyfw_driver *driver;
	int result = driver_name ? hyfw_definition_driver(definition, HYFW_KIND_STORAGE, driver_name, &driver, err) : 0;

	if (!driver_name || result < 0)
		return result;
	subject.name = subject.workload = from;
	return hyfw_storage_rename(driver, &subject, to, renaming->arena, &renaming->storage, err);
}

static void add_arg(struct hyfw_pairs *args, const char *key, const char *value)
{
	if (value)
		hyfw_pairs_add(args, key, value);
}

/* Only those that are held by a monitor keep something of them; see forget() of create.c. */
int hyfw_rename_kept(struct renaming *renaming, const char *from, const char *to, bool check, struct hyfw_error **err)
{
	struct hyfw_definition *definition = renaming->definition;
	struct hyfw_operation operation = { .size = sizeof(operation), .verb = "rename", .object = from, .input_fd = -1,
					    .output_fd = -1, .arena = renaming->arena };
	const struct hyfw_map none = { 0 };
	struct hyfw_pairs args = { 0 };
	struct hyfw_driver *driver;
	int result = hyfw_definition_driver(definition, HYFW_KIND_ISOLATION, hyfw_definition_isolation(definition), &driver,
					    err);

	if (result < 0 || !hyfw_driver_can(driver, HYFW_HELD_BY_MONITOR))
		return result;
	hyfw_pairs_add(&args, "to", to);
	add_arg(&args, "check", check ? "true" : NULL);
	add_arg(&args, "uuid", hyfw_definition_get(definition, "uuid"));
	add_arg(&args, "persistent", hyfw_definition_get(definition, "persistent"));
	add_arg(&args, "disk_from", hyfw_map_get(&renaming->storage, "disk_from"));
	add_arg(&args, "disk_to", hyfw_map_get(&renaming->storage, "disk_to"));
	operation.args = hyfw_pairs_map(&args);
	result = hyfw_isolation_operate(driver, &none, &operation, &renaming->isolation, err);
	hyfw_pairs_finish(&args);
	return result;
}

/* ---- the journal ---- */

static const char *renamed(const struct renaming *renaming, const char *name)
{
	return name && strcmp(name, renaming->from) == 0 ? renaming->to : name;
}

/* "writable layer of OLD" */
static char *renamed_object(const struct renaming *renaming, const char *object)
{
	const size_t all = strlen(object), name = strlen(renaming->from);

	if (all > name && object[all - name - 1] == ' ' && strcmp(object + all - name, renaming->from) == 0)
		return hyfw_format("%.*s%s", (int)(all - name), object, renaming->to);
	return hyfw_dup(object);
}

static const struct hyfw_map *changes_of(const struct renaming *renaming, const struct hyfw_entry *entry)
{
	static const struct hyfw_map none = { 0 };

	if (entry->kind == HYFW_KIND_STORAGE)
		return &renaming->storage;
	return entry->kind == HYFW_KIND_ISOLATION ? &renaming->isolation : &none;
}

static const char *value_of(const struct renaming *renaming, const struct hyfw_entry *entry, const struct hyfw_pair *pair)
{
	const char *changed = hyfw_map_get(changes_of(renaming, entry), pair->key);

	if (changed)
		return changed;
	return strcmp(pair->key, "workload") == 0 ? renamed(renaming, pair->value) : pair->value;
}

static int copy_entry(const struct renaming *renaming, const struct hyfw_entry *entry, struct hyfw_journal *journal,
		      struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *object = renamed_object(renaming, entry->object);
	struct hyfw_entry copy = *entry;
	struct hyfw_pairs args = { 0 };
	size_t i, index;
	int result;

	for (i = 0; i < entry->args.count; i++)
		hyfw_pairs_add(&args, entry->args.items[i].key, value_of(renaming, entry, &entry->args.items[i]));
	copy.args = args;
	memset(&copy.notes, 0, sizeof(copy.notes));
	copy.object = object;
	copy.workload = (char *)renamed(renaming, entry->workload);
	copy.subject = (char *)renamed(renaming, entry->subject);
	result = hyfw_journal_intent(journal, &copy, &index, err);
	for (i = 0; result == 0 && i < entry->notes.count; i++)
		result = hyfw_journal_note(journal, index, entry->notes.items[i].key,
					   value_of(renaming, entry, &entry->notes.items[i]), err);
	hyfw_pairs_finish(&args);
	return result == 0 ? hyfw_journal_done(journal, index, err) : result;
}

static int copy_journal(const struct renaming *renaming, const struct hyfw_journal *old, const char *path,
			struct hyfw_error **err)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	size_t i;
	int result;

	unlink(path); /* of an attempt that was cut off */
	result = hyfw_journal_open(path, true, &journal, err);
	if (result == 0)
		result = hyfw_journal_begin(journal, "create", err);
	for (i = 0; result == 0 && i < old->count; i++)
		if (old->entries[i].state != HYFW_ENTRY_UNDONE)
			result = copy_entry(renaming, &old->entries[i], journal, err);
	return result == 0 ? hyfw_journal_commit(journal, err) : result;
}

int hyfw_rename_journal(const struct renaming *renaming, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, renaming->to, "journal");
	HYFW_AUTO_FREE char *fresh = hyfw_path_workload(false, renaming->to, "journal.new");
	HYFW_AUTO_FREE char *directory = hyfw_path_workload(false, renaming->to, NULL);
	HYFW_AUTO_JOURNAL struct hyfw_journal *old = NULL;
	int result = hyfw_journal_read(path, &old, err);

	if (result == 0)
		result = copy_journal(renaming, old, fresh, err);
	if (result == 0 && rename(fresh, path) < 0)
		result = hyfw_fail_errno(err, errno, "%s", path);
	hyfw_crash_point();
	return result == 0 ? hyfw_rename_sync(directory, err) : result;
}
