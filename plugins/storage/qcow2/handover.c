/* SPDX-License-Identifier: BSD-3-Clause
 * A disk as the user that a machine's hypervisor runs as may use it, and back.  The file
 * (or the node of a block device) changes its owner while the machine runs; what it was
 * is noted before.  A read-only disk is left as it is where others may read it, else it
 * gets the machine's group.  Files that a disk is based on are never handed over: they
 * must be readable. */
#include "redo.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

struct user {
	uid_t uid;
	gid_t gid;
};

/* Where a disk is, found out anew for each call. */
struct place {
	const char *path, *format;
	bool named;
	int fd;
	struct stat st;
};

/* ---- the file ---- */

/* Any file is a raw disk to QEMU, and would be the machine's to read and write: one that
 * does not look like a disk has to be called one. */
static int check_content(struct qcow2 *qcow2, const char *source, const struct place *place, struct hyfw_error **err)
{
	if (source[0] != '/' || place->named || strcmp(place->format, "raw") != 0 || S_ISBLK(place->st.st_mode) ||
	    qcow2_header_looks_like_disk(place->fd))
		return 0;
	return qcow2->host->fail(err, EINVAL, "disk %s: nothing in it says that it is a disk; if it is an empty one, "
				 "say format=raw", source);
}

/* 'source' is a volume's name or an absolute path. */
static int find(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *source, const char *pool,
		const char *format, struct place *ret_place, struct hyfw_error **err)
{
	struct place place = { .path = source, .fd = -1 };
	int result = 0;

	if (source[0] != '/')
		result = qcow2_volume_find(qcow2, source, pool, arena, &place.path, &place.format, err);
	if (result < 0)
		return result;
	if (place.format && format && strcmp(format, place.format) != 0)
		return qcow2->host->fail(err, EINVAL, "disk %s: it is in format %s, not %s", source, place.format, format);
	place.fd = qcow2_file_open(qcow2, arena, place.path, &place.path, &place.st, err);
	if (place.fd < 0)
		return qcow2->host->wrap(err, "disk");
	result = S_ISBLK(place.st.st_mode) && !format ? qcow2_device_format(qcow2, source, place.fd, &format, err) : 0;
	if (result == 0)
		result = qcow2_format_of(qcow2, place.path, place.fd, place.format ? place.format : format, &place.format,
				 &place.named, err);
	if (result == 0)
		result = check_content(qcow2, source, &place, err);
	if (result < 0)
		close(place.fd);
	else
		*ret_place = place;
	return result;
}

static bool may_read(const struct stat *st, const struct user *user)
{
	if (st->st_uid == user->uid)
		return st->st_mode & S_IRUSR;
	if (st->st_gid == user->gid)
		return st->st_mode & S_IRGRP;
	return st->st_mode & S_IROTH;
}

/* Each directory above 'path' must let the user through; QEMU opens it by its path. */
static int check_way(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path, const struct user *user,
		     struct hyfw_error **err)
{
	const char *slash;

	if (user->uid == 0)
		return 0;
	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		const char *above = qcow2->host->format(arena, "%.*s", (int)(slash - path), path);
		struct stat st;

		if (stat(above, &st) < 0)
			return qcow2->host->fail(err, errno, "disk %s: %s: %s", path, above, strerror(errno));
		if (!(st.st_mode & S_IXOTH) && !(st.st_uid == user->uid && (st.st_mode & S_IXUSR)) &&
		    !(st.st_gid == user->gid && (st.st_mode & S_IXGRP)))
			return qcow2->host->fail(err, EACCES,
						 "disk %s: the machine's own user (%u) cannot walk through %s; put the disk "
						 "into a pool, or `chmod o+x %s`", path, (unsigned)user->uid, above, above);
	}
	return 0;
}

