/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/describe.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "engine/journal.h"

static void append(char **text, const char *separator, const char *more)
{
	char *longer = hyfw_format("%s%s%s", *text, **text ? separator : "", more);

	free(*text);
	*text = longer;
}

static void append_all(char **text, const struct hyfw_definition *definition, const char *key)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	const char *word;
	size_t cursor = 0;

	while ((word = hyfw_map_next(&settings, key, &cursor)))
		append(text, " ", word);
}

/* What a machine runs: a saved one that it goes on with, a kernel that it is given, or
 * what its disk holds. */
static void append_boot(char **text, const struct hyfw_definition *definition)
{
	const char *kernel = hyfw_definition_get(definition, "kernel");
	const char *template = hyfw_definition_get(definition, "template");

	append(text, "", template ? "template" : kernel ? "kernel" : "disk");
	if (template || kernel)
		append(text, " ", template ? template : kernel);
}

char *hyfw_describe_command(const struct hyfw_definition *definition)
{
	char *text = hyfw_dup("");
	char *at;

	append_all(&text, definition, "entrypoint");
	append_all(&text, definition, "command");
	if (!*text)
		append_boot(&text, definition);
	for (at = text; *at; at++)
		if ((unsigned char)*at < ' ')
			*at = ' ';
	if (strlen(text) > 30)
		memcpy(text + 27, "...", 4);
	return text;
}

const char *hyfw_describe_root(const struct hyfw_definition *definition)
{
	const char *image = hyfw_definition_get(definition, "image");

	if (!image)
		image = hyfw_definition_get(definition, "rootfs");
	return image || definition->disk_count == 0 ? image : definition->disks[0].name;
}

/* "2026-01-31T12:00:00Z" for milliseconds since the epoch. */
static char *time_text(int64_t ms)
{
	const time_t seconds = (time_t)(ms / 1000);
	char text[32];
	struct tm parts;

	gmtime_r(&seconds, &parts);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
	return hyfw_dup(text);
}

static char *describe_age(int64_t since_ms)
{
	static const struct {
		int64_t seconds;
		const char *name;
	} units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
	int64_t seconds = (hyfw_now_ms() - since_ms) / 1000, number;
	size_t i;

	for (i = 0; i < HYFW_COUNT(units) - 1; i++)
		if (seconds >= units[i].seconds)
			break;
	number = seconds > 0 ? seconds / units[i].seconds : 0;
	return hyfw_format("%lld %s%s", (long long)number, units[i].name, number == 1 ? "" : "s");
}

char *hyfw_describe_status(const struct hyfw_state *state)
{
	HYFW_AUTO_FREE char *age = NULL;

	switch (state->status) {
	case HYFW_STATUS_RUNNING:
	case HYFW_STATUS_PAUSED:
		age = describe_age(state->started);
		if (state->lacks)
			return hyfw_format("up %s (without %s)", age, state->lacks);
		return state->status == HYFW_STATUS_RUNNING ? hyfw_format("up %s", age) :
		       *state->paused_by ? hyfw_format("up %s (paused: %s)", age, state->paused_by) :
					   hyfw_format("up %s (paused)", age);
	case HYFW_STATUS_EXITED:
		age = describe_age(state->finished);
		return hyfw_format("exited (%d%s) %s ago", state->exit_status,
				   state->oom_killed ? ", out of memory" : "", age);
	default: return hyfw_dup(hyfw_status_name(state->status));
	}
}

/* ---- ports ---- */

/* "ADDRESS|HOSTPORT|PORT|PROTO"; a port of the host that was chosen is in the endpoint's notes
 * as "publish.PORT/PROTO". */
static char *describe_port(const char *text, const struct hyfw_map *notes)
{
	HYFW_AUTO_FREE char *copy = hyfw_dup(text);
	char *rest = copy, *address = strsep(&rest, "|"), *host = strsep(&rest, "|");
	char *port = strsep(&rest, "|");
	HYFW_AUTO_FREE char *note = NULL;
	const char *chosen;

	if (!port || !rest)
		return hyfw_dup(text);
	note = hyfw_format("publish.%s/%s", port, rest);
	chosen = hyfw_map_get(notes, note);
	return hyfw_format("%s%s%s->%s/%s", address, *address ? ":" : "", chosen ? chosen : host, port, rest);
}

