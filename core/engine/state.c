/* SPDX-License-Identifier: BSD-3-Clause
 * The state of a workload, put together from its definition, the journal of its
 * run and what its last run ended with. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/json.h"
#include "engine/journal.h"
#include "engine/processes.h"
#include "engine/store.h"

const char *hyfw_status_name(enum hyfw_status status)
{
	static const char *const names[] = { "created",    "starting", "running", "stopping",
					     "restarting", "exited",   "dead",	  "paused" };

	return names[status];
}

bool hyfw_status_is_up(enum hyfw_status status)
{
	return status == HYFW_STATUS_RUNNING || status == HYFW_STATUS_PAUSED;
}

/* ---- last.json ---- */

int hyfw_store_save_last(const char *name, int64_t started, int64_t finished, int status, bool oom_killed,
			 unsigned restarts, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, name, "last.json");
	struct json_object *object = json_object_new_object();
	const char *text;
	int result;

	hyfw_json_add_number(object, "started", started);
	hyfw_json_add_number(object, "finished", finished);
	hyfw_json_add_number(object, "status", status);
	hyfw_json_add_bool(object, "oom_killed", oom_killed);
	hyfw_json_add_number(object, "restarts", restarts);
	text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
	result = hyfw_file_write(path, text, strlen(text), 0600, false, err);
	json_object_put(object);
	return result;
}

static void read_last(struct hyfw_state *state, const char *name)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(false, name, "last.json");
	HYFW_AUTO_FREE char *text = NULL;
	struct json_object *object, *value;

	if (hyfw_file_read(AT_FDCWD, path, 4096, &text, NULL, NULL) < 0)
		return;
	object = json_tokener_parse(text);
	if (json_object_object_get_ex(object, "status", &value)) {
		state->status = HYFW_STATUS_EXITED;
		state->exit_status = json_object_get_int(value);
	}
	if (json_object_object_get_ex(object, "started", &value))
		state->started = json_object_get_int64(value);
	if (json_object_object_get_ex(object, "finished", &value))
		state->finished = json_object_get_int64(value);
	if (json_object_object_get_ex(object, "oom_killed", &value))
		state->oom_killed = json_object_get_boolean(value);
	if (json_object_object_get_ex(object, "restarts", &value))
		state->restarts = (unsigned)json_object_get_int64(value);
	json_object_put(object);
}

/* ---- a run's journal ---- */

static bool all_undone(const struct hyfw_journal *journal)
{
	size_t i;

	for (i = 0; i < journal->count; i++)
		if (journal->entries[i].state != HYFW_ENTRY_UNDONE)
			return false;
	return true;
}

static enum hyfw_status status_of(const struct hyfw_journal *journal, const struct hyfw_entry *start)
{
	if (journal->exited)
		return all_undone(journal) ? HYFW_STATUS_RESTARTING : HYFW_STATUS_STOPPING;
	return start && start->state == HYFW_ENTRY_DONE ? HYFW_STATUS_RUNNING : HYFW_STATUS_STARTING;
}

static void read_run(struct hyfw_state *state, const char *isolation)
{
	const struct hyfw_entry *start =
		hyfw_journal_find(state->journal, HYFW_KIND_ISOLATION, isolation, NULL, HYFW_VERB_START);
	struct hyfw_pairs record = { 0 };
	struct hyfw_map map;

	state->status = state->monitor ? status_of(state->journal, start) : HYFW_STATUS_DEAD;
	if (state->status == HYFW_STATUS_RUNNING)
		state->paused_by = hyfw_processes_marked(state->definition->name);
	if (state->paused_by)
		state->status = HYFW_STATUS_PAUSED;
	if (state->status == HYFW_STATUS_RUNNING)
		state->lacks = hyfw_processes_marked_loss(state->definition->name);
	state->started = state->journal->begin_time;
	state->restarts = state->journal->operations > 0 ? state->journal->operations - 1 : 0;
	hyfw_journal_record(state->journal, HYFW_KIND_ISOLATION, isolation, NULL, &record);
	map = hyfw_pairs_map(&record);
	state->pid = (pid_t)hyfw_map_int(&map, HYFW_NOTE_PID, 0);
	hyfw_pairs_finish(&record);
}

int hyfw_state_load(const char *name, struct hyfw_state *ret_state, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_runtime(name, "journal");
	int result;

	memset(ret_state, 0, sizeof(*ret_state));
	result = hyfw_store_definition(name, &ret_state->definition, err);
	if (result < 0)
		return result;
	/* The owner first: when it ends in between, the journal is still whole. */
	ret_state->monitor = hyfw_journal_owner(path);
	if (hyfw_journal_read(path, &ret_state->journal, NULL) == 0)
		read_run(ret_state, hyfw_definition_isolation(ret_state->definition));
	else
		read_last(ret_state, name);
	return 0;
}

void hyfw_state_finish(struct hyfw_state *state)
{
	hyfw_definition_free(state->definition);
	hyfw_journal_close(state->journal);
	free(state->paused_by);
	free(state->lacks);
	memset(state, 0, sizeof(*state));
}
