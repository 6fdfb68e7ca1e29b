/* SPDX-License-Identifier: BSD-3-Clause
 * Taking a directory away with all that is in it.  QEMU's and swtpm's users own some of
 * them, and a guest may have those users in its hand: links are removed and not followed,
 * nothing that is mounted is entered, and no depth is too deep.  What a directory has in
 * it that is not empty goes up to the top, once, and is taken apart there, so that two
 * descriptors do for all of it. */
#include "run.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct removal {
	int top;
	unsigned serial; /* of the names at the top */
};

static bool is_self_or_parent(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* -ENOTEMPTY: a directory, and something is in it. */
static int remove_plain(int parent, const char *name)
{
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	return errno == EEXIST ? -ENOTEMPTY : -errno;
}

static int move_up(struct removal *removal, int parent, const char *name)
{
	char fresh[32];

	do
		snprintf(fresh, sizeof(fresh), ".deep.%u", removal->serial++);
	while (renameat2(parent, name, removal->top, fresh, RENAME_NOREPLACE) < 0 && errno == EEXIST);
	return faccessat(parent, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? -EBUSY : 0;
}

static DIR *open_inside(const struct removal *removal, const char *name)
{
	const int fd = openat(removal->top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct stat top, st;
	DIR *dir = NULL;

	if (fd >= 0 && fstat(fd, &st) == 0 && fstat(removal->top, &top) == 0) {
		errno = EXDEV;
		dir = st.st_dev == top.st_dev ? fdopendir(fd) : NULL;
	}
	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

/* A directory at the top. */
static int take_apart(struct removal *removal, const char *name)
{
	DIR *dir = open_inside(removal, name);
	struct dirent *entry;
	int r = dir ? 0 : -errno;

	while (r == 0 && (entry = readdir(dir))) {
		if (is_self_or_parent(entry->d_name))
			continue;
		r = remove_plain(dirfd(dir), entry->d_name);
		if (r == -ENOTEMPTY)
			r = move_up(removal, dirfd(dir), entry->d_name);
	}
	if (dir)
		closedir(dir);
	return r < 0 ? r : remove_plain(removal->top, name);
}

/* '*ret_found': there was something, and there may be more now. */
static int remove_once(struct removal *removal, DIR *dir, bool *ret_found)
{
	struct dirent *entry;
	int r = 0;

	*ret_found = false;
	rewinddir(dir);
	while (r == 0 && (entry = readdir(dir))) {
		if (is_self_or_parent(entry->d_name))
			continue;
		*ret_found = true;
		r = remove_plain(removal->top, entry->d_name);
		if (r == -ENOTEMPTY)
			r = take_apart(removal, entry->d_name);
	}
	return r;
}

int kvm_remove_tree(const char *path)
{
	int r = remove_plain(AT_FDCWD, path);
	const int top = r == -ENOTEMPTY ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW) : -1;
	struct removal removal = { .top = top };
	bool found = true;
	DIR *dir;

	if (r != -ENOTEMPTY)
		return r;
	dir = top < 0 ? NULL : fdopendir(top);
	r = dir ? 0 : -errno;
	while (r == 0 && found)
		r = remove_once(&removal, dir, &found);
	if (dir)
		closedir(dir);
	else if (top >= 0)
		close(top);
	return r < 0 ? r : remove_plain(AT_FDCWD, path);
}
