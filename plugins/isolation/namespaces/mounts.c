/* SPDX-License-Identifier: BSD-3-Clause
 * Attaching mounts in the child, below the new root.  A target is opened below
 * the root by the kernel (openat2(2), RESOLVE_IN_ROOT) and the mount is moved
 * onto that very descriptor: no link in the image, and none that is swapped
 * meanwhile, leads elsewhere. */
#include "ns.h"

#include <dirent.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define NAME_ROOM 256
#define LINKS_MAX 40 /* as the kernel's */

int ns_attributes(int fd, uint64_t set, bool recursive)
{
	struct mount_attr change = { .attr_set = set };

	if (!set)
		return 0;
	return mount_setattr(fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &change,
			     sizeof(change)) < 0 ? -errno : 0;
}

int ns_filesystem(const char *type, const char *const *options, uint64_t attributes)
{
	NS_AUTO_CLOSE int context = fsopen(type, FSOPEN_CLOEXEC);
	int fd, r;

	if (context < 0)
		return -errno;
	for (; options && options[0]; options += 2) {
		r = fsconfig(context, options[1] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, options[0],
			     options[1], 0);
		if (r < 0)
			return -errno;
	}
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned)attributes);
	return fd < 0 ? -errno : fd;
}

int ns_open_inside(int root_fd, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | flags,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

/* Makes the last part of 'path' in its directory, which exists.  -EEXIST when it is there. */
static int make_last(int root_fd, const char *path, size_t length, bool directory)
{
	char parent[PATH_MAX], name[NAME_ROOM];
	NS_AUTO_CLOSE int fd = -1;
	size_t end = length, start;
	int made;

	while (end > 0 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	if (end == start || end - start >= sizeof(name) || start >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(name, path + start, end - start);
	name[end - start] = '\0';
	memcpy(parent, path, start);
	parent[start] = '\0';
	if (strcmp(name, "..") == 0 || strcmp(name, ".") == 0)
		return 0;
	fd = ns_open_inside(root_fd, start ? parent : ".", O_DIRECTORY);
	if (fd < 0)
		return fd;
	if (directory) {
		return mkdirat(fd, name, 0755) < 0 ? -errno : 0;
	}
	made = openat(fd, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (made < 0)
		return -errno;
	close(made);
	return 0;
}

/* Where the link that is the part of 'path' up to 'end' leads to, and then the rest of
 * 'path', in place; -ENOENT when that part is no link. */
static int follow_link(int root_fd, char path[PATH_MAX], size_t end)
{
	char found[PATH_MAX], part[PATH_MAX];
	NS_AUTO_CLOSE int fd = -1;
	size_t start, rest = strlen(path) - end;
	ssize_t length;

	memcpy(part, path, end);
	part[end] = '\0';
	fd = ns_open_inside(root_fd, part, O_NOFOLLOW);
	length = fd < 0 ? -1 : readlinkat(fd, "", found, sizeof(found));
	if (length <= 0)
		return -ENOENT;
	for (start = end; start > 0 && path[start - 1] != '/'; start--)
		;
	if (found[0] == '/')
		start = 0;
	if (start + (size_t)length + rest >= PATH_MAX)
		return -ENAMETOOLONG;
	memmove(path + start + length, path + end, rest + 1);
	memcpy(path + start, found, (size_t)length);
	return 0;
}

/* Makes the parts of 'path' that are missing.  1 when a link that leads to nothing was
 * in the way, and 'path' now is where it leads to. */
static int make_parts(int root_fd, char path[PATH_MAX], bool directory)
{
	size_t at, length = strlen(path);
	int r = 0;

	while (length > 1 && path[length - 1] == '/')
		path[--length] = '\0';
	for (at = 1; at <= length && r == 0; at++) {
		if ((path[at] != '/' && path[at]) || path[at - 1] == '/')
			continue;
		r = make_last(root_fd, path, at, path[at] ? true : directory);
		if (r == -EEXIST) {
			r = follow_link(root_fd, path, at);
			if (r == 0)
				return 1;
			r = r == -ENOENT ? 0 : r;
		}
	}
	return r;
}

int ns_target_open(int root_fd, const char *target, bool directory)
{
	char path[PATH_MAX];
	size_t length = strlen(target);
	int fd = ns_open_inside(root_fd, target, 0), r = 1, links;

	if (fd != -ENOENT)
		return fd;
	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(path, target, length + 1);
	for (links = 0; r == 1; links++) {
		if (links == LINKS_MAX)
			return -ELOOP;
		r = make_parts(root_fd, path, directory);
	}
	return r < 0 ? r : ns_open_inside(root_fd, path, 0);
}

static bool is_directory(int fd)
{
	struct stat status;

	return fstat(fd, &status) < 0 || S_ISDIR(status.st_mode);
}

/* What hides a part of /proc takes its masks away, and security labels would be
 * written to it instead of the kernel. */
static bool on_proc(int fd)
{
	struct statfs status;

	return fstatfs(fd, &status) < 0 || status.f_type == PROC_SUPER_MAGIC;
}

static bool is_empty(int directory)
{
	char room[1024] __attribute__((aligned(8)));
	const struct dirent64 *entry = (const struct dirent64 *)room;
	long got, at;

	while ((got = syscall(SYS_getdents64, directory, room, sizeof(room))) > 0) {
		for (at = 0; at < got; at += entry->d_reclen) {
			entry = (const struct dirent64 *)(room + at);
			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				return false;
		}
	}
	return got == 0;
}

/* See HYFW_ATTACH_ADOPT.  We are root of the workload's user namespace, so no id is
 * given away that the workload does not have. */
static void adopt(int mount_fd, int root_fd, const char *target)
{
	NS_AUTO_CLOSE int covered = ns_open_inside(root_fd, target, O_DIRECTORY);
	NS_AUTO_CLOSE int fd = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat now, wanted;

	if (covered < 0 || fd < 0 || fstat(covered, &wanted) < 0 || fstat(fd, &now) < 0)
		return;
	if (now.st_uid != 0 || now.st_gid != 0 || !is_empty(fd))
		return;
	if (fchown(fd, wanted.st_uid, wanted.st_gid) == 0)
		(void)fchmod(fd, wanted.st_mode & 01777);
}

void ns_attach(const struct ns_job *job, int mount_fd, int root_fd, const char *target, bool directory)
{
	int fd = ns_target_open(root_fd, target, directory);

	if (fd < 0)
		ns_die(job, NS_STEP_TARGET, target, -fd);
	if (on_proc(fd))
		ns_die(job, NS_STEP_PROC, target, EPERM);
	if (is_directory(fd) != directory)
		ns_die(job, NS_STEP_MOUNT, target, directory ? ENOTDIR : EISDIR);
	if (move_mount(mount_fd, "", fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		ns_die(job, NS_STEP_MOUNT, target, errno);
	close(fd);
}

/* Decimal or octal digits; async-signal-safe, unlike snprintf(). */
static const char *digits(uint64_t value, unsigned base, char room[24])
{
	char *at = room + 23;

	*at = '\0';
	do
		*--at = (char)('0' + value % base);
	while (value /= base);
	return at;
}

static int make_tmpfs(const struct ns_job *job, const struct hyfw_attachment *attachment)
{
	char size[24], mode[24];
	const char *options[] = {
		"source", "tmpfs",
		"size", digits(attachment->bytes ? attachment->bytes : 64u << 20, 10, size),
		"mode", digits(attachment->mode ? attachment->mode & 07777 : 01777, 8, mode),
		job->confinement->mount_label ? "context" : NULL, job->confinement->mount_label, NULL,
	};

	return ns_filesystem("tmpfs", options,
			     ns_attachment_attributes(attachment) | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}

void ns_mounts_attach(const struct ns_job *job, int root_fd, const int *fds, size_t count)
{
	const struct hyfw_workload *workload = job->workload;
	size_t i, next = 0;
	int fd;

	for (i = 0; i < workload->mount_count; i++) {
		const struct hyfw_attachment *attachment = &workload->mounts[i];

		if (!attachment->target[strspn(attachment->target, "/")])
			ns_die(job, NS_STEP_MOUNT, attachment->target, EBUSY); /* that is the root */
		if (attachment->kind == HYFW_ATTACHMENT_TMPFS)
			fd = make_tmpfs(job, attachment);
		else
			fd = next < count ? fds[next++] : -EBADF;
		if (fd < 0)
			ns_die(job, NS_STEP_MOUNT, attachment->target, -fd);
		if (attachment->flags & HYFW_ATTACH_ADOPT)
			adopt(fd, root_fd, attachment->target);
		ns_attach(job, fd, root_fd, attachment->target, is_directory(fd));
		close(fd);
	}
}
