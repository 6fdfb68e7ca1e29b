/* SPDX-License-Identifier: BSD-3-Clause
 * The log of auditd. */
#include "audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

/* Only its end: such logs are rotated at some megabytes, but nobody has to. */
static int seek_to_end_part(FILE *file)
{
	struct stat status;
	int letter;

	if (fstat(fileno(file), &status) < 0 || !S_ISREG(status.st_mode))
		return -EINVAL;
	if (status.st_size <= RECORD_LOG_BYTES)
		return 0;
	if (fseeko(file, status.st_size - RECORD_LOG_BYTES, SEEK_SET) < 0)
		return -errno;
	while ((letter = getc(file)) != EOF && letter != '\n')
		;
	return 0;
}

int audit_log_read(const char *path, audit_taker *take, void *data)
{
	char line[RECORD_BYTES];
	struct audit_record record;
	FILE *file = fopen(path, "re");
	bool begins = true, ends;
	int result;

	if (!file)
		return -errno;
	result = seek_to_end_part(file);
	/* A longer line comes in pieces, of which none but the first is a record, whatever they say. */
	while (result == 0 && fgets(line, sizeof(line), file)) {
		ends = strchr(line, '\n') != NULL;
		if (begins && audit_record_parse(line, 0, &record))
			result = take(data, &record);
		begins = ends;
	}
	fclose(file);
	return result;
}
