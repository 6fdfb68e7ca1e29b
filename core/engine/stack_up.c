/* SPDX-License-Identifier: BSD-3-Clause
 * Brings a stack up, its workloads level by level, each in a process of its own. */
#include "engine/stack_parts.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/apply.h"
#include "engine/control.h"
#include "engine/core_steps.h"
#include "engine/launch.h"
#include "engine/store.h"

/* ---- one workload ---- */

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

/* ---- all of them ---- */

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

		if (jobs[i].begun && hyfw_guard_finish(&jobs[i].guard, HYFW_STACK_CHILD_TIMEOUT_MS, &mine) < 0) {
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
		hyfw_stack_settle(journal, stack->name, &undo);
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
		result = hyfw_stack_open(stack->name, &journal, err);
	if (result < 0)
		return result;
	for (i = 0; result == 0 && i < stack->count; i++) {
		jobs[i].definition = stack->workloads[i];
		jobs[i].step_timeout_ms = stack->step_timeout_ms;
		result = judge(stack, &jobs[i], err);
	}
	if (result < 0) {
		hyfw_stack_settle(journal, stack->name, NULL);
		return result;
	}
	return up_journaled(stack, journal, jobs, report, err);
}
