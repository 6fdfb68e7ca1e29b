/* SPDX-License-Identifier: BSD-3-Clause
 * What the requests on a monitor's control socket do.  Those about the running thing
 * end in its driver; that of other drivers is asked by the clients themselves. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "engine/autostart.h"
#include "engine/operation.h"
#include "engine/plug.h"
#include "engine/serve_parts.h"
#include "engine/store.h"

static int64_t number(const struct hyfw_question *question, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(question->args, key, &value) ? json_object_get_int64(value) : 0;
}

static bool truth(const struct hyfw_question *question, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(question->args, key, &value) && json_object_get_boolean(value);
}

/* ---- the driver ---- */

/* signal, all */
static int on_signal(struct hyfw_question *question, const struct hyfw_map *record, struct hyfw_error **err)
{
	return hyfw_isolation_signal(question->serve->worker->isolation, record,
				     (int)number(question, "signal"), truth(question, "all"), err);
}

/* -> stats */
static int on_stats(struct hyfw_question *question, const struct hyfw_map *record, struct hyfw_error **err)
{
	struct hyfw_stats stats = { .size = sizeof(stats) };
	int result;

	hyfw_stats_init(&stats);
	result = hyfw_isolation_stats(question->serve->worker->isolation, record, &stats, err);
	if (result == 0)
		json_object_object_add(question->result, "stats", hyfw_wire_stats(&stats));
	return result;
}

/* -> facts */
static int on_describe(struct hyfw_question *question, const struct hyfw_map *record, struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	struct hyfw_map facts = { 0 };
	int result = hyfw_isolation_describe(question->serve->worker->isolation, record, arena, &facts, err);

	if (result == 0)
		json_object_object_add(question->result, "facts", hyfw_wire_map(&facts));
	return result;
}

static int on_pause(struct hyfw_question *question, const struct hyfw_map *record, struct hyfw_error **err)
{
	(void)record;
	return hyfw_serve_pause(question->serve, true, err);
}

static int on_resume(struct hyfw_question *question, const struct hyfw_map *record, struct hyfw_error **err)
{
	(void)record;
	return hyfw_serve_pause(question->serve, false, err);
}

/* verb, object, args; descriptors: input and output, where "input" and "output" say so */
static int on_operate(struct hyfw_question *question, const struct hyfw_map *record, struct hyfw_error **err)
{
	return hyfw_work_begin(question, record, err);
}

static int on_cancel(struct hyfw_question *question, const struct hyfw_map *record, struct hyfw_error **err)
{
	(void)record;
	(void)err;
	if (question->serve->answer->work)
		hyfw_work_cancel_of(question->serve->answer->work, question->client);
	question->later = true; /* what is cancelled answers */
	return 0;
}

/* ---- its standard files ---- */

/* size: rows << 16 | columns */
static int on_resize(struct hyfw_question *question, const struct hyfw_map *record, struct hyfw_error **err)
{
	(void)record;
	(void)err;
	hyfw_serve_resize(question->serve, (int)number(question, "size"));
	return 0;
}

/* Only pipes and sockets: their other end is the client's, and what is written there
 * goes nowhere else. */
static bool is_stream(int fd)
{
	struct stat status;

	return fd >= 0 && fstat(fd, &status) == 0 && (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) &&
	       fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
}

/* input; descriptors: for stdout, for stderr, with "input" one that is read
 * -> terminal, input: whether it has a terminal, whether it takes input */
static int on_attach(struct hyfw_question *question, const struct hyfw_map *record, struct hyfw_error **err)
{
	struct hyfw_client *client = question->client;
	const struct hyfw_serve *serve = question->serve;
	const bool takes = hyfw_serve_input_target(serve) >= 0;
	int i;

	(void)record;
	if (client->attached || !is_stream(question->fds[0]) || !is_stream(question->fds[1]) ||
	    (truth(question, "input") && !is_stream(question->fds[2])))
		return hyfw_fail(err, EINVAL, "attach: not the descriptors for it");
	client->attached = true;
	for (i = 0; i < 2; i++)
		client->output[i] = hyfw_steal_fd(&question->fds[i]);
	if (truth(question, "input") && takes)
		client->input = hyfw_steal_fd(&question->fds[2]);
	hyfw_json_add_bool(question->result, "terminal", serve->worker->running.console_fd >= 0);
	hyfw_json_add_bool(question->result, "input", takes);
	return 0;
}

/* ---- the definition ---- */

/* It was changed where it is stored: the next run is after the new one. */
static int on_reload(struct hyfw_question *question, const struct hyfw_map *record, struct hyfw_error **err)
{
	struct hyfw_definition *mine = question->serve->worker->definition;
	HYFW_AUTO_DEFINITION struct hyfw_definition *stored = NULL;
	struct hyfw_pairs old;
	int result = hyfw_store_definition(mine->name, &stored, err);

	(void)record;
	if (result < 0)
		return result;
	old = mine->settings;
	mine->settings = stored->settings;
	stored->settings = old;
	hyfw_autostart_mark(mine);
	return 0;
}

/* add (a definition with one disk or network), or disk or network to be taken away */
static int on_plug(struct hyfw_question *question, const struct hyfw_map *record, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *add = NULL;
	struct hyfw_device_change change = { .disk = hyfw_json_text(question->args, "disk"),
					     .network = hyfw_json_text(question->args, "network") };
	const char *definition = hyfw_json_text(question->args, "add");
	int result = definition ? hyfw_definition_from_json(definition, &add, err) : 0;

	(void)record;
	if (result < 0)
		return result;
	change.add = add;
	if (!!add + !!change.disk + !!change.network != 1)
		return hyfw_fail(err, EINVAL, "plug: not the arguments for it");
	result = hyfw_plug(question->serve->worker, &change, err);
	hyfw_registry_rest();
	malloc_trim(0); /* a monitor is to stay small */
	return result;
}

/* ---- all of them ---- */

static const struct {
	const char *word;
	int (*handle)(struct hyfw_question *question, const struct hyfw_map *record, struct hyfw_error **err);
} requests[] = {
	{ "attach", on_attach },
	{ "cancel", on_cancel },
	{ "describe", on_describe },
	{ "operate", on_operate },
	{ "pause", on_pause },
	{ "plug", on_plug },
	{ "reload", on_reload },
	{ "resize", on_resize },
	{ "resume", on_resume },
	{ "signal", on_signal },
	{ "stats", on_stats },
};

int hyfw_request(struct hyfw_question *question, const char *request, struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < HYFW_COUNT(requests); i++) {
		struct hyfw_pairs record;
		struct hyfw_map map;
		int result;

		if (strcmp(requests[i].word, request) != 0)
			continue;
		record = hyfw_serve_record(question->serve);
		map = hyfw_pairs_map(&record);
		result = requests[i].handle(question, &map, err);
		hyfw_pairs_finish(&record);
		return result;
	}
	return hyfw_fail(err, ENOTSUP, "the monitor knows no request %s: it was started by another version", request);
}
