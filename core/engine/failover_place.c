/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/failover_place.h"

#include <hyfw/storage.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "engine/failover_lease.h"
#include "engine/journal.h"
#include "engine/store.h"
#include "plugin/host.h"

#define DEFINITION_LIMIT (4u << 20)
#define PERIOD_MS 30000

bool hyfw_failover_wanted(const struct hyfw_definition *definition)
{
	return hyfw_definition_get(definition, "failover") != NULL;
}

bool hyfw_failover_names(const struct hyfw_definition *definition, const char *host)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	const char *listed;
	size_t cursor = 0;

	while ((listed = hyfw_map_next(&settings, "failover", &cursor)))
		if (strcmp(listed, host) == 0)
			return true;
	return false;
}

unsigned hyfw_failover_period(const struct hyfw_definition *definition)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);

	return (unsigned)hyfw_map_int(&settings, "failover_lease", PERIOD_MS);
}

/* ---- pools ---- */

/* The directory in "NAME|PATH|BYTES|shared" (HYFW_OPTION_POOL) when it is shared; free(). */
static char *shared_path(const char *pool)
{
	const char *path = strchr(pool, '|'), *size = path ? strchr(path + 1, '|') : NULL;
	const char *shared = size ? strchr(size + 1, '|') : NULL;

	return shared && strcmp(shared, "|shared") == 0 ? hyfw_dup_n(path + 1, (size_t)(size - path - 1)) : NULL;
}

static bool is_below(const char *file, const char *directory)
{
	HYFW_AUTO_FREE char *real = realpath(file, NULL);
	HYFW_AUTO_FREE char *above = realpath(directory, NULL);

	return real && above && strncmp(real, above, strlen(above)) == 0 && real[strlen(above)] == '/';
}

/* The directory of the shared pool that the disk is in; NULL for none; free(). */
static char *pool_of(const struct hyfw_definition *definition, const struct hyfw_use *disk)
{
	const struct hyfw_map settings = hyfw_pairs_map(&disk->settings);
	const char *name = hyfw_map_get(&settings, "pool"), *pool;
	size_t i, cursor;

	name = name ? name : "default";
	for (i = 0; i < definition->plugins.count; i++) {
		const struct hyfw_map options = hyfw_pairs_map(&definition->plugin_settings[i]);

		if (strcmp(definition->plugins.items[i], disk->driver) != 0)
			continue;
		for (cursor = 0; (pool = hyfw_map_next(&options, HYFW_OPTION_POOL, &cursor));) {
			HYFW_AUTO_FREE char *path = shared_path(pool);

			if (path && (disk->anonymous ? is_below(disk->name, path)
						     : strncmp(pool, name, strlen(name)) == 0 && pool[strlen(name)] == '|'))
				return HYFW_STEAL(path);
		}
	}
	return NULL;
}

int hyfw_failover_directory(const struct hyfw_definition *definition, char **ret_directory,
			    struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *first = NULL;
	size_t i;

	for (i = 0; i < definition->disk_count; i++) {
		HYFW_AUTO_FREE char *pool = NULL;

		if (definition->disks[i].read_only || definition->disks[i].gone)
			continue;
		pool = pool_of(definition, &definition->disks[i]);
		if (!pool)
			return hyfw_fail(err, EINVAL, "disk %s: in no pool with shared = yes, and the machine has failover",
					 definition->disks[i].name);
		if (!first)
			first = HYFW_STEAL(pool);
	}
	if (!first)
		return hyfw_fail(err, EINVAL, "it has failover, and no disk in a pool with shared = yes");
	*ret_directory = hyfw_format("%s/" HYFW_FAILOVER_ROOM "/%s", first, definition->name);
	return 0;
}

/* ---- the directory ---- */

int hyfw_failover_trust(const char *directory, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return hyfw_fail_errno(err, errno, "%s", directory);
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022))
		return hyfw_fail(err, EPERM, "%s: somebody else may write there; `chown root %s; chmod go-w %s`",
				 directory, directory, directory);
	return 0;
}

int hyfw_failover_make(const char *directory, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *room = hyfw_dup_n(directory, (size_t)(strrchr(directory, '/') - directory));

	if (mkdir(room, 0700) < 0 && errno != EEXIST)
		return hyfw_fail_errno(err, errno, "%s", room);
	if (hyfw_failover_trust(room, err) < 0)
		return -(*err)->errnum;
	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		return hyfw_fail_errno(err, errno, "%s", directory);
	return hyfw_failover_trust(directory, err);
}

int hyfw_failover_keep(const char *directory, const struct hyfw_definition *definition, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/definition.json", directory);
	HYFW_AUTO_FREE char *json = hyfw_definition_to_json(definition);

	return hyfw_file_write(path, json, strlen(json), 0600, true, err);
}

