/* SPDX-License-Identifier: BSD-3-Clause
 * Paths, names and definitions; the state of a workload is in state.c. */
#include "engine/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/nearest.h"
#include "plugin/host.h"
#include "plugin/places.h"

#define DEFINITION_LIMIT (4u << 20)

static char *path_join(const char *base, const char *room, const char *name, const char *file)
{
	return hyfw_format("%s/%s/%s%s%s", base, room, name, file ? "/" : "", file ? file : "");
}

char *hyfw_path_workload(bool transient, const char *name, const char *file)
{
	const struct hyfw_context *context = hyfw_context_current();

	return path_join(transient ? context->runtime : context->data, "workloads", name, file);
}

char *hyfw_path_runtime(const char *name, const char *file)
{
	return hyfw_path_workload(true, name, file);
}

char *hyfw_path_stack(const char *name, const char *file)
{
	return path_join(hyfw_context_current()->data, "stacks", name, file);
}

char *hyfw_path_shared(const char *kind, const char *name, const char *file)
{
	HYFW_AUTO_FREE char *room = hyfw_format("shared/%s", kind);

	return path_join(hyfw_context_current()->runtime, room, name, file);
}

static unsigned lock_number(const char *name)
{
	unsigned hash = 5381;

	for (; *name; name++)
		hash = hash * 33u + (unsigned char)*name;
	return hash % 64;
}

int hyfw_store_lock(const char *kind, const char *name, struct hyfw_error **err)
{
	const bool shared = strcmp(kind, "workload") == 0;
	HYFW_AUTO_FREE char *lock = shared ? hyfw_format("%s-%u", kind, lock_number(name))
					   : hyfw_format("%s-%s", kind, name);

	return hyfw_host_table()->lock(lock, err);
}

int hyfw_store_gate(bool exclusive, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = NULL, *path = NULL;
	HYFW_AUTO_CLOSE int fd = -1;
	int result = hyfw_place_make(HYFW_PLACE_RUNTIME, "locks", NULL, 0700, &directory, err);

	if (result < 0)
		return result;
	path = hyfw_format("%s/gate", directory);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return hyfw_fail_errno(err, errno, "lock %s", path);
	while (flock(fd, exclusive ? LOCK_EX : LOCK_SH) < 0)
		if (errno != EINTR)
			return hyfw_fail_errno(err, errno, "lock %s", path);
	return hyfw_steal_fd(&fd);
}

/* ---- names ---- */

int hyfw_store_names(const char *directory, struct hyfw_strings *ret_names, struct hyfw_error **err)
{
	HYFW_AUTO_DIR DIR *dir = opendir(directory);
	struct dirent *entry;

	if (!dir)
		return errno == ENOENT ? 0 : hyfw_fail_errno(err, errno, "%s", directory);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			hyfw_strings_add(ret_names, entry->d_name);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_unique(struct hyfw_strings *names)
{
	size_t from, to = 0;

	if (names->count == 0)
		return;
	qsort(names->items, names->count, sizeof(*names->items), compare);
	for (from = 0; from < names->count; from++) {
		if (to > 0 && strcmp(names->items[to - 1], names->items[from]) == 0)
			free(names->items[from]);
		else
			names->items[to++] = names->items[from];
	}
	names->count = to;
	names->items[to] = NULL;
}

int hyfw_store_workloads(struct hyfw_strings *ret_names, struct hyfw_error **err)
{
	const struct hyfw_context *context = hyfw_context_current();
	HYFW_AUTO_FREE char *persistent = hyfw_format("%s/workloads", context->data);
	HYFW_AUTO_FREE char *running = hyfw_format("%s/workloads", context->runtime);
	int result = hyfw_store_names(persistent, ret_names, err);

	if (result == 0)
		result = hyfw_store_names(running, ret_names, err);
	sort_unique(ret_names);
	return result;
}

int hyfw_store_stacks(struct hyfw_strings *ret_names, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_format("%s/stacks", hyfw_context_current()->data);
	int result = hyfw_store_names(directory, ret_names, err);

	sort_unique(ret_names);
	return result;
}

/* ---- definitions ---- */

static int fail_unknown(const char *name, struct hyfw_error **err)
{
	struct hyfw_strings names = { 0 };
	const char *nearest = NULL;

	hyfw_store_workloads(&names, NULL);
	if (names.count)
		nearest = hyfw_nearest(name, (const char *const *)names.items);
	hyfw_fail(err, ENOENT, "there is no workload %s%s%s%s", name, nearest ? "; did you mean " : "",
		  nearest ? nearest : "", nearest ? "?" : "; `hyfw ps -a` lists them");
	hyfw_strings_finish(&names);
	return -ENOENT;
}

static int read_definition(bool transient, const char *name, char **ret_json)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(transient, name, "definition.json");

	return hyfw_file_read(AT_FDCWD, path, DEFINITION_LIMIT, ret_json, NULL, NULL);
}

int hyfw_store_definition(const char *name, struct hyfw_definition **ret_definition, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	HYFW_AUTO_FREE char *json = NULL;

	if (strchr(name, '/') || name[0] == '.' || name[0] == '\0')
		return hyfw_fail(err, EINVAL, "'%s' is not a workload name", name);
	if (read_definition(false, name, &json) < 0 && read_definition(true, name, &json) < 0)
		return fail_unknown(name, err);
	if (hyfw_definition_from_json(json, &definition, err) < 0)
		return hyfw_wrap(err, "workload %s: definition.json is damaged", name);
	if (strcmp(definition->name, name) != 0)
		return hyfw_fail(err, EINVAL, "workload %s: definition.json is damaged: it is that of %s", name,
				 definition->name);
	*ret_definition = HYFW_STEAL(definition);
	return 0;
}

int hyfw_store_save(const struct hyfw_definition *definition, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path =
		hyfw_path_workload(definition->transient, definition->name, "definition.json");
	HYFW_AUTO_FREE char *json = hyfw_definition_to_json(definition);

	return hyfw_file_write(path, json, strlen(json), 0600, !definition->transient, err);
}

/* ---- busy marks ---- */

static char *busy_path(const char *kind, const char *name)
{
	return hyfw_format("%s/busy/%s:%s", hyfw_context_current()->runtime, kind, name);
}

int hyfw_busy_add(const char *kind, const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_format("%s/busy", hyfw_context_current()->runtime);
	HYFW_AUTO_FREE char *path = busy_path(kind, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 && errno == ENOENT) {
		if (hyfw_make_directories(directory, 0700, err) < 0)
			return -EIO;
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	}
	if (fd < 0)
		return hyfw_fail_errno(err, errno, "%s", path);
	close(fd);
	return 0;
}

void hyfw_busy_remove(const char *kind, const char *name)
{
	HYFW_AUTO_FREE char *path = busy_path(kind, name);

	unlink(path);
}
