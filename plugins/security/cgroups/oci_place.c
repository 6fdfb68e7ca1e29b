/* SPDX-License-Identifier: BSD-3-Clause
 * Where the groups of a bundle are.  It gets one in every hierarchy, so that what clients
 * read in /proc/PID/cgroup is the container's own everywhere.  An absolute cgroupsPath is
 * below each mount; a relative one begins at the runtime's own group, on cgroup v2 beside
 * it, as a group with processes can have no controllers for its children. */
#include "oci.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define PATH_MOST 2048

bool oci_is_rootless(void)
{
	char map[64];

	return geteuid() != 0 || file_read(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) < 0 ||
	       !strstr(map, "4294967295");
}

const char *oci_mount_of(const struct hierarchy *hierarchy, const struct group *group)
{
	int i;

	if (group->unified)
		return hierarchy->unified_mount ? hierarchy->unified_mount : hierarchy->unified;
	for (i = 0; i < CONTROLLER_COUNT; i++)
		if ((group->mask & CONTROLLER_BIT(i)) && hierarchy->v1[i])
			return hierarchy->v1[i];
	return NULL;
}

static bool has_dots(const char *path)
{
	size_t length;

	for (; *path; path += length + (path[length] == '/')) {
		length = strcspn(path, "/");
		if (length == 2 && path[0] == '.' && path[1] == '.')
			return true;
	}
	return false;
}

/* "/a//b/./c/" as "/a/b/c"; "" for the top. */
static char *tidy(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path)
{
	char *result = host->alloc(arena, strlen(path) + 2);
	size_t length;

	for (; *path; path += length + (path[length] == '/')) {
		length = strcspn(path, "/");
		if (length == 0 || (length == 1 && *path == '.'))
			continue;
		strcat(result, "/");
		strncat(result, path, length);
	}
	return result;
}

static int check_path(const struct hyfw_host *host, const char *path, struct hyfw_error **err)
{
	const char *at;

	if (strlen(path) > PATH_MOST || has_dots(path))
		return host->fail(err, EINVAL, "linux.cgroupsPath: %s", has_dots(path) ? "\"..\" is not followed in it" :
											     "is too long");
	for (at = path; *at; at++)
		if ((unsigned char)*at < ' ')
			return host->fail(err, EINVAL, "linux.cgroupsPath: has a control character in it");
	return 0;
}

/* ---- the runtime's own groups: /proc/self/cgroup, cgroups(7) ---- */

/* The path of the line "ID:NAMES:PATH" that is about the group, in 'arena'. */
static char *own_path(const struct hyfw_host *host, struct hyfw_arena *arena, const char *text,
		      const struct group *group)
{
	const char *name = group->unified ? "" : group->controllers;
	const char *line;
	size_t length = strcspn(name, ","); /* any one of them: they are mounted together */

	for (line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		const char *names = strchr(line, ':'), *at, *path;

		path = names ? strchr(++names, ':') : NULL;
		if (!path)
			continue;
		if (path - names > 5 && strncmp(names, "name=", 5) == 0)
			names += 5;
		for (at = names; at <= path; at += strcspn(at, ",:") + 1)
			if (strcspn(at, ",:") == length && strncmp(at, name, length) == 0)
				return host->format(arena, "%.*s", (int)strcspn(path + 1, "\n"), path + 1);
	}
	return host->format(arena, "/");
}

static char *base_of(const struct hyfw_host *host, struct hyfw_arena *arena, const char *own, const char *mount,
		     const struct group *group)
{
	char *path = tidy(host, arena, has_dots(own) ? "/" : own);
	char *slash = group->unified ? strrchr(path, '/') : NULL;

	if (slash)
		*slash = '\0';
	return host->format(arena, "%s%s", mount, path);
}

/* ---- the groups ---- */

static struct group v1_group(const struct hyfw_host *host, struct hyfw_arena *arena,
			     const struct hierarchy *hierarchy, enum controller first)
{
	struct group group = { .controllers = "" };
	int i;

	for (i = first; i < CONTROLLER_COUNT; i++) {
		if (!hierarchy->v1[i] || strcmp(hierarchy->v1[i], hierarchy->v1[first]) != 0)
			continue;
		group.mask |= CONTROLLER_BIT(i);
		group.controllers = host->format(arena, "%s%s%s", group.controllers, *group.controllers ? "," : "",
						 controller_names[i]);
	}
	return group;
}

static size_t all_groups(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
			 struct group groups[GROUPS_MAX])
{
	uint32_t done = 0;
	size_t count = 0;
	int i;

	for (i = 0; i < CONTROLLER_COUNT; i++) {
		if (!hierarchy->v1[i] || (done & CONTROLLER_BIT(i)))
			continue;
		groups[count] = v1_group(host, arena, hierarchy, i);
		done |= groups[count++].mask;
	}
	if (hierarchy->unified)
		groups[count++] = (struct group){ .controllers = "unified", .unified = true,
						  .mask = hierarchy->unified_has & ~done };
	return count;
}

/* The ID, as other runtimes have it; apart from the groups of hyfw's own workloads, which
 * are cleared of what is not known. */
static const char *own_choice(const struct hyfw_host *host, struct hyfw_arena *arena, const char *id)
{
	return strcmp(id, host->owner) == 0 ? host->format(arena, "/%s.oci-%s", host->owner, id) :
					      host->format(arena, "/%s", id);
}

/* False where an ordinary user may make no group: below what was delegated to them they
 * may, and limits count there. */
static bool may_make(const struct hyfw_host *host, struct hyfw_arena *arena, const char *mount, const char *path)
{
	char *level = host->format(arena, "%s%s", mount, path), *slash;

	while (strlen(level) >= strlen(mount)) {
		if (access(level, F_OK) == 0)
			return faccessat(AT_FDCWD, level, W_OK, AT_EACCESS) == 0;
		slash = strrchr(level, '/');
		if (!slash)
			break;
		*slash = '\0';
	}
	return true;
}

int oci_place(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
	      const char *cgroups_path, const char *id, struct group ret_groups[GROUPS_MAX], size_t *ret_count,
	      struct hyfw_error **err)
{
	const char *path = cgroups_path && *cgroups_path ? cgroups_path : own_choice(host, arena, id);
	size_t count, i;
	char own[8192];
	int result = check_path(host, path, err);

	if (result < 0)
		return result;
	if (path[0] != '/' && file_read(AT_FDCWD, "/proc/self/cgroup", own, sizeof(own)) < 0)
		own[0] = '\0';
	count = all_groups(host, arena, hierarchy, ret_groups);
	for (i = 0; i < count; i++) {
		struct group *group = &ret_groups[i];
		const char *mount = oci_mount_of(hierarchy, group), *base = mount;

		if (group->unified && path != cgroups_path) /* one of our own, where groups may be made */
			base = hierarchy->unified;
		else if (path[0] != '/')
			base = base_of(host, arena, own_path(host, arena, own, group), mount, group);
		else if (group->unified && hierarchy->delegated && !may_make(host, arena, mount, tidy(host, arena, path)))
			base = hierarchy->unified;
		group->path = host->format(arena, "%s%s", base, tidy(host, arena, path));
	}
	*ret_count = count;
	return 0;
}
