/* SPDX-License-Identifier: BSD-3-Clause
 * What is in the way of another name, and the steps to it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/crash_point.h"
#include "base/files.h"
#include "config/normalize.h"
#include "engine/core_steps.h"
#include "engine/events.h"
#include "engine/failover_place.h"
#include "engine/ids.h"
#include "engine/launch.h"
#include "engine/moved.h"
#include "engine/rename_parts.h"
#include "engine/store.h"

#define DEFINITION_LIMIT (4u << 20)

/* ---- the steps ---- */

static int rename_by_drivers(struct renaming *renaming, struct hyfw_error **err)
{
	int result = hyfw_rename_root(renaming, renaming->from, renaming->to, err);

	if (result == 0)
		renaming->begun = true;
	hyfw_crash_point();
	if (result == 0)
		result = hyfw_rename_kept(renaming, renaming->from, renaming->to, false, err);
	hyfw_crash_point();
	return result;
}

static char *directory_now(const struct renaming *renaming)
{
	char *old = hyfw_path_workload(false, renaming->from, NULL);

	if (access(old, F_OK) == 0)
		return old;
	free(old);
	return hyfw_path_workload(false, renaming->to, NULL);
}

static int rename_ids(const struct renaming *renaming, const char *from, const char *to, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = directory_now(renaming), *path = hyfw_format("%s/journal", directory);
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	const struct hyfw_entry *entry;
	struct hyfw_map notes;
	int result = hyfw_journal_read(path, &journal, err);

	entry = result == 0 ? hyfw_journal_find(journal, 0, "core", NULL, HYFW_CORE_IDS) : NULL;
	if (!entry)
		return result;
	notes = hyfw_pairs_map(&entry->notes);
	result = hyfw_ids_rename(hyfw_map_get(&notes, "range"), from, to, err);
	hyfw_crash_point();
	return result;
}

static int rename_directory(const struct renaming *renaming, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *from = hyfw_path_workload(false, renaming->from, NULL);
	HYFW_AUTO_FREE char *to = hyfw_path_workload(false, renaming->to, NULL);
	HYFW_AUTO_FREE char *parent = hyfw_path_workload(false, "", NULL);

	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) < 0 && (errno != ENOENT || access(to, F_OK) < 0))
		return hyfw_fail_errno(err, errno, "%s", to);
	hyfw_crash_point();
	return hyfw_rename_sync(parent, err);
}

/* Keys that only its old name gave it. */
static void keep_settings(struct renaming *renaming)
{
	static const char prefix[] = "setting ";
	size_t i;

	for (i = 0; i < renaming->isolation.count; i++) {
		const struct hyfw_pair *pair = &renaming->isolation.items[i];
		const char *key = pair->key + strlen(prefix);

		if (strncmp(pair->key, prefix, strlen(prefix)) == 0 && !hyfw_definition_get(renaming->definition, key))
			hyfw_pairs_set(&renaming->definition->settings, key, pair->value);
	}
}

static int save(struct renaming *renaming, struct hyfw_error **err)
{
	int result;

	keep_settings(renaming);
	free(renaming->definition->name);
	renaming->definition->name = hyfw_dup(renaming->to);
	result = hyfw_store_save(renaming->definition, err);
	hyfw_crash_point();
	return result;
}

/* ---- all of it ---- */

static int load(struct renaming *renaming, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = directory_now(renaming), *json = NULL;
	HYFW_AUTO_FREE char *path = hyfw_format("%s/definition.json", directory);
	int result = hyfw_file_read(AT_FDCWD, path, DEFINITION_LIMIT, &json, NULL, err);

	return result < 0 ? result : hyfw_definition_from_json(json, &renaming->definition, err);
}

/* Before the directory has moved.  Best effort: what cannot be taken back the record says
 * still. */
static void take_back(struct renaming *renaming)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	int result = renaming->begun ? rename_ids(renaming, renaming->to, renaming->from, &failure) : 0;

	if (result == 0 && renaming->begun)
		result = hyfw_rename_root(renaming, renaming->to, renaming->from, &failure);
	if (result == 0 && renaming->begun)
		result = hyfw_rename_kept(renaming, renaming->to, renaming->from, false, &failure);
	if (result == 0)
		hyfw_rename_forget(renaming);
}

/* After the record, as often as it takes. */
static int do_steps(struct renaming *renaming, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *old = hyfw_path_workload(false, renaming->from, NULL);
	int result = 0;

	if (strcmp(renaming->definition->name, renaming->to) != 0) {
		result = rename_by_drivers(renaming, err);
		if (result == 0)
			result = rename_ids(renaming, renaming->from, renaming->to, err);
		if (result == 0)
			result = rename_directory(renaming, err);
		if (result == 0)
			result = hyfw_rename_journal(renaming, err);
		if (result == 0)
			result = save(renaming, err);
	}
	if (result == 0)
		hyfw_rename_forget(renaming);
	else if (access(old, F_OK) == 0)
		take_back(renaming);
	return result;
}

static int with_gate(struct renaming *renaming, int (*work)(struct renaming *, struct hyfw_error **),
		     struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock("workload", renaming->from, err);
	HYFW_AUTO_CLOSE int gate = lock < 0 ? -1 : hyfw_store_gate(true, err);
	int result;

	if (gate < 0)
		return -(*err)->errnum;
	renaming->arena = arena;
	result = work(renaming, err);
	hyfw_definition_free(renaming->definition);
	return result;
}

/* ---- what is in the way ---- */

