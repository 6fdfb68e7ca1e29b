/* SPDX-License-Identifier: BSD-3-Clause
 * Makes tar archives byte by byte, hostile ones too, which no tool would write.
 * The header is the one of POSIX.1-1988 ustar (pax(1), "ustar Interchange Format"). */
#ifndef HYFW_TESTS_TAR_MAKER_H
#define HYFW_TESTS_TAR_MAKER_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TAR_FILE '0'
#define TAR_HARD_LINK '1'
#define TAR_SYMLINK '2'
#define TAR_CHARACTER_DEVICE '3'
#define TAR_DIRECTORY '5'
#define TAR_FIFO '6'
#define TAR_PAX 'x'

static inline int tar_begin(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

/* An entry with 'size' bytes of 'data'. */
static inline void tar_add_sized(int fd, char type, const char *name, const char *link, unsigned mode,
				 unsigned id, const char *data, size_t size)
{
	char header[512] = { 0 }, zero[512] = { 0 };
	unsigned sum = 0;
	size_t i;

	snprintf(header, 100, "%s", name);
	snprintf(header + 100, 8, "%07o", mode);
	snprintf(header + 108, 8, "%07o", id);
	snprintf(header + 116, 8, "%07o", id);
	snprintf(header + 124, 12, "%011zo", size);
	snprintf(header + 136, 12, "%011o", 1000000000u);
	memset(header + 148, ' ', 8);
	header[156] = type;
	if (link)
		snprintf(header + 157, 100, "%s", link);
	memcpy(header + 257, "ustar\0" "00", 8);
	for (i = 0; i < sizeof(header); i++)
		sum += (unsigned char)header[i];
	snprintf(header + 148, 8, "%06o", sum);
	if (write(fd, header, sizeof(header)) != sizeof(header) || (size && write(fd, data, size) != (ssize_t)size))
		return;
	if (size % 512 && write(fd, zero, 512 - size % 512) < 0)
		return;
}

static inline void tar_add(int fd, char type, const char *name, const char *link, unsigned mode, const char *data)
{
	tar_add_sized(fd, type, name, link, mode, 0, data, data ? strlen(data) : 0);
}

static inline void tar_end(int fd)
{
	char zero[1024] = { 0 };

	if (write(fd, zero, sizeof(zero)) != sizeof(zero))
		return;
	close(fd);
}

#endif
