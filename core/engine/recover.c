/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/context.h"
#include "base/files.h"
#include "engine/apply.h"
#include "engine/failover_place.h"
#include "engine/failover_read.h"
#include "engine/ids.h"
#include "engine/launch.h"
#include "engine/orphans.h"
#include "engine/rename.h"
#include "engine/shared.h"
#include "engine/stack.h"
#include "engine/store.h"
#include "engine/worker.h"
#include "plugin/host.h"
#include "plugin/lease.h"

void hyfw_recovery_finish(struct hyfw_recovery *recovery)
{
	hyfw_strings_finish(&recovery->done);
	hyfw_strings_finish(&recovery->failed);
}

static void report(struct hyfw_recovery *recovery, const char *what, const char *name, struct hyfw_error *failure)
{
	HYFW_AUTO_FREE char *prefix = hyfw_format("%s %s: ", what, name);
	const bool told = failure && strncmp(failure->message, prefix, strlen(prefix)) == 0;
	HYFW_AUTO_FREE char *sentence =
		hyfw_format("%s%s", told ? "" : prefix,
			    failure ? failure->message : "finished undoing what a crash left");

	hyfw_strings_add(failure ? &recovery->failed : &recovery->done, sentence);
}

/* ---- is there anything to do? ---- */

static bool ownerless(const char *name)
{
	HYFW_AUTO_FREE char *journal = hyfw_path_runtime(name, "journal");

	return hyfw_journal_owner(journal) == 0;
}

/* "KIND:NAME" in RUNTIME/busy; '*ret_name' points into 'mark'. */
static char *busy_journal(const char *mark, const char **ret_name)
{
	const char *colon = strchr(mark, ':');

	if (!colon)
		return NULL;
	*ret_name = colon + 1;
	return mark[0] == 's' ? hyfw_path_stack(colon + 1, "journal")
			      : hyfw_path_workload(false, colon + 1, "journal");
}

static bool busy_ownerless(const char *mark)
{
	const char *name;
	HYFW_AUTO_FREE char *journal = busy_journal(mark, &name);

	return journal && hyfw_journal_owner(journal) == 0;
}

static bool any(const char *room, bool (*is)(const char *))
{
	HYFW_AUTO_FREE char *directory = hyfw_format("%s/%s", hyfw_context_current()->runtime, room);
	struct hyfw_strings names = { 0 };
	bool found = false;
	size_t i;

	hyfw_store_names(directory, &names, NULL);
	for (i = 0; i < names.count && !found; i++)
		found = is(names.items[i]);
	hyfw_strings_finish(&names);
	return found;
}

bool hyfw_recover_needed(void)
{
	return hyfw_rename_pending() || any("busy", busy_ownerless) || any("workloads", ownerless);
}

/* ---- the run of a workload ---- */

static void save_end(const struct hyfw_journal *journal, const char *name)
{
	const int64_t finished = journal->exited ? journal->exit_time : journal->begin_time;

	hyfw_store_save_last(name, journal->begin_time, finished, journal->exited ? journal->exit_status : 137,
			     journal->oom_killed, journal->operations ? journal->operations - 1 : 0, NULL);
}

/* Becomes the owner of a run that has none; '*ret_journal' stays NULL where there
 * is nothing to take over (any more). */
static int take_over(const char *directory, const char *path, struct hyfw_journal **ret_journal,
		     struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int gate = hyfw_store_gate(true, err);

	if (gate < 0)
		return -(*err)->errnum;
	if (access(directory, F_OK) < 0 || hyfw_journal_owner(path) != 0)
		return 0;
	return hyfw_journal_open(path, false, ret_journal, err);
}

struct lost_run {
	const char *name;
	bool elsewhere; /* another host has taken it over: its disks are not ours any more */
};

