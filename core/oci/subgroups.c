/* SPDX-License-Identifier: BSD-3-Clause
 * Groups of a further command: with `exec --cgroup` those that the container has made below
 * its own, of one hierarchy or of all.  Else the container's own, but on cgroup v2, where a
 * group that gives controllers on takes no process, that of its first process. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "oci/private.h"

/* ---- groups of cgroup v2 that take no process ---- */

static bool takes_none(const struct hyfw_cgroup *group)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/cgroup.subtree_control", group->path);
	HYFW_AUTO_CLOSE int fd = group->unified ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char first = '\n';

	return fd >= 0 && read(fd, &first, 1) == 1 && first != '\n';
}

static int busy(const struct hyfw_cgroup *group, struct hyfw_error **err)
{
	return hyfw_fail(err, EBUSY, "error adding pid of the command to cgroups: %s: device or resource busy",
			 group->path);
}

/* The line "0::PATH" of /proc/PID/cgroup; free(). */
static char *group_of(pid_t pid)
{
	HYFW_AUTO_FREE char *path = hyfw_format("/proc/%d/cgroup", (int)pid), *text = NULL;
	char *line, *next;

	if (hyfw_file_read(AT_FDCWD, path, 65536, &text, NULL, NULL) < 0)
		return NULL;
	for (next = text; (line = strsep(&next, "\n"));)
		if (strncmp(line, "0::/", 4) == 0)
			return hyfw_dup(line + 3);
	return NULL;
}

/* What of 'path', which begins at a mount point, is below 'group', which begins at "/": the
 * end of 'group' is the beginning of 'path'. */
static const char *below(const char *group, const char *path)
{
	const char *end;

	for (end = group; end; end = strchr(end + 1, '/')) {
		const size_t length = strlen(end);

		if (strncmp(path, end, length) == 0 && path[length] == '/')
			return path + length;
	}
	return NULL;
}

static int follow_first(struct hyfw_cgroup *group, pid_t first, struct hyfw_arena *arena, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = group_of(first);
	const char *rest = path ? below(group->path, path) : NULL;

	if (!rest)
		return busy(group, err);
	group->path = hyfw_arena_format(arena, "%s%s", group->path, rest);
	return 0;
}

/* ---- groups that are asked for ---- */

/* Nothing above the container's own. */
static bool path_ok(const char *path)
{
	size_t length;

	for (; *path; path += length + (path[length] == '/')) {
		length = strcspn(path, "/");
		if (length == 2 && path[0] == '.' && path[1] == '.')
			return false;
	}
	return true;
}

/* All of "cpu,cpuacct" are this hierarchy's. */
static bool has_controllers(const struct hyfw_cgroup *group, const char *names, size_t length)
{
	const size_t all = strlen(group->controllers);
	size_t at, each;

	for (at = 0; at < length; at += each + 1) {
		size_t from, size;
		bool found = false;

		each = strcspn(names + at, ",:");
		for (from = 0; !found && from < all; from += size + 1) {
			size = strcspn(group->controllers + from, ",");
			found = size == each && strncmp(group->controllers + from, names + at, each) == 0;
		}
		if (!found)
			return false;
	}
	return length > 0;
}

static int join(struct hyfw_cgroup *group, const char *path, struct hyfw_arena *arena, struct hyfw_error **err)
{
	while (*path == '/')
		path++;
	if (!*path)
		return 0;
	group->path = hyfw_arena_format(arena, "%s/%s", group->path, path);
	if (access(group->path, F_OK) == 0)
		return 0;
	return hyfw_fail(err, errno, "error adding pid of the command to cgroups: %s: %s", group->path,
			 errno == ENOENT ? "no such file or directory" : strerror(errno));
}

static int join_wanted(const char *wanted, struct hyfw_cgroup *groups, size_t count, struct hyfw_arena *arena,
		       struct hyfw_error **err)
{
	const char *colon = strchr(wanted, ':'), *path = colon ? colon + 1 : wanted;
	const size_t length = colon ? (size_t)(colon - wanted) : 0;
	bool found = false;
	int result = 0;
	size_t i;

	if (!path_ok(path))
		return hyfw_fail(err, EINVAL, "bad sub cgroup path: %s", wanted);
	for (i = 0; result == 0 && i < count; i++) {
		if (colon && !has_controllers(&groups[i], wanted, length))
			continue;
		found = true;
		result = join(&groups[i], path, arena, err);
	}
	if (result == 0 && !found)
		return hyfw_fail(err, EINVAL, "unknown controller %.*s in --cgroup %s", (int)length, wanted, wanted);
	return result;
}

int oci_join_subgroups(const char *const *wanted, pid_t first, struct hyfw_arena *arena,
		       struct hyfw_confinement *confinement, struct hyfw_error **err)
{
	const bool asked = wanted && *wanted;
	struct hyfw_cgroup *groups = hyfw_arena_alloc(arena, (confinement->cgroup_count + 1) * sizeof(*groups));
	int result = 0;
	size_t i;

	if (asked && confinement->cgroup_count == 0)
		return hyfw_fail(err, EOPNOTSUPP, "--cgroup: the container has no control groups");
	if (confinement->cgroup_count)
		memcpy(groups, confinement->cgroups, confinement->cgroup_count * sizeof(*groups));
	for (; asked && result == 0 && *wanted; wanted++)
		result = join_wanted(*wanted, groups, confinement->cgroup_count, arena, err);
	for (i = 0; result == 0 && i < confinement->cgroup_count; i++)
		if (takes_none(&groups[i]))
			result = asked ? busy(&groups[i], err) : follow_first(&groups[i], first, arena, err);
	confinement->cgroups = groups;
	return result;
}