int hyfw_failover_kept(const char *directory, struct hyfw_definition **ret_definition, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/definition.json", directory);
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	HYFW_AUTO_FREE char *json = NULL;
	int result = hyfw_failover_trust(directory, err);

	if (result == 0)
		result = hyfw_file_read(AT_FDCWD, path, DEFINITION_LIMIT, &json, NULL, err);
	if (result == 0 && hyfw_definition_from_json(json, &definition, err) < 0)
		result = hyfw_wrap(err, "%s is damaged", path);
	if (result < 0)
		return result;
	if (strcmp(definition->name, strrchr(directory, '/') + 1) != 0 || !hyfw_failover_wanted(definition))
		return hyfw_fail(err, EINVAL, "%s is damaged: it is that of %s", path, definition->name);
	*ret_definition = HYFW_STEAL(definition);
	return 0;
}

/* The lease when this host had it last; with 'lock' nobody else can take it. */
static int open_own(const char *directory, bool lock)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/lease", directory);
	HYFW_AUTO_CLOSE int fd = hyfw_failover_lease_open(path, false, NULL);
	struct hyfw_failover_lease lease;
	char host[65], boot[40];

	if (fd < 0 || hyfw_failover_here(host, boot, NULL) < 0 || (lock && hyfw_failover_lease_lock(fd) < 0) ||
	    hyfw_failover_lease_read(fd, &lease, NULL) < 0 || (lease.generation > 0 && strcmp(lease.host, host) != 0))
		return -1;
	return hyfw_steal_fd(&fd);
}

void hyfw_failover_refresh(const struct hyfw_definition *definition)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	HYFW_AUTO_FREE char *directory = NULL;
	HYFW_AUTO_CLOSE int own = -1;

	if (!hyfw_failover_wanted(definition) || hyfw_failover_directory(definition, &directory, &failure) < 0)
		return;
	own = open_own(directory, false);
	if (own >= 0 && hyfw_failover_keep(directory, definition, &failure) < 0)
		hyfw_host_table()->log(HYFW_LOG_WARNING, "workload %s: what other hosts would start it from is not changed: %s",
				       definition->name, failure->message);
}

void hyfw_failover_forget(const struct hyfw_definition *definition)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	HYFW_AUTO_FREE char *directory = NULL;
	HYFW_AUTO_CLOSE int own = -1;

	if (!hyfw_failover_wanted(definition) || hyfw_failover_directory(definition, &directory, NULL) < 0 ||
	    hyfw_failover_trust(directory, NULL) < 0)
		return;
	own = open_own(directory, true);
	if (own >= 0 && hyfw_remove_tree(AT_FDCWD, directory, &failure) < 0)
		hyfw_host_table()->log(HYFW_LOG_WARNING, "workload %s: %s", definition->name, failure->message);
}

bool hyfw_failover_held_elsewhere(const struct hyfw_definition *definition)
{
	HYFW_AUTO_FREE char *directory = NULL, *path = NULL;
	struct hyfw_failover_lease lease = { 0 };
	char host[65], boot[40];
	HYFW_AUTO_CLOSE int fd = -1;

	if (!hyfw_failover_wanted(definition) || hyfw_failover_here(host, boot, NULL) < 0 ||
	    hyfw_failover_directory(definition, &directory, NULL) < 0)
		return false;
	path = hyfw_format("%s/lease", directory);
	fd = hyfw_failover_lease_open(path, false, NULL);
	return fd >= 0 && hyfw_failover_lease_read(fd, &lease, NULL) == 0 && lease.held && strcmp(lease.host, host) != 0;
}

void hyfw_failover_lost(struct hyfw_journal *journal)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	size_t i;

	for (i = 0; i < journal->count && !failure; i++)
		if (journal->entries[i].kind == HYFW_KIND_STORAGE && journal->entries[i].state != HYFW_ENTRY_UNDONE &&
		    strncmp(journal->entries[i].subject, "disk ", 5) == 0)
			hyfw_journal_note(journal, i, HYFW_NOTE_LOST, "true", &failure);
	if (failure)
		hyfw_host_table()->log(HYFW_LOG_ERROR, "%s", failure->message);
}

/* ---- for inspect ---- */

void hyfw_failover_note(const struct hyfw_definition *definition, const char *state, const char *reason)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(definition->transient, definition->name, "failover.json");
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	HYFW_AUTO_FREE char *directory = NULL;
	struct json_object *object = json_object_new_object();
	const char *text;

	hyfw_failover_directory(definition, &directory, NULL);
	hyfw_json_add_text(object, "state", state);
	hyfw_json_add_text(object, "reason", reason);
	hyfw_json_add_text(object, "directory", directory);
	hyfw_json_add_number(object, "since", hyfw_now_ms());
	text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (hyfw_file_write(path, text, strlen(text), 0600, false, &failure) < 0)
		hyfw_host_table()->log(HYFW_LOG_WARNING, "workload %s: %s", definition->name, failure->message);
	json_object_put(object);
}

struct json_object *hyfw_failover_noted(const struct hyfw_definition *definition)
{
	HYFW_AUTO_FREE char *path = hyfw_path_workload(definition->transient, definition->name, "failover.json");
	HYFW_AUTO_FREE char *text = NULL;

	if (!hyfw_failover_wanted(definition) || hyfw_file_read(AT_FDCWD, path, 8192, &text, NULL, NULL) < 0)
		return NULL;
	return json_tokener_parse(text);
}
