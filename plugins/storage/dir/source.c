/* SPDX-License-Identifier: BSD-3-Clause */
#include "dir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int source_open(struct dir *dir, const char *path, struct hyfw_error **err)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
	int fd;

	if (path[0] != '/')
		return dir->host->fail(err, EINVAL, "%s: not an absolute path", path);
	fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	if (fd < 0 && errno == ENOENT)
		return dir->host->fail(err, ENOENT, "%s: there is no such directory", path);
	if (fd < 0)
		return dir->host->fail(err, errno, "%s: %s", path, strerror(errno));
	return fd;
}

static int refuse(struct dir *dir, int fd, const char *path, const char *why, struct hyfw_error **err)
{
	close(fd);
	return dir->host->fail(err, EINVAL, "%s: %s", path, why);
}

static bool is_host_root(const struct stat *st)
{
	struct stat root;

	return stat("/", &root) == 0 && root.st_dev == st->st_dev && root.st_ino == st->st_ino;
}

int dir_source_open_root(struct dir *dir, const char *path, struct hyfw_error **err)
{
	int fd = source_open(dir, path, err);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode))
		return refuse(dir, fd, path, "not a directory, so it cannot be a root file system", err);
	if (is_host_root(&st))
		return refuse(dir, fd, path, "the root directory of this machine cannot be a workload's", err);
	return fd;
}

int dir_source_open_volume(struct dir *dir, const char *path, struct hyfw_error **err)
{
	int fd = source_open(dir, path, err);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || S_ISBLK(st.st_mode) || S_ISCHR(st.st_mode))
		return refuse(dir, fd, path, "a device; a volume is a directory or a file", err);
	return fd;
}
