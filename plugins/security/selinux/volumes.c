/* SPDX-License-Identifier: BSD-3-Clause
 * Who uses which labelled volume.  Each has a directory named after a hash of its path, with
 * what its labels were; the last user's end gives them back.  All of it under one lock. */
#include "volumes.h"

#include <dirent.h>

struct place place_of(const struct volumes *volumes, struct hyfw_arena *arena, const char *name)
{
	const struct hyfw_host *host = volumes->host;
	struct place place;

	place.directory = host->format(arena, "%s/volumes/%s", volumes->directory, name);
	place.labels = host->format(arena, "%s/labels", place.directory);
	place.done = host->format(arena, "%s/done", place.directory);
	place.users = host->format(arena, "%s/users", place.directory);
	return place;
}

/* FNV-1a: only spreads names; what is in a directory says its path itself. */
const char *place_name(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path)
{
	uint64_t hash = 14695981039346656037u;

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 1099511628211u;
	return host->format(arena, "%016llx", (unsigned long long)hash);
}

int make_directory(const struct hyfw_host *host, const char *path, struct hyfw_error **err)
{
	if (mkdir(path, 0700) == 0 ? path_sync_parent(path) == 0 : errno == EEXIST)
		return 0;
	return host->fail(err, errno, "%s: %s", path, strerror(errno));
}

int make_file(const struct hyfw_host *host, const char *path, struct hyfw_error **err)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd >= 0 && path_sync_parent(path) == 0 ? 0 : host->fail(err, errno, "%s: %s", path, strerror(errno));
}

/* ---- users ---- */

int place_other_user(const struct hyfw_host *host, struct hyfw_arena *arena, const struct place *place,
		     const char *user, const char **ret_other, struct hyfw_error **err)
{
	struct dirent *entry;
	DIR *stream = opendir(place->users);

	*ret_other = NULL;
	if (!stream)
		return errno == ENOENT ? 0 : host->fail(err, errno, "%s: %s", place->users, strerror(errno));
	while (!*ret_other && (entry = readdir(stream)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, user) != 0)
			*ret_other = host->format(arena, "%s", entry->d_name);
	closedir(stream);
	return 0;
}

const char *place_user(const struct hyfw_host *host, struct hyfw_arena *arena, const struct place *place,
		       const char *user)
{
	return host->format(arena, "%s/%s", place->users, user);
}

/* ---- the way back ---- */

