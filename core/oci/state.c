/* SPDX-License-Identifier: BSD-3-Clause
 * What a container is doing, and how that is told (runtime.md, "State"). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "oci/private.h"

const char *hyfw_oci_status_name(enum hyfw_oci_status status)
{
	static const char *const names[] = { "creating", "created", "running", "paused", "stopped" };

	return names[status];
}

/* Field 22 of /proc/PID/stat, and whether it is still more than a zombie; proc(5). */
static bool lives(pid_t pid, const char *start)
{
	char text[1024], *at, state;
	HYFW_AUTO_FREE char *path = hyfw_format("/proc/%d/stat", (int)pid);
	HYFW_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	int field;

	if (size <= 0)
		return false;
	text[size] = '\0';
	at = strrchr(text, ')');
	if (!at || at[1] != ' ')
		return false;
	state = at[2];
	for (field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at && strtoull(at + 1, NULL, 10) == strtoull(start, NULL, 10) && state != 'Z' && state != 'X';
}

static const struct hyfw_entry *entry_of(const struct hyfw_oci_container *container, const char *verb)
{
	return container->journal ? hyfw_journal_find(container->journal, HYFW_KIND_ISOLATION, OCI_ISOLATION, NULL, verb)
				  : NULL;
}

pid_t hyfw_oci_pid(const struct hyfw_oci_container *container)
{
	const struct hyfw_entry *create = entry_of(container, HYFW_VERB_CREATE);
	struct hyfw_map notes;
	const char *start;
	int64_t pid;

	if (!create)
		return 0;
	notes = hyfw_pairs_map(&create->notes);
	pid = hyfw_map_int(&notes, HYFW_NOTE_PID, 0);
	start = hyfw_map_get(&notes, HYFW_NOTE_PID_START);
	return start && pid > 0 && pid <= INT_MAX && lives((pid_t)pid, start) ? (pid_t)pid : 0;
}

/* A start that was cut off before its step was done may have gone either way. */
enum hyfw_oci_status hyfw_oci_status(const struct hyfw_oci_container *container)
{
	const struct hyfw_entry *start = entry_of(container, HYFW_VERB_START);

	if (!container->journal || (container->journal->operations <= 1 && !container->journal->committed))
		return HYFW_OCI_CREATING;
	if (hyfw_oci_pid(container) == 0)
		return HYFW_OCI_STOPPED;
	if (container->paused)
		return HYFW_OCI_PAUSED;
	return start && start->state == HYFW_ENTRY_DONE ? HYFW_OCI_RUNNING : HYFW_OCI_CREATED;
}

/* ---- as JSON, in runc's order ---- */

static struct json_object *state_of(const char *version, const char *id, const char *status, int32_t pid,
				    const char *bundle)
{
	struct json_object *state = json_object_new_object();

	hyfw_json_add_text(state, "ociVersion", version ? version : "1.0.2");
	hyfw_json_add_text(state, "id", id);
	/* Beyond the specification a stopped one has the pid 0. */
	hyfw_json_add_number(state, "pid", strcmp(status, "stopped") == 0 ? 0 : pid);
	hyfw_json_add_text(state, "status", status);
	hyfw_json_add_text(state, "bundle", bundle);
	return state;
}

static void add_annotations(struct json_object *state, const struct hyfw_map *annotations)
{
	struct json_object *notes;
	size_t i;

	if (!annotations || !annotations->count)
		return;
	notes = json_object_new_object();
	for (i = 0; i < annotations->count; i++)
		hyfw_json_add_text(notes, annotations->items[i].key, annotations->items[i].value);
	json_object_object_add(state, "annotations", notes);
}

struct json_object *oci_state_object(const char *version, const char *id, const char *status, int32_t pid,
				     const char *bundle, const struct hyfw_map *annotations)
{
	struct json_object *state = state_of(version, id, status, pid, bundle);

	add_annotations(state, annotations);
	return state;
}

static char *text_of(struct json_object *object, int how)
{
	char *text = strdup(json_object_to_json_string_ext(object, how));

	json_object_put(object);
	return text;
}

char *oci_config_state(const struct hyfw_oci_config *config, int32_t pid, const char *status)
{
	return text_of(oci_state_object(NULL, config->id, status, pid, config->bundle, &config->annotations),
		       JSON_C_TO_STRING_PLAIN);
}

char *hyfw_oci_state_json(const struct hyfw_oci_container *container)
{
	const struct hyfw_oci_config *config = container->config_text ? &container->spec.config : NULL;
	struct json_object *state = state_of(container->version, container->id,
					     hyfw_oci_status_name(hyfw_oci_status(container)),
					     hyfw_oci_pid(container), container->bundle);

	/* Beyond the specification, as the other runtimes tell it. */
	hyfw_json_add_text(state, "rootfs", config ? config->root : NULL);
	hyfw_json_add_text(state, "created", container->created);
	add_annotations(state, config ? &config->annotations : NULL);
	hyfw_json_add_text(state, "owner", container->owner);
	return text_of(state, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE);
}
