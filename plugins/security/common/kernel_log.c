/* SPDX-License-Identifier: BSD-3-Clause
 * The kernel's log, which gets the records where no auditd takes them.  It is a ring: what
 * is old is gone. */
#include "audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* "PRIORITY,SEQUENCE,TIME,...;TEXT": what programs write there has another facility. */
static bool is_kernels(const char *line)
{
	return strtoul(line, NULL, 10) < 8;
}

static int read_lines(int (*take)(void *data, char *line), void *data)
{
	char line[RECORD_BYTES];
	const int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int result = 0;

	if (fd < 0)
		return -errno;
	while (result == 0) { /* one read, one message: Documentation/ABI/testing/dev-kmsg */
		const ssize_t length = read(fd, line, sizeof(line) - 1);

		if (length < 0 && (errno == EPIPE || errno == EINTR)) /* overwritten meanwhile */
			continue;
		if (length <= 0)
			break;
		line[length] = '\0';
		if (is_kernels(line))
			result = take(data, line);
	}
	close(fd);
	return result;
}

struct reading {
	audit_taker *record;
	kernel_line_taker *line;
	void *data;
	int64_t began; /* milliseconds since 1970 at which the kernel's clock was 0 */
};

static int take_record(void *data, char *line)
{
	const struct reading *reading = data;
	struct audit_record record;

	return audit_record_parse(line, 0, &record) ? reading->record(reading->data, &record) : 0;
}

int kernel_log_read(audit_taker *take, void *data)
{
	struct reading reading = { .record = take, .data = data };

	return read_lines(take_record, &reading);
}

static int64_t clock_ms(clockid_t clock)
{
	struct timespec now = { 0 };

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int take_text(void *data, char *line)
{
	const struct reading *reading = data;
	char *at = line, *text = strchr(line, ';');
	int i;

	for (i = 0; i < 2 && at; i++)
		at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL;
	if (!at || !text)
		return 0;
	text++;
	text[strcspn(text, "\n")] = '\0'; /* lines of keys follow */
	return reading->line(reading->data, reading->began + strtoll(at, NULL, 10) / 1000, text);
}

int kernel_log_lines(kernel_line_taker *take, void *data)
{
	struct reading reading = { .line = take, .data = data,
				   .began = clock_ms(CLOCK_REALTIME) - clock_ms(CLOCK_MONOTONIC) };

	return read_lines(take_text, &reading);
}
