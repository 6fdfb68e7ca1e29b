/* SPDX-License-Identifier: BSD-3-Clause
 * What lasts until a workload is removed: its definition, its range of ids, its
 * writable layer. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "engine/apply.h"
#include "engine/core_steps.h"
#include "engine/failover_place.h"
#include "engine/ids.h"
#include "engine/store.h"
#include "engine/worker.h"
#include "plugin/host.h"

bool hyfw_worker_wants_ids(const struct hyfw_definition *definition, struct hyfw_driver *isolation)
{
	const char *userns = hyfw_definition_get(definition, "userns");

	return hyfw_driver_can(isolation, HYFW_TAKES_IDMAP) && (!userns || strcmp(userns, "host") != 0);
}

struct hyfw_idmap hyfw_worker_ids(const struct hyfw_journal *journal)
{
	const struct hyfw_entry *entry = hyfw_journal_find(journal, 0, "core", NULL, HYFW_CORE_IDS);
	const struct hyfw_idmap none = { 0 };
	struct hyfw_map notes;

	if (!entry)
		return none;
	notes = hyfw_pairs_map(&entry->notes);
	return hyfw_ids_map((unsigned)hyfw_map_int(&notes, "range", 0));
}

/* ---- create ---- */

static int apply_action(struct hyfw_call *call, void *data, struct hyfw_error **err)
{
	return hyfw_driver_apply(data, call, err);
}

static int apply_lasting(struct hyfw_journal *journal, struct hyfw_definition *definition,
			 struct hyfw_error **err)
{
	struct hyfw_plan plan;
	size_t i;
	int result;

	hyfw_plan_init(&plan);
	result = hyfw_plan_workload(&plan, definition, 1u << HYFW_LIFETIME_WORKLOAD, err);
	for (i = 0; result == 0 && i < plan.count; i++) {
		struct hyfw_driver *driver;

		result = hyfw_definition_driver(definition, (enum hyfw_kind)plan.steps[i].kind,
						plan.steps[i].driver, &driver, err);
		if (result == 0)
			result = hyfw_apply(journal, definition, &plan.steps[i], apply_action, driver, err);
	}
	hyfw_plan_finish(&plan);
	return result;
}

static int create_journaled(struct hyfw_journal *journal, struct hyfw_definition *definition,
			    struct hyfw_error **err)
{
	struct hyfw_driver *isolation;
	int result = hyfw_journal_begin(journal, "create", err);

	if (result == 0)
		result = hyfw_definition_driver(definition, HYFW_KIND_ISOLATION,
						hyfw_definition_isolation(definition), &isolation, err);
	if (result == 0 && hyfw_worker_wants_ids(definition, isolation)) {
		result = hyfw_apply_core(journal, definition, HYFW_CORE_IDS, definition->name, "what", "ids",
					 HYFW_LIFETIME_WORKLOAD, err);
		definition->idmap = hyfw_worker_ids(journal);
	}
	/* Before the steps: an undo after a crash wants the settings of the drivers. */
	if (result == 0)
		result = hyfw_store_save(definition, err);
	if (result == 0)
		result = apply_lasting(journal, definition, err);
	return result == 0 ? hyfw_journal_commit(journal, err) : result;
}

/* Undoes all, then removes the directory; what could not be undone keeps it. */
static int remove_journaled(struct hyfw_journal *journal, const struct hyfw_definition *definition,
			    const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_workload(false, name, NULL);
	int result = hyfw_undo(journal, definition, HYFW_ALL_LIFETIMES, 0, err);

	return result < 0 ? result : hyfw_remove_tree(AT_FDCWD, directory, err);
}

static int make_directory(const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_workload(false, name, NULL);
	HYFW_AUTO_FREE char *parent = hyfw_path_workload(false, "", NULL);
	HYFW_AUTO_FREE char *transient = hyfw_path_runtime(name, NULL);
	HYFW_AUTO_CLOSE int gate = hyfw_store_gate(false, err);

	if (gate < 0 || hyfw_make_directories(parent, 0755, err) < 0)
		return -(*err)->errnum;
	if (access(transient, F_OK) < 0 && mkdir(directory, 0700) == 0)
		return 0;
	if (errno != EEXIST && errno != 0 && access(transient, F_OK) < 0)
		return hyfw_fail_errno(err, errno, "%s", directory);
	return hyfw_fail(err, EEXIST, "the name %s is taken; `hyfw rm %s` frees it, or choose another", name,
			 name);
}

