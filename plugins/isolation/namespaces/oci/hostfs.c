/* SPDX-License-Identifier: BSD-3-Clause
 * With no_pivot the host's tree stays in the mount namespace, below the container's root.
 * A whole proc or sysfs there would be reason enough for the kernel to let the container
 * mount another one without the masks (mount_too_revealing() in fs/namespace.c), so they
 * are taken off, or covered where they cannot be.  Only async-signal-safe calls. */
#include "oci.h"

#include <sys/mman.h>

#define LIST_LIMIT (8u << 20)

static const char whose[] = "the host's proc and sys";

/* proc_pid_mountinfo(5): blanks and backslashes are octal. */
static void unescape(char *path)
{
	char *to = path;

	for (; *path; path++) {
		if (path[0] == '\\' && path[1] >= '0' && path[1] <= '3' && path[2] >= '0' && path[2] <= '7' &&
		    path[3] >= '0' && path[3] <= '7') {
			*to++ = (char)((path[1] - '0') << 6 | (path[2] - '0') << 3 | (path[3] - '0'));
			path += 3;
			continue;
		}
		*to++ = *path;
	}
	*to = '\0';
}

/* The mount point in a line about proc or sysfs; NULL for all others. */
static char *mount_point(char *line)
{
	const char *type = strstr(line, " - ");
	char *path = line;
	int i;

	if (!type || (strncmp(type, " - proc ", 8) != 0 && strncmp(type, " - sysfs ", 9) != 0))
		return NULL;
	for (i = 0; i < 4; i++) {
		path = strchr(path, ' ');
		if (!path)
			return NULL;
		path++;
	}
	path[strcspn(path, " ")] = '\0';
	unescape(path);
	return path;
}

static bool is_below(const char *path, const char *root)
{
	size_t length = strlen(root);

	return length > 1 && strncmp(path, root, length) == 0 && (!path[length] || path[length] == '/');
}

static void hide(const struct ns_job *job, const char *path)
{
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		return;
	/* Locked to what it covers in a user namespace. */
	if (mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=0,nr_inodes=1") < 0 &&
	    errno != ENOENT && errno != ENOTDIR)
		ns_die(job, NS_STEP_MASK, whose, errno);
}

/* All of it, as taking off changes it; NULL where there is no proc. */
static char *read_list(const struct ns_job *job)
{
	NS_AUTO_CLOSE int fd = open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got;
	char *text;

	if (fd < 0)
		return NULL;
	text = mmap(NULL, LIST_LIMIT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (text == MAP_FAILED)
		ns_die(job, NS_STEP_MASK, whose, errno);
	while ((got = read(fd, text + used, LIST_LIMIT - 1 - used)) > 0)
		used += (size_t)got;
	if (got < 0 || used == LIST_LIMIT - 1)
		ns_die(job, NS_STEP_MASK, whose, got < 0 ? errno : E2BIG);
	return text;
}

void oci_hostfs_hide(const struct ns_job *job, int root)
{
	char own[PATH_MAX], *list, *line, *end, *path;

	/* By its path in this namespace: "/" where it is on top of all, and names are the host's. */
	if (fchdir(root) < 0 || syscall(SYS_getcwd, own, sizeof(own)) < 0)
		ns_die(job, NS_STEP_ROOT, "enter", errno);
	list = read_list(job);
	for (line = list; line && *line; line = end) {
		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = '\0';
		path = mount_point(line);
		if (path && !is_below(path, own))
			hide(job, path);
	}
	if (list)
		munmap(list, LIST_LIMIT);
}
