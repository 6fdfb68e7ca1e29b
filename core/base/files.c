/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"

int hyfw_file_read(int dirfd, const char *path, size_t limit, char **ret_data, size_t *ret_size,
		   struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	HYFW_AUTO_FREE char *data = NULL;
	size_t size = 0, room = 0;
	struct stat st;

	if (fd < 0)
		return hyfw_fail_errno(err, errno, "%s", path);
	if (fstat(fd, &st) < 0)
		return hyfw_fail_errno(err, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return hyfw_fail_errno(err, EISDIR, "%s", path);
	for (;;) {
		ssize_t got;

		if (room - size < 2) {
			room = room ? room * 2 : (size_t)(st.st_size > 0 ? st.st_size : 0) + 512;
			data = hyfw_grow(data, room, 1);
		}
		got = read(fd, data + size, room - size - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return hyfw_fail_errno(err, errno, "%s", path);
		if (got == 0)
			break;
		size += (size_t)got;
		if (size > limit)
			return hyfw_fail(err, EFBIG, "%s: larger than %zu bytes", path, limit);
	}
	data[size] = '\0';
	*ret_data = HYFW_STEAL(data);
	if (ret_size)
		*ret_size = size;
	return 0;
}

int hyfw_write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t put = write(fd, at, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		at += put;
		size -= (size_t)put;
	}
	return 0;
}

static int sync_parent(const char *path)
{
	HYFW_AUTO_FREE char *parent = hyfw_dup(path);
	HYFW_AUTO_CLOSE int fd = -1;
	char *slash = strrchr(parent, '/');

	if (slash)
		slash[slash == parent] = '\0';
	fd = open(slash ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

int hyfw_file_write(const char *path, const void *data, size_t size, mode_t mode, bool sync,
		    struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *temporary = hyfw_format("%s.new.%d", path, (int)gettid());
	HYFW_AUTO_CLOSE int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	int result;

	if (fd < 0)
		return hyfw_fail_errno(err, errno, "%s", path);
	result = hyfw_write_all(fd, data, size);
	if (result == 0 && sync && fsync(fd) < 0)
		result = -errno;
	if (result == 0 && rename(temporary, path) < 0)
		result = -errno;
	if (result == 0 && sync)
		result = sync_parent(path);
	if (result < 0) {
		unlink(temporary);
		return hyfw_fail_errno(err, -result, "%s: write", path);
	}
	return 0;
}

/* Where the file system has no O_TMPFILE: a named file, unlinked once linked. */
static int claim_named(int dirfd, const char *name, const char *text)
{
	HYFW_AUTO_FREE char *temporary = hyfw_format(".%d.%s", (int)gettid(), name);
	HYFW_AUTO_CLOSE int fd =
		openat(dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int result;

	if (fd < 0)
		return -errno;
	result = hyfw_write_all(fd, text, strlen(text));
	if (result == 0 && linkat(dirfd, temporary, dirfd, name, 0) < 0)
		result = -errno;
	unlinkat(dirfd, temporary, 0);
	return result;
}

int hyfw_file_claim(int dirfd, const char *name, const char *text)
{
	HYFW_AUTO_CLOSE int fd = openat(dirfd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	char path[64];
	int result;

	if (fd < 0)
		return errno == EOPNOTSUPP || errno == EISDIR ? claim_named(dirfd, name, text) : -errno;
	result = hyfw_write_all(fd, text, strlen(text));
	if (result < 0)
		return result;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, dirfd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

/* One that others may walk through, whatever the umask. */
static int make_above(const char *path, mode_t mode)
{
	if (mkdir(path, mode | 0111) == 0)
		return chmod(path, mode | 0111);
	return errno == EEXIST ? 0 : -1;
}

int hyfw_make_directories(const char *path, mode_t mode, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *copy = hyfw_dup(path);
	char *at = copy;

	if (mkdir(path, mode) == 0 || errno == EEXIST)
		return 0;
	while ((at = strchr(at + 1, '/'))) {
		*at = '\0';
		if (make_above(copy, mode) < 0)
			return hyfw_fail_errno(err, errno, "make directory %s", copy);
		*at = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return hyfw_fail_errno(err, errno, "make directory %s", copy);
	return 0;
}

static int remove_below(int fd, dev_t device)
{
	HYFW_AUTO_DIR DIR *dir = fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		close(fd);
		return -errno;
	}
	while ((entry = readdir(dir))) {
		struct stat st;
		int child, result;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM)
			return -errno;
		child = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0)
			return -errno;
		if (fstat(child, &st) < 0 || st.st_dev != device) {
			close(child);
			return -EXDEV;
		}
		result = remove_below(child, device);
		if (result < 0)
			return result;
		if (unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int hyfw_remove_tree(int dirfd, const char *path, struct hyfw_error **err)
{
	struct stat st;
	int fd, result;

	if (unlinkat(dirfd, path, 0) == 0 || errno == ENOENT)
		return 0;
	fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : hyfw_fail_errno(err, errno, "remove %s", path);
	if (fstat(fd, &st) < 0) {
		close(fd);
		return hyfw_fail_errno(err, errno, "remove %s", path);
	}
	result = remove_below(fd, st.st_dev);
	if (result == 0 && unlinkat(dirfd, path, AT_REMOVEDIR) < 0 && errno != ENOENT)
		result = -errno;
	return result < 0 ? hyfw_fail_errno(err, -result, "remove %s", path) : 0;
}

int hyfw_lock_take(int fd, bool exclusive, bool wait)
{
	struct flock lock = { .l_type = exclusive ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };
	int result;

	do
		result = fcntl(fd, wait ? F_SETLKW : F_SETLK, &lock);
	while (result < 0 && errno == EINTR && wait);
	if (result == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

pid_t hyfw_lock_holder(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid;
}
