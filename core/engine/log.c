/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"

void hyfw_log_init(struct hyfw_log *log, const char *path, uint64_t limit, unsigned keep)
{
	memset(log, 0, sizeof(*log));
	log->path = hyfw_dup(path);
	log->fd = -1;
	log->limit = limit;
	log->keep = keep;
}

static int ensure_open(struct hyfw_log *log)
{
	struct stat st;

	if (log->fd >= 0)
		return 0;
	log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (log->fd < 0)
		return -1;
	log->size = 0;
	if (fstat(log->fd, &st) == 0)
		log->size = (uint64_t)st.st_size;
	return 0;
}

/* log.1 -> log.2, ..., log -> log.1; the oldest goes. */
static void rotate(struct hyfw_log *log)
{
	unsigned i;

	for (i = log->keep; i > 0; i--) {
		HYFW_AUTO_FREE char *to = hyfw_format("%s.%u", log->path, i);
		HYFW_AUTO_FREE char *from = i > 1 ? hyfw_format("%s.%u", log->path, i - 1) : hyfw_dup(log->path);

		rename(from, to);
	}
	if (log->keep == 0)
		unlink(log->path);
	close(log->fd);
	log->fd = -1;
}

static void put_record(struct hyfw_log *log, int stream, char *text, size_t size, char mark)
{
	struct timespec now;
	struct tm parts;
	char head[64];
	struct iovec pieces[3] = { { head, 0 }, { text, size }, { (char *)"\n", 1 } };
	ssize_t put;

	if (ensure_open(log) < 0)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	pieces[0].iov_len = strftime(head, sizeof(head), "%Y-%m-%dT%H:%M:%S", &parts);
	pieces[0].iov_len += (size_t)snprintf(head + pieces[0].iov_len, sizeof(head) - pieces[0].iov_len,
					      ".%09ldZ %s %c ", now.tv_nsec, stream == 2 ? "stderr" : "stdout",
					      mark);
	put = writev(log->fd, pieces, 3);
	if (put == (ssize_t)(pieces[0].iov_len + size + 1))
		log->size += (uint64_t)put;
	else if (put > 0 && ftruncate(log->fd, (off_t)log->size) < 0) /* the next record starts a line */
		return;
	if (log->limit > 0 && log->size >= log->limit)
		rotate(log);
}

void hyfw_log_write(struct hyfw_log *log, int stream, const char *data, size_t size)
{
	char *line = log->line[stream == 2];
	size_t *used = &log->used[stream == 2];

	while (size > 0) {
		const size_t room = sizeof(log->line[0]) - *used;
		const size_t piece = size < room ? size : room;
		const char *newline = memchr(data, '\n', piece);
		const size_t take = newline ? (size_t)(newline - data) : piece;

		memcpy(line + *used, data, take);
		*used += take;
		data += take + (newline ? 1 : 0);
		size -= take + (newline ? 1 : 0);
		if (newline || *used == sizeof(log->line[0])) {
			put_record(log, stream, line, *used, newline ? 'F' : 'P');
			*used = 0;
		}
	}
}

void hyfw_log_finish(struct hyfw_log *log)
{
	int i;

	for (i = 0; i < 2; i++)
		if (log->used[i] > 0)
			put_record(log, i + 1, log->line[i], log->used[i], 'F');
	if (log->fd >= 0)
		close(log->fd);
	free(log->path);
	memset(log, 0, sizeof(*log));
	log->fd = -1;
}
