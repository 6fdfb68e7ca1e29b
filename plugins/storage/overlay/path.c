/* SPDX-License-Identifier: BSD-3-Clause */
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

bool layer_path(const char *raw, char ret_path[static PATH_MAX], const char **ret_why)
{
	size_t used = 0;

	*ret_why = raw[0] == '/' ? "an absolute path" : strlen(raw) >= PATH_MAX ? "a path that is too long" : NULL;
	while (!*ret_why && *raw) {
		size_t length = strcspn(raw, "/");

		if (length == 2 && raw[0] == '.' && raw[1] == '.') {
			*ret_why = "a path that leads out of it (..)";
		} else if (length > 0 && !(length == 1 && raw[0] == '.')) {
			if (used > 0)
				ret_path[used++] = '/';
			memcpy(ret_path + used, raw, length);
			used += length;
		}
		raw += length;
		raw += *raw == '/';
	}
	ret_path[used] = '\0';
	return *ret_why == NULL;
}

int layer_open(int root, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC,
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV };
	int fd;

	do
		fd = (int)syscall(SYS_openat2, root, path[0] ? path : ".", &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR));
	return fd < 0 ? -errno : fd;
}

int layer_open_directory(int root, char *path)
{
	int fd = layer_open(root, path, O_PATH | O_DIRECTORY), above = -1;
	char *slash;

	if (fd != -ENOENT)
		return fd;
	for (slash = path;; slash++) {
		char *name = slash;

		slash = strchrnul(slash, '/');
		if (above < 0)
			above = layer_open(root, "", O_PATH | O_DIRECTORY);
		if (above < 0)
			return above;
		if (*slash)
			*slash = '\0';
		else
			slash = NULL;
		fd = layer_open(root, path, O_PATH | O_DIRECTORY);
		if (fd == -ENOENT) {
			fd = mkdirat(above, name, 0755) < 0 || fchmodat(above, name, 0755, 0) < 0 ? -errno : 0;
			if (fd == 0)
				fd = layer_open(root, path, O_PATH | O_DIRECTORY);
		}
		close(above);
		if (slash)
			*slash = '/';
		if (fd < 0 || !slash)
			return fd;
		above = fd;
	}
}
