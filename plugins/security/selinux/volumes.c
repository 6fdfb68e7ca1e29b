/* SPDX-License-Identifier: BSD-3-Clause
 * Who uses which labelled volume.  Each has a directory named after a hash of its path, with
 * what its labels were; the last user's end gives them back.  All of it under one lock. */
#include "selinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define LOCK "selinux.volumes"

/* A volume's directory. */
struct place {
	const char *directory, *labels, *done, *users;
};

static struct place place_of(const struct volumes *volumes, struct hyfw_arena *arena, const char *name)
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
static const char *name_of(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path)
{
	uint64_t hash = 14695981039346656037u;

	for (; *path; path++)
		hash = (hash ^ (unsigned char)*path) * 1099511628211u;
	return host->format(arena, "%016llx", (unsigned long long)hash);
}

static int make_directory(const struct hyfw_host *host, const char *path, struct hyfw_error **err)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	return host->fail(err, errno, "%s: %s", path, strerror(errno));
}

static int make_file(const struct hyfw_host *host, const char *path, struct hyfw_error **err)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd >= 0 && fsync(fd) == 0 ? 0 : host->fail(err, errno, "%s: %s", path, strerror(errno));
}

/* ---- users ---- */

/* Another user than 'workload', in 'arena'; NULL: none. */
static const char *other_user(const struct hyfw_host *host, struct hyfw_arena *arena, const struct place *place,
			      const char *workload)
{
	const char *found = NULL;
	struct dirent *entry;
	DIR *stream = opendir(place->users);

	while (stream && !found && (entry = readdir(stream)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, workload) != 0)
			found = host->format(arena, "%s", entry->d_name);
	if (stream)
		closedir(stream);
	return found;
}

static const char *user_path(const struct hyfw_host *host, struct hyfw_arena *arena, const struct place *place,
			     const char *workload)
{
	return host->format(arena, "%s/%s", place->users, workload);
}

/* ---- the way back ---- */

static int restore(const struct volumes *volumes, const struct place *place, struct hyfw_error **err)
{
	struct record record;
	int result = record_read(volumes->host, place->labels, &record, err);
	AUTO_CLOSE int fd = -1;

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
	int result = restore(volumes, place, err);

	if (result < 0)
		return result;
	if (user)
		unlink(user_path(volumes->host, arena, place, user));
	return remove_place(volumes, arena, place, err);
}

static int drop_one(const struct volumes *volumes, struct hyfw_arena *arena, const struct place *place,
		    const char *workload, bool unfinished, struct hyfw_error **err)
{
	const char *user = user_path(volumes->host, arena, place, workload);

	if (access(user, F_OK) < 0 || (unfinished && access(place->done, F_OK) == 0))
		return 0;
	if (!other_user(volumes->host, arena, place, workload))
		return give_back(volumes, arena, place, workload, err);
	if (unlink(user) < 0 && errno != ENOENT)
		return volumes->host->fail(err, errno, "%s: %s", user, strerror(errno));
	return 0;
}

/* ---- each ---- */

typedef int (*each_place)(const struct volumes *volumes, struct hyfw_arena *arena, const struct place *place,
			  const void *data, struct hyfw_error **err);

static int for_each(const struct volumes *volumes, struct hyfw_arena *arena, each_place action, const void *data,
		    struct hyfw_error **err)
{
	const char *path = volumes->host->format(arena, "%s/volumes", volumes->directory);
	struct dirent *entry;
	DIR *stream = opendir(path);
	int result = 0;

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
	AUTO_CLOSE int lock = volumes->host->lock(LOCK, err);

	return lock < 0 ? lock : for_each(volumes, arena, action, data, err);
}

int volumes_drop(const struct volumes *volumes, struct hyfw_arena *arena, const char *workload, bool unfinished,
		 struct hyfw_error **err)
{
	const struct drop drop = { workload, unfinished };

	return locked(volumes, arena, drop_action, &drop, err);
}

