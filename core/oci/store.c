/* SPDX-License-Identifier: BSD-3-Clause
 * Directories of containers: claimed, locked, read, removed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "base/json.h"
#include "base/ledger.h"
#include "engine/apply.h"
#include "oci/node.h"
#include "oci/private.h"

#define RECORD_LIMIT 65536

int hyfw_oci_id_check(const char *id, struct hyfw_error **err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";

	if (!*id)
		return hyfw_fail(err, EINVAL, "container id cannot be empty");
	if (*id == '.' || id[strspn(id, allowed)])
		return hyfw_fail(err, EINVAL, "invalid id format: invalid character `%c` in the ID '%s': "
				 "letters, digits and _+-. only, and no dot first",
				 *id == '.' ? '.' : id[strspn(id, allowed)], id);
	if (strlen(id) > NAME_MAX)
		return hyfw_fail(err, EINVAL, "invalid id format: longer than %d characters", NAME_MAX);
	return 0;
}

char *oci_store_path(const struct hyfw_oci_container *container, const char *name)
{
	return hyfw_format("%s/%s", container->directory, name);
}

static struct hyfw_oci_container *container_new(const char *root, const char *id)
{
	struct hyfw_oci_container *container = hyfw_new(sizeof(*container));

	container->id = hyfw_dup(id);
	container->directory = hyfw_format("%s/%s", root, id);
	container->arena = hyfw_arena_new();
	container->lock = -1;
	return container;
}

void hyfw_oci_close(struct hyfw_oci_container *container)
{
	if (!container)
		return;
	hyfw_journal_close(container->journal);
	hyfw_cleanup_close(&container->lock);
	hyfw_arena_free(container->arena);
	free(container->config_text);
	free(container->directory);
	free(container->id);
	free(container);
}

/* ---- lock ---- */

/* 1: locked; 0: it was removed meanwhile. */
static int lock(struct hyfw_oci_container *container, bool make, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = oci_store_path(container, "lock");
	HYFW_AUTO_CLOSE int fd = -1;
	struct stat st;
	int result;

	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | (make ? O_CREAT : 0), 0600);
	if (fd < 0)
		return errno == ENOENT ? 0 : hyfw_fail_errno(err, errno, "open %s", path);
	result = hyfw_lock_take(fd, true, true);
	if (result < 0)
		return hyfw_fail_errno(err, -result, "lock %s", path);
	if (fstat(fd, &st) < 0 || st.st_nlink == 0)
		return 0;
	container->lock = hyfw_steal_fd(&fd);
	return 1;
}

static int open_journal(struct hyfw_oci_container *container, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = oci_store_path(container, "journal");

	if (container->lock >= 0)
		return hyfw_journal_open(path, false, &container->journal, err);
	return hyfw_journal_read(path, &container->journal, err);
}

/* The first operation in it is the creation. */
static bool creation_cut_off(const struct hyfw_journal *journal)
{
	return journal->operations == 0 || (journal->operations == 1 && !journal->committed);
}

int oci_store_forget(struct hyfw_oci_container *container, struct hyfw_error **err)
{
	return hyfw_remove_tree(AT_FDCWD, container->directory, err);
}

/* Locked, with a journal: takes back what a killed creation has left.  The directory
 * stays, and its lock. */
static int take_back(struct hyfw_oci_container *container, struct hyfw_error **err)
{
	int result = hyfw_undo(container->journal, NULL, HYFW_ALL_LIFETIMES, 0, err);

	if (result < 0)
		return hyfw_wrap(err, "container %s: an earlier creation was cut off", container->id);
	hyfw_journal_clear(container->journal);
	container->journal->operations = 0;
	return 0;
}

/* ---- claim ---- */

static int make_directory(const char *root, const char *directory, struct hyfw_error **err)
{
	if (mkdir(directory, 0700) == 0 || errno == EEXIST)
		return 0;
	if (errno == ENOENT && hyfw_make_directories(root, 0700, err) < 0)
		return -(*err)->errnum;
	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return hyfw_fail_errno(err, errno, "make %s", directory);
	return 0;
}

int oci_store_claim(const char *root, const char *id, struct hyfw_oci_container **ret_container,
		    struct hyfw_error **err)
{
	HYFW_AUTO_OCI struct hyfw_oci_container *container = container_new(root, id);
	int result, locked = 0;

	while (locked == 0) {
		result = make_directory(root, container->directory, err);
		if (result < 0)
			return result;
		locked = lock(container, true, err);
	}
	if (locked < 0)
		return locked;
	result = open_journal(container, err);
	if (result < 0)
		return result;
	if (!creation_cut_off(container->journal))
		return hyfw_fail(err, EEXIST, "container with id exists: container `%s` already exists", id);
	result = take_back(container, err);
	if (result == 0)
		*ret_container = HYFW_STEAL(container);
	hyfw_ledger_phase("claim the ID", 0);
	return result;
}

/* ---- record ---- */

static struct json_object *texts_json(const char *const *texts)
{
	struct json_object *list = json_object_new_array();

	for (; *texts; texts++)
		json_object_array_add(list, json_object_new_string(*texts));
	return list;
}

static const char *const *read_texts(struct json_object *record, const char *name, struct hyfw_arena *arena)
{
	struct json_object *list;
	const char **texts;
	size_t count, i;

	if (!json_object_object_get_ex(record, name, &list) || !json_object_is_type(list, json_type_array) ||
	    json_object_array_length(list) == 0)
		return NULL;
	count = json_object_array_length(list);
	texts = hyfw_arena_alloc(arena, (count + 1) * sizeof(*texts));
	for (i = 0; i < count; i++)
		texts[i] = hyfw_arena_dup(arena, json_object_get_string(json_object_array_get_idx(list, i)));
	return texts;
}

