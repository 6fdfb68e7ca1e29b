/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "engine/apply.h"
#include "engine/quarantine.h"
#include "engine/store.h"

#define DEFINITION_LIMIT (4u << 20)

static const struct hyfw_use *find_in(const struct hyfw_use *uses, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(uses[i].name, name) == 0)
			return &uses[i];
	return NULL;
}

/* A volume may be mounted, or be a disk. */
static const struct hyfw_use *find_use(const struct hyfw_definition *definition, const char *what,
				       const char *name)
{
	const struct hyfw_use *use;

	if (strcmp(what, "network") == 0)
		return find_in(definition->networks, definition->network_count, name);
	use = find_in(definition->volumes, definition->volume_count, name);
	return use ? use : find_in(definition->disks, definition->disk_count, name);
}

static int read_definition(const char *what, const char *name, struct hyfw_definition **ret_definition)
{
	HYFW_AUTO_FREE char *path = hyfw_path_shared(what, name, "definition.json");
	HYFW_AUTO_FREE char *json = NULL;

	if (hyfw_file_read(AT_FDCWD, path, DEFINITION_LIMIT, &json, NULL, NULL) < 0)
		return -ENOENT;
	return hyfw_definition_from_json(json, ret_definition, NULL);
}

/* ---- users ---- */

static int add_user(const char *what, const char *name, const char *workload, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *file = hyfw_format("users/%s", workload);
	HYFW_AUTO_FREE char *path = hyfw_path_shared(what, name, file);
	HYFW_AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? hyfw_fail_errno(err, errno, "%s", path) : 0;
}

static size_t count_users(const char *what, const char *name)
{
	HYFW_AUTO_FREE char *path = hyfw_path_shared(what, name, "users");
	struct hyfw_strings users = { 0 };
	size_t count;

	hyfw_store_names(path, &users, NULL);
	count = users.count;
	hyfw_strings_finish(&users);
	return count;
}

/* ---- make and remove, under the lock ---- */

static int apply_action(struct hyfw_call *call, void *data, struct hyfw_error **err)
{
	return hyfw_driver_apply(data, call, err);
}

static int apply_plan(struct hyfw_journal *journal, const struct hyfw_definition *definition,
		      const struct hyfw_plan *plan, struct hyfw_error **err)
{
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < plan->count; i++) {
		const struct hyfw_planned *planned = &plan->steps[i];
		struct hyfw_driver *driver;

		result = hyfw_definition_driver(definition, (enum hyfw_kind)planned->kind, planned->driver,
						&driver, err);
		if (result == 0)
			result = hyfw_apply(journal, definition, planned, apply_action, driver, err);
	}
	return result;
}

static int make(struct hyfw_journal *journal, const struct hyfw_definition *definition, const char *what,
		const struct hyfw_use *use, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_shared(what, use->name, "definition.json");
	HYFW_AUTO_FREE char *json = hyfw_definition_to_json(definition);
	struct hyfw_plan plan;
	int result = hyfw_journal_begin(journal, "make", err);

	hyfw_plan_init(&plan);
	if (result == 0)
		result = hyfw_file_write(path, json, strlen(json), 0600, false, err);
	if (result == 0)
		result = strcmp(what, "network") == 0 ? hyfw_plan_network(&plan, definition, use, err)
						       : hyfw_plan_volume(&plan, definition, use, err);
	if (result == 0)
		result = apply_plan(journal, definition, &plan, err);
	if (result == 0)
		result = hyfw_journal_commit(journal, err);
	hyfw_plan_finish(&plan);
	return result;
}

/* Undoes everything and removes the directory; it stays when something is left. */
static int destroy(struct hyfw_journal *journal, const char *what, const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_shared(what, name, NULL);
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	int result = hyfw_journal_resume(journal, "remove", err);

	read_definition(what, name, &definition);
	if (result == 0)
		result = hyfw_undo(journal, definition, HYFW_ALL_LIFETIMES, 0, err);
	if (result == 0)
		result = hyfw_remove_tree(AT_FDCWD, directory, err);
	return result;
}

static int open_journal(const char *what, const char *name, struct hyfw_journal **ret_journal,
			struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_shared(what, name, "journal");

	return hyfw_journal_open(path, false, ret_journal, err);
}

static int fail_in_use(const char *what, const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_shared(what, name, "users");
	struct hyfw_strings users = { 0 };
	int result;

	hyfw_store_names(path, &users, NULL);
	if (users.count == 0)
		result = hyfw_fail(err, EEXIST, "a crash left it with other settings; `hyfw recover` removes it");
	else
		result = hyfw_fail(err, EEXIST, "it is in use by workload %s with other settings; stop that "
				   "first or choose another name", users.items[0]);
	hyfw_strings_finish(&users);
	return result;
}

static int check_same(const char *what, const struct hyfw_use *use, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *other = NULL;
	const struct hyfw_use *theirs = NULL;
	size_t i;

	if (read_definition(what, use->name, &other) == 0)
		theirs = find_use(other, what, use->name);
	if (!theirs)
		return 0;
	if (strcmp(theirs->driver, use->driver) == 0 && theirs->settings.count == use->settings.count) {
		for (i = 0; i < use->settings.count; i++)
			if (strcmp(theirs->settings.items[i].key, use->settings.items[i].key) != 0 ||
			    strcmp(theirs->settings.items[i].value, use->settings.items[i].value) != 0)
				break;
		if (i == use->settings.count)
			return 0;
	}
	return fail_in_use(what, use->name, err);
}