static int recover_run(void *data, struct hyfw_error **err)
{
	const struct lost_run *run = data;
	const char *name = run->name;
	HYFW_AUTO_FREE char *directory = hyfw_path_runtime(name, NULL);
	HYFW_AUTO_FREE char *path = hyfw_path_runtime(name, "journal");
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	int result = take_over(directory, path, &journal, err);

	if (result < 0)
		return hyfw_wrap(err, "workload %s", name);
	if (!journal)
		return hyfw_fail(err, ESTALE, "there is nothing to recover");
	hyfw_store_definition(name, &definition, NULL);
	if (run->elsewhere)
		hyfw_failover_lost(journal);
	result = hyfw_undo(journal, definition, HYFW_ALL_LIFETIMES, 0, err);
	if (result < 0)
		return hyfw_wrap(err, "workload %s", name);
	if (definition && !definition->transient && journal->operations > 0)
		save_end(journal, name);
	return hyfw_remove_tree(AT_FDCWD, directory, err);
}

/* While its storage hangs nothing is undone: that would hang with it. */
static int look_elsewhere(struct lost_run *run, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	int result = 0;

	if (hyfw_store_definition(run->name, &definition, NULL) == 0)
		result = hyfw_failover_elsewhere(definition, err);
	run->elsewhere = result > 0;
	return result < 0 ? hyfw_wrap(err, "workload %s", run->name) : 0;
}

int hyfw_recover_workload(const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	struct lost_run run = { .name = name };
	int result = look_elsewhere(&run, &failure);

	if (result == 0)
		result = hyfw_guarded(recover_run, &run, 0, &failure);
	if (result == -ESTALE)
		return 1;
	if (result < 0 && err)
		*err = HYFW_STEAL(failure);
	return result;
}

/* ---- marks of unfinished business ---- */

/* What the journal of a mark says there is to do. */
enum business { BUSINESS_DONE, BUSINESS_UNFINISHED, BUSINESS_DAMAGED };

static enum business business_of(const char *path)
{
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;

	/* One that is missing, or not to be read, is for those who open it. */
	if (hyfw_journal_read(path, &journal, NULL) < 0 || journal->operations == 0)
		return journal && journal->damaged ? BUSINESS_DAMAGED : BUSINESS_UNFINISHED;
	if (!hyfw_journal_unfinished(journal))
		return BUSINESS_DONE;
	return journal->damaged ? BUSINESS_DAMAGED : BUSINESS_UNFINISHED;
}

static int recover_create(void *data, struct hyfw_error **err)
{
	return hyfw_worker_remove_unfinished(data, err);
}

static int recover_stack(void *data, struct hyfw_error **err)
{
	return hyfw_stack_recover(data, err);
}

/* What a damaged journal does not tell any more may be wanted: that a workload was
 * created to its end, for one.  So nothing is removed for it. */
static void report_damage(struct hyfw_recovery *recovery, bool stack, const char *name, const char *path)
{
	HYFW_AUTO_FREE char *sentence =
		stack ? hyfw_format("stack %s: %s is damaged; `hyfw down` of it removes what it still tells of",
				    name, path)
		      : hyfw_format("workload %s: %s is damaged; `hyfw rm -f %s` removes what it still tells of",
				    name, path, name);

	hyfw_strings_add(&recovery->failed, sentence);
}

static void recover_mark(struct hyfw_recovery *recovery, const char *mark)
{
	const char *name;
	HYFW_AUTO_FREE char *journal = busy_journal(mark, &name);
	HYFW_AUTO_FREE char *directory = hyfw_dup(journal);
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	const bool stack = mark[0] == 's';
	enum business business;

	if (!journal || hyfw_journal_owner(journal) != 0)
		return;
	*strrchr(directory, '/') = '\0';
	business = access(directory, F_OK) < 0 ? BUSINESS_DONE : business_of(journal);
	if (business == BUSINESS_DAMAGED)
		report_damage(recovery, stack, name, journal);
	if (business != BUSINESS_UNFINISHED) {
		hyfw_busy_remove(stack ? "stack" : "workload", name);
		return;
	}
	/* Under its lock it may turn out that somebody was only just working on it. */
	if (hyfw_guarded(stack ? recover_stack : recover_create, (void *)name, 600000, &failure) != -ESTALE)
		report(recovery, stack ? "stack" : "workload", name, failure);
}

