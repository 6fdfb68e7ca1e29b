/* SPDX-License-Identifier: BSD-3-Clause
 * Bringing stacks up and down; the order of their workloads is in order.c. */
#include "engine/stack.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "config/check.h"
#include "engine/apply.h"
#include "engine/control.h"
#include "engine/core_steps.h"
#include "engine/launch.h"
#include "engine/order.h"
#include "engine/store.h"

/* A workload's own steps are timed by its launcher; this is only for a child
 * process that does not even get that far. */
#define CHILD_TIMEOUT_MS 3600000u

/* ---- from the configuration ---- */

int hyfw_stack_new(const struct hyfw_config *config, struct hyfw_stack *ret_stack, struct hyfw_error **err)
{
	const struct hyfw_config_section *core = hyfw_config_find(config, "hyfw", "");
	struct hyfw_config_section *section;
	size_t cursor = 0;
	int result = 0;

	memset(ret_stack, 0, sizeof(*ret_stack));
	ret_stack->name = hyfw_dup(hyfw_config_stack_name(config));
	if (core)
		ret_stack->step_timeout_ms = (unsigned)hyfw_map_int(&core->map, "step_timeout", 0);
	while (result == 0 && (section = hyfw_config_next(config, "workload", &cursor))) {
		struct hyfw_definition *definition = NULL;

		result = hyfw_definition_new(config, section, &definition, err);
		if (result < 0)
			break;
		ret_stack->workloads = hyfw_grow(ret_stack->workloads, ret_stack->count + 1,
						 sizeof(*ret_stack->workloads));
		ret_stack->workloads[ret_stack->count++] = definition;
		result = hyfw_definition_add_image_defaults(definition, err);
	}
	if (result == 0)
		result = hyfw_order(ret_stack->workloads, ret_stack->count, &ret_stack->levels, err);
	if (result == 0)
		result = hyfw_config_require_drivers(config, err);
	if (result < 0)
		hyfw_stack_finish(ret_stack);
	return result;
}

void hyfw_stack_finish(struct hyfw_stack *stack)
{
	size_t i;

	for (i = 0; i < stack->count; i++)
		hyfw_definition_free(stack->workloads[i]);
	free(stack->workloads);
	free(stack->levels);
	free(stack->name);
	memset(stack, 0, sizeof(*stack));
}

/* ---- journal ---- */

/* The lock covers the moment in which a new stack has no owner yet and would look
 * like one that a crash left; recover holds it as long as it works. */
static int open_stack(const char *name, struct hyfw_journal **ret_journal, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_stack(name, NULL);
	HYFW_AUTO_FREE char *path = hyfw_path_stack(name, "journal");
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock("stack", name, err);
	int result;

	if (lock < 0)
		return -(*err)->errnum;
	hyfw_busy_add("stack", name, NULL);
	result = hyfw_make_directories(directory, 0700, err);
	if (result == 0)
		result = hyfw_journal_open(path, true, ret_journal, err);
	return result < 0 ? hyfw_wrap(err, "stack %s", name) : 0;
}

/* Removes the stack when none of its workloads is left, else commits what is. */
static int settle(struct hyfw_journal *journal, const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_stack(name, NULL);
	int result = hyfw_journal_live(journal) > 0 ? hyfw_journal_commit(journal, err)
						: hyfw_remove_tree(AT_FDCWD, directory, err);

	if (result == 0)
		hyfw_busy_remove("stack", name);
	return result;
}

/* ---- up: one workload, in a process of its own ---- */

enum need { NEED_NOTHING, NEED_START, NEED_CREATE, NEED_REPLACE };

struct job {
	struct hyfw_definition *definition;
	enum need need;
	unsigned step_timeout_ms;
	struct hyfw_guard guard;
	bool begun;
};

/* Or will by itself, as its restart policy wants. */
static bool keeps_running(const struct hyfw_state *state)
{
	const char *restart = hyfw_definition_get(state->definition, "restart");

	return hyfw_status_is_up(state->status) || state->status == HYFW_STATUS_STARTING ||
	       state->status == HYFW_STATUS_RESTARTING ||
	       (state->status == HYFW_STATUS_STOPPING && restart && strcmp(restart, "no") != 0);
}

static int judge(const struct hyfw_stack *stack, struct job *job, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, job->definition->name, NULL);
	HYFW_AUTO_FREE char *transient = hyfw_path_runtime(job->definition->name, NULL);
	struct hyfw_state state;
	const char *theirs;
	int result;

	job->need = NEED_CREATE;
	if (access(path, F_OK) < 0 && access(transient, F_OK) < 0)
		return 0;
	result = hyfw_state_load(job->definition->name, &state, err);
	if (result < 0)
		return result;
	theirs = state.definition->stack;
	if (!theirs || strcmp(theirs, stack->name) != 0)
		result = hyfw_fail(err, EEXIST, "the name %s is taken by a workload of %s%s; choose another name",
				   job->definition->name, theirs ? "stack " : "nobody's stack",
				   theirs ? theirs : "");
	else if (!hyfw_definition_equal(state.definition, job->definition))
		job->need = NEED_REPLACE;
	else
		job->need = keeps_running(&state) ? NEED_NOTHING : NEED_START;
	job->definition->idmap = state.definition->idmap;
	hyfw_state_finish(&state);
	return result;
}

static int bring_up_one(void *data, struct hyfw_error **err)
{
	struct job *job = data;
	const struct hyfw_launch launch = { .step_timeout_ms = job->step_timeout_ms };
	struct hyfw_launched launched = { .socket = -1 };
	int result = 0;

	if (job->need == NEED_CREATE || job->need == NEED_REPLACE)
		result = hyfw_workload_create(job->definition, job->step_timeout_ms, err);
	if (result == 0)
		result = hyfw_launch(job->definition, &launch, &launched, err);
	hyfw_launched_close(&launched);
	return result;
}

