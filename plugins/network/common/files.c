/* SPDX-License-Identifier: BSD-3-Clause
 * Small files in a driver's own directory. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"

#define LONGEST 65536

static int write_all(int fd, const char *data, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, data, size);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			data += written;
			size -= (size_t)written;
		}
	}
	return 0;
}

/* The name in between begins with a dot: readers of the directory skip it. */
int net_file_write(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory, const char *name,
		   const void *data, size_t size, struct hyfw_error **err)
{
	const char *path = host->format(arena, "%s/%s", directory, name),
		   *draft = host->format(arena, "%s/.%s", directory, name);
	int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644), r;

	if (fd < 0)
		return host->fail(err, errno, "cannot create %s: %s", draft, strerror(errno));
	r = write_all(fd, data, size);
	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(draft, path) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	unlink(draft);
	return host->fail(err, -r, "cannot write %s: %s", path, strerror(-r));
}

char *net_file_read(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory,
		    const char *name, size_t *ret_size)
{
	int fd = open(host->format(arena, "%s/%s", directory, name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t size = 0;
	ssize_t got = 1;
	char *data;

	if (fd < 0)
		return NULL;
	data = host->alloc(arena, LONGEST + 1);
	while (got > 0 && size < LONGEST) {
		got = read(fd, data + size, LONGEST - size);
		if (got > 0)
			size += (size_t)got;
	}
	close(fd);
	if (got < 0 || size == LONGEST)
		return NULL;
	if (ret_size)
		*ret_size = size;
	return data;
}

void net_file_each(const char *directory, void (*visit)(void *context, const char *name), void *context)
{
	DIR *stream = opendir(directory);
	struct dirent *entry;

	while (stream && (entry = readdir(stream)))
		if (entry->d_name[0] != '.')
			visit(context, entry->d_name);
	if (stream)
		closedir(stream);
}

int net_directory_make(const struct hyfw_host *host, const char *path, struct hyfw_error **err)
{
	if (mkdir(path, 0755) == 0)
		return chmod(path, 0755) < 0 ? host->fail(err, errno, "mode of %s: %s", path, strerror(errno)) : 0;
	return errno == EEXIST ? 0 : host->fail(err, errno, "cannot create %s: %s", path, strerror(errno));
}

int net_directory_remove(const struct hyfw_host *host, const char *path, struct hyfw_error **err)
{
	DIR *stream = opendir(path);
	struct dirent *entry;

	while (stream && (entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlinkat(dirfd(stream), entry->d_name, 0);
	if (stream)
		closedir(stream);
	if (rmdir(path) < 0 && errno != ENOENT)
		return host->fail(err, errno, "cannot remove %s: %s", path, strerror(errno));
	return 0;
}
