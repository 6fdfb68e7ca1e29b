/* SPDX-License-Identifier: BSD-3-Clause
 * How a volume gets its label: one label for each file, whoever uses it. */
#include "volumes.h"

struct claim {
	const char *workload;
	const struct volume *volume; /* its path without links */
	const char *name;            /* of its own place */
	bool *joined;                /* it lies in what others have, with a label that does */
};

static bool lies_in(const char *path, const char *directory)
{
	const size_t length = strlen(directory);

	return strncmp(path, directory, length) == 0 && path[length] == '/';
}

/* Whether a machine can do with this label what it needs the file for. */
static bool serves(const struct volume *volume, const char *label)
{
	static const char *const read[] = { "read", "open", "getattr", "lock", NULL };
	static const char *const map[] = { "read", "open", "getattr", "map", NULL };
	static const char *const write[] = { "read", "open", "getattr", "lock", "write", NULL };
	static const char *const *const needs[] = { [NEED_READ] = read, [NEED_MAP] = map, [NEED_WRITE] = write };

	return volume->need >= NEED_READ && policy_permits_file(volume->process, label, needs[volume->need]);
}

static int become_user(const struct volumes *volumes, struct hyfw_arena *arena, const struct place *place,
		       const char *workload, struct hyfw_error **err)
{
	const struct hyfw_host *host = volumes->host;
	int result = make_directory(host, place->directory, err);

	if (result == 0)
		result = make_directory(host, place->users, err);
	return result == 0 ? make_file(host, place_user(host, arena, place, workload), err) : result;
}

/* One label for a file: what another volume has inside, or around. */
static int check_overlap(const struct volumes *volumes, struct hyfw_arena *arena, const struct place *place,
			 const void *data, struct hyfw_error **err)
{
	const struct claim *claim = data;
	struct record record;
	const char *user;
	int result = place_other_user(volumes->host, arena, place, "", &user, err);

	if (result < 0)
		return result;
	if (!user || record_read(volumes->host, place->labels, &record, err) < 0) {
		volumes->host->forget(err);
		return 0;
	}
	result = 0;
	if (lies_in(claim->volume->path, record.path) && serves(claim->volume, record.label)) {
		*claim->joined = true;
		result = become_user(volumes, arena, place, claim->workload, err);
	} else if ((lies_in(record.path, claim->volume->path) || lies_in(claim->volume->path, record.path)) &&
		   strcmp(record.label, claim->volume->label) != 0) {
		result = volumes->host->fail(err, EBUSY, "%s and %s, which workload %.*s has, lie in one another and would need "
					     "two labels", claim->volume->path, record.path, (int)strcspn(user, "@"), user);
	}
	record_finish(&record);
	return result;
}

/* What there is of it already: 1 when it has the label, 0 when it is to be given it. */
static int look_at_record(const struct volumes *volumes, struct hyfw_arena *arena, const struct place *place,
			  const struct claim *claim, struct hyfw_error **err)
{
	const struct hyfw_host *host = volumes->host;
	const char *other;
	struct record record;
	bool same;
	int result = place_other_user(host, arena, place, claim->workload, &other, err);

	if (result < 0)
		return result;
	result = record_read(host, place->labels, &record, err);
	if (result == -ENOENT) {
		host->forget(err);
		if (other)
			return host->fail(err, EBUSY, "%s has a label of its own that workload %.*s uses it with; a volume of several "
					  "workloads takes :z in all of them", claim->volume->path, (int)strcspn(other, "@"), other);
		unlink(place->done);
		return 0;
	}
	if (result < 0)
		return result;
	same = strcmp(record.label, claim->volume->label) == 0;
	if (strcmp(record.path, claim->volume->path) != 0)
		result = host->fail(err, EEXIST, "%s and %s have the same mark in %s", record.path, claim->volume->path,
				    volumes->directory);
	else if (!same && other && serves(claim->volume, record.label))
		same = true;
	else if (!same && other)
		result = host->fail(err, EBUSY, claim->volume->need >= NEED_READ ?
				    "%s has the label %s of workload %.*s, which this one may not use" :
				    "%s has the label %s of workload %.*s; a volume of several workloads takes :z in all of them",
				    claim->volume->path, record.label, (int)strcspn(other, "@"), other);
	record_finish(&record);
	if (result < 0 || (same && access(place->done, F_OK) == 0))
		return result < 0 ? result : 1;
	/* Cut off, or another label of our own. */
	result = place_restore(volumes, place, err);
	if (result == 0)
		unlink(place->labels);
	return result;
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

/* NFS and mounts with context= take no label for a file. */
static bool keeps_labels(const struct volumes *volumes, int fd, const struct volume *volume, const char *now)
{
	const struct walk walk = { .host = volumes->host, .attribute = volumes->attribute, .root = volume->path };
	struct hyfw_error *ignored = NULL;
	const int result = *now ? label_set(&walk, fd, "", now, &ignored) : 0;

	volumes->host->forget(&ignored);
	return result != -EOPNOTSUPP;
}

static bool is_left_alone(const struct volumes *volumes, const struct place *place, int fd, const struct volume *volume)
{
	AUTO_FREE char *now = NULL;

	if (volume->need == NEED_LABEL)
		return false;
	if (volume->need == NEED_ENTRY && path_is_systems(volume->path))
		return true;
	now = label_now(volumes, place, fd, volume);
	if (!now || volume->need == NEED_ENTRY)
		return now && policy_permits_entry(volume->process, now);
	return serves(volume, now) && (volume->need != NEED_WRITE || !keeps_labels(volumes, fd, volume, now));
}

/* A node in /dev is as good a disk as any. */
static int check_systems(const struct hyfw_host *host, int fd, const struct volume *volume, struct hyfw_error **err)
{
	struct stat status;

	if (!path_is_systems(volume->path) ||
	    (volume->need >= NEED_READ && fstat(fd, &status) == 0 && S_ISBLK(status.st_mode)))
		return 0;
	if (volume->need >= NEED_READ)
		return host->fail(err, EPERM, "%s belongs to the system and is not relabelled, and the SELinux policy does not let %s "
				  "use it as it is; a copy elsewhere does", volume->path, volume->process);
	return host->fail(err, EPERM, "%s belongs to the system and is not relabelled; hand in a directory below it, or "
			  "leave :%c out", volume->path, volume->own ? 'Z' : 'z');
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
	const struct volume real = { path, volume->label, volume->own, volume->need, volume->process };
	bool joined = false;
	const struct claim claim = { workload, &real, path ? place_name(host, arena, path) : NULL, &joined };
	struct place place;
	int result;

	if (!path)
		return host->fail(err, errno, "%s: %s", volume->path, strerror(errno));
	place = place_of(volumes, arena, claim.name);
	lock = host->lock(VOLUMES_LOCK, err);
	if (lock < 0)
		return lock;
	if (is_left_alone(volumes, &place, fd, &real))
		return 0;
	result = check_systems(host, fd, &real, err);
	if (result == 0)
		result = make_directory(host, host->format(arena, "%s/volumes", volumes->directory), err);
	if (result == 0 && has_label(volumes, &place, fd, &real)) {
		result = become_user(volumes, arena, &place, workload, err);
		return result == 0 ? make_file(host, place.done, err) : result;
	}
	if (result < 0)
		return result;
	result = for_each_place(volumes, arena, check_overlap, &claim, err);
	return result < 0 || joined ? result : take(volumes, arena, &claim, fd, err);
}
