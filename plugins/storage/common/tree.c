/* SPDX-License-Identifier: BSD-3-Clause */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Directories deeper than this are moved up to the top of the tree and removed
 * from there in a further pass: one descriptor is held for each level. */
#define MAX_DEPTH 48

struct removal {
	int top;           /* directory whose content goes */
	dev_t device;
	unsigned hoisted;  /* directories moved up so far, for their names */
	bool again;        /* something was moved up: another pass is needed */
	int error;         /* the first that was met; the rest is removed all the same */
};

static void failed(struct removal *removal, int errnum)
{
	if (removal->error == 0 && errnum != ENOENT)
		removal->error = -errnum;
}

/* A directory without permissions (overlayfs makes one in its work directory)
 * is not readable for an owner without CAP_DAC_OVERRIDE. */
static int open_directory(int dirfd, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(dirfd, name, flags);
	struct stat st;

	if (fd >= 0 || errno != EACCES)
		return fd;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode) ||
	    fchmodat(dirfd, name, 0700, 0) < 0) {
		errno = EACCES;
		return -1;
	}
	return openat(dirfd, name, flags);
}

static bool is_self_or_parent(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static void hoist(struct removal *removal, int dirfd, const char *name)
{
	char unique[32];

	do
		snprintf(unique, sizeof(unique), ".deep-%u", removal->hoisted++);
	while (renameat2(dirfd, name, removal->top, unique, RENAME_NOREPLACE) < 0 && errno == EEXIST);
	if (faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		failed(removal, EBUSY);
	else
		removal->again = true;
}

static void remove_content(struct removal *removal, int fd, unsigned depth);

static void remove_entry(struct removal *removal, int dirfd, const char *name, unsigned char type,
			 unsigned depth)
{
	struct stat st;
	int fd;

	if (type != DT_DIR) {
		if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
			return;
		if (errno != EISDIR && errno != EPERM) {
			failed(removal, errno);
			return;
		}
	}
	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
		return;
	if (errno != ENOTEMPTY && errno != EEXIST) {
		failed(removal, errno == EBUSY ? EXDEV : errno);
		return;
	}
	if (depth >= MAX_DEPTH) {
		hoist(removal, dirfd, name);
		return;
	}
	fd = open_directory(dirfd, name);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != removal->device) {
		failed(removal, fd < 0 ? errno : EXDEV);
		if (fd >= 0)
			close(fd);
		return;
	}
	remove_content(removal, fd, depth + 1);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0)
		failed(removal, errno);
}

/* Empties the directory 'fd' and closes it. */
static void remove_content(struct removal *removal, int fd, unsigned depth)
{
	DIR *dir = fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		failed(removal, errno);
		close(fd);
		return;
	}
	while ((entry = readdir(dir)))
		if (!is_self_or_parent(entry->d_name))
			remove_entry(removal, fd, entry->d_name, entry->d_type, depth);
	closedir(dir);
}

int storage_tree_remove(int dirfd, const char *name)
{
	struct removal removal = { .top = -1 };
	struct stat st;

	if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTDIR)
		return unlinkat(dirfd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
	if (errno != ENOTEMPTY && errno != EEXIST)
		return errno == EBUSY ? -EXDEV : -errno;
	removal.top = open_directory(dirfd, name);
	if (removal.top < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(removal.top, &st) < 0) {
		close(removal.top);
		return -errno;
	}
	removal.device = st.st_dev;
	do {
		int fd = openat(removal.top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		removal.again = false;
		if (fd < 0)
			failed(&removal, errno);
		else
			remove_content(&removal, fd, 0);
	} while (removal.again && removal.error == 0);
	close(removal.top);
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT && removal.error == 0)
		return -errno;
	return removal.error;
}