/* In a directory that was just made; on failure it goes, unless its undo fails too. */
static int create_in(struct hyfw_definition *definition, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, definition->name, "journal");
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	HYFW_AUTO_ERROR struct hyfw_error *undo = NULL;
	int result = hyfw_journal_open(path, true, &journal, err);

	if (result == 0)
		result = create_journaled(journal, definition, err);
	if (result < 0 && journal && remove_journaled(journal, definition, definition->name, &undo) < 0) {
		hyfw_host_table()->log(HYFW_LOG_ERROR, "workload %s: %s", definition->name, undo->message);
		return result; /* the mark stays: the next command tries again */
	}
	hyfw_busy_remove("workload", definition->name);
	return result;
}

int hyfw_worker_create(struct hyfw_definition *definition, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock("workload", definition->name, err);
	int result;

	if (lock < 0)
		return -(*err)->errnum;
	/* Where the name is taken, the mark may be of unfinished business with it. */
	if (hyfw_busy_add("workload", definition->name, err) < 0)
		return -(*err)->errnum;
	result = make_directory(definition->name, err);
	return result < 0 ? result : create_in(definition, err);
}

/* ---- remove ---- */

/* Lets a driver that keeps something of its workloads let go of it.  What a crash
 * prevents here its gc() does. */
static void forget(const struct hyfw_definition *definition)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	const struct hyfw_operation operation = { .size = sizeof(operation), .verb = "forget",
						  .object = definition->name, .input_fd = -1, .output_fd = -1,
						  .arena = arena };
	const struct hyfw_map none = { 0 };
	struct hyfw_driver *driver;
	struct hyfw_map result = { 0 };

	if (hyfw_definition_driver(definition, HYFW_KIND_ISOLATION, hyfw_definition_isolation(definition), &driver,
				   NULL) == 0 && hyfw_driver_can(driver, HYFW_HELD_BY_MONITOR) &&
	    hyfw_isolation_operate(driver, &none, &operation, &result, &failure) < 0 && failure->errnum != ENOTSUP)
		hyfw_host_table()->log(HYFW_LOG_WARNING, "workload %s is gone, and something of it is left: %s", definition->name,
				       failure->message);
}

static int remove_locked(const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, name, "journal");
	HYFW_AUTO_FREE char *directory = hyfw_path_workload(false, name, NULL);
	HYFW_AUTO_FREE char *run = hyfw_path_runtime(name, "journal");
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	int result;

	if (access(directory, F_OK) < 0)
		return 0;
	if (hyfw_journal_owner(run) > 0)
		return hyfw_fail(err, EBUSY, "workload %s was just started again", name);
	hyfw_store_definition(name, &definition, NULL);
	hyfw_busy_add("workload", name, NULL);
	result = hyfw_journal_open(path, true, &journal, err);
	if (result == 0)
		result = hyfw_journal_resume(journal, "remove", err);
	if (result == 0 && definition)
		hyfw_failover_forget(definition);
	if (result == 0)
		result = remove_journaled(journal, definition, name, err);
	if (result == 0 && definition)
		forget(definition);
	if (result == 0)
		hyfw_busy_remove("workload", name);
	return result < 0 ? hyfw_wrap(err, "workload %s", name) : 0;
}

int hyfw_worker_remove(const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock("workload", name, err);

	return lock < 0 ? -(*err)->errnum : remove_locked(name, err);
}

/* Under the lock again: what looked unfinished may have been a creation that was
 * just going on. */
int hyfw_worker_remove_unfinished(const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_workload(false, name, NULL);
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, name, "journal");
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock("workload", name, err);

	if (lock < 0)
		return -(*err)->errnum;
	if (access(directory, F_OK) < 0 || hyfw_journal_owner(path) != 0)
		return hyfw_fail(err, ESTALE, "there is nothing to recover");
	if (hyfw_journal_read(path, &journal, NULL) == 0 && journal->operations > 0 &&
	    !hyfw_journal_unfinished(journal))
		return hyfw_fail(err, ESTALE, "there is nothing to recover");
	return remove_locked(name, err);
}
