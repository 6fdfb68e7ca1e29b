/* SPDX-License-Identifier: BSD-3-Clause
 * rebase and commit: what a disk is based on.  Both are written down before (redo.h): of
 * one that was killed, the next command takes a rebase back and finishes a commit. */
#include "redo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Notes beside a volume what it may be based on; for other disks nothing. */
static int note_bases(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *disk,
		      const char *bases, struct hyfw_error **err)
{
	const char *file = strrchr(disk->path, '/') + 1;
	size_t length;
	int dirfd, result;

	if (!disk->pool || !qcow2_volume_format(file, &length))
		return 0;
	dirfd = qcow2_pool_open(qcow2, disk->pool, false, err);
	if (dirfd < 0)
		return dirfd;
	result = qcow2_bases_write(qcow2, dirfd, qcow2->host->format(operation->arena, "%.*s", (int)length, file), bases,
				   err);
	close(dirfd);
	return result;
}

static int run_rebase(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *disk,
		      const char *backing, const char *format, bool unsafe, struct hyfw_error **err)
{
	const char *argv[12] = { "rebase", "-p", "-f", "qcow2", "-b", backing };
	struct qcow2_work work = QCOW2_NO_WORK;
	size_t count = 6;
	int result;

	if (format) {
		argv[count++] = "-F";
		argv[count++] = format;
	}
	if (unsafe)
		argv[count++] = "-u";
	argv[count++] = disk->path;
	argv[count] = NULL;
	result = qcow2_redo_begin(qcow2, operation, disk, !unsafe, &work, err);
	if (result == 0)
		result = qcow2_run(qcow2, operation->arena, operation, argv, NULL, err);
	if (result == 0 && fsync(disk->fd) < 0)
		result = qcow2->host->fail(err, errno, "disk %s: sync: %s", disk->path, strerror(errno));
	qcow2_redo_end(qcow2, operation, disk, !unsafe, result < 0, &work);
	return result;
}

static int flatten(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *disk,
		   bool unsafe, struct hyfw_error **err)
{
	int result = run_rebase(qcow2, operation, disk, "", NULL, unsafe, err);

	return result < 0 ? result : note_bases(qcow2, operation, disk, NULL, err);
}

/* Both are noted until the header says which. */
static int rebase_on(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *disk,
		     const struct qcow2_disk *base, bool unsafe, struct hyfw_error **err)
{
	const char *both = qcow2->host->format(operation->arena, "%s\n%s", base->path, disk->header.backing);
	int result = 0;

	if (disk->st.st_dev == base->st.st_dev && disk->st.st_ino == base->st.st_ino)
		return qcow2->host->fail(err, EINVAL, "disk %s: it cannot be based on itself", operation->object);
	if (disk->pool)
		result = note_bases(qcow2, operation, disk, disk->header.backing[0] ? both : base->path, err);
	else
		result = qcow2_may_be_based(qcow2, operation->arena, disk->path, base->path, base->path, err);
	if (result == 0)
		result = run_rebase(qcow2, operation, disk, base->path, base->format, unsafe, err);
	if (result == 0 && base->pool && fchmod(base->fd, (base->st.st_mode & 07777) | 0444) < 0)
		result = qcow2->host->fail(err, errno, "disk %s: make it readable: %s", base->path, strerror(errno));
	return result < 0 ? result : note_bases(qcow2, operation, disk, base->path, err);
}

int qcow2_verb_rebase(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		      struct hyfw_error **err)
{
	bool unsafe = hyfw_map_bool(&operation->args, "unsafe", false);
	const char *backing = hyfw_map_get(&operation->args, "backing");
	struct qcow2_disk disk, base;
	int result;

	(void)ret_result;
	if (!backing)
		backing = "";
	result = qcow2_disk_open(qcow2, operation, operation->object, unsafe ? QCOW2_WRITE_ALONE : QCOW2_WRITE, &disk,
				 err);
	if (result < 0)
		return result;
	if (strcmp(disk.format, "qcow2") != 0) {
		result = qcow2->host->fail(err, ENOTSUP, "disk %s: format %s cannot be based on another disk",
					   operation->object, disk.format);
	} else if (!*backing) {
		result = flatten(qcow2, operation, &disk, unsafe, err);
	} else {
		result = qcow2_disk_open(qcow2, operation, backing, QCOW2_READ, &base, err);
		if (result == 0) {
			result = rebase_on(qcow2, operation, &disk, &base, unsafe, err);
			qcow2_disk_close(qcow2, &base);
		}
	}
	qcow2_disk_close(qcow2, &disk);
	return result;
}

/* The base grows to the size of what is committed into it. */
static int commit(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *disk,
		  struct qcow2_disk *base, struct hyfw_error **err)
{
	const struct qcow2_redo redo = { .disk = base->path, .format = base->format, .overlay = disk->path };
	struct qcow2_room room = QCOW2_NO_ROOM;
	struct qcow2_work work = QCOW2_NO_WORK;
	int result = 0;

	if (disk->header.virtual_size > base->header.virtual_size)
		result = qcow2_room_take(qcow2, operation->arena, base->path,
					 disk->header.virtual_size - base->header.virtual_size, &room, err);
	if (result == 0)
		result = qcow2_work_begin(qcow2, operation->arena, &work, err);
	if (result == 0)
		result = qcow2_redo_commit(qcow2, operation, &work, &redo, base, err);
	if (result == 0 && fsync(disk->fd) < 0)
		result = qcow2->host->fail(err, errno, "disk %s: sync: %s", disk->path, strerror(errno));
	qcow2_work_end(&work);
	qcow2_room_give_back(&room);
	return result;
}

int qcow2_verb_commit(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		      struct hyfw_error **err)
{
	struct qcow2_disk disk, base;
	int result = qcow2_disk_open(qcow2, operation, operation->object, QCOW2_WRITE, &disk, err);

	(void)ret_result;
	if (result < 0)
		return result;
	result = qcow2_disk_open_base(qcow2, operation, &disk, &base, err);
	if (result == 0) {
		result = commit(qcow2, operation, &disk, &base, err);
		qcow2_disk_close(qcow2, &base);
	}
	qcow2_disk_close(qcow2, &disk);
	return result;
}
