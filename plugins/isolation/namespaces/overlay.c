/* SPDX-License-Identifier: BSD-3-Clause
 * Mounts an overlay of layers that are detached mounts, so that they can carry an
 * id mapping (the overlay itself cannot be mapped).
 *
 * Since Linux 6.15 overlay takes them as descriptors.  Before, a layer has to be
 * attached in the mount namespace of whoever mounts: a helper that shares our
 * descriptors, but not our mount namespace, does that and is gone at once. */
#include "ns.h"

#include <linux/sched.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define FIRST_NAMESPACE 0xEFFFFFFDu /* USER_NS_INIT_INO of linux/nsfs.h, the same in all kernels */

/* There overlay may not use its own extended attributes, and takes those of users (Linux 5.11). */
static bool in_user_namespace(void)
{
	struct stat status;

	return stat("/proc/self/ns/user", &status) == 0 && status.st_ino != FIRST_NAMESPACE;
}

static int give_fd(int context, const char *key, int fd)
{
	return fsconfig(context, FSCONFIG_SET_FD, key, NULL, fd) < 0 ? -errno : 0;
}

int ns_overlay_detached(const struct ns_overlay *overlay)
{
	NS_AUTO_CLOSE int context = fsopen("overlay", FSOPEN_CLOEXEC);
	size_t i;
	int r = 0, fd;

	if (context < 0)
		return -errno;
	for (i = 0; i < overlay->count && r == 0; i++)
		r = give_fd(context, "lowerdir+", overlay->layers[i]);
	if (r == 0 && overlay->upper >= 0)
		r = give_fd(context, "upperdir", overlay->upper);
	if (r == 0 && overlay->upper >= 0)
		r = give_fd(context, "workdir", overlay->work);
	if (r < 0)
		return r;
	if (overlay->label && fsconfig(context, FSCONFIG_SET_STRING, "context", overlay->label, 0) < 0)
		return -errno;
	if (in_user_namespace() && fsconfig(context, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
		return -errno;
	if (fsconfig(context, FSCONFIG_SET_STRING, "source", "overlay", 0) < 0 ||
	    fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV);
	return fd < 0 ? -errno : fd;
}

/* Options for mount(2), at most a page: "lowerdir=/proc/self/fd/7:...". */
static int options_text(const struct ns_overlay *overlay, int upper, int work, char *text, size_t room)
{
	size_t used = 0, i;

	for (i = 0; i < overlay->count && used < room; i++)
		used += (size_t)snprintf(text + used, room - used, "%s/proc/self/fd/%d",
					 i ? ":" : "lowerdir=", overlay->layers[i]);
	if (upper >= 0 && used < room)
		used += (size_t)snprintf(text + used, room - used,
					 ",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d",
					 upper, work);
	if (overlay->label && used < room)
		used += (size_t)snprintf(text + used, room - used, ",context=\"%s\"", overlay->label);
	if (in_user_namespace() && used < room)
		used += (size_t)snprintf(text + used, room - used, ",userxattr");
	return used < room ? 0 : -E2BIG;
}

/* In the helper.  Layers are stacked on "/", which hides nothing from a process
 * whose root was that directory before; the overlay is mounted where it can be
 * taken from.  The descriptor table is the parent's too. */
static int mount_in_helper(const struct ns_overlay *overlay)
{
	struct mount_attr slave = { .propagation = MS_SLAVE };
	NS_AUTO_CLOSE int upper = -1;
	NS_AUTO_CLOSE int work = -1;
	char options[4096];
	size_t i;
	int fd;

	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &slave, sizeof(slave)) < 0)
		return -errno;
	for (i = 0; i < overlay->count; i++)
		if (move_mount(overlay->layers[i], "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
			return -errno;
	if (overlay->upper >= 0) { /* those of the parent are in its mount namespace */
		upper = ns_open_source(overlay->upper_path, O_DIRECTORY);
		work = ns_open_source(overlay->work_path, O_DIRECTORY);
		if (upper < 0 || work < 0)
			return upper < 0 ? upper : work;
	}
	fd = options_text(overlay, upper, work, options, sizeof(options));
	if (fd < 0)
		return fd;
	if (mount("overlay", "/proc", "overlay", MS_NODEV, options) < 0)
		return -errno;
	fd = open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int ns_overlay_attached(const struct ns_overlay *overlay)
{
	NS_AUTO_CLOSE int from = -1;
	NS_AUTO_CLOSE int to = -1;
	NS_AUTO_CLOSE int pidfd = -1;
	int pipe_ends[2], status, result = -EIO;
	pid_t pid;

	if (pipe2(pipe_ends, O_CLOEXEC) < 0)
		return -errno;
	from = pipe_ends[0];
	to = pipe_ends[1];
	pid = ns_clone(CLONE_NEWNS | CLONE_FILES, &pidfd);
	if (pid < 0)
		return -errno;
	if (pid == 0) {
		result = mount_in_helper(overlay);
		_exit(write(to, &result, sizeof(result)) == sizeof(result) ? 0 : 1);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (fcntl(from, F_SETFL, O_NONBLOCK) < 0 || read(from, &result, sizeof(result)) != sizeof(result))
		return -EIO;
	return result;
}