static void recover_marks(struct hyfw_recovery *recovery, char first)
{
	HYFW_AUTO_FREE char *directory = hyfw_format("%s/busy", hyfw_context_current()->runtime);
	struct hyfw_strings marks = { 0 };
	size_t i;

	hyfw_store_names(directory, &marks, NULL);
	for (i = 0; i < marks.count; i++)
		if (marks.items[i][0] == first)
			recover_mark(recovery, marks.items[i]);
	hyfw_strings_finish(&marks);
}

/* After a reboot RUNTIME is gone with its marks: look at everything once. */
static void mark_everything(void)
{
	struct hyfw_strings names = { 0 };
	size_t i;

	hyfw_store_stacks(&names, NULL);
	for (i = 0; i < names.count; i++)
		hyfw_busy_add("stack", names.items[i], NULL);
	hyfw_strings_finish(&names);
	hyfw_store_workloads(&names, NULL);
	for (i = 0; i < names.count; i++)
		hyfw_busy_add("workload", names.items[i], NULL);
	hyfw_strings_finish(&names);
}

/* Before all else: until then a workload is known by neither name. */
static void recover_renames(struct hyfw_recovery *recovery)
{
	struct hyfw_strings names = { 0 };
	size_t i;

	hyfw_rename_list(&names);
	for (i = 0; i < names.count; i++) {
		HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

		if (hyfw_rename_finish(names.items[i], &failure) <= 0)
			report(recovery, "workload", names.items[i], failure);
	}
	hyfw_strings_finish(&names);
}

static void recover_runs(struct hyfw_recovery *recovery)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_runtime("", NULL);
	struct hyfw_strings names = { 0 };
	size_t i;

	hyfw_store_names(directory, &names, NULL);
	for (i = 0; i < names.count; i++) {
		HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

		if (!ownerless(names.items[i]))
			continue;
		/* One that is just being started or removed is nobody's business. */
		if (hyfw_recover_workload(names.items[i], &failure) <= 0)
			report(recovery, "workload", names.items[i], failure);
	}
	hyfw_strings_finish(&names);
}

/* ---- what belongs to nobody ---- */

static void running_names(struct hyfw_strings *ret_names)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_runtime("", NULL);

	hyfw_store_names(directory, ret_names, NULL);
}

/* What is taken is looked at before who runs: a workload that starts meanwhile has
 * its runtime directory before anything else. */
static void drop_leases(void)
{
	struct hyfw_pairs leases = { 0 };
	struct hyfw_strings running = { 0 };
	size_t i;

	hyfw_lease_list(NULL, &leases, NULL);
	running_names(&running);
	for (i = 0; i < leases.count; i++) {
		/* Networks hold leases as well (subnets), under "network-NAME". */
		if (strncmp(leases.items[i].value, "network-", 8) != 0 &&
		    !hyfw_strings_has(&running, leases.items[i].value))
			hyfw_lease_drop_all(leases.items[i].value, NULL);
	}
	hyfw_strings_finish(&running);
	hyfw_pairs_finish(&leases);
}

static int collect(void *data, struct hyfw_error **err)
{
	int result = hyfw_shared_collect(err);

	(void)data;
	if (result == 0)
		result = hyfw_ids_collect(err);
	drop_leases();
	return result;
}

/* ---- all of it ---- */

int hyfw_recover(bool thorough, struct hyfw_recovery *recovery, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *busy = hyfw_format("%s/busy", hyfw_context_current()->runtime);
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock("recover", "all", err);
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

	if (lock < 0)
		return -(*err)->errnum;
	if (thorough || access(busy, F_OK) < 0)
		mark_everything();
	recover_renames(recovery);
	recover_marks(recovery, 's');
	recover_runs(recovery);
	recover_marks(recovery, 'w');
	if (hyfw_guarded(collect, NULL, 0, &failure) < 0)
		hyfw_strings_add(&recovery->failed, failure->message);
	if (thorough)
		hyfw_orphans_collect(&recovery->failed);
	return 0;
}
