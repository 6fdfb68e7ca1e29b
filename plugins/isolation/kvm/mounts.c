/* SPDX-License-Identifier: BSD-3-Clause
 * Whether a file that is not there is gone, or lies on what is not mounted just now. */
#include "keep.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* STATX_ATTR_MOUNT_ROOT, which bind mounts have too: include/uapi/linux/stat.h. */
static bool is_mounted(const char *path)
{
	struct statx found;

	return strcmp(path, "/") == 0 ||
	       (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &found) == 0 &&
		(found.stx_attributes & found.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT));
}

const char *kvm_mount_of(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path)
{
	const char *at = path, *slash;

	while ((slash = strrchr(at, '/')) && slash != at) {
		at = host->format(arena, "%.*s", (int)(slash - at), at);
		if (is_mounted(at))
			return at;
	}
	return "/";
}

/* Records of older versions have no mount: a directory that is not there either is taken
 * for one. */
bool kvm_mount_is_absent(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path, const char *mount)
{
	const char *slash = strrchr(path, '/');

	if (access(path, F_OK) == 0)
		return false;
	if (errno != ENOENT && errno != ENOTDIR)
		return true; /* nothing is known of it */
	if (*mount)
		return !is_mounted(mount);
	return slash && slash != path && access(host->format(arena, "%.*s", (int)(slash - path), path), F_OK) < 0;
}
