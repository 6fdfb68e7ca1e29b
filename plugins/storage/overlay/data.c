/* SPDX-License-Identifier: BSD-3-Clause */
#include "data.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BUFFER (1u << 20)

static int copy_plain(struct data_copy *copy, int from, int to, off_t at, off_t end)
{
	if (!copy->buffer)
		copy->buffer = malloc(BUFFER);
	if (!copy->buffer)
		return -ENOMEM;
	while (at < end) {
		size_t wanted = end - at < (off_t)BUFFER ? (size_t)(end - at) : BUFFER;
		ssize_t got = pread(from, copy->buffer, wanted, at), put, written;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : 0;
		for (written = 0; written < got; written += put) {
			put = pwrite(to, copy->buffer + written, (size_t)(got - written), at + written);
			if (put < 0 && errno == EINTR)
				put = 0;
			else if (put < 0)
				return -errno;
		}
		at += got;
	}
	return 0;
}

static int copy_range(struct data_copy *copy, int from, int to, off_t at, off_t end)
{
	loff_t in = at, out = at;

	while (in < end) {
		ssize_t got = copy_file_range(from, &in, to, &out, (size_t)(end - in), 0);

		if (got > 0 || (got < 0 && errno == EINTR))
			continue;
		if (got < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
			return -errno;
		return copy_plain(copy, from, to, in, end);
	}
	return 0;
}

static int copy_sparse(struct data_copy *copy, int from, int to, off_t size)
{
	off_t at = 0, end;
	int result = 0;

	while (result == 0 && at < size) {
		at = lseek(from, at, SEEK_DATA);
		if (at < 0)
			return errno == ENXIO ? 0 : -errno; /* the rest is a hole */
		end = lseek(from, at, SEEK_HOLE);
		if (end < 0)
			return -errno;
		if (end > size)
			end = size;
		result = copy_range(copy, from, to, at, end);
		at = end;
	}
	return result;
}

int data_copy(struct data_copy *copy, int from, int to, const struct stat *st)
{
	int result;

	if (st->st_size == 0)
		return 0;
	if (!copy->no_clone) {
		if (ioctl(to, FICLONE, from) == 0)
			return 0;
		copy->no_clone = errno == EOPNOTSUPP || errno == EXDEV || errno == ENOTTY;
	}
	if ((off_t)st->st_blocks * 512 >= st->st_size)
		return copy_range(copy, from, to, 0, st->st_size);
	result = copy_sparse(copy, from, to, st->st_size);
	if (result == 0 && ftruncate(to, st->st_size) < 0)
		result = -errno;
	return result;
}

void data_copy_finish(struct data_copy *copy)
{
	free(copy->buffer);
	copy->buffer = NULL;
}
