/* SPDX-License-Identifier: BSD-3-Clause
 * Through a tree of files that a workload may have written, and may change meanwhile:
 * every node is opened without following links and then only used by its descriptor. */
#include "selinux.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

#define DEPTH_MOST 256 /* each level holds two descriptors */
#define TELL_EVERY 100000

/* An O_PATH descriptor takes no f*xattr(); its link in /proc leads to the very node. */
static void handle_path(int fd, char room[32])
{
	snprintf(room, 32, "/proc/self/fd/%d", fd);
}

static int fail(const struct walk *walk, int errnum, const char *path, struct hyfw_error **err)
{
	if (errnum == EOPNOTSUPP)
		return walk->host->fail(err, errnum, "the file system of %s keeps no labels; mount it with context=, or "
					"leave :z and :Z out", walk->root);
	return walk->host->fail(err, errnum, "%s%s%s: %s", walk->root, *path ? "/" : "", path, strerror(errnum));
}

int label_get(const struct walk *walk, int fd, const char *path, char **ret_label, struct hyfw_error **err)
{
	char handle[32], room[LABEL_MAX + 1];
	ssize_t length;

	handle_path(fd, handle);
	length = getxattr(handle, walk->attribute, room, LABEL_MAX);
	if (length < 0 && errno != ENODATA)
		return fail(walk, errno, path, err);
	room[length < 0 ? 0 : length] = '\0';
	*ret_label = strdup(room);
	return *ret_label ? 0 : walk->host->fail(err, ENOMEM, "out of memory");
}

/* The kernel does not let a label be taken away, so a file that had none keeps its new one
 * there. */
int label_set(const struct walk *walk, int fd, const char *path, const char *label, struct hyfw_error **err)
{
	char handle[32];

	handle_path(fd, handle);
	if (!*label) {
		removexattr(handle, walk->attribute);
		return 0;
	}
	if (setxattr(handle, walk->attribute, label, strlen(label) + 1, 0) < 0)
		return fail(walk, errno, path, err);
	return 0;
}

static int walk_node(struct walk *walk, int fd, const char *path, const char *mark, unsigned depth,
		     struct hyfw_error **err);

/* Nothing that is mounted there: a mount of the same file system has the same device, so it is the
 * kernel that tells (openat2(2), -EXDEV). */
static int open_child(int directory, const char *name)
{
	const struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV };

	return (int)syscall(SYS_openat2, directory, name, &how, sizeof(how));
}

static int walk_child(struct walk *walk, int directory, const char *path, const char *name, const char *mark,
		      unsigned depth, struct hyfw_error **err)
{
	AUTO_CLOSE int fd = open_child(directory, name);
	AUTO_FREE char *longer = NULL;
	struct stat status;

	if (fd < 0 && (errno == ENOENT || errno == EXDEV))
		return 0; /* gone meanwhile, or a mount: not what was handed in */
	if (asprintf(&longer, "%s%s%s", path, *path ? "/" : "", name) < 0)
		return walk->host->fail(err, ENOMEM, "out of memory");
	if (fd < 0 || fstat(fd, &status) < 0)
		return fail(walk, errno, longer, err);
	if (status.st_dev != walk->device)
		return 0; /* a subvolume */
	return walk_node(walk, fd, longer, mark, depth + 1, err);
}

static int walk_children(struct walk *walk, int fd, const char *path, const char *mark, unsigned depth,
			 struct hyfw_error **err)
{
	const int directory = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = directory < 0 ? NULL : fdopendir(directory);
	struct dirent *entry;
	int result = 0;

	if (!stream) {
		const int errnum = errno;

		if (directory >= 0)
			close(directory);
		return fail(walk, errnum, path, err);
	}
	while (result == 0 && (entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			result = walk_child(walk, directory, path, entry->d_name, mark, depth, err);
	closedir(stream);
	return result;
}

static int too_deep(struct walk *walk, struct hyfw_error **err)
{
	if (!walk->lenient)
		return walk->host->fail(err, ELOOP, "%s has directories that are more than %d deep", walk->root, DEPTH_MOST);
	if (!walk->told)
		walk->host->log(HYFW_LOG_WARNING, "labels of %s: what is more than %d directories deep keeps its own", walk->root,
				DEPTH_MOST);
	walk->told = true;
	return 0;
}

static int walk_node(struct walk *walk, int fd, const char *path, const char *mark, unsigned depth,
		     struct hyfw_error **err)
{
	AUTO_FREE char *own = NULL;
	struct stat status;
	int result;

	if (depth > DEPTH_MOST)
		return too_deep(walk, err);
	if (fstat(fd, &status) < 0)
		return fail(walk, errno, path, err);
	if (++walk->seen % TELL_EVERY == 0)
		walk->host->log(HYFW_LOG_INFO, "labels of %s: %llu files so far", walk->root,
				(unsigned long long)walk->seen);
	result = walk->enter(walk, fd, path, mark, &own, err);
	if (result == 0 && S_ISDIR(status.st_mode))
		result = walk_children(walk, fd, path, own, depth, err);
	if (result == 0 && walk->leave)
		result = walk->leave(walk, fd, path, err);
	return result;
}

int walk_tree(struct walk *walk, int fd, struct hyfw_error **err)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return fail(walk, errno, "", err);
	walk->device = status.st_dev;
	walk->seen = 0;
	return walk_node(walk, fd, "", NULL, 0, err);
}