int oci_store_save(const struct hyfw_oci_container *container, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = oci_store_path(container, "state.json");
	struct json_object *record = json_object_new_object();
	const char *text;
	int result;

	hyfw_json_add_text(record, "ociVersion", container->version);
	hyfw_json_add_text(record, "bundle", container->bundle);
	hyfw_json_add_text(record, "created", container->created);
	hyfw_json_add_text(record, "owner", container->owner);
	hyfw_json_add_bool(record, "paused", container->paused);
	if (container->freezers)
		json_object_object_add(record, "freezers", texts_json(container->freezers));
	hyfw_json_add_bool(record, "systemdCgroup", container->systemd_cgroup);
	hyfw_json_add_bool(record, "noCgroups", container->no_cgroups);
	text = json_object_to_json_string_ext(record, JSON_C_TO_STRING_PLAIN);
	result = hyfw_file_write(path, text, strlen(text), 0600, false, err);
	json_object_put(record);
	return result;
}

static bool flag(struct json_object *record, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(record, name, &value) && json_object_get_boolean(value);
}

static int read_record(struct hyfw_oci_container *container, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = oci_store_path(container, "state.json"), *text = NULL;
	struct json_object *record = NULL;
	size_t size = 0;
	int result = hyfw_file_read(AT_FDCWD, path, RECORD_LIMIT, &text, &size, err);

	if (result == 0)
		result = oci_json_parse(text, size, &record, err);
	if (result < 0)
		return hyfw_wrap(err, "%s", path);
	container->version = hyfw_arena_dup(container->arena, hyfw_json_text(record, "ociVersion"));
	container->bundle = hyfw_arena_dup(container->arena, hyfw_json_text(record, "bundle"));
	container->created = hyfw_arena_dup(container->arena, hyfw_json_text(record, "created"));
	container->owner = hyfw_arena_dup(container->arena, hyfw_json_text(record, "owner"));
	container->freezers = read_texts(record, "freezers", container->arena);
	container->paused = container->freezers ? oci_is_frozen(container->freezers) : flag(record, "paused");
	container->systemd_cgroup = flag(record, "systemdCgroup");
	container->no_cgroups = flag(record, "noCgroups");
	json_object_put(record);
	return container->bundle ? 0 : hyfw_fail(err, EBADMSG, "%s: damaged", path);
}

/* ---- open ---- */

static int no_such(const char *id, struct hyfw_error **err)
{
	return hyfw_fail(err, ENOENT, "container does not exist: container `%s` does not exist", id);
}

static int open_locked(struct hyfw_oci_container *container, struct hyfw_error **err)
{
	int locked = lock(container, access(container->directory, F_OK) == 0, err), result;

	if (locked <= 0)
		return locked < 0 ? locked : no_such(container->id, err);
	result = open_journal(container, err);
	if (result < 0 || !creation_cut_off(container->journal))
		return result;
	result = take_back(container, err);
	if (result == 0)
		result = oci_store_forget(container, err);
	return result < 0 ? result : no_such(container->id, err);
}

static int open_to_look(struct hyfw_oci_container *container, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	int result = open_journal(container, &failure);

	if (result == -ENOENT)
		return no_such(container->id, err);
	if (result < 0) {
		*err = HYFW_STEAL(failure);
		return result;
	}
	return 0;
}

int hyfw_oci_open(const char *root, const char *id, bool change, struct hyfw_oci_container **ret_container,
		  struct hyfw_error **err)
{
	HYFW_AUTO_OCI struct hyfw_oci_container *container = NULL;
	int result = hyfw_oci_id_check(id, err);

	if (result < 0)
		return result;
	container = container_new(root, id);
	result = change ? open_locked(container, err) : open_to_look(container, err);
	if (result == 0)
		result = read_record(container, err);
	if (result == -ENOENT && !change && !*err)
		return no_such(id, err);
	if (result < 0)
		return result;
	*ret_container = HYFW_STEAL(container);
	hyfw_ledger_phase("open the container", 0);
	return 0;
}

int hyfw_oci_load_config(struct hyfw_oci_container *container, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = oci_store_path(container, "config.json");
	int result;

	if (container->config_text)
		return 0;
	result = hyfw_file_read(AT_FDCWD, path, OCI_DOCUMENT_LIMIT, &container->config_text, &container->config_size,
				err);
	if (result == 0)
		result = hyfw_oci_spec_read(container->config_text, container->config_size, container->id,
					    container->bundle, container->arena, &container->spec, err);
	if (result < 0)
		return hyfw_wrap(err, "%s", path);
	container->spec.config.detached = true;
	container->spec.config.systemd_cgroup = container->systemd_cgroup;
	container->spec.config.state = oci_config_state;
	hyfw_ledger_phase("read config.json", 0);
	return 0;
}

/* ---- list ---- */

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int hyfw_oci_list(const char *root, struct hyfw_strings *ret_ids, struct hyfw_error **err)
{
	HYFW_AUTO_DIR DIR *dir = opendir(root);
	struct dirent *entry;

	if (!dir)
		return errno == ENOENT ? 0 : hyfw_fail_errno(err, errno, "%s", root);
	while ((entry = readdir(dir))) {
		HYFW_AUTO_ERROR struct hyfw_error *not_one = NULL;

		if (hyfw_oci_id_check(entry->d_name, &not_one) == 0)
			hyfw_strings_add(ret_ids, entry->d_name);
	}
	if (ret_ids->count)
		qsort(ret_ids->items, ret_ids->count, sizeof(*ret_ids->items), compare);
	return 0;
}