/* Of a range "ADDRESS|0|FIRST-LAST|PROTO" each port has its own; other ones are told as they are. */
static void tell_ports(const char *text, const struct hyfw_map *notes, void (*take)(void *data, const char *port),
		       void *data)
{
	HYFW_AUTO_FREE char *copy = hyfw_dup(text);
	char *rest = copy, *address = strsep(&rest, "|"), *host = strsep(&rest, "|");
	char *port = strsep(&rest, "|"), *last = port ? strchr(port, '-') : NULL;
	const bool chosen = last && rest && strcmp(host, "0") == 0;
	unsigned long first = chosen ? strtoul(port, NULL, 10) : 0, end = chosen ? strtoul(last + 1, NULL, 10) : 0;

	do {
		HYFW_AUTO_FREE char *one = chosen ? hyfw_format("%s|0|%lu|%s", address, first, rest) : hyfw_dup(text);
		HYFW_AUTO_FREE char *told = describe_port(one, notes);

		take(data, told);
	} while (first++ < end && first <= 65535);
}

static void each_port(const struct hyfw_state *state, void (*take)(void *data, const char *port), void *data)
{
	const struct hyfw_map settings = hyfw_pairs_map(&state->definition->settings);
	struct hyfw_pairs record = { 0 };
	struct hyfw_map notes;
	const char *text;
	size_t cursor = 0;

	if (state->journal)
		hyfw_journal_record(state->journal, HYFW_KIND_NETWORK, NULL, NULL, &record);
	notes = hyfw_pairs_map(&record);
	while ((text = hyfw_map_next(&settings, "publish", &cursor)))
		tell_ports(text, &notes, take, data);
	hyfw_pairs_finish(&record);
}

static void append_port(void *data, const char *port)
{
	append(data, ", ", port);
}

char *hyfw_describe_ports(const struct hyfw_state *state)
{
	char *text = hyfw_dup("");

	if (state->journal)
		each_port(state, append_port, &text);
	return text;
}

/* ---- JSON ---- */

static void add_time(struct json_object *object, const char *key, int64_t ms)
{
	HYFW_AUTO_FREE char *text = ms ? time_text(ms) : NULL;

	hyfw_json_add_text(object, key, text);
}

static struct json_object *words(const struct hyfw_definition *definition)
{
	static const char *const keys[] = { "entrypoint", "command" };
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	struct json_object *array = json_object_new_array();
	size_t i;

	for (i = 0; i < HYFW_COUNT(keys); i++) {
		const char *word;
		size_t cursor = 0;

		while ((word = hyfw_map_next(&settings, keys[i], &cursor)))
			json_object_array_add(array, json_object_new_string(word));
	}
	return array;
}

static void add_port(void *data, const char *port)
{
	json_object_array_add(data, json_object_new_string(port));
}

struct json_object *hyfw_describe_json(const char *name, const struct hyfw_state *state)
{
	struct json_object *object = json_object_new_object(), *ports = json_object_new_array();

	hyfw_json_add_text(object, "name", name);
	hyfw_json_add_text(object, "image", hyfw_definition_get(state->definition, "image"));
	hyfw_json_add_text(object, "rootfs", hyfw_definition_get(state->definition, "rootfs"));
	json_object_object_add(object, "command", words(state->definition));
	hyfw_json_add_text(object, "status", hyfw_status_name(state->status));
	hyfw_json_add_text(object, "paused_by",
			   state->paused_by && *state->paused_by ? state->paused_by : NULL);
	hyfw_json_add_text(object, "lacks", state->lacks);
	json_object_object_add(object, "exit_status",
			       state->status == HYFW_STATUS_EXITED ? json_object_new_int(state->exit_status)
								   : NULL);
	hyfw_json_add_bool(object, "oom_killed", state->oom_killed);
	hyfw_json_add_number(object, "restarts", state->restarts);
	hyfw_json_add_number(object, "pid", state->pid);
	hyfw_json_add_number(object, "monitor_pid", state->monitor);
	add_time(object, "created", state->definition->created);
	add_time(object, "started", state->started);
	add_time(object, "finished", state->finished);
	hyfw_json_add_text(object, "isolation", hyfw_definition_isolation(state->definition));
	hyfw_json_add_text(object, "stack", state->definition->stack);
	hyfw_json_add_bool(object, "transient", state->definition->transient);
	each_port(state, add_port, ports);
	json_object_object_add(object, "ports", ports);
	return object;
}
