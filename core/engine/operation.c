/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/operation.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "engine/moved.h"
#include "engine/serve_parts.h"

#define NEWS_US 100000u   /* between two tellings of progress */
#define END_MS 10000      /* for an operation to find that its workload has ended */

struct hyfw_work {
	struct hyfw_operation operation;
	struct hyfw_driver *driver;
	struct hyfw_map record; /* in the arena, as all that 'operation' points to */
	struct hyfw_client *client; /* NULL: nobody waits for it any more */
	bool *stopped; /* of the run, struct hyfw_served */
	pthread_t thread;
	int news;

	/* Between the threads. */
	_Atomic uint64_t done, total;
	atomic_bool cancelled, finished;

	const struct hyfw_definition *definition;

	/* The thread's until it has finished. */
	uint64_t told_us;
	int result;
	struct hyfw_map rows;
	struct hyfw_error *failure;
};

int hyfw_work_news(const struct hyfw_work *work)
{
	return work->news;
}

/* ---- in the thread ---- */

static void wake(const struct hyfw_work *work)
{
	const uint64_t one = 1;

	if (write(work->news, &one, sizeof(one)) < 0)
		return; /* the counter is full: awake anyway */
}

static void on_progress(const struct hyfw_operation *operation, uint64_t done, uint64_t total)
{
	struct hyfw_work *work = operation->core;
	const uint64_t now = hyfw_now_us();

	work->done = done;
	work->total = total;
	if (now - work->told_us < NEWS_US)
		return;
	work->told_us = now;
	wake(work);
}

static bool is_cancelled(const struct hyfw_operation *operation)
{
	const struct hyfw_work *work = operation->core;

	return work->cancelled;
}

static void *run(void *data)
{
	struct hyfw_work *work = data;

	work->result = hyfw_isolation_operate(work->driver, &work->record, &work->operation, &work->rows,
					      &work->failure);
	work->finished = true;
	wake(work);
	return NULL;
}

/* ---- beginning ---- */

static void free_work(struct hyfw_work *work)
{
	struct hyfw_arena *arena = work->operation.arena;

	hyfw_cleanup_close(&work->news);
	hyfw_cleanup_close(&work->operation.input_fd);
	hyfw_cleanup_close(&work->operation.output_fd);
	hyfw_error_free(work->failure);
	hyfw_arena_free(arena);
	free(work);
}

static struct hyfw_map copy_map(const struct hyfw_map *map, struct hyfw_arena *arena)
{
	struct hyfw_pair *items = hyfw_arena_alloc(arena, map->count * sizeof(*items));
	size_t i;

	for (i = 0; i < map->count; i++) {
		items[i].key = hyfw_arena_dup(arena, map->items[i].key);
		items[i].value = hyfw_arena_dup(arena, map->items[i].value);
	}
	return (struct hyfw_map){ map->count, items };
}

static bool wants(struct json_object *args, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(args, key, &value) && json_object_get_boolean(value);
}

static int read_question(struct hyfw_work *work, struct hyfw_question *question, struct hyfw_error **err)
{
	struct hyfw_operation *operation = &work->operation;
	const char *verb = hyfw_json_text(question->args, "verb");
	const char *object = hyfw_json_text(question->args, "object");
	struct json_object *args = NULL;
	size_t next = 0;

	json_object_object_get_ex(question->args, "args", &args);
	if (!verb || !*verb || !object || hyfw_wire_to_map(args, operation->arena, &operation->args) < 0)
		return hyfw_fail(err, EINVAL, "operate: its arguments are not whole");
	operation->verb = hyfw_arena_dup(operation->arena, verb);
	operation->object = hyfw_arena_dup(operation->arena, object);
	if (wants(question->args, "input"))
		operation->input_fd = hyfw_steal_fd(&question->fds[next++]);
	if (wants(question->args, "output"))
		operation->output_fd = hyfw_steal_fd(&question->fds[next++]);
	return 0;
}

/* Signals are for the main thread's descriptor. */
static int start_thread(struct hyfw_work *work)
{
	sigset_t all, before;
	int result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = pthread_create(&work->thread, NULL, run, work);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return result;
}

