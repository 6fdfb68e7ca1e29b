/* SPDX-License-Identifier: BSD-3-Clause */
#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK 512
#define CHECKSUM 148u /* where a header of tar keeps its checksum, POSIX.1 pax */
#define CHECKSUM_SIZE 8u

/* The sum of the header's bytes, its own place counted as blanks, is in it as octal digits. */
static bool is_tar(const unsigned char *block)
{
	char digits[CHECKSUM_SIZE + 1] = "";
	unsigned sum = 0, told;
	size_t i;

	for (i = 0; i < BLOCK; i++)
		sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_SIZE ? (unsigned)' ' : block[i];
	memcpy(digits, block + CHECKSUM, CHECKSUM_SIZE);
	return sscanf(digits, "%o", &told) == 1 && told == sum;
}

static bool is_compressed(const unsigned char *block)
{
	static const struct {
		const char *magic;
		size_t length;
	} known[] = {
		{ "\x1f\x8b", 2 }, { "BZh", 3 }, { "\xfd" "7zXZ", 5 }, { "\x28\xb5\x2f\xfd", 4 }, { "\x04\x22\x4d\x18", 4 },
	};
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (memcmp(block, known[i].magic, known[i].length) == 0)
			return true;
	return false;
}

int overlay_accepts(void *instance, const char *source, bool *ret_accepts, struct hyfw_error **err)
{
	struct overlay *overlay = instance;
	unsigned char block[BLOCK] = { 0 };
	struct stat st;
	int fd;

	if (stat(source, &st) < 0)
		return overlay->host->fail(err, errno, "%s: %s", source, strerror(errno));
	if (!S_ISREG(st.st_mode)) { /* what comes through a pipe cannot be looked at twice */
		*ret_accepts = !S_ISBLK(st.st_mode);
		return 0;
	}
	fd = open(source, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return overlay->host->fail(err, errno, "%s: %s", source, strerror(errno));
	*ret_accepts = pread(fd, block, sizeof(block), 0) > 0 && (is_tar(block) || is_compressed(block));
	close(fd);
	return 0;
}
