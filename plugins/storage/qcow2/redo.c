/* SPDX-License-Identifier: BSD-3-Clause */
#include "redo.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "../common/tree.h"

#define WORK "work"
#define TRIES 100

/* ---- working directories ---- */

const char *qcow2_work_parent(struct qcow2 *qcow2, struct hyfw_arena *arena)
{
	return qcow2->host->format(arena, "%s/" WORK, qcow2_data(qcow2));
}

/* The descriptor, locked; -EAGAIN when somebody who looks for what was left took the
 * directory for that before it was. */
static int make_locked(char *path)
{
	struct stat st;
	int fd, errnum;

	if (!mkdtemp(path))
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0)
		return fd;
	errnum = fd >= 0 || errno == ENOENT ? EAGAIN : errno;
	rmdir(path);
	if (fd >= 0)
		close(fd);
	return -errnum;
}

int qcow2_work_begin(struct qcow2 *qcow2, struct hyfw_arena *arena, struct qcow2_work *ret_work,
		     struct hyfw_error **err)
{
	const char *parent = qcow2_work_parent(qcow2, arena);
	struct qcow2_work work;
	unsigned tries = TRIES;

	if (mkdir(parent, 0700) < 0 && errno != EEXIST)
		return qcow2->host->fail(err, errno, "%s: %s", parent, strerror(errno));
	do {
		work.path = qcow2->host->format(arena, "%s/XXXXXX", parent);
		work.lock = make_locked(work.path);
	} while (work.lock == -EAGAIN && tries-- > 0);
	if (work.lock < 0)
		return qcow2->host->fail(err, -work.lock, "%s: %s", parent, strerror(-work.lock));
	*ret_work = work;
	return 0;
}

/* The note first: half of what is in the directory is nothing to go on with. */
void qcow2_work_end(struct qcow2_work *work)
{
	if (work->path) {
		unlinkat(work->lock, QCOW2_REDO_NOTE, 0);
		storage_tree_remove(AT_FDCWD, work->path);
	}
	qcow2_work_leave(work);
}

void qcow2_work_leave(struct qcow2_work *work)
{
	if (work->lock >= 0)
		close(work->lock);
	*work = QCOW2_NO_WORK;
}

/* ---- writing it down ---- */

static void add_file(struct json_object *note, const char *key, const char *path, const struct stat *st)
{
	struct json_object *file = json_object_new_object();

	json_object_object_add(file, "path", json_object_new_string(path));
	json_object_object_add(file, "device", json_object_new_uint64(S_ISBLK(st->st_mode) ? st->st_rdev : st->st_dev));
	json_object_object_add(file, "inode", json_object_new_uint64(S_ISBLK(st->st_mode) ? 0 : st->st_ino));
	json_object_object_add(note, key, file);
}

