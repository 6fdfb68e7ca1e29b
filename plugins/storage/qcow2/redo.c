/* SPDX-License-Identifier: BSD-3-Clause */
#include "redo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "../common/tree.h"

#define WORK "work"
#define NOTE "redo"
#define NOTE_MOST 32768
#define STAGE_PREFIX ".import-" /* storage_temporary_make() */

/* ---- working directories ---- */

static const char *work_parent(struct qcow2 *qcow2, struct hyfw_arena *arena)
{
	return qcow2->host->format(arena, "%s/" WORK, qcow2_data(qcow2));
}

int qcow2_work_begin(struct qcow2 *qcow2, struct hyfw_arena *arena, struct qcow2_work *ret_work,
		     struct hyfw_error **err)
{
	const char *parent = work_parent(qcow2, arena);
	struct qcow2_work work = { qcow2->host->format(arena, "%s/XXXXXX", parent), -1 };
	int errnum;

	if (mkdir(parent, 0700) < 0 && errno != EEXIST)
		return qcow2->host->fail(err, errno, "%s: %s", parent, strerror(errno));
	if (!mkdtemp(work.path))
		return qcow2->host->fail(err, errno, "%s: %s", work.path, strerror(errno));
	work.lock = open(work.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (work.lock < 0 || flock(work.lock, LOCK_EX | LOCK_NB) < 0) {
		errnum = errno;
		rmdir(work.path);
		qcow2_work_leave(&work);
		return qcow2->host->fail(err, errnum, "%s: %s", parent, strerror(errnum));
	}
	*ret_work = work;
	return 0;
}

/* The note first: half of what is in the directory is nothing to go on with. */
void qcow2_work_end(struct qcow2_work *work)
{
	if (work->path) {
		unlinkat(work->lock, NOTE, 0);
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
	int fd = openat(directory, NOTE ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t length = strlen(text);
	int result = 0;

	if (fd < 0)
		return -errno;
	errno = ENOSPC;
	if (write(fd, text, length) != (ssize_t)length || fsync(fd) < 0 ||
	    renameat(directory, NOTE ".new", directory, NOTE) < 0 || fsync(directory) < 0)
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

static int take_back(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_redo *redo,
		     struct hyfw_error **err)
{
	const char *rebase[12] = { "rebase", "-u", "-f", "qcow2", "-b", redo->backing };
	const char *const check[] = { "check", "-q", "-r", "leaks", "-f", "qcow2", redo->disk, NULL };
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
	return result < 0 ? result : qcow2_run(qcow2, arena, NULL, check, NULL, err);
}

void qcow2_redo_end(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *disk,
		    bool rebase, bool failed, struct qcow2_work *work)
{
	const struct qcow2_redo redo = change_of(disk, rebase);
	struct hyfw_error *why = NULL;

	if (failed && work->path && take_back(qcow2, operation->arena, &redo, &why) < 0)
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
	return qcow2->host->wrap(err, "disk %s: the next command goes on with it", redo->disk);
}

/* ---- doing it again ---- */

static const char *text_in(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : NULL;
}

static uint64_t number_in(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_uint64(value) : 0;
}

static struct json_object *read_note(int directory)
{
	int fd = openat(directory, NOTE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[NOTE_MOST];
	ssize_t size = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (size <= 0)
		return NULL;
	text[size] = '\0';
	return json_tokener_parse(text);
}

/* The file that the note means, opened; -1 when another one has its name, or none. */
static int open_noted(struct json_object *note, const char *key, const char **ret_path, struct stat *ret_st)
{
	struct json_object *file = NULL;
	uint64_t device, inode;
	int fd;

	if (!json_object_object_get_ex(note, key, &file) || !text_in(file, "path"))
		return -1;
	*ret_path = text_in(file, "path");
	fd = open(*ret_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, ret_st) < 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	device = S_ISBLK(ret_st->st_mode) ? ret_st->st_rdev : ret_st->st_dev;
	inode = S_ISBLK(ret_st->st_mode) ? 0 : ret_st->st_ino;
	if (device == number_in(file, "device") && inode == number_in(file, "inode"))
		return fd;
	close(fd);
	return -1;
}

/* The user's own overlay still has to be based on the disk; ours are made so. */
static int check_overlay(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_redo *redo,
			 struct hyfw_error **err)
{
	struct qcow2_chain chain;
	int result;

	if (qcow2_is_below(redo->overlay, work_parent(qcow2, arena)))
		return 0;
	result = qcow2_chain_open(qcow2, arena, redo->overlay, "qcow2", true, &chain, err);
	if (result < 0)
		return result;
	if (chain.count < 2 || chain.links[1].st.st_dev != redo->st.st_dev || chain.links[1].st.st_ino != redo->st.st_ino)
		result = qcow2->host->fail(err, ESTALE, "disk %s: it is not based on %s any more", redo->overlay, redo->disk);
	qcow2_chain_close(&chain);
	return result;
}

static int do_to(struct qcow2 *qcow2, struct hyfw_arena *arena, struct json_object *note, int disk,
		 struct qcow2_redo *redo, struct hyfw_error **err)
{
	struct json_object *value = NULL;
	int overlay = -1, result = 0;

	if (flock(disk, LOCK_EX | LOCK_NB) < 0)
		return qcow2->host->fail(err, EBUSY, "disk %s: another operation is done to it just now", redo->disk);
	result = qcow2_use_check(qcow2, disk, &redo->st, redo->disk, true, NULL, err);
	redo->format = text_in(note, "format");
	redo->shrink = number_in(note, "shrink");
	redo->backing = text_in(note, "backing");
	redo->backing_format = text_in(note, "backing_format");
	if (result < 0 || !redo->format || !qcow2_format_known(redo->format))
		return result;
	if (json_object_object_get_ex(note, "overlay", &value)) {
		overlay = open_noted(note, "overlay", &redo->overlay, &redo->overlay_st);
		if (overlay < 0)
			return 0; /* gone: nothing can be done */
		result = check_overlay(qcow2, arena, redo, err);
	}
	if (result == 0)
		result = qcow2_redo_do(qcow2, arena, NULL, redo, err);
	if (result == 0 && json_object_object_get_ex(note, "leaks", &value) && json_object_get_boolean(value))
		result = take_back(qcow2, arena, redo, err);
	if (overlay >= 0)
		close(overlay);
	return result;
}

/* Directories of ours in 'path' whose process is gone, by their names and locks. */
static void sweep_stage(const char *path)
{
	DIR *listing = opendir(path);
	struct dirent *entry;

	while (listing && (entry = readdir(listing))) {
		const char *hex = entry->d_name + strlen(STAGE_PREFIX);
		struct stat st;
		int fd;

		if (strncmp(entry->d_name, STAGE_PREFIX, strlen(STAGE_PREFIX)) != 0 || strlen(hex) != 16 ||
		    strspn(hex, "0123456789abcdef") != 16)
			continue;
		fd = openat(dirfd(listing), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && flock(fd, LOCK_EX | LOCK_NB) == 0)
			storage_tree_remove(dirfd(listing), entry->d_name);
		close(fd);
	}
	if (listing)
		closedir(listing);
}

/* One directory without a process; '*ret_st' is of the disk, st_ino 0 for none. */
static int do_again(struct qcow2 *qcow2, struct hyfw_arena *arena, int directory, struct stat *ret_st,
		    struct hyfw_error **err)
{
	struct json_object *note = read_note(directory);
	struct qcow2_redo redo = { 0 };
	int disk, result = 0;

	memset(ret_st, 0, sizeof(*ret_st));
	if (!note)
		return 0;
	if (text_in(note, "stage"))
		sweep_stage(text_in(note, "stage"));
	disk = open_noted(note, "disk", &redo.disk, &redo.st);
	if (disk >= 0) {
		*ret_st = redo.st;
		result = do_to(qcow2, arena, note, disk, &redo, err);
		close(disk);
	}
	json_object_put(note);
	return result;
}

static bool same_file(const struct stat *one, const struct stat *other)
{
	if (S_ISBLK(one->st_mode))
		return S_ISBLK(other->st_mode) && one->st_rdev == other->st_rdev;
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

int qcow2_redo_all(struct qcow2 *qcow2, const struct stat *st, const char *what, struct hyfw_error **err)
{
	struct hyfw_arena *arena = qcow2->host->arena_new();
	DIR *listing = opendir(work_parent(qcow2, arena));
	struct dirent *entry;
	int result = 0;

	while (listing && (entry = readdir(listing))) {
		struct hyfw_error *why = NULL;
		struct stat changed = { 0 };
		int fd = entry->d_name[0] == '.' ? -1 : openat(dirfd(listing), entry->d_name,
							      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			if (do_again(qcow2, arena, fd, &changed, &why) == 0)
				storage_tree_remove(dirfd(listing), entry->d_name);
			else if (st && result == 0 && same_file(&changed, st))
				result = qcow2->host->fail(err, EBUSY, "disk %s: an operation on it was interrupted and cannot be "
							   "finished yet", what);
			else
				qcow2->host->log(HYFW_LOG_WARNING, "an operation on a disk was interrupted and cannot be finished "
						 "yet; the next command tries again");
		}
		qcow2->host->forget(&why);
		close(fd);
	}
	if (listing)
		closedir(listing);
	qcow2->host->arena_free(arena);
	return result;
}
