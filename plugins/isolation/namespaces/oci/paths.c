/* SPDX-License-Identifier: BSD-3-Clause
 * linux.maskedPaths and linux.readonlyPaths: what is not there is left out. */
#include "oci.h"

#include <sys/stat.h>

/* Directories are covered by one empty file system.  It is attached itself the first
 * time, because only what is attached can be copied before Linux 6.15. */
struct empty {
	int fd;
	bool attached;
};

static int copy_of(int fd, const char *path)
{
	return open_tree(fd, path, (*path ? 0u : AT_EMPTY_PATH) | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static int cover_directory(const struct ns_job *job, struct empty *empty)
{
	static const char *const plain[] = { "source", "tmpfs", "size", "0", "nr_inodes", "1", "mode", "755", NULL };
	const char *label = job->confinement->mount_label;
	const char *const labelled[] = { "source", "tmpfs", "size", "0", "nr_inodes", "1", "mode", "755",
					 "context", label, NULL };

	if (empty->attached)
		return copy_of(empty->fd, "");
	empty->fd = ns_filesystem("tmpfs", label ? labelled : plain, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
				  MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
	if (empty->fd < 0)
		errno = -empty->fd;
	empty->attached = true;
	return empty->fd;
}

static void mask(const struct ns_job *job, const struct oci_room *room, const char *path, struct empty *empty)
{
	NS_AUTO_CLOSE int target = ns_open_inside(room->root, path, 0);
	struct stat status;
	int cover;

	if (target == -ENOENT || target == -ENOTDIR)
		return;
	if (target < 0 || fstat(target, &status) < 0)
		ns_die(job, NS_STEP_MASK, path, target < 0 ? -target : errno);
	cover = S_ISDIR(status.st_mode) ? cover_directory(job, empty) : copy_of(AT_FDCWD, "/dev/null");
	if (cover < 0 ||
	    move_mount(cover, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		ns_die(job, NS_STEP_MASK, path, errno);
	if (cover != empty->fd)
		close(cover);
}

static void make_read_only(const struct ns_job *job, const struct oci_room *room, const char *path)
{
	NS_AUTO_CLOSE int target = ns_open_inside(room->root, path, 0);
	NS_AUTO_CLOSE int tree = -1;
	int r;

	if (target == -ENOENT || target == -ENOTDIR)
		return;
	if (target < 0)
		ns_die(job, NS_STEP_READ_ONLY, path, -target);
	tree = open_tree(target, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0)
		ns_die(job, NS_STEP_READ_ONLY, path, errno);
	r = oci_mount_change(tree, MOUNT_ATTR_RDONLY, 0, 0, true);
	if (r < 0)
		ns_die(job, NS_STEP_READ_ONLY, path, -r);
	if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		ns_die(job, NS_STEP_READ_ONLY, path, errno);
}

static bool was_before(const char *const *list, const char *const *path)
{
	for (; list < path; list++)
		if (strcmp(*list, *path) == 0)
			return true;
	return false;
}

void oci_paths_cover(const struct ns_job *job, const struct oci_room *room)
{
	const char *const *path;
	struct empty empty = { -1, false };

	for (path = room->config->read_only_paths; path && *path; path++)
		if (!was_before(room->config->read_only_paths, path))
			make_read_only(job, room, *path);
	for (path = room->config->masked_paths; path && *path; path++)
		if (!was_before(room->config->masked_paths, path))
			mask(job, room, *path, &empty);
	if (empty.fd >= 0)
		close(empty.fd);
}