int place_restore(const struct volumes *volumes, const struct place *place, struct hyfw_error **err)
{
	struct record record;
	int result;
	AUTO_CLOSE int fd = -1;

	/* What fails or is cut off half way must not be taken for labelled by who has it next. */
	if (unlink(place->done) == 0)
		path_sync_parent(place->done);
	result = record_read(volumes->host, place->labels, &record, err);
	if (result == -ENOENT) { /* cut off before anything changed */
		volumes->host->forget(err);
		return 0;
	}
	if (result < 0)
		return result;
	fd = open(record.path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
		result = volumes->host->fail(err, errno, "%s: %s", record.path, strerror(errno));
	if (fd >= 0)
		result = relabel_restore(volumes->host, volumes->attribute, fd, &record, err);
	record_finish(&record);
	return result;
}

/* Not labels while users are there: what is left of it is found again. */
static int remove_place(const struct volumes *volumes, struct hyfw_arena *arena, const struct place *place,
			struct hyfw_error **err)
{
	const char *const files[] = { place->done, volumes->host->format(arena, "%s.new", place->labels), place->labels };
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(files[i]);
	rmdir(place->users);
	if (rmdir(place->directory) < 0 && errno != ENOENT)
		return volumes->host->fail(err, errno, "%s: %s", place->directory, strerror(errno));
	return 0;
}

static int give_back(const struct volumes *volumes, struct hyfw_arena *arena, const struct place *place,
		     const char *user, struct hyfw_error **err)
{
	int result = place_restore(volumes, place, err);

	if (result < 0)
		return result;
	if (user)
		unlink(place_user(volumes->host, arena, place, user));
	return remove_place(volumes, arena, place, err);
}

static int drop_one(const struct volumes *volumes, struct hyfw_arena *arena, const struct place *place,
		    const char *workload, bool unfinished, struct hyfw_error **err)
{
	const char *user = place_user(volumes->host, arena, place, workload);
	const char *other;
	int result;

	if (access(user, F_OK) < 0 || (unfinished && access(place->done, F_OK) == 0))
		return 0;
	result = place_other_user(volumes->host, arena, place, workload, &other, err);
	if (result < 0)
		return result;
	if (!other)
		return give_back(volumes, arena, place, workload, err);
	if (unlink(user) < 0 && errno != ENOENT)
		return volumes->host->fail(err, errno, "%s: %s", user, strerror(errno));
	return 0;
}

/* ---- each ---- */

int for_each_place(const struct volumes *volumes, struct hyfw_arena *arena, each_place action, const void *data,
		   struct hyfw_error **err)
{
	const char *path = volumes->host->format(arena, "%s/volumes", volumes->directory);
	struct dirent *entry;
	DIR *stream = opendir(path);
	int result = stream || errno == ENOENT ? 0 : volumes->host->fail(err, errno, "%s: %s", path, strerror(errno));

	while (stream && result == 0 && (entry = readdir(stream))) {
		struct place place;

		if (entry->d_name[0] == '.')
			continue;
		place = place_of(volumes, arena, entry->d_name);
		result = action(volumes, arena, &place, data, err);
	}
	if (stream)
		closedir(stream);
	return result;
}

struct drop {
	const char *workload;
	bool unfinished;
};

static int drop_action(const struct volumes *volumes, struct hyfw_arena *arena, const struct place *place,
		       const void *data, struct hyfw_error **err)
{
	const struct drop *drop = data;

	return drop_one(volumes, arena, place, drop->workload, drop->unfinished, err);
}

static int locked(const struct volumes *volumes, struct hyfw_arena *arena, each_place action, const void *data,
		  struct hyfw_error **err)
{
	AUTO_CLOSE int lock = volumes->host->lock(VOLUMES_LOCK, err);

	return lock < 0 ? lock : for_each_place(volumes, arena, action, data, err);
}

int volumes_drop(const struct volumes *volumes, struct hyfw_arena *arena, const char *workload, bool unfinished,
		 struct hyfw_error **err)
{
	const struct drop drop = { workload, unfinished };

	return locked(volumes, arena, drop_action, &drop, err);
}

static bool lives(const struct hyfw_alive *alive, const char *name)
{
	const char *part = strchr(name, '@');

	if (part) /* of a machine, as its disk */
		return hyfw_names_have(alive->running, name, (size_t)(part - name));
	return hyfw_names_have(alive->workloads, name, strlen(name)) ||
	       hyfw_names_have(alive->running, name, strlen(name));
}

/* Whether a user lives; with 'forget' those that do not are no users any more. */
static bool living_users(const struct place *place, const struct hyfw_alive *alive, bool forget)
{
	struct dirent *entry;
	DIR *stream = opendir(place->users);
	bool found = !stream && errno != ENOENT;

	while (stream && (entry = readdir(stream))) {
		if (entry->d_name[0] == '.')
			continue;
		if (lives(alive, entry->d_name))
			found = true;
		else if (forget)
			unlinkat(dirfd(stream), entry->d_name, 0);
	}
	if (stream)
		closedir(stream);
	return found;
}

/* Given back before the last user is forgotten: this may be cut off too. */
static int gc_action(const struct volumes *volumes, struct hyfw_arena *arena, const struct place *place,
		     const void *data, struct hyfw_error **err)
{
	const struct hyfw_alive *alive = data;
	const bool used = living_users(place, alive, false);
	int result = used ? 0 : place_restore(volumes, place, err);

	if (result < 0)
		return result;
	living_users(place, alive, true);
	return used ? 0 : remove_place(volumes, arena, place, err);
}

int volumes_gc(const struct volumes *volumes, struct hyfw_arena *arena, const struct hyfw_alive *alive,
	       struct hyfw_error **err)
{
	return locked(volumes, arena, gc_action, alive, err);
}