static int write_note(int directory, const char *text)
{
	int fd = openat(directory, QCOW2_REDO_NOTE ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t length = strlen(text);
	int result = 0;

	if (fd < 0)
		return -errno;
	errno = ENOSPC;
	if (write(fd, text, length) != (ssize_t)length || fsync(fd) < 0 ||
	    renameat(directory, QCOW2_REDO_NOTE ".new", directory, QCOW2_REDO_NOTE) < 0 || fsync(directory) < 0)
		result = -errno;
	close(fd);
	return result;
}

int qcow2_redo_note(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_work *work,
		    const struct qcow2_redo *redo, struct hyfw_error **err)
{
	struct json_object *note = json_object_new_object();
	int result;

	(void)arena;
	if (redo->disk) {
		add_file(note, "disk", redo->disk, &redo->st);
		json_object_object_add(note, "format", json_object_new_string(redo->format));
	}
	if (redo->overlay)
		add_file(note, "overlay", redo->overlay, &redo->overlay_st);
	json_object_object_add(note, "shrink", json_object_new_uint64(redo->shrink));
	json_object_object_add(note, "leaks", json_object_new_boolean(redo->leaks));
	if (redo->backing) {
		json_object_object_add(note, "backing", json_object_new_string(redo->backing));
		json_object_object_add(note, "backing_format", json_object_new_string(redo->backing_format));
	}
	if (redo->stage)
		json_object_object_add(note, "stage", json_object_new_string(redo->stage));
	result = write_note(work->lock, json_object_to_json_string_ext(note, JSON_C_TO_STRING_PLAIN));
	json_object_put(note);
	return result < 0 ? qcow2->host->fail(err, -result, "%s: note what is being done: %s", work->path,
					      strerror(-result)) : 0;
}

static struct qcow2_redo change_of(const struct qcow2_disk *disk, bool rebase)
{
	return (struct qcow2_redo){ .disk = disk->path, .format = disk->format, .st = disk->st, .leaks = true,
				    .backing = rebase ? disk->header.backing : NULL,
				    .backing_format = rebase ? disk->header.backing_format : NULL };
}

int qcow2_redo_begin(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *disk,
		     bool rebase, struct qcow2_work *ret_work, struct hyfw_error **err)
{
	const struct qcow2_redo redo = change_of(disk, rebase);
	int result = qcow2_work_begin(qcow2, operation->arena, ret_work, err);

	if (result == 0)
		result = qcow2_redo_note(qcow2, operation->arena, ret_work, &redo, err);
	if (result < 0)
		qcow2_work_end(ret_work);
	return result;
}

/* ---- doing it ---- */

/* What is not given back costs room alone.  A disk that was damaged before stays so: its
 * owner has to get at it, to have it checked and repaired. */
static int give_leaks_back(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *disk, struct hyfw_error **err)
{
	const char *const argv[] = { "check", "-q", "-r", "leaks", "-f", "qcow2", disk, NULL };
	int32_t status = 0;
	int result = qcow2_run_status(qcow2, arena, NULL, argv, &status, NULL, err);

	if (result == 0 && status != 0)
		qcow2->host->log(HYFW_LOG_WARNING, "disk %s: an operation on it was interrupted, and it is damaged, or room in "
				 "it is not given back; `hyfw disk check` tells", disk);
	return result;
}

int qcow2_redo_take_back(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_redo *redo,
			 struct hyfw_error **err)
{
	const char *rebase[12] = { "rebase", "-u", "-f", "qcow2", "-b", redo->backing };
	size_t count = 6;
	int result = 0;

	if (strcmp(redo->format, "qcow2") != 0)
		return 0;
	if (redo->backing) {
		if (redo->backing_format && *redo->backing_format) {
			rebase[count++] = "-F";
			rebase[count++] = redo->backing_format;
		}
		rebase[count] = redo->disk;
		result = qcow2_run(qcow2, arena, NULL, rebase, NULL, err);
	}
	return result < 0 ? result : give_leaks_back(qcow2, arena, redo->disk, err);
}

void qcow2_redo_end(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *disk,
		    bool rebase, bool failed, struct qcow2_work *work)
{
	const struct qcow2_redo redo = change_of(disk, rebase);
	struct hyfw_error *why = NULL;

	if (failed && work->path && qcow2_redo_take_back(qcow2, operation->arena, &redo, &why) < 0)
		qcow2_work_leave(work);
	else
		qcow2_work_end(work);
	qcow2->host->forget(&why);
}

static int shrink(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_redo *redo, struct hyfw_error **err)
{
	const char *const argv[] = { "resize", "-q", "-f", redo->format, "--shrink", redo->disk,
				     qcow2->host->format(arena, "%" PRIu64, redo->shrink), NULL };

	return qcow2_run(qcow2, arena, NULL, argv, NULL, err);
}

int qcow2_redo_do(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct hyfw_operation *operation,
		  const struct qcow2_redo *redo, struct hyfw_error **err)
{
	/* Half of a commit is nothing, so it cannot be cancelled. */
	const struct hyfw_operation alone = { .size = sizeof(alone), .arena = arena, .core = operation ? operation->core : NULL,
					      .progress = operation ? operation->progress : NULL };
	/* -d: emptying the overlay before the other's tables are written would lose both. */
	const char *const commit[] = { "commit", "-p", "-d", "-f", "qcow2", redo->overlay, NULL };
	int result = redo->overlay ? qcow2_run(qcow2, arena, &alone, commit, NULL, err) : 0, fd;

	if (result == 0 && redo->shrink)
		result = shrink(qcow2, arena, redo, err);
	if (result < 0 || !redo->disk)
		return result;
	fd = open(redo->disk, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		result = qcow2->host->fail(err, errno, "disk %s: sync: %s", redo->disk, strerror(errno));
	if (fd >= 0)
		close(fd);
	return result;
}

int qcow2_redo_commit(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct qcow2_work *work,
		      const struct qcow2_redo *redo, struct qcow2_disk *disk, struct hyfw_error **err)
{
	struct qcow2_redo all = *redo;
	struct stat now;
	int overlay = redo->overlay ? open(redo->overlay, O_RDONLY | O_CLOEXEC) : -1, result = 0;

	all.st = disk->st;
	/* What is to be done again has to be there after a power failure too. */
	if (redo->overlay && (overlay < 0 || fstat(overlay, &all.overlay_st) < 0 || fsync(overlay) < 0))
		result = qcow2->host->fail(err, errno, "disk %s: %s", redo->overlay, strerror(errno));
	if (overlay >= 0)
		close(overlay);
	if (result == 0)
		result = qcow2_redo_note(qcow2, operation->arena, work, &all, err);
	qcow2_disk_close(qcow2, disk);
	if (result < 0)
		return result;
	result = qcow2_redo_do(qcow2, operation->arena, operation, &all, err);
	if (result == 0 || (stat(redo->disk, &now) == 0 && now.st_mtim.tv_sec == disk->st.st_mtim.tv_sec &&
			    now.st_mtim.tv_nsec == disk->st.st_mtim.tv_nsec))
		return result;
	qcow2_work_leave(work);
	return qcow2->host->wrap(err, "disk %s: its next use, or `hyfw recover`, goes on with it", redo->disk);
}