static bool lives(const struct hyfw_alive *alive, const char *name)
{
	return hyfw_names_have(alive->workloads, name, strlen(name)) ||
	       hyfw_names_have(alive->running, name, strlen(name));
}

/* Whether a user lives; with 'forget' those that do not are no users any more. */
static bool living_users(const struct place *place, const struct hyfw_alive *alive, bool forget)
{
	struct dirent *entry;
	DIR *stream = opendir(place->users);
	bool found = false;

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
	int result = used ? 0 : restore(volumes, place, err);

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

/* ---- the way there ---- */

struct claim {
	const char *workload;
	const struct volume *volume; /* its path without links */
	const char *name;            /* of its own place */
};

static bool lies_in(const char *path, const char *directory)
{
	const size_t length = strlen(directory);

	return strncmp(path, directory, length) == 0 && path[length] == '/';
}

/* One label for a file: what another volume has inside, or around. */
static int check_overlap(const struct volumes *volumes, struct hyfw_arena *arena, const struct place *place,
			 const void *data, struct hyfw_error **err)
{
	const struct claim *claim = data;
	const char *user = other_user(volumes->host, arena, place, "");
	struct record record;
	int result;

	if (!user || record_read(volumes->host, place->labels, &record, err) < 0) {
		volumes->host->forget(err);
		return 0;
	}
	result = 0;
	if ((lies_in(record.path, claim->volume->path) || lies_in(claim->volume->path, record.path)) &&
	    strcmp(record.label, claim->volume->label) != 0)
		result = volumes->host->fail(err, EBUSY, "%s and %s, which workload %s has, lie in one another and would need "
					     "two labels", claim->volume->path, record.path, user);
	record_finish(&record);
	return result;
}

/* What there is of it already: 1 when it has the label, 0 when it is to be given it. */
static int look_at_record(const struct volumes *volumes, struct hyfw_arena *arena, const struct place *place,
			  const struct claim *claim, struct hyfw_error **err)
{
	const struct hyfw_host *host = volumes->host;
	const char *other = other_user(host, arena, place, claim->workload);
	struct record record;
	bool same;
	int result = record_read(host, place->labels, &record, err);

	if (result == -ENOENT) {
		host->forget(err);
		if (other)
			return host->fail(err, EBUSY, "%s has a label of its own that workload %s uses it with; a volume of several "
					  "workloads takes :z in all of them", claim->volume->path, other);
		unlink(place->done);
		return 0;
	}
	if (result < 0)
		return result;
	same = strcmp(record.label, claim->volume->label) == 0;
	if (strcmp(record.path, claim->volume->path) != 0)
		result = host->fail(err, EEXIST, "%s and %s have the same mark in %s", record.path, claim->volume->path,
				    volumes->directory);
	else if (!same && other)
		result = host->fail(err, EBUSY, "%s has the label %s of workload %s; a volume of several workloads takes :z in "
				    "all of them", claim->volume->path, record.label, other);
	record_finish(&record);
	if (result < 0 || (same && access(place->done, F_OK) == 0))
		return result < 0 ? result : 1;
	/* Cut off, or another label of our own. */
	result = restore(volumes, place, err);
	unlink(place->done);
	unlink(place->labels);
	return result;
}

static int become_user(const struct volumes *volumes, struct hyfw_arena *arena, const struct place *place,
		       const char *workload, struct hyfw_error **err)
{
	const struct hyfw_host *host = volumes->host;
	int result = make_directory(host, place->directory, err);

	if (result == 0)
		result = make_directory(host, place->users, err);
	return result == 0 ? make_file(host, user_path(host, arena, place, workload), err) : result;
}

static int take(const struct volumes *volumes, struct hyfw_arena *arena, const struct claim *claim, int fd,
		struct hyfw_error **err)
{
	const struct hyfw_host *host = volumes->host;
	const struct volume *volume = claim->volume;
	const struct place place = place_of(volumes, arena, claim->name);
	const int there = look_at_record(volumes, arena, &place, claim, err);
	int result = there < 0 ? there : become_user(volumes, arena, &place, claim->workload, err);

	if (result < 0 || there == 1)
		return result;
	result = relabel_record(host, volumes->attribute, fd, volume->path, volume->label, place.labels, err);
	if (result == 0)
		result = relabel_apply(host, volumes->attribute, fd, volume->path, volume->label, err);
	return result == 0 ? make_file(host, place.done, err) : result;
}

/* Of a volume that nobody has had labelled; NULL where there is none to be seen.  free() */
static char *label_now(const struct volumes *volumes, const struct place *place, int fd, const struct volume *volume)
{
	const struct walk walk = { .host = volumes->host, .attribute = volumes->attribute, .root = volume->path };
	struct hyfw_error *ignored = NULL;
	char *now = NULL;

	if (access(place->labels, F_OK) == 0)
		return NULL;
	if (label_get(&walk, fd, "", &now, &ignored) < 0)
		volumes->host->forget(&ignored);
	return now;
}

/* Already as it shall be, and without a record: an administrator did that, and there is nothing
 * to give back.  Its users are known all the same. */
static bool has_label(const struct volumes *volumes, const struct place *place, int fd, const struct volume *volume)
{
	AUTO_FREE char *now = label_now(volumes, place, fd, volume);

	return now && strcmp(now, volume->label) == 0;
}

static bool is_left_alone(const struct volumes *volumes, const struct place *place, int fd, const struct volume *volume)
{
	AUTO_FREE char *now = NULL;

	if (!volume->process)
		return false;
	if (path_is_systems(volume->path))
		return true;
	now = label_now(volumes, place, fd, volume);
	return now && policy_permits_entry(volume->process, now);
}

/* Where 'fd' is, without links: what is checked is what is relabelled.  In 'arena'; NULL with errno. */
static const char *real_path(const struct hyfw_host *host, struct hyfw_arena *arena, int fd)
{
	char handle[32], room[4096];
	ssize_t length;

	snprintf(handle, sizeof(handle), "/proc/self/fd/%d", fd);
	length = readlink(handle, room, sizeof(room));
	if (length < 0 || (size_t)length == sizeof(room) || room[0] != '/') {
		errno = length < 0 ? errno : ENAMETOOLONG;
		return NULL;
	}
	return host->format(arena, "%.*s", (int)length, room);
}

int volume_take(const struct volumes *volumes, struct hyfw_arena *arena, const char *workload,
		const struct volume *volume, struct hyfw_error **err)
{
	const struct hyfw_host *host = volumes->host;
	AUTO_CLOSE int fd = open(volume->path, O_PATH | O_CLOEXEC);
	AUTO_CLOSE int lock = -1;
	const char *path = fd < 0 ? NULL : real_path(host, arena, fd);
	const struct volume real = { path, volume->label, volume->own, volume->process };
	const struct claim claim = { workload, &real, path ? name_of(host, arena, path) : NULL };
	struct place place;
	int result;

	if (!path)
		return host->fail(err, errno, "%s: %s", volume->path, strerror(errno));
	place = place_of(volumes, arena, claim.name);
	lock = host->lock(LOCK, err);
	if (lock < 0)
		return lock;
	if (is_left_alone(volumes, &place, fd, &real))
		return 0;
	if (path_is_systems(path))
		return host->fail(err, EPERM, "%s belongs to the system and is not relabelled; hand in a directory below it, or "
				  "leave :%c out", path, volume->own ? 'Z' : 'z');
	result = make_directory(host, host->format(arena, "%s/volumes", volumes->directory), err);
	if (result == 0 && has_label(volumes, &place, fd, &real)) {
		result = become_user(volumes, arena, &place, workload, err);
		return result == 0 ? make_file(host, place.done, err) : result;
	}
	if (result < 0)
		return result;
	result = for_each(volumes, arena, check_overlap, &claim, err);
	return result < 0 ? result : take(volumes, arena, &claim, fd, err);
}
