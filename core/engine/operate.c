/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw_reach_operate(): operations from outside of the monitor. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/json.h"
#include "engine/ask.h"
#include "engine/launch.h"
#include "engine/moved.h"
#include "engine/reach.h"
#include "engine/room.h"
#include "engine/worker.h"
#include "plugin/host.h"

#define LOOK_MS 100 /* how often a caller's wish to cancel is looked for */
#define RESULT_LIMIT (4u << 20)

static int take_rows(struct json_object *object, struct hyfw_arena *arena, struct hyfw_map *ret_result,
		     struct hyfw_error **err)
{
	struct json_object *rows = NULL;

	if (!json_object_object_get_ex(object, "rows", &rows) || hyfw_wire_to_map(rows, arena, ret_result) < 0)
		return hyfw_fail(err, EBADMSG, "the result of the operation is not to be understood");
	return 0;
}

/* ---- by its monitor ---- */

static int send_operation(int socket, const struct hyfw_operation *operation, struct hyfw_error **err)
{
	struct json_object *args = json_object_new_object();
	int fds[2];
	size_t count = 0;

	hyfw_json_add_text(args, "verb", operation->verb);
	hyfw_json_add_text(args, "object", operation->object);
	json_object_object_add(args, "args", hyfw_wire_map(&operation->args));
	hyfw_json_add_bool(args, "input", operation->input_fd >= 0);
	hyfw_json_add_bool(args, "output", operation->output_fd >= 0);
	if (operation->input_fd >= 0)
		fds[count++] = operation->input_fd;
	if (operation->output_fd >= 0)
		fds[count++] = operation->output_fd;
	return hyfw_ask_send(socket, "operate", args, fds, count, err);
}

static int await_monitor(int socket, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
			 struct hyfw_error **err)
{
	bool told = false;

	for (;;) {
		struct hyfw_heard heard;
		int result = hyfw_ask_hear(socket, LOOK_MS, &heard, err);

		if (result < 0 && result != -EAGAIN && result != -EINTR)
			return result;
		if (result == 0 && heard.kind == HYFW_ANSWER_PROGRESS)
			hyfw_operation_tell(operation, heard.done, heard.total);
		if (result == 0 && heard.kind == HYFW_ANSWER_RESULT) {
			result = take_rows(heard.result, operation->arena, ret_result, err);
			json_object_put(heard.result);
			return result;
		}
		if (!told && hyfw_operation_is_cancelled(operation)) {
			told = true;
			result = hyfw_ask_send(socket, "cancel", NULL, NULL, 0, err);
			if (result < 0)
				return result;
		}
	}
}

static int by_monitor(const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		      struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int socket = hyfw_wire_connect(operation->object, err);
	int result;

	if (socket < 0)
		return socket;
	result = send_operation(socket, operation, err);
	return result < 0 ? result : await_monitor(socket, operation, ret_result, err);
}

/* ---- in a child process ---- */

/* What parent and child share. */
struct shared {
	_Atomic uint64_t done, total;
	atomic_bool cancelled;
};

struct here {
	const struct hyfw_operation *operation; /* the caller's */
	struct hyfw_state *state; /* NULL: of no workload */
	struct hyfw_driver *driver;
	struct shared *shared;
	int result_fd;
	const struct hyfw_workload *workload; /* NULL; see hyfw_operation.workload */
};

static void tell_parent(const struct hyfw_operation *operation, uint64_t done, uint64_t total)
{
	const struct here *here = operation->core;

	here->shared->total = total;
	here->shared->done = done;
}

static bool parent_cancels(const struct hyfw_operation *operation)
{
	const struct here *here = operation->core;

	return here->shared->cancelled;
}

static int write_rows(int fd, const struct hyfw_map *rows, struct hyfw_error **err)
{
	struct json_object *object = json_object_new_object();
	const char *text;
	int result;

	json_object_object_add(object, "rows", hyfw_wire_map(rows));
	text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN);
	result = hyfw_write_all(fd, text, strlen(text));
	json_object_put(object);
	return result < 0 ? hyfw_fail_errno(err, -result, "hand the result over") : 0;
}

static int operate(struct here *here, struct hyfw_error **err)
{
	struct hyfw_operation operation = *here->operation;
	struct hyfw_pairs record = { 0 };
	struct hyfw_map rows = { 0 }, map;
	int result;

	if (here->state && here->state->journal)
		hyfw_journal_record(here->state->journal, HYFW_KIND_ISOLATION,
				    hyfw_definition_isolation(here->state->definition), NULL, &record);
	map = hyfw_pairs_map(&record);
	operation.progress = tell_parent;
	operation.cancelled = parent_cancels;
	operation.core = here;
	operation.workload = here->workload;
	result = hyfw_isolation_operate(here->driver, &map, &operation, &rows, err);
	if (result == 0)
		result = write_rows(here->result_fd, &rows, err);
	hyfw_pairs_finish(&record);
	return result;
}

