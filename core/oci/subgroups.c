/* SPDX-License-Identifier: BSD-3-Clause
 * `exec --cgroup`: a further command goes to groups that the container has made below its
 * own, of one hierarchy or of all. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/private.h"

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
	return hyfw_fail(err, errno, "error adding pid of the command to cgroups: %s/cgroup.procs: %s", group->path,
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
		return hyfw_fail(err, EINVAL, "bad sub cgroup path: %s is not a sub cgroup path", path);
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

/* The module for control groups has gone below where the container's own group of cgroup v2
 * takes no processes; who asks means from the top. */
static void begin_at_top(struct hyfw_cgroup *groups, size_t count, const char *top)
{
	size_t i;

	for (i = 0; top && i < count; i++)
		if (groups[i].unified)
			groups[i].path = top;
}

/* A group of cgroup v2 that gives controllers on, cgroup-v2.rst, "No Internal Process
 * Constraint". */
static bool takes_none(const struct hyfw_cgroup *group)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/cgroup.subtree_control", group->path);
	HYFW_AUTO_CLOSE int fd = group->unified ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char first = '\n';

	return fd >= 0 && read(fd, &first, 1) == 1 && first != '\n';
}

int oci_join_subgroups(const char *const *wanted, const char *top, struct hyfw_arena *arena,
		       struct hyfw_confinement *confinement, struct hyfw_error **err)
{
	const size_t count = confinement->cgroup_count;
	struct hyfw_cgroup *groups;
	int result = 0;
	size_t i;

	if (!wanted || !*wanted)
		return 0;
	if (count == 0)
		return hyfw_fail(err, EOPNOTSUPP, "--cgroup: the container has no control groups");
	groups = hyfw_arena_alloc(arena, count * sizeof(*groups));
	memcpy(groups, confinement->cgroups, count * sizeof(*groups));
	begin_at_top(groups, count, top);
	for (; result == 0 && *wanted; wanted++)
		result = join_wanted(*wanted, groups, count, arena, err);
	for (i = 0; result == 0 && i < count; i++)
		if (takes_none(&groups[i]))
			result = hyfw_fail(err, EBUSY, "error adding pid of the command to cgroups: %s/cgroup.procs: "
					   "device or resource busy", groups[i].path);
	confinement->cgroups = groups;
	return result;
}
