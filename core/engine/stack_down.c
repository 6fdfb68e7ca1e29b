/* SPDX-License-Identifier: BSD-3-Clause
 * Takes a stack down, and finishes what a crash left of one. */
#include "engine/stack_parts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/apply.h"
#include "engine/control.h"
#include "engine/core_steps.h"
#include "engine/launch.h"
#include "engine/order.h"
#include "engine/store.h"

static int stop_one(void *data, struct hyfw_error **err)
{
	return hyfw_workload_stop(data, -1, err);
}

/* Stops the workloads level by level from the top, so that the undo that follows
 * finds them ended. */
static void stop_levels(struct hyfw_definition **workloads, const unsigned *levels, size_t count)
{
	struct hyfw_guard *guards = hyfw_new((count + 1) * sizeof(*guards));
	size_t to = count, from, i;

	while (to > 0) {
		for (from = to; from > 0 && levels[from - 1] == levels[to - 1]; from--)
			if (hyfw_guard_begin(&guards[from - 1], stop_one, workloads[from - 1]->name, NULL) < 0)
				guards[from - 1].pid = 0;
		for (i = from; i < to; i++)
			if (guards[i].pid > 0)
				hyfw_guard_finish(&guards[i], HYFW_STACK_CHILD_TIMEOUT_MS, NULL);
		to = from;
	}
	free(guards);
}

static bool is_workload(const struct hyfw_entry *entry)
{
	return entry->state != HYFW_ENTRY_UNDONE && strcmp(entry->verb, HYFW_CORE_WORKLOAD) == 0;
}

static void stop_all(const struct hyfw_journal *journal)
{
	struct hyfw_definition **workloads = hyfw_new((journal->count + 1) * sizeof(*workloads));
	HYFW_AUTO_FREE unsigned *levels = NULL;
	size_t i, count = 0;

	for (i = 0; i < journal->count; i++)
		if (is_workload(&journal->entries[i]) &&
		    hyfw_store_definition(journal->entries[i].subject, &workloads[count], NULL) == 0)
			count++;
	if (hyfw_order(workloads, count, &levels, NULL) == 0)
		stop_levels(workloads, levels, count);
	for (i = 0; i < count; i++)
		hyfw_definition_free(workloads[i]);
	free(workloads);
}

static int finish_down(struct hyfw_journal *journal, const char *name, struct hyfw_error **err)
{
	int result;

	stop_all(journal);
	result = hyfw_undo(journal, NULL, HYFW_ALL_LIFETIMES, 0, err);
	return result < 0 ? result : hyfw_stack_settle(journal, name, err);
}

int hyfw_stack_down(const char *name, hyfw_stack_report report, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_stack(name, "journal");
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	HYFW_AUTO_FREE bool *was_there = NULL;
	size_t i;
	int result;

	if (access(path, F_OK) < 0)
		return 0;
	result = hyfw_stack_open(name, &journal, err);
	if (result < 0)
		return result;
	was_there = hyfw_new((journal->count + 1) * sizeof(*was_there));
	for (i = 0; i < journal->count; i++)
		was_there[i] = is_workload(&journal->entries[i]);
	result = hyfw_journal_resume(journal, "down", err);
	if (result == 0)
		result = finish_down(journal, name, err);
	for (i = 0; result == 0 && report && i < journal->count; i++)
		if (was_there[i])
			report(journal->entries[i].subject, "removed");
	return result < 0 ? hyfw_wrap(err, "stack %s", name) : 0;
}

int hyfw_stack_recover(const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_stack(name, "journal");
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock("stack", name, err);
	int result;

	if (lock < 0)
		return -(*err)->errnum;
	if (hyfw_journal_owner(path) != 0)
		return hyfw_fail(err, ESTALE, "there is nothing to recover");
	result = hyfw_journal_open(path, true, &journal, err);
	if (result < 0)
		return hyfw_wrap(err, "stack %s", name);
	if (!hyfw_journal_unfinished(journal))
		return hyfw_stack_settle(journal, name, err);
	if (journal->operation && strcmp(journal->operation, "down") == 0)
		return finish_down(journal, name, err);
	result = hyfw_undo(journal, NULL, HYFW_ALL_LIFETIMES, journal->operations, err);
	return result < 0 ? result : hyfw_stack_settle(journal, name, err);
}
