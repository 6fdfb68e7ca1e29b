/* SPDX-License-Identifier: BSD-3-Clause
 * "tmpcopyup": a tmpfs begins with a copy of the directory that it covers.  Files,
 * directories and links with owner, mode and times; devices and sockets are left out.
 * Only async-signal-safe calls; the depth is bounded, as each level has a frame. */
#include "oci.h"

#include <dirent.h>
#include <sys/stat.h>

#define DEPTH_MAX 64

static int copy_tree(int from, int to, unsigned depth);

static int copy_data(int from, int to)
{
	char room[65536];
	ssize_t got, written, at;

	while ((got = read(from, room, sizeof(room))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		for (at = 0; at < got; at += written) {
			written = write(to, room + at, (size_t)(got - at));
			if (written < 0)
				return -errno;
		}
	}
	return 0;
}

static int keep_status(int fd, const struct stat *status)
{
	const struct timespec times[2] = { status->st_atim, status->st_mtim };

	/* Ids that are not mapped stay those of root. */
	if (fchown(fd, status->st_uid, status->st_gid) < 0 && errno != EINVAL && errno != EPERM)
		return -errno;
	if (fchmod(fd, status->st_mode & 07777) < 0 || futimens(fd, times) < 0)
		return -errno;
	return 0;
}

static int copy_file(int from, int to, const char *name, const struct stat *status)
{
	NS_AUTO_CLOSE int source = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	NS_AUTO_CLOSE int copy = -1;
	int r;

	if (source < 0)
		return -errno;
	copy = openat(to, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (copy < 0)
		return -errno;
	r = copy_data(source, copy);
	return r < 0 ? r : keep_status(copy, status);
}

static int copy_directory(int from, int to, const char *name, const struct stat *status, unsigned depth)
{
	NS_AUTO_CLOSE int source = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	NS_AUTO_CLOSE int copy = -1;
	int r;

	if (source < 0 || mkdirat(to, name, 0700) < 0)
		return -errno;
	copy = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (copy < 0)
		return -errno;
	r = copy_tree(source, copy, depth + 1);
	return r < 0 ? r : keep_status(copy, status);
}

static int copy_link(int from, int to, const char *name, const struct stat *status)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(from, name, target, sizeof(target) - 1);

	if (length < 0)
		return -errno;
	target[length] = '\0';
	if (symlinkat(target, to, name) < 0)
		return -errno;
	(void)!fchownat(to, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW);
	return 0;
}

static int copy_entry(int from, int to, const char *name, unsigned depth)
{
	struct stat status;

	if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		return copy_directory(from, to, name, &status, depth);
	if (S_ISREG(status.st_mode))
		return copy_file(from, to, name, &status);
	return S_ISLNK(status.st_mode) ? copy_link(from, to, name, &status) : 0;
}

static int copy_tree(int from, int to, unsigned depth)
{
	char room[4096] __attribute__((aligned(8)));
	const struct dirent64 *entry;
	long got, at;
	int r;

	if (depth > DEPTH_MAX)
		return -ELOOP;
	while ((got = syscall(SYS_getdents64, from, room, sizeof(room))) > 0)
		for (at = 0; at < got; at += entry->d_reclen) {
			entry = (const struct dirent64 *)(room + at);
			if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
				continue;
			r = copy_entry(from, to, entry->d_name, depth);
			if (r < 0)
				return r;
		}
	return got < 0 ? -errno : 0;
}

int oci_copy_up(int from, int to)
{
	NS_AUTO_CLOSE int source = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	NS_AUTO_CLOSE int copy = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat status;
	int r;

	if (source < 0 || copy < 0 || fstat(source, &status) < 0)
		return -errno;
	r = copy_tree(source, copy, 0);
	return r < 0 ? r : keep_status(copy, &status);
}
