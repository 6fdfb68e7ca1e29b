/* SPDX-License-Identifier: BSD-3-Clause
 * The disks that operations are done to. */
#include "redo.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

/* ---- directories ---- */

const char *qcow2_data(struct qcow2 *qcow2)
{
	if (!qcow2->data) {
		const char *given = qcow2->host->directory("qcow2", HYFW_DIRECTORY_DATA);

		/* Names are compared with what links lead to. */
		qcow2->real_data = realpath(given, NULL);
		qcow2->data = qcow2->real_data ? qcow2->real_data : given;
	}
	return qcow2->data;
}

int qcow2_data_open(struct qcow2 *qcow2, const char *which, bool make, struct hyfw_error **err)
{
	int data = open(qcow2_data(qcow2), O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd, errnum;

	if (data < 0)
		return qcow2->host->fail(err, errno, "%s: %s", qcow2_data(qcow2), strerror(errno));
	if (make && mkdirat(data, which, 0711) == 0)
		fchmodat(data, which, 0711, 0); /* whatever the umask is */
	fd = openat(data, which, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	errnum = errno;
	close(data);
	return fd >= 0 ? fd : qcow2->host->fail(err, errnum, "%s/%s: %s", qcow2_data(qcow2), which, strerror(errnum));
}

/* ---- what an object means ---- */

struct found {
	const char *path, *format;
	bool named;
};

static int find_path(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *path,
		     struct found *found, struct hyfw_error **err)
{
	struct stat st;
	int fd = qcow2_file_open(qcow2, operation->arena, path, &found->path, &st, err), result;

	if (fd < 0)
		return qcow2->host->wrap(err, "disk");
	result = qcow2_format_of(qcow2, found->path, fd, hyfw_map_get(&operation->args, "source_format"),
				 &found->format, &found->named, err);
	close(fd);
	return result;
}

/* A name without a prefix: a volume or the root disk of a workload, not both. */
static int find_name(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *name,
		     struct found *found, struct hyfw_error **err)
{
	const char *root = qcow2_root_path(qcow2, name, operation->arena);
	struct hyfw_error *missing = NULL;
	bool here;
	int result = qcow2_volume_find(qcow2, name, hyfw_map_get(&operation->args, "pool"), operation->arena,
				       &found->path, &found->format, &missing);

	if (result == 0 && root)
		return qcow2->host->fail(err, EINVAL,
					 "disk %s: there is a volume and a workload of that name; say volume/%s or workload/%s",
					 name, name, name);
	if (root) {
		qcow2->host->forget(&missing);
		found->path = root;
		found->format = "qcow2";
		return 0;
	}
	if (result != -ENOENT) {
		*err = missing;
		return result;
	}
	qcow2->host->forget(&missing);
	here = access(name, F_OK) == 0;
	return qcow2->host->fail(err, ENOENT, "disk %s: there is neither a volume nor a workload's disk of that name%s%s", name,
				 here ? "; the file here is ./" : "", here ? name : "");
}

static int find(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *object,
		struct found *found, struct hyfw_error **err)
{
	struct qcow2_header header;

	found->named = true;
	if (object[0] == '/')
		return find_path(qcow2, operation, object, found, err);
	if (strncmp(object, "image/", 6) == 0) {
		found->format = "qcow2";
		return qcow2_image_disk(qcow2, object + 6, operation->arena, &found->path, &header, err);
	}
	if (strncmp(object, "volume/", 7) == 0)
		return qcow2_volume_find(qcow2, object + 7, hyfw_map_get(&operation->args, "pool"), operation->arena,
					 &found->path, &found->format, err);
	if (strncmp(object, "workload/", 9) == 0) {
		found->path = qcow2_root_path(qcow2, object + 9, operation->arena);
		found->format = "qcow2";
		return found->path ? 0 : qcow2->host->fail(err, ENOENT, "disk %s: that workload has no disk here", object);
	}
	return find_name(qcow2, operation, object, found, err);
}

/* ---- opening ---- */

/* Nothing may be based on a disk that is written: not workloads on an image, not linked
 * clones. */
static int check_base(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path, const char *but,
		      struct hyfw_error **err)
{
	const char *images = qcow2->host->format(arena, "%s/images", qcow2_data(qcow2));
	int result = 0;

	if (qcow2_is_below(path, images)) {
		const char *key = path + strlen(images) + 1;

		result = qcow2_image_unused(qcow2, qcow2->host->format(arena, "%.*s", (int)strcspn(key, "/"), key),
					    but, err);
	}
	return result < 0 ? result : qcow2_no_clones(qcow2, path, but, err);
}

static int look(struct qcow2 *qcow2, struct qcow2_disk *disk, struct hyfw_error **err)
{
	const char *why = "";
	int result = qcow2_header_read(disk->fd, disk->format, &disk->header, &why);

	return result < 0 ? qcow2->host->fail(err, -result, "disk %s (%s): %s", disk->path, disk->format, why) : 0;
}

/* 'but' is the path of a disk that may be based on it. */
static int check_access(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *object,
			enum qcow2_access access, bool named, const char *but, struct qcow2_disk *disk,
			struct hyfw_error **err)
{
	bool write = access == QCOW2_WRITE || access == QCOW2_WRITE_ALONE;
	struct qcow2_chain chain;
	int result;

	if (flock(disk->fd, (write ? LOCK_EX : LOCK_SH) | LOCK_NB) < 0)
		return qcow2->host->fail(err, EBUSY, "disk %s: another operation is done to it just now", object);
	result = qcow2_use_check(qcow2, disk->fd, &disk->st, object, write, NULL, err);
	if (result == 0 && write)
		result = check_base(qcow2, operation->arena, disk->path, but, err);
	if (result < 0 || access == QCOW2_WRITE_ALONE)
		return result < 0 ? result : look(qcow2, disk, err);
	result = qcow2_chain_open(qcow2, operation->arena, disk->path, disk->format, named, &chain, err);
	if (result < 0)
		return result;
	disk->header = chain.links[0].header;
	qcow2_chain_close(&chain);
	return 0;
}

const struct qcow2_pool *qcow2_pool_of(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path)
{
	size_t i;

	for (i = 0; i < qcow2->pool_count; i++)
		if (qcow2_is_below(path, qcow2_pool_path(qcow2, &qcow2->pools[i], arena)))
			return &qcow2->pools[i];
	return NULL;
}

static int open_found(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *object,
		      const struct found *found, enum qcow2_access access, const char *but,
		      struct qcow2_disk *ret_disk, struct hyfw_error **err)
{
	struct qcow2_disk disk = { .format = found->format };
	int result;

	disk.fd = qcow2_file_open(qcow2, operation->arena, found->path, &disk.path, &disk.st, err);
	if (disk.fd < 0)
		return qcow2->host->wrap(err, "disk");
	disk.pool = qcow2_pool_of(qcow2, operation->arena, disk.path);
	result = access == QCOW2_LOOK ? 0 : qcow2_redo_of(qcow2, disk.path, disk.format, &disk.st, object, err);
	if (result == 0 && access != QCOW2_LOOK && fstat(disk.fd, &disk.st) < 0)
		result = qcow2->host->fail(err, errno, "disk %s: %s", object, strerror(errno));
	if (result == 0)
		result = access == QCOW2_LOOK ? look(qcow2, &disk, err) :
					check_access(qcow2, operation, object, access, found->named, but, &disk, err);
	if (result < 0)
		close(disk.fd);
	else
		*ret_disk = disk;
	return result;
}

int qcow2_disk_open(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *object,
		    enum qcow2_access access, struct qcow2_disk *ret_disk, struct hyfw_error **err)
{
	struct found found = { 0 };
	int result = find(qcow2, operation, object, &found, err);

	return result < 0 ? result : open_found(qcow2, operation, object, &found, access, NULL, ret_disk, err);
}

int qcow2_disk_open_base(struct qcow2 *qcow2, const struct hyfw_operation *operation,
			 const struct qcow2_disk *overlay, struct qcow2_disk *ret_disk, struct hyfw_error **err)
{
	struct found found = { .named = true };
	struct qcow2_chain chain;
	int result = qcow2_chain_open(qcow2, operation->arena, overlay->path, overlay->format, true, &chain, err);

	if (result < 0)
		return result;
	if (chain.count > 1) {
		found.path = chain.links[1].path;
		found.format = chain.links[1].header.format;
	}
	qcow2_chain_close(&chain);
	if (!found.path)
		return qcow2->host->fail(err, EINVAL, "disk %s: it is based on nothing", overlay->path);
	return open_found(qcow2, operation, found.path, &found, QCOW2_WRITE, overlay->path, ret_disk, err);
}

int qcow2_disk_unchanged(struct qcow2 *qcow2, const struct qcow2_disk *disk, struct hyfw_error **err)
{
	struct stat now;

	if (fstat(disk->fd, &now) < 0 || now.st_ctim.tv_sec != disk->st.st_ctim.tv_sec ||
	    now.st_ctim.tv_nsec != disk->st.st_ctim.tv_nsec)
		return qcow2->host->fail(err, ESTALE, "disk %s: was changed meanwhile", disk->path);
	return 0;
}

void qcow2_disk_close(struct qcow2 *qcow2, struct qcow2_disk *disk)
{
	(void)qcow2;
	if (disk->fd >= 0)
		close(disk->fd);
	disk->fd = -1;
}
