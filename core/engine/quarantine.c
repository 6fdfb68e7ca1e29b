/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/quarantine.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/context.h"
#include "base/files.h"

#define NAMES_MOST 10000u

/* "web" of ".../workloads/web/journal"; free(). */
static char *name_of(const char *path)
{
	HYFW_AUTO_FREE char *directory = hyfw_dup(path);
	char *slash = strrchr(directory, '/');

	if (slash)
		*slash = '\0';
	slash = strrchr(directory, '/');
	return hyfw_dup(slash ? slash + 1 : directory);
}

/* A new file; '*ret_path' is its name. */
static int open_new(const char *directory, const char *name, char **ret_path)
{
	unsigned i;

	for (i = 1; i < NAMES_MOST; i++) {
		HYFW_AUTO_FREE char *path = hyfw_format("%s/%s-%u", directory, name, i);
		const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd >= 0)
			*ret_path = HYFW_STEAL(path);
		return fd < 0 ? -errno : fd;
	}
	return -EEXIST;
}

/* By position: the descriptor is the one whose lock must stay, see journal.h. */
static int copy(int from, int to)
{
	char buffer[16384];
	off_t at = 0;
	ssize_t got;
	int result = 0;

	while (result == 0 && (got = pread(from, buffer, sizeof(buffer), at)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		result = hyfw_write_all(to, buffer, (size_t)got);
		at += got;
	}
	return result;
}

int hyfw_quarantine(int fd, const char *path, char **ret_path, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_format("%s/quarantine", hyfw_context_current()->runtime);
	HYFW_AUTO_FREE char *name = name_of(path);
	HYFW_AUTO_FREE char *kept = NULL;
	HYFW_AUTO_CLOSE int to = -1;
	int result = hyfw_make_directories(directory, 0700, err);

	if (result < 0)
		return result;
	to = open_new(directory, name, &kept);
	if (to < 0)
		return hyfw_fail_errno(err, -to, "%s/%s", directory, name);
	result = copy(fd, to);
	if (result < 0) {
		unlink(kept);
		return hyfw_fail_errno(err, -result, "%s", kept);
	}
	*ret_path = HYFW_STEAL(kept);
	return 0;
}
