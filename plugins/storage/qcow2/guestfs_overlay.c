/* SPDX-License-Identifier: BSD-3-Clause
 * A disk is never opened for writing while anything can still go wrong: all is done
 * to an overlay in a directory of its own, which is committed into the disk at the end,
 * or thrown away.  Reading goes through an overlay too, so that not even the journal of a
 * file system is replayed on the disk. */
#include "guestfs_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/tree.h"

#define COMMIT_MS (30u * 60000u)
#define WORK "work"

/* ---- working directories ---- */

static int open_work(struct qcow2 *qcow2, char *ret_path, size_t room)
{
	if (snprintf(ret_path, room, "%s/" WORK, qcow2_data(qcow2)) >= (int)room)
		return -ENAMETOOLONG;
	if (mkdir(ret_path, 0700) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

int gf_work_make(struct qcow2 *qcow2, struct hyfw_arena *arena, char **ret_path, int *ret_lock,
		 struct hyfw_error **err)
{
	char parent[4000];
	int result = open_work(qcow2, parent, sizeof(parent)), fd;
	char *path;

	if (result < 0)
		return qcow2->host->fail(err, -result, "%s: %s", parent, strerror(-result));
	gf_work_sweep(qcow2);
	path = qcow2->host->format(arena, "%s/XXXXXX", parent);
	if (!mkdtemp(path))
		return qcow2->host->fail(err, errno, "%s: %s", path, strerror(errno));
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
		result = errno;
		rmdir(path);
		if (fd >= 0)
			close(fd);
		return qcow2->host->fail(err, result, "%s: %s", path, strerror(result));
	}
	*ret_path = path;
	*ret_lock = fd;
	return 0;
}

void gf_work_remove(struct qcow2 *qcow2, char *path, int *lock)
{
	(void)qcow2;
	if (path)
		storage_tree_remove(AT_FDCWD, path);
	if (*lock >= 0)
		close(*lock);
	*lock = -1;
}

void gf_work_sweep(struct qcow2 *qcow2)
{
	struct dirent *entry;
	char parent[4000];
	DIR *list;

	snprintf(parent, sizeof(parent), "%s/" WORK, qcow2_data(qcow2));
	list = opendir(parent);
	while (list && (entry = readdir(list))) {
		int fd;

		if (entry->d_name[0] == '.')
			continue;
		fd = openat(dirfd(list), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			storage_tree_remove(dirfd(list), entry->d_name);
		close(fd);
	}
	if (list)
		closedir(list);
}

/* ---- the overlay ---- */

/* The name of the disk that takes no locks: "json:{...}" for QEMU's block layer. */
static char *unlocked_name(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_disk *disk)
{
	struct json_object *object = json_object_new_object(), *file = json_object_new_object();
	char *name;

	json_object_object_add(object, "driver", json_object_new_string(disk->format));
	json_object_object_add(object, "force-share", json_object_new_boolean(1));
	json_object_object_add(file, "driver", json_object_new_string(S_ISBLK(disk->st.st_mode) ? "host_device" : "file"));
	json_object_object_add(file, "filename", json_object_new_string(disk->path));
	json_object_object_add(object, "file", file);
	name = qcow2->host->format(arena, "json:%s", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	json_object_put(object);
	return name;
}

static int make_overlay(struct qcow2 *qcow2, const struct hyfw_operation *operation, bool live,
			struct gf_change *change, struct hyfw_error **err)
{
	const char *backing = live ? unlocked_name(qcow2, operation->arena, &change->disk) : change->disk.path;
	const char *const argv[] = { "qemu-img", "create", "-q", "-f", "qcow2", "-F", change->disk.format,
				     "-b", backing, change->overlay, NULL };
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv };

	return qcow2->host->run(operation->arena, &program, NULL, err);
}

int gf_change_begin(struct qcow2 *qcow2, const struct hyfw_operation *operation, enum qcow2_access access,
		    struct gf_change *ret_change, struct hyfw_error **err)
{
	const bool live = access == QCOW2_READ && hyfw_map_bool(&operation->args, "live", false);
	int result;

	*ret_change = (struct gf_change){ .disk.fd = -1, .lock = -1 };
	result = qcow2_disk_open(qcow2, operation, operation->object, live ? QCOW2_LOOK : access, &ret_change->disk,
				 err);
	if (result < 0)
		return result;
	result = gf_work_make(qcow2, operation->arena, &ret_change->work, &ret_change->lock, err);
	if (result == 0) {
		ret_change->overlay = qcow2->host->format(operation->arena, "%s/overlay.qcow2", ret_change->work);
		result = make_overlay(qcow2, operation, live, ret_change, err);
	}
	if (result < 0)
		gf_change_end(qcow2, ret_change);
	return result;
}

struct gf_disk gf_change_disk(const struct gf_change *change)
{
	return (struct gf_disk){ .path = change->overlay, .format = "qcow2" };
}

int gf_change_commit(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct gf_change *change,
		     struct hyfw_error **err)
{
	const char *const argv[] = { "qemu-img", "commit", "-q", "-f", "qcow2", change->overlay, NULL };
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv, .timeout_ms = COMMIT_MS };
	int result = qcow2_disk_unchanged(qcow2, &change->disk, err);

	if (result < 0)
		return result;
	qcow2_disk_close(qcow2, &change->disk);
	return qcow2->host->run(operation->arena, &program, NULL, err);
}

void gf_change_end(struct qcow2 *qcow2, struct gf_change *change)
{
	gf_work_remove(qcow2, change->work, &change->lock);
	qcow2_disk_close(qcow2, &change->disk);
}

int gf_on_disk(struct qcow2 *qcow2, const struct hyfw_operation *operation, enum qcow2_access access,
	       struct gf_job *job, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct hyfw_map reported = { 0 };
	struct gf_change change;
	int result = gf_change_begin(qcow2, operation, access, &change, err);

	if (result < 0)
		return result;
	job->disks[0] = gf_change_disk(&change);
	if (job->disk_count == 0)
		job->disk_count = 1;
	job->work = change.work;
	result = gf_run(qcow2, operation, job, &reported, err);
	if (result == 0 && access == QCOW2_WRITE)
		result = gf_change_commit(qcow2, operation, &change, err);
	gf_change_end(qcow2, &change);
	if (result == 0)
		*ret_result = reported;
	return result;
}