/* One that moves away is marked so first, see moved.h. */
static int begin(struct hyfw_work *work, struct hyfw_question *question, struct hyfw_error **err)
{
	int result = read_question(work, question, err);

	if (result == 0)
		result = hyfw_moved_permit(work->definition, &work->operation, err);
	if (result == 0 && hyfw_moved_by(&work->operation))
		result = hyfw_moved_mark(work->definition, &work->operation, err);
	if (result < 0)
		return result;
	if (work->news < 0 || (result = -start_thread(work)) < 0) {
		result = hyfw_fail_errno(err, result < 0 ? -result : errno, "%s: thread", work->operation.verb);
		if (hyfw_moved_by(&work->operation))
			hyfw_moved_forget(work->definition->name);
	}
	return result;
}

int hyfw_work_begin(struct hyfw_question *question, const struct hyfw_map *record, struct hyfw_error **err)
{
	struct hyfw_answer *answer = question->serve->answer;
	struct hyfw_work *work;
	int result;

	if (answer->work)
		return hyfw_fail(err, EBUSY, "it is busy with %s", answer->work->operation.verb);
	work = hyfw_new(sizeof(*work));
	work->operation.size = sizeof(work->operation);
	work->operation.arena = hyfw_arena_new();
	work->operation.input_fd = work->operation.output_fd = -1;
	work->operation.progress = on_progress;
	work->operation.cancelled = is_cancelled;
	work->operation.core = work;
	work->driver = question->serve->worker->isolation;
	work->definition = question->serve->worker->definition;
	work->record = copy_map(record, work->operation.arena);
	work->client = question->client;
	work->stopped = &question->serve->served->stopped;
	work->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	result = begin(work, question, err);
	if (result < 0) {
		free_work(work);
		return result;
	}
	answer->work = work;
	question->later = true;
	return 0;
}

/* ---- in the main thread ---- */

void hyfw_work_cancel(struct hyfw_work *work)
{
	work->cancelled = true;
}

void hyfw_work_cancel_of(struct hyfw_work *work, const struct hyfw_client *client)
{
	if (work->client == client)
		hyfw_work_cancel(work);
}

void hyfw_work_orphan(struct hyfw_work *work, const struct hyfw_client *client)
{
	hyfw_work_cancel_of(work, client);
	if (work->client == client)
		work->client = NULL;
}

/* One that does not fit is left out, the next one tells more. */
static void tell_progress(const struct hyfw_work *work)
{
	struct json_object *body = json_object_new_object(), *array = json_object_new_array();

	json_object_array_add(array, json_object_new_uint64(work->done));
	json_object_array_add(array, json_object_new_uint64(work->total));
	json_object_object_add(body, "progress", array);
	hyfw_wire_send(work->client->socket, body, NULL, 0, 0);
	json_object_put(body);
}

/* Somebody asked for the end that these bring, so no restart policy undoes it. */
static bool ends_workload(const struct hyfw_work *work)
{
	const struct hyfw_operation *operation = &work->operation;

	if (work->result < 0)
		return false;
	return strcmp(operation->verb, "save") == 0 ||
	       (strcmp(operation->verb, "migrate") == 0 && !hyfw_map_bool(&operation->args, "check", false));
}

static void end(struct hyfw_answer *answer)
{
	struct hyfw_work *work = answer->work;
	struct json_object *result = json_object_new_object();

	answer->work = NULL;
	pthread_join(work->thread, NULL);
	if (work->result < 0 && hyfw_moved_by(&work->operation))
		hyfw_moved_forget(work->definition->name);
	if (ends_workload(work))
		*work->stopped = true;
	if (work->result == 0)
		json_object_object_add(result, "rows", hyfw_wire_map(&work->rows));
	if (work->client)
		hyfw_answer_send(work->client, result, work->failure);
	else
		json_object_put(result);
	free_work(work);
}

void hyfw_work_on_news(struct hyfw_answer *answer)
{
	struct hyfw_work *work = answer->work;
	uint64_t count;

	if (read(work->news, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	if (work->finished)
		end(answer);
	else if (work->client)
		tell_progress(work);
}

void hyfw_work_finish(struct hyfw_answer *answer)
{
	struct hyfw_work *work = answer->work;
	struct pollfd wait = { .fd = work->news, .events = POLLIN };
	uint64_t left_us = END_MS * 1000u;
	const uint64_t until = hyfw_now_us() + left_us;

	while (answer->work) {
		const uint64_t now = hyfw_now_us();

		if (now >= until)
			work->cancelled = true;
		if (poll(&wait, 1, now < until ? (int)((until - now) / 1000 + 1) : -1) > 0)
			hyfw_work_on_news(answer);
	}
}