static int make_directory(const char *path, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int gate = hyfw_store_gate(false, err);

	return gate < 0 ? -(*err)->errnum : hyfw_make_directories(path, 0700, err);
}

static int acquire_locked(const struct hyfw_definition *definition, const char *what,
			  const struct hyfw_use *use, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *users = hyfw_path_shared(what, use->name, "users");
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	HYFW_AUTO_ERROR struct hyfw_error *undo = NULL;
	int result = make_directory(users, err);

	if (result == 0)
		result = open_journal(what, use->name, &journal, err);
	if (result < 0)
		return result;
	if (journal->committed) {
		result = check_same(what, use, err);
		return result < 0 ? result : add_user(what, use->name, definition->name, err);
	}
	if (hyfw_journal_unfinished(journal) && hyfw_undo(journal, definition, HYFW_ALL_LIFETIMES, 0, err) < 0)
		return hyfw_wrap(err, "finish what a crash left");
	result = make(journal, definition, what, use, err);
	if (result == 0)
		result = add_user(what, use->name, definition->name, err);
	if (result < 0)
		destroy(journal, what, use->name, &undo);
	return result;
}

int hyfw_shared_acquire(const struct hyfw_definition *definition, const char *what, const char *name,
			struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock(what, name, err);
	const struct hyfw_use *use = find_use(definition, what, name);

	if (lock < 0)
		return -(*err)->errnum;
	if (!use)
		return hyfw_fail(err, EINVAL, "%s %s: not one of workload %s", what, name, definition->name);
	if (acquire_locked(definition, what, use, err) < 0)
		return hyfw_wrap(err, "%s %s", what, name);
	return 0;
}

/* 'workload' is no user any more; whether the thing is there and has none now. */
static bool was_last_user(const char *what, const char *name, const char *workload)
{
	HYFW_AUTO_FREE char *file = hyfw_format("users/%s", workload);
	HYFW_AUTO_FREE char *directory = hyfw_path_shared(what, name, NULL);
	HYFW_AUTO_FREE char *user = hyfw_path_shared(what, name, file);

	if (access(directory, F_OK) < 0)
		return false;
	unlink(user);
	return count_users(what, name) == 0;
}

int hyfw_shared_release(const char *what, const char *name, const char *workload, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock(what, name, err);
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;

	if (lock < 0)
		return -(*err)->errnum;
	if (!was_last_user(what, name, workload))
		return 0;
	if (open_journal(what, name, &journal, err) < 0 || destroy(journal, what, name, err) < 0)
		return hyfw_wrap(err, "%s %s", what, name);
	return 0;
}

int hyfw_shared_abandon(const char *what, const char *name, const char *workload, char **ret_kept,
			struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_shared(what, name, NULL);
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock(what, name, err);
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	int result;

	if (lock < 0)
		return -(*err)->errnum;
	if (!was_last_user(what, name, workload))
		return 0;
	result = open_journal(what, name, &journal, err);
	if (result == 0)
		result = hyfw_quarantine(journal->fd, journal->path, ret_kept, err);
	if (result == 0)
		result = hyfw_remove_tree(AT_FDCWD, directory, err);
	return result < 0 ? hyfw_wrap(err, "%s %s", what, name) : 0;
}

int hyfw_shared_record(const char *what, const char *name, struct hyfw_pairs *ret_record,
		       struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_shared(what, name, "journal");
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	size_t i;

	if (hyfw_journal_read(path, &journal, err) < 0)
		return -(*err)->errnum;
	for (i = 0; i < journal->count; i++) {
		const struct hyfw_map args = hyfw_pairs_map(&journal->entries[i].args);
		const struct hyfw_map notes = hyfw_pairs_map(&journal->entries[i].notes);

		if (journal->entries[i].state != HYFW_ENTRY_UNDONE) {
			hyfw_pairs_add_map(ret_record, &notes);
			hyfw_pairs_add_map(ret_record, &args);
		}
	}
	return 0;
}

/* ---- after a crash ---- */

/* Workloads have their runtime directory before they use anything. */
static bool runs(const char *workload)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_runtime(workload, NULL);

	return access(directory, F_OK) == 0;
}

static void collect_one(const char *what, const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_shared(what, name, "users");
	struct hyfw_strings users = { 0 };
	size_t i;

	hyfw_store_names(path, &users, NULL);
	for (i = 0; i < users.count; i++)
		if (!runs(users.items[i]))
			hyfw_shared_release(what, name, users.items[i], *err ? NULL : err);
	/* Nobody: the crash came before the first user was written. */
	if (users.count == 0)
		hyfw_shared_release(what, name, "", *err ? NULL : err);
	hyfw_strings_finish(&users);
}

int hyfw_shared_collect(struct hyfw_error **err)
{
	static const char *const kinds[] = { "network", "volume" };
	struct hyfw_error *first = NULL;
	size_t kind, i;

	for (kind = 0; kind < HYFW_COUNT(kinds); kind++) {
		HYFW_AUTO_FREE char *directory = hyfw_path_shared(kinds[kind], "", NULL);
		struct hyfw_strings names = { 0 };

		hyfw_store_names(directory, &names, NULL);
		for (i = 0; i < names.count; i++)
			collect_one(kinds[kind], names.items[i], &first);
		hyfw_strings_finish(&names);
	}
	if (!first)
		return 0;
	*err = first;
	return -first->errnum;
}
