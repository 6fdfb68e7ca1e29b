/* SPDX-License-Identifier: BSD-3-Clause
 * A workload's log file, in the format of the Kubernetes container runtimes
 * ("CRI log format"): a line per line of output,
 *     2026-01-31T12:00:00.123456789Z stdout F text
 * with P instead of F for a part of a line that goes on in the next record. */
#ifndef HYFW_ENGINE_LOG_H
#define HYFW_ENGINE_LOG_H

#include <stdint.h>
#include <stddef.h>

struct hyfw_log {
	char *path;
	int fd;            /* opened at the first output */
	uint64_t size;
	uint64_t limit;    /* bytes; the file is rotated above it */
	unsigned keep;     /* files beside the current one: log.1 is the newest */
	/* What has not ended in a newline yet, for stdout and stderr. */
	char line[2][4096];
	size_t used[2];
};

void hyfw_log_init(struct hyfw_log *log, const char *path, uint64_t limit, unsigned keep);

/* 'stream' 1 is stdout, 2 stderr.  A full disk loses output, never the workload. */
void hyfw_log_write(struct hyfw_log *log, int stream, const char *data, size_t size);

/* Writes out what has not ended in a newline, closes. */
void hyfw_log_finish(struct hyfw_log *log);

#endif