/* 'ret_lower' may be NULL. */
static int check_chain(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct place *place,
		       const struct user *user, const char *const **ret_lower, struct hyfw_error **err)
{
	struct qcow2_chain chain;
	int result = qcow2_chain_open(qcow2, arena, place->path, place->format, place->named, &chain, err);
	size_t i;

	if (result < 0)
		return result;
	for (i = 1; user && result == 0 && i < chain.count; i++) {
		if (may_read(&chain.links[i].st, user))
			result = check_way(qcow2, arena, chain.links[i].path, user, err);
		else
			result = qcow2->host->fail(err, EACCES,
						   "disk %s: the machine's own user (%u) cannot read %s, which it is based "
						   "on; `chmod o+r` would permit it", place->path, (unsigned)user->uid,
						   chain.links[i].path);
	}
	if (ret_lower)
		*ret_lower = qcow2_chain_lower(qcow2, arena, &chain);
	qcow2_chain_close(&chain);
	return result;
}

/* ---- check, plan ---- */

static bool is_read_only(const struct hyfw_map *disk)
{
	const char *device = hyfw_map_get(disk, "device");

	return hyfw_map_bool(disk, "read_only", device && strcmp(device, "cdrom") == 0);
}

int qcow2_disk_check(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const char *source = hyfw_map_get(&subject->disk, "source");
	struct hyfw_arena *arena;
	struct place place;
	int result;

	if (!source)
		return qcow2->host->fail(err, EINVAL, "disk %s: it has no source", subject->name ? subject->name : "");
	if (source[0] != '/') /* made on first use */
		return 0;
	arena = qcow2->host->arena_new();
	result = find(qcow2, arena, source, NULL, hyfw_map_get(&subject->disk, "format"), &place, err);
	if (result == 0) {
		result = check_chain(qcow2, arena, &place, NULL, NULL, err);
		close(place.fd);
	}
	qcow2->host->arena_free(arena);
	return result;
}

int qcow2_disk_plan(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		    struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = qcow2->host;
	const char *source = hyfw_map_get(&subject->disk, "source"), *format = hyfw_map_get(&subject->disk, "format");
	const char *pool = hyfw_map_get(&subject->settings, "pool");
	bool read_only = is_read_only(&subject->disk);
	const struct hyfw_pair args[] = {
		{ "source", source },
		{ "workload", subject->workload },
		{ "uid", host->format(arena, "%u", subject->idmap.count ? subject->idmap.host_uid : 0) },
		{ "gid", host->format(arena, "%u", subject->idmap.count ? subject->idmap.host_gid : 0) },
		{ "read_only", read_only ? "true" : "false" },
		{ "pool", pool ? pool : QCOW2_POOL_DEFAULT },
		{ "disk_format", format ? format : "" },
	};
	struct hyfw_step step = { .size = sizeof(step), .verb = "disk", .lifetime = HYFW_LIFETIME_RUN,
				  .args = { sizeof(args) / sizeof(args[0]), args } };

	if (!source || !subject->workload)
		return host->fail(err, EINVAL, "disk %s: it has no source", subject->name ? subject->name : "");
	step.object = host->format(arena, "disk %s of %s", source, subject->workload);
	step.summary = host->format(arena, "let user %s %s disk %s", args[2].value, read_only ? "read" : "use", source);
	step.commands = read_only ? NULL :
				    host->format(arena, "chown %s:%s %s", args[2].value, args[3].value, source);
	return host->plan_step(plan, &step, err);
}

/* ---- apply ---- */

static int note_number(struct qcow2 *qcow2, struct hyfw_call *call, const char *key, uintmax_t value,
		       struct hyfw_error **err)
{
	return qcow2->host->note(call, key, qcow2->host->format(call->arena, "%" PRIuMAX, value), err);
}

/* All that undo() and attachment() need.  A disk that hosts share may still be that of a
 * user of the host that had it last: it goes back to root. */
static int note_place(struct qcow2 *qcow2, struct hyfw_call *call, const struct place *place,
		      struct hyfw_error **err)
{
	const bool shared = qcow2_is_shared(qcow2, place->path, call->arena);
	const struct { const char *key; uintmax_t value; } numbers[] = {
		{ "device", place->st.st_dev },
		{ "inode", place->st.st_ino },
		{ "rdev", place->st.st_rdev },
		{ "old_uid", shared ? 0 : place->st.st_uid },
		{ "old_gid", shared ? 0 : place->st.st_gid },
		{ "old_mode", place->st.st_mode & 07777 },
	};
	int result = qcow2->host->note(call, "path", place->path, err);
	size_t i;

