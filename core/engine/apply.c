/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/apply.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/ledger.h"
#include "engine/core_steps.h"
#include "plugin/host.h"

/* What hyfw_call.core points to. */
struct place {
	struct hyfw_journal *journal;
	size_t index;
};

void hyfw_engine_init(void)
{
	static const struct hyfw_host_hooks hooks = { hyfw_plan_add, hyfw_apply_note };

	hyfw_host_set_hooks(&hooks);
}

int hyfw_apply_note(struct hyfw_call *call, const char *key, const char *value, struct hyfw_error **err)
{
	struct place *place = call->core;
	int result;

	if (!place)
		return hyfw_fail(err, EINVAL, "note() outside of a step");
	result = hyfw_journal_note(place->journal, place->index, key, value, err);
	call->record = hyfw_pairs_map(&place->journal->entries[place->index].notes);
	return result;
}

/* A call about an entry of the journal; 'step' is storage for it. */
static struct hyfw_call call_for(struct place *place, struct hyfw_step *step, struct hyfw_arena *arena)
{
	const struct hyfw_entry *entry = &place->journal->entries[place->index];
	struct hyfw_call call = { .size = sizeof(call), .step = step, .arena = arena, .netns_fd = -1 };

	memset(step, 0, sizeof(*step));
	step->size = sizeof(*step);
	step->verb = entry->verb;
	step->object = entry->object;
	step->summary = entry->object;
	step->lifetime = entry->lifetime;
	step->args = hyfw_pairs_map(&entry->args);
	call.record = hyfw_pairs_map(&entry->notes);
	call.workload = entry->workload;
	call.core = place;
	return call;
}

/* ---- undo ---- */

static int undo_by_driver(const struct hyfw_entry *entry, const struct hyfw_definition *definition,
			  struct hyfw_call *call, struct hyfw_error **err)
{
	struct hyfw_driver *driver;
	int result = definition ? hyfw_definition_driver(definition, (enum hyfw_kind)entry->kind,
							 entry->driver, &driver, err)
				: hyfw_registry_get((enum hyfw_kind)entry->kind, entry->driver, &driver, err);

	return result < 0 ? result : hyfw_driver_undo(driver, call, err);
}

static int undo_entry(struct hyfw_journal *journal, size_t index, const struct hyfw_definition *definition,
		      struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	const struct hyfw_entry *entry = &journal->entries[index];
	struct place place = { journal, index };
	struct hyfw_step step;
	struct hyfw_call call = call_for(&place, &step, arena);
	int result = entry->kind == 0 ? hyfw_core_undo(&call, entry->subject, err)
				      : undo_by_driver(entry, definition, &call, err);

	if (result < 0)
		return hyfw_wrap(err, "undo %s", entry->object);
	return hyfw_journal_undone(journal, index, err);
}

int hyfw_undo(struct hyfw_journal *journal, const struct hyfw_definition *definition, unsigned lifetime_mask,
	      unsigned operation, struct hyfw_error **err)
{
	struct hyfw_error *first = NULL;
	size_t i;
	int result;

	for (i = journal->count; i > 0; i--) {
		const struct hyfw_entry *entry = &journal->entries[i - 1];
		HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

		if (entry->state == HYFW_ENTRY_UNDONE || !(lifetime_mask & (1u << entry->lifetime)) ||
		    entry->operation < operation)
			continue;
		if (undo_entry(journal, i - 1, definition, &failure) < 0 && !first)
			first = HYFW_STEAL(failure);
	}
	if (!first)
		return 0;
	result = -first->errnum;
	if (err && !*err)
		*err = first;
	else
		hyfw_error_free(first);
	return result;
}

int hyfw_undo_some(struct hyfw_journal *journal, const struct hyfw_definition *definition,
		   bool (*which)(const struct hyfw_entry *entry, const void *data), const void *data,
		   struct hyfw_error **err)
{
	size_t i;
	int result = 0;

	for (i = journal->count; result == 0 && i > 0; i--)
		if (journal->entries[i - 1].state != HYFW_ENTRY_UNDONE && which(&journal->entries[i - 1], data))
			result = undo_entry(journal, i - 1, definition, err);
	return result;
}

/* ---- apply ---- */

/* Where somebody else has opened it, what follows the step is none of its phases. */
static void end_ledger(bool opened)
{
	if (opened)
		hyfw_ledger_close();
	else
		hyfw_ledger_mark();
}

static int do_step(struct hyfw_journal *journal, const struct hyfw_definition *definition,
		   const struct hyfw_entry *entry, hyfw_action action, void *data, struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_ERROR struct hyfw_error *undo = NULL;
	struct place place = { journal, 0 };
	struct hyfw_step step;
	struct hyfw_call call;
	int result = hyfw_journal_intent(journal, entry, &place.index, err);
	bool opened;

	if (result < 0)
		return result;
	call = call_for(&place, &step, arena);
	opened = hyfw_ledger_open();
	hyfw_ledger_mark();
	result = action(&call, data, err);
	if (result == 0) {
		result = hyfw_journal_done(journal, place.index, err);
		end_ledger(opened);
		return result;
	}
	end_ledger(opened);
	if (undo_entry(journal, place.index, definition, &undo) < 0)
		hyfw_host_table()->log(HYFW_LOG_ERROR, "%s", undo->message);
	return result;
}

int hyfw_apply(struct hyfw_journal *journal, const struct hyfw_definition *definition,
	       const struct hyfw_planned *planned, hyfw_action action, void *data, struct hyfw_error **err)
{
	/* Borrowed: the journal makes its own copies. */
	const struct hyfw_entry entry = {
		.kind = planned->kind,
		.driver = (char *)planned->driver,
		.subject = (char *)planned->subject,
		.workload = (char *)planned->workload,
		.verb = (char *)planned->step.verb,
		.object = (char *)planned->step.object,
		.lifetime = planned->step.lifetime,
		.args = { planned->step.args.count, 0, (struct hyfw_pair *)planned->step.args.items },
	};

	if (planned->step.flags & HYFW_STEP_NOTE)
		return 0;
	return do_step(journal, definition, &entry, action, data, err);
}

struct core_step {
	const struct hyfw_definition *definition;
	const char *subject;
};

static int core_action(struct hyfw_call *call, void *data, struct hyfw_error **err)
{
	const struct core_step *core = data;

	return hyfw_core_apply(call, core->definition, core->subject, err);
}

int hyfw_apply_core(struct hyfw_journal *journal, const struct hyfw_definition *definition,
		    const char *verb, const char *subject, const char *key, const char *value,
		    enum hyfw_lifetime lifetime, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *object = hyfw_format("%s %s", value, subject);
	struct hyfw_pair pair = { key, value };
	const struct hyfw_entry entry = {
		.kind = 0,
		.driver = (char *)"core",
		.subject = (char *)subject,
		.workload = definition ? definition->name : NULL,
		.verb = (char *)verb,
		.object = object,
		.lifetime = lifetime,
		.args = { 1, 0, &pair },
	};

	struct core_step core = { definition, subject };

	return do_step(journal, definition, &entry, core_action, &core, err);
}
