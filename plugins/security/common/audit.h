/* SPDX-License-Identifier: BSD-3-Clause
 * Where the kernel writes down what it refused: three sources, one file each, that give
 * their records line by line to whoever wants to explain some of them.
 *
 *     audit_record.c   a record's type, time and fields; none of it is to be trusted
 *     audit_log.c     /var/log/audit/audit.log, where auditd runs
 *     kernel_log.c    /dev/kmsg, where it does not
 *     audit_netlink.c those that come from now on, whoever keeps them
 *
 * A record is seen by more than one of them when both keep it: its time and serial number
 * tell.  Text in a record can be a workload's own (names of files and programs), so every
 * length is bounded, and what is no record is skipped. */
#ifndef HYFW_SECURITY_AUDIT_H
#define HYFW_SECURITY_AUDIT_H

#include <hyfw/plugin.h>

#define RECORD_BYTES 8192        /* MAX_AUDIT_MESSAGE_LENGTH */
#define RECORD_LOG_BYTES (8 << 20) /* of the log's end are read */

#define RECORD_AVC 1400          /* linux/audit.h: AUDIT_AVC */
#define RECORD_SECCOMP 1326      /* AUDIT_SECCOMP */

struct audit_record {
	unsigned type;
	int64_t milliseconds; /* since 1970 */
	uint64_t serial;      /* of the event */
	const char *text;     /* after "audit(TIME:SERIAL): ", NUL-terminated */
};

/* 'line' is one of a log or a netlink message; 'type' is 0 where the line says it itself.  It is changed.
 * False for what is no record. */
bool audit_record_parse(char *line, unsigned type, struct audit_record *ret_record);

/* The value of  KEY=VALUE  or  KEY="VALUE"  among the words of 'text', cut at 'size' - 1 bytes; false: there
 * is none.  'hex': one that the kernel wrote in hexadecimal, as it does where it has a space, a quote or a
 * control character, is turned back, with '?' for what cannot be shown. */
bool audit_record_field(const char *text, const char *key, bool hex, char *room, size_t size);

/* Called for each record, oldest first; non-zero ends the reading. */
typedef int audit_taker(void *data, const struct audit_record *record);

/* 0, or a negative errno: -ENOENT where there is no such log, -EACCES, -EPERM. */
int audit_log_read(const char *path, audit_taker *take, void *data);
int kernel_log_read(audit_taker *take, void *data);

/* The same for lines of the kernel's log that are no records; 'text' is without its number and time, which
 * is milliseconds since 1970. */
typedef int kernel_line_taker(void *data, int64_t milliseconds, const char *text);
int kernel_log_lines(kernel_line_taker *take, void *data);

/* A socket that gets what comes from now on, or a negative errno; close() it. */
int audit_netlink_open(void);
/* Those that came, a thousand at most; waits for one at most 'milliseconds'. */
int audit_netlink_read(int fd, int milliseconds, audit_taker *take, void *data);

#endif