	if (result == 0)
		result = qcow2->host->note(call, "format", place->format, err);
	if (result == 0 && shared)
		result = qcow2->host->note(call, "shared", "true", err);
	for (i = 0; result == 0 && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		result = note_number(qcow2, call, numbers[i].key, numbers[i].value, err);
	return result;
}

static int change(struct qcow2 *qcow2, const struct place *place, const struct user *user, bool read_only,
		  struct hyfw_error **err)
{
	mode_t mode = (place->st.st_mode & 07777) | (read_only ? 0040 : 0600);

	if (fchown(place->fd, read_only ? place->st.st_uid : user->uid, user->gid) < 0 ||
	    fchmod(place->fd, mode) < 0)
		return qcow2->host->fail(err, errno, "disk %s: hand it over to user %u: %s", place->path,
					 (unsigned)user->uid, strerror(errno));
	return 0;
}

static int hand_over(struct qcow2 *qcow2, struct hyfw_call *call, const struct place *place,
		     const struct user *user, bool read_only, struct hyfw_error **err)
{
	const char *workload = hyfw_map_get(&call->step->args, "workload");
	bool exclusive = !read_only || !may_read(&place->st, user);
	int result = qcow2_redo_of(qcow2, place->path, place->format, &place->st, place->path, err);

	if (result == 0)
		result = qcow2_use_check(qcow2, place->fd, &place->st, place->path, !read_only, workload, err);
	if (result == 0 && !read_only)
		result = qcow2_no_clones(qcow2, place->path, NULL, err);
	if (result == 0)
		result = check_chain(qcow2, call->arena, place, user, NULL, err);
	if (result == 0)
		result = check_way(qcow2, call->arena, place->path, user, err);
	if (result == 0)
		result = note_place(qcow2, call, place, err);
	if (result == 0 && exclusive)
		result = qcow2_use_add(qcow2, &place->st, workload, place->path, err);
	if (result == 0 && exclusive)
		result = qcow2->host->note(call, "changed", "true", err);
	if (result == 0 && !read_only)
		result = qcow2_device_claim(qcow2, place->fd, &place->st, place->path, err);
	if (result == 0 && exclusive && user->uid != 0)
		result = change(qcow2, place, user, read_only, err);
	return result;
}

static struct user user_of(const struct hyfw_map *args)
{
	return (struct user){ (uid_t)hyfw_map_int(args, "uid", 0), (gid_t)hyfw_map_int(args, "gid", 0) };
}

int qcow2_disk_apply(struct qcow2 *qcow2, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_map *args = &call->step->args;
	const struct user user = user_of(args);
	const char *source = hyfw_map_get(args, "source"), *format = hyfw_map_get(args, "disk_format");
	struct place place;
	int result;

	if (!source || !hyfw_map_get(args, "workload"))
		return qcow2->host->fail(err, EINVAL, "disk: damaged step");
	result = find(qcow2, call->arena, source, hyfw_map_get(args, "pool"), format && *format ? format : NULL, &place,
		      err);
	if (result < 0)
		return result;
	result = hand_over(qcow2, call, &place, &user, hyfw_map_bool(args, "read_only", false), err);
	close(place.fd);
	return result;
}

/* ---- undo ---- */

static int give_back(struct qcow2 *qcow2, const struct hyfw_map *record, const char *path, int fd,
		     struct hyfw_error **err)
{
	if (fchown(fd, (uid_t)hyfw_map_int(record, "old_uid", 0), (gid_t)hyfw_map_int(record, "old_gid", 0)) < 0 ||
	    fchmod(fd, (mode_t)hyfw_map_int(record, "old_mode", 0600)) < 0)
		return qcow2->host->fail(err, errno, "disk %s: give it back to its owner: %s", path, strerror(errno));
	return 0;
}

/* Our machine has ended, so who writes to it is on another host, which has it now. */
static bool taken_over(struct qcow2 *qcow2, const struct hyfw_map *record, const char *path, int fd,
		       const struct stat *st, const char *workload)
{
	struct hyfw_error *busy = NULL;
	bool taken = hyfw_map_bool(record, "shared", false) &&
		     qcow2_use_check(qcow2, fd, st, path, false, workload, &busy) < 0;

	qcow2->host->forget(&busy);
	return taken;
}

/* The file that was handed over, wherever its name leads now; another one in its place is
 * not ours. */
int qcow2_disk_undo(struct qcow2 *qcow2, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_map *record = &call->record;
	const char *path = hyfw_map_get(record, "path"), *workload = hyfw_map_get(&call->step->args, "workload");
	const struct user user = user_of(&call->step->args);
	bool device = hyfw_map_int(record, "rdev", 0) != 0;
	struct stat st;
	int fd, result = 0;

	if (!path || !workload || !hyfw_map_bool(record, "changed", false))
		return 0;
	qcow2_device_release((dev_t)hyfw_map_int(record, "rdev", 0));
	fd = hyfw_map_bool(record, HYFW_NOTE_LOST, false) ?
		     -1 :
		     open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && user.uid != 0 && fstat(fd, &st) == 0 &&
	    (intmax_t)st.st_dev == hyfw_map_int(record, "device", -1) &&
	    (intmax_t)st.st_ino == hyfw_map_int(record, "inode", -1) && (st.st_uid == user.uid || st.st_gid == user.gid) &&
	    !taken_over(qcow2, record, path, fd, &st, workload))
		result = give_back(qcow2, record, path, fd, err);
	if (fd >= 0)
		close(fd);
	if (result == 0)
		qcow2_use_remove(qcow2, (dev_t)hyfw_map_int(record, device ? "rdev" : "device", 0),
				 device ? 0 : (ino_t)hyfw_map_int(record, "inode", 0), workload);
	return result;
}

