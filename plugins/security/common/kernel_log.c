/* SPDX-License-Identifier: BSD-3-Clause
 * The kernel's log, which gets the records where no auditd takes them.  It is a ring: what
 * is old is gone. */
#include "audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* "PRIORITY,SEQUENCE,TIME,...;TEXT": what programs write there has another facility. */
static bool is_kernels(const char *line)
{
	return strtoul(line, NULL, 10) < 8;
}

int kernel_log_read(audit_taker *take, void *data)
{
	char line[RECORD_BYTES];
	struct audit_record record;
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
		if (is_kernels(line) && audit_record_parse(line, 0, &record))
			result = take(data, &record);
	}
	close(fd);
	return result;
}