/* Its disks are held and its interfaces known meanwhile, as in a run. */
static int operate_prepared(struct here *here, struct hyfw_worker *worker, struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	HYFW_AUTO_ERROR struct hyfw_error *undo = NULL;
	struct hyfw_workload workload;
	int result = hyfw_moved_permit(worker->definition, here->operation, err); /* before its disks are touched */

	if (result == 0)
		result = hyfw_worker_prepare(worker, arena, &workload, err);
	if (result < 0)
		return result;
	if (hyfw_moved_by(here->operation))
		result = hyfw_moved_mark(worker->definition, here->operation, err);
	here->workload = &workload;
	if (result == 0)
		result = operate(here, err);
	here->workload = NULL;
	if (result < 0 && hyfw_moved_by(here->operation))
		hyfw_moved_forget(worker->definition->name);
	if (hyfw_worker_bring_down(worker, &undo) < 0)
		hyfw_host_table()->log(HYFW_LOG_ERROR, "%s", undo->message);
	return result;
}

static bool wants_workload(const struct here *here)
{
	return strcmp(here->operation->verb, "migrate") == 0 &&
	       hyfw_map_bool(&here->operation->args, "offline", false);
}

/* With the claim on its name, as somebody who runs it: nobody can start it. */
static int in_child(void *data, struct hyfw_error **err)
{
	struct here *here = data;
	struct hyfw_definition *definition;
	struct hyfw_worker worker;
	HYFW_AUTO_CLOSE int lock = -1;
	int result;

	if (!here->state || here->state->journal)
		return operate(here, err);
	definition = here->state->definition;
	lock = hyfw_store_lock("workload", definition->name, err);
	if (lock < 0)
		return lock;
	result = hyfw_worker_open(&worker, definition, err);
	if (result == 0)
		result = wants_workload(here) ? operate_prepared(here, &worker, err) : operate(here, err);
	hyfw_worker_close(&worker);
	return result;
}

static int await_child(struct hyfw_guard *guard, const struct here *here, struct hyfw_error **err)
{
	struct pollfd wait = { .fd = guard->socket, .events = POLLIN };

	while (poll(&wait, 1, LOOK_MS) <= 0) {
		if (here->shared->done || here->shared->total)
			hyfw_operation_tell(here->operation, here->shared->done, here->shared->total);
		if (hyfw_operation_is_cancelled(here->operation))
			here->shared->cancelled = true;
	}
	return hyfw_guard_finish(guard, 0, err);
}

static int read_rows(const struct here *here, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *text = NULL, *path = hyfw_format("/proc/self/fd/%d", here->result_fd);
	struct json_object *object;
	int result = hyfw_file_read(AT_FDCWD, path, RESULT_LIMIT, &text, NULL, err);

	if (result < 0)
		return result;
	object = json_tokener_parse(text);
	result = take_rows(object, here->operation->arena, ret_result, err);
	json_object_put(object);
	return result;
}

static int by_child(struct here *here, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int result_fd = memfd_create("hyfw-result", MFD_CLOEXEC);
	struct hyfw_guard guard;
	int result;

	here->shared = mmap(NULL, sizeof(*here->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (here->shared == MAP_FAILED || result_fd < 0)
		return hyfw_fail_errno(err, errno, "memory for the result");
	here->result_fd = result_fd;
	result = hyfw_guard_begin(&guard, in_child, here, err);
	if (result == 0)
		result = await_child(&guard, here, err);
	munmap(here->shared, sizeof(*here->shared));
	return result < 0 ? result : read_rows(here, ret_result, err);
}

/* ---- either ---- */

static int by_its_holder(struct here *here, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	if (hyfw_status_is_up(here->state->status) && hyfw_driver_can(here->driver, HYFW_HELD_BY_MONITOR))
		return by_monitor(here->operation, ret_result, err);
	return by_child(here, ret_result, err);
}

static int choose(struct here *here, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	const struct hyfw_state *state = here->state;
	const struct hyfw_definition *definition = state->definition;
	int result;

	if (!hyfw_status_is_up(state->status) && state->status != HYFW_STATUS_CREATED && state->status != HYFW_STATUS_EXITED)
		return hyfw_fail(err, EBUSY, "it is %s; try again", hyfw_status_name(state->status));
	result = hyfw_definition_driver(definition, HYFW_KIND_ISOLATION, hyfw_definition_isolation(definition),
					&here->driver, err);
	if (result < 0)
		return result;
	if (strcmp(here->operation->verb, "snapshot-create") != 0)
		return by_its_holder(here, ret_result, err);
	result = hyfw_room_reserve(state, here->operation, err);
	if (result == 0)
		result = by_its_holder(here, ret_result, err);
	hyfw_room_release(state);
	return result;
}

int hyfw_reach_operate(const char *name, struct hyfw_operation *operation, struct hyfw_map *ret_result,
		       struct hyfw_error **err)
{
	struct hyfw_state state;
	struct here here = { .operation = operation, .state = &state };
	int result = hyfw_state_load(name, &state, err);

	operation->size = sizeof(*operation);
	operation->object = name;
	if (result == 0) {
		result = choose(&here, ret_result, err);
		if (result < 0)
			hyfw_wrap(err, "workload %s", name);
	}
	hyfw_state_finish(&state);
	return result;
}

int hyfw_reach_driver(struct hyfw_driver *driver, struct hyfw_operation *operation, struct hyfw_map *ret_result,
		      struct hyfw_error **err)
{
	struct here here = { .operation = operation, .driver = driver };

	operation->size = sizeof(*operation);
	return by_child(&here, ret_result, err);
}