/* ---- attachment ---- */

/* The format that was found when it was handed over: what the guest wrote since does not
 * count. */
static const char *pinned_format(const struct hyfw_map *record, const char *source, const char *otherwise)
{
	const char *noted = hyfw_map_get(record, "source");

	return noted && strcmp(noted, source) == 0 && hyfw_map_get(record, "format") ? hyfw_map_get(record, "format") :
										      otherwise;
}

static void take_options(struct qcow2 *qcow2, const struct hyfw_map *disk, struct hyfw_arena *arena,
			 struct hyfw_map *ret_options)
{
	static const char *const keys[] = { "device", "bus", "cache", "serial", "boot" };
	struct hyfw_pair *pairs = qcow2->host->alloc(arena, sizeof(keys) / sizeof(keys[0]) * sizeof(*pairs));
	size_t i, count = 0;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		const char *value = hyfw_map_get(disk, keys[i]);

		if (!value)
			continue;
		pairs[count].key = keys[i];
		pairs[count++].value = qcow2->host->format(arena, "%s", value);
	}
	ret_options->items = pairs;
	ret_options->count = count;
}

int qcow2_disk_attachment(struct qcow2 *qcow2, const struct hyfw_subject *subject, const struct hyfw_map *record,
			  struct hyfw_arena *arena, struct hyfw_attachment *ret_attachment, struct hyfw_error **err)
{
	const char *source = hyfw_map_get(&subject->disk, "source");
	const char *const *lower = NULL;
	struct place place;
	int result;

	if (!source)
		source = subject->name;
	if (!source)
		return qcow2->host->fail(err, EINVAL, "disk: it has no source");
	result = find(qcow2, arena, source, hyfw_map_get(&subject->settings, "pool"),
		      pinned_format(record, source, hyfw_map_get(&subject->disk, "format")), &place, err);
	if (result == 0) {
		result = check_chain(qcow2, arena, &place, NULL, &lower, err);
		close(place.fd);
	}
	if (result < 0)
		return result;
	*ret_attachment = (struct hyfw_attachment){
		.size = sizeof(*ret_attachment),
		.kind = HYFW_ATTACHMENT_BLOCK,
		.flags = (is_read_only(&subject->disk) ? HYFW_ATTACH_READ_ONLY : 0u) |
			 (qcow2_is_shared(qcow2, place.path, arena) ? HYFW_ATTACH_SHARED : 0u),
		.source = place.path,
		.source_fd = -1,
		.lower = lower,
		.format = qcow2->host->format(arena, "%s", place.format),
	};
	take_options(qcow2, &subject->disk, arena, &ret_attachment->options);
	return 0;
}
