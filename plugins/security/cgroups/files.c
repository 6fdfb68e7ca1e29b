/* SPDX-License-Identifier: BSD-3-Clause
 * The small files of control groups.  The kernel takes a value with one write
 * and says no with its errno. */
#include "cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

void auto_close(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

void auto_free(void *pointer)
{
	free(*(void **)pointer);
}

int group_open(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int file_write(int group, const char *file, const char *text)
{
	AUTO_CLOSE int fd = openat(group, file, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t put;

	if (fd < 0)
		return -errno;
	do
		put = write(fd, text, strlen(text));
	while (put < 0 && errno == EINTR);
	return put < 0 ? -errno : 0;
}

int file_read(int group, const char *file, char *buffer, size_t size)
{
	AUTO_CLOSE int fd = openat(group, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	size_t length = 0;

	if (fd < 0)
		return -errno;
	while (length + 1 < size) {
		ssize_t got = read(fd, buffer + length, size - length - 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		length += (size_t)got;
	}
	buffer[length] = '\0';
	return (int)length;
}

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value;

	if (*text < '0' || *text > '9')
		return HYFW_STAT_NONE; /* "max", "-1" */
	errno = 0;
	value = strtoull(text, &end, 10);
	return errno ? HYFW_STAT_NONE : value;
}

uint64_t file_number(int group, const char *file)
{
	char text[64];

	return file_read(group, file, text, sizeof(text)) < 0 ? HYFW_STAT_NONE : number(text);
}

uint64_t file_field(int group, const char *file, const char *field)
{
	size_t length = strlen(field);
	char text[8192], *line;

	if (file_read(group, file, text, sizeof(text)) < 0)
		return HYFW_STAT_NONE;
	for (line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, field, length) == 0 && line[length] == ' ')
			return number(line + length + 1);
	}
	return HYFW_STAT_NONE;
}