static int check_state(const char *name, struct hyfw_error **err)
{
	struct hyfw_state state;
	int result = hyfw_state_load(name, &state, err);

	if (result == 0 && state.definition->transient)
		result = hyfw_fail(err, EBUSY, "it goes when it ends, and keeps its name until then");
	else if (result == 0 && state.status != HYFW_STATUS_CREATED && state.status != HYFW_STATUS_EXITED)
		result = hyfw_fail(err, EBUSY, "it is %s; `hyfw stop %s` first", hyfw_status_name(state.status), name);
	else if (result == 0 && state.definition->stack)
		result = hyfw_fail(err, EBUSY, "it belongs to the stack %s, whose file names it", state.definition->stack);
	else if (result == 0 && hyfw_failover_wanted(state.definition))
		result = hyfw_fail(err, EBUSY, "it has failover, and other hosts know it by its name");
	hyfw_state_finish(&state);
	return result;
}

static bool names(const struct hyfw_definition *definition, const char *name)
{
	static const char *const keys[] = { "links", "depends_on" };
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	const char *value;
	size_t i, cursor;

	for (i = 0; i < HYFW_COUNT(keys); i++)
		for (cursor = 0; (value = hyfw_map_next(&settings, keys[i], &cursor));)
			if (strcmp(value, name) == 0)
				return true;
	return false;
}

static int check_others(const char *name, struct hyfw_error **err)
{
	struct hyfw_strings all = { 0 };
	size_t i;
	int result = hyfw_store_workloads(&all, err);

	for (i = 0; result == 0 && i < all.count; i++) {
		HYFW_AUTO_DEFINITION struct hyfw_definition *other = NULL;

		if (hyfw_store_definition(all.items[i], &other, NULL) == 0 && names(other, name))
			result = hyfw_fail(err, EBUSY, "workload %s names it in links or depends_on; `hyfw rm %s` first",
					   other->name, other->name);
	}
	hyfw_strings_finish(&all);
	return result;
}

static int check_clash(const char *to, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *persistent = hyfw_path_workload(false, to, NULL), *transient = hyfw_path_runtime(to, NULL);

	if (access(persistent, F_OK) == 0 || access(transient, F_OK) == 0)
		return hyfw_fail(err, EEXIST, "the name %s is taken; `hyfw rm %s` frees it, or choose another", to, to);
	return 0;
}

/* What lasts is what is known to follow a name. */
static int check_journal(const struct renaming *renaming, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, renaming->from, "journal");
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	size_t i;
	int result = hyfw_journal_read(path, &journal, err);

	if (result == 0 && (!journal->committed || journal->damaged))
		result = hyfw_fail(err, EBUSY, "it is not whole: it is just being created or removed, or that was cut off");
	for (i = 0; result == 0 && i < journal->count; i++) {
		const struct hyfw_entry *entry = &journal->entries[i];

		if (entry->state != HYFW_ENTRY_UNDONE && entry->kind != 0 && entry->kind != HYFW_KIND_STORAGE &&
		    entry->kind != HYFW_KIND_ISOLATION)
			result = hyfw_fail(err, ENOTSUP, "driver %s keeps %s by its name", entry->driver, entry->object);
	}
	return result;
}

static int check(struct renaming *renaming, struct hyfw_error **err)
{
	int result = check_state(renaming->from, err);

	if (result == 0)
		result = check_clash(renaming->to, err);
	if (result == 0)
		result = hyfw_moved_check(renaming->from, err);
	if (result == 0)
		result = check_others(renaming->from, err);
	if (result == 0)
		result = check_journal(renaming, err);
	if (result == 0)
		result = load(renaming, err);
	return result < 0 ? result : hyfw_rename_kept(renaming, renaming->from, renaming->to, true, err);
}

/* ---- the two ways to it ---- */

static int begin(struct renaming *renaming, struct hyfw_error **err)
{
	int result = check(renaming, err);

	if (result == 0)
		result = hyfw_rename_record(renaming, err);
	return result == 0 ? do_steps(renaming, err) : result;
}

static int go_on(struct renaming *renaming, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *to = hyfw_rename_target(renaming->from);
	int result;

	if (!to)
		return hyfw_fail(err, ESTALE, "there is nothing to finish");
	renaming->to = to;
	renaming->begun = true; /* by who was cut off, for all that is known */
	result = load(renaming, err);
	if (result == -ENOENT) { /* it was removed, under either name */
		hyfw_forget(err);
		hyfw_rename_forget(renaming);
		return 0;
	}
	return result < 0 ? result : do_steps(renaming, err);
}

static int in_child(void *data, struct hyfw_error **err)
{
	return with_gate(data, begin, err);
}

static int finish_in_child(void *data, struct hyfw_error **err)
{
	return with_gate(data, go_on, err);
}

int hyfw_workload_rename(const char *from, const char *to, struct hyfw_error **err)
{
	struct renaming renaming = { .from = from, .to = to };
	int result = hyfw_check_name(to, err);

	if (result < 0)
		return hyfw_wrap(err, "the name %s", to);
	result = hyfw_guarded(in_child, &renaming, 0, err);
	if (result == 0)
		hyfw_event(to, "rename", "from", from);
	return result;
}

int hyfw_rename_finish(const char *from, struct hyfw_error **err)
{
	struct renaming renaming = { .from = from };
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	int result = hyfw_guarded(finish_in_child, &renaming, 0, &failure);

	if (result == -ESTALE)
		return 1;
	if (result < 0)
		*err = HYFW_STEAL(failure);
	return result;
}
