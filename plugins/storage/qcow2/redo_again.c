/* SPDX-License-Identifier: BSD-3-Clause
 * What an operation that was killed left to be done: found by its directory, which nobody
 * has locked any more. */
#include "redo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "../common/tree.h"

#define NOTE_MOST 32768
#define STAGE_PREFIX ".import-" /* storage_temporary_make() */

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
	int fd = openat(directory, QCOW2_REDO_NOTE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
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

	if (qcow2_is_below(redo->overlay, qcow2_work_parent(qcow2, arena)))
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
		result = qcow2_redo_take_back(qcow2, arena, redo, err);
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

static bool same_file(const struct stat *one, const struct stat *other)
{
	if (S_ISBLK(one->st_mode))
		return S_ISBLK(other->st_mode) && one->st_rdev == other->st_rdev;
	return one->st_dev == other->st_dev && one->st_ino == other->st_ino;
}

/* ---- whose ---- */

/* The file that somebody is about to use. */
struct wanted {
	const char *path, *format;
	struct stat st;
};

/* Whether it is 'st', or based on it.  One whose chain cannot be followed is refused by
 * whoever wants it. */
static bool lies_on(struct qcow2 *qcow2, const struct wanted *wanted, const struct stat *st)
{
	struct hyfw_arena *arena;
	struct hyfw_error *broken = NULL;
	struct qcow2_chain chain;
	bool found = same_file(&wanted->st, st);
	size_t i;

	if (found)
		return true;
	arena = qcow2->host->arena_new();
	if (qcow2_chain_open(qcow2, arena, wanted->path, wanted->format, true, &chain, &broken) == 0) {
		for (i = 1; i < chain.count; i++)
			found = found || same_file(&chain.links[i].st, st);
		qcow2_chain_close(&chain);
	}
	qcow2->host->forget(&broken);
	qcow2->host->arena_free(arena);
	return found;
}

/* What was committed into a disk concerns who wants either of them. */
static bool concerns(struct qcow2 *qcow2, const struct wanted *wanted, struct json_object *note, const struct stat *disk)
{
	const char *path;
	struct stat st;
	int overlay;

	if (!wanted || lies_on(qcow2, wanted, disk))
		return true;
	overlay = open_noted(note, "overlay", &path, &st);
	if (overlay < 0)
		return false;
	close(overlay);
	return lies_on(qcow2, wanted, &st);
}

/* ---- again ---- */

/* A directory without a process; 'wanted' NULL: whatever it is about.  '*ret_left': it is
 * about a disk that does not matter now. */
static int do_again(struct qcow2 *qcow2, struct hyfw_arena *arena, int directory, const struct wanted *wanted,
		    bool *ret_left, struct hyfw_error **err)
{
	struct json_object *note = read_note(directory);
	struct qcow2_redo redo = { 0 };
	int disk = note ? open_noted(note, "disk", &redo.disk, &redo.st) : -1, result = 0;

	*ret_left = wanted && disk >= 0 && !concerns(qcow2, wanted, note, &redo.st);
	if (!*ret_left && note && text_in(note, "stage"))
		sweep_stage(text_in(note, "stage"));
	if (!*ret_left && disk >= 0)
		result = do_to(qcow2, arena, note, disk, &redo, err);
	if (disk >= 0)
		close(disk);
	json_object_put(note);
	return result;
}

static int redo(struct qcow2 *qcow2, const struct wanted *wanted, struct hyfw_error **err)
{
	struct hyfw_arena *arena = qcow2->host->arena_new();
	DIR *listing = opendir(qcow2_work_parent(qcow2, arena));
	struct dirent *entry;
	int result = 0;

	while (listing && (entry = readdir(listing))) {
		struct hyfw_error *why = NULL;
		bool left = false;
		int fd = entry->d_name[0] == '.' ? -1 : openat(dirfd(listing), entry->d_name,
							      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
			const int done = do_again(qcow2, arena, fd, wanted, &left, &why);

			if (done == 0 && !left)
				storage_tree_remove(dirfd(listing), entry->d_name);
			else if (done < 0 && wanted && result == 0)
				result = qcow2->host->fail(err, EBUSY, "an operation on it was interrupted and cannot be "
							   "finished yet");
			else if (done < 0)
				qcow2->host->log(HYFW_LOG_WARNING, "an operation on a disk was interrupted and cannot be finished "
						 "yet; `hyfw recover` tries again");
		}
		qcow2->host->forget(&why);
		close(fd);
	}
	if (listing)
		closedir(listing);
	qcow2->host->arena_free(arena);
	return result;
}

int qcow2_redo_of(struct qcow2 *qcow2, const char *path, const char *format, const struct stat *st, const char *what,
		  struct hyfw_error **err)
{
	const struct wanted wanted = { .path = path, .format = format, .st = *st };
	int result = redo(qcow2, &wanted, err);

	return result < 0 ? qcow2->host->wrap(err, "disk %s", what) : 0;
}

void qcow2_redo_all(struct qcow2 *qcow2)
{
	struct hyfw_error *none = NULL;

	redo(qcow2, NULL, &none);
}