/* The entry of the workload that is replaced goes with it. */
static int take_old_down(struct hyfw_journal *journal, const char *name, struct hyfw_error **err)
{
	struct hyfw_entry *entry = hyfw_journal_find(journal, 0, "core", name, HYFW_CORE_WORKLOAD);
	int result = hyfw_workload_take_down(name, err);

	if (result == 0 && entry)
		result = hyfw_journal_undone(journal, (size_t)(entry - journal->entries), err);
	return result;
}

static int begin_job(struct hyfw_journal *journal, struct job *job, struct hyfw_error **err)
{
	const bool create = job->need != NEED_START;
	int result = 0;

	if (job->need == NEED_REPLACE)
		result = take_old_down(journal, job->definition->name, err);
	if (result == 0)
		result = hyfw_apply_core(journal, NULL, create ? HYFW_CORE_WORKLOAD : HYFW_CORE_RUN,
					 job->definition->name, "what", "workload", HYFW_LIFETIME_SHARED, err);
	if (result == 0)
		result = hyfw_guard_begin(&job->guard, bring_up_one, job, err);
	job->begun = result == 0;
	return result;
}

/* ---- up ---- */

static const char *report_word(enum need need)
{
	return need == NEED_NOTHING ? "running" : need == NEED_REPLACE ? "replaced" : "started";
}

int hyfw_stack_foresee(const struct hyfw_stack *stack, hyfw_stack_report report, struct hyfw_error **err)
{
	int result = 0;
	size_t i;

	for (i = 0; result == 0 && i < stack->count; i++) {
		struct job job = { .definition = stack->workloads[i] };

		result = judge(stack, &job, err);
		if (result == 0)
			report(job.definition->name, report_word(job.need));
	}
	return result;
}

/* All workloads of one level, side by side. */
static int up_level(struct hyfw_journal *journal, struct job *jobs, size_t count, hyfw_stack_report report,
		    struct hyfw_error **err)
{
	struct hyfw_error *failure = NULL;
	size_t i;

	for (i = 0; i < count && !failure; i++)
		if (jobs[i].need != NEED_NOTHING)
			begin_job(journal, &jobs[i], &failure);
	for (i = 0; i < count; i++) {
		HYFW_AUTO_ERROR struct hyfw_error *mine = NULL;

		if (jobs[i].begun && hyfw_guard_finish(&jobs[i].guard, CHILD_TIMEOUT_MS, &mine) < 0) {
			if (!failure)
				failure = HYFW_STEAL(mine);
		} else if (!failure && report) {
			report(jobs[i].definition->name, report_word(jobs[i].need));
		}
	}
	if (!failure)
		return 0;
	*err = failure;
	return -failure->errnum;
}

static int up_levels(const struct hyfw_stack *stack, struct hyfw_journal *journal, struct job *jobs,
		     hyfw_stack_report report, struct hyfw_error **err)
{
	size_t from = 0, to;
	int result = 0;

	while (result == 0 && from < stack->count) {
		for (to = from; to < stack->count && stack->levels[to] == stack->levels[from]; to++)
			continue;
		result = up_level(journal, jobs + from, to - from, report, err);
		from = to;
	}
	return result;
}

/* What went wrong first is said first; its exit status stays. */
static void add_undo_failure(const struct hyfw_error *undo, struct hyfw_error **err)
{
	char *both = hyfw_format("%s; and it could not be undone: %s", (*err)->message, undo->message);

	free((*err)->message);
	(*err)->message = both;
}

static int up_journaled(const struct hyfw_stack *stack, struct hyfw_journal *journal, struct job *jobs,
			hyfw_stack_report report, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *undo = NULL;
	int result = hyfw_journal_begin(journal, "up", err);

	if (result == 0)
		result = up_levels(stack, journal, jobs, report, err);
	if (result == 0) {
		result = hyfw_journal_commit(journal, err);
		if (result == 0)
			hyfw_busy_remove("stack", stack->name);
		return result;
	}
	if (hyfw_undo(journal, NULL, HYFW_ALL_LIFETIMES, journal->operations, &undo) < 0)
		add_undo_failure(undo, err);
	else
		settle(journal, stack->name, &undo);
	return result;
}

int hyfw_stack_up(const struct hyfw_stack *stack, hyfw_stack_report report, struct hyfw_error **err)
{
	HYFW_AUTO_FREE struct job *jobs = hyfw_new((stack->count + 1) * sizeof(*jobs));
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	size_t i;
	/* Without the mark a crash would not be found; going down does not wait for that. */
	int result = hyfw_busy_add("stack", stack->name, err);

	if (result == 0)
		result = open_stack(stack->name, &journal, err);
	if (result < 0)
		return result;
	for (i = 0; result == 0 && i < stack->count; i++) {
		jobs[i].definition = stack->workloads[i];
		jobs[i].step_timeout_ms = stack->step_timeout_ms;
		result = judge(stack, &jobs[i], err);
	}
	if (result < 0) {
		settle(journal, stack->name, NULL);
		return result;
	}
	return up_journaled(stack, journal, jobs, report, err);
}

/* ---- down ---- */

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
				hyfw_guard_finish(&guards[i], CHILD_TIMEOUT_MS, NULL);
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
	return result < 0 ? result : settle(journal, name, err);
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
	result = open_stack(name, &journal, err);
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
		return settle(journal, name, err);
	if (journal->operation && strcmp(journal->operation, "down") == 0)
		return finish_down(journal, name, err);
	result = hyfw_undo(journal, NULL, HYFW_ALL_LIFETIMES, journal->operations, err);
	return result < 0 ? result : settle(journal, name, err);
}
