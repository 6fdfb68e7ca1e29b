/* SPDX-License-Identifier: BSD-3-Clause
 * The directories of a workload: which, how they are made and removed.
 * Other hyfw processes make and remove theirs below the same parent meanwhile,
 * so a parent may vanish between two calls: making it is tried again. */
#include "cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAKE_TRIES 64
#define KEY_PREFIX "cgroup."
#define KEY_UNIFIED "unified"

/* A limit that the user set cannot be left out, figures can. */
static const char *demanded(const struct limits *limits, enum controller controller)
{
	switch (controller) {
	case CONTROLLER_CPU:
		return limits->cpus != LIMIT_NONE ? "cpus" : "cpu_shares";
	case CONTROLLER_CPUSET:
		return "cpuset";
	case CONTROLLER_MEMORY:
		return limits->memory != LIMIT_NONE ? "memory" : NULL;
	case CONTROLLER_PIDS:
		return limits->pids != LIMIT_NONE ? "pids" : NULL;
	case CONTROLLER_BLKIO:
		return "io_max";
	default:
		return NULL;
	}
}

static char *path_below(const struct hyfw_host *host, struct hyfw_arena *arena, const char *mount,
			const char *workload)
{
	return host->format(arena, "%s/%s/%s", mount, host->owner, workload);
}

/* The v1 group of all controllers mounted where 'first' is. */
static struct group v1_group(const struct hyfw_host *host, struct hyfw_arena *arena,
			     const struct hierarchy *hierarchy, enum controller first, const char *workload)
{
	const char *mount = hierarchy->v1[first];
	struct group group = { .path = path_below(host, arena, mount, workload), .controllers = "" };
	int i;

	for (i = 0; i < CONTROLLER_COUNT; i++) {
		if (!hierarchy->v1[i] || strcmp(hierarchy->v1[i], mount) != 0)
			continue;
		group.mask |= CONTROLLER_BIT(i);
		group.controllers = host->format(arena, "%s%s%s", group.controllers,
						 *group.controllers ? "," : "", controller_names[i]);
	}
	return group;
}

int groups_choose(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
		  const struct limits *limits, const char *workload, struct group ret_groups[GROUPS_MAX],
		  size_t *ret_count, struct hyfw_error **err)
{
	uint32_t needs = v1_needs(limits), there = 0, unified = 0;
	size_t count = 0;
	int i;

	for (i = 0; i < CONTROLLER_COUNT; i++) {
		const char *key = demanded(limits, i);

		if (!(needs & CONTROLLER_BIT(i)) || (there & CONTROLLER_BIT(i)))
			continue;
		if (hierarchy->v1[i]) {
			ret_groups[count] = v1_group(host, arena, hierarchy, i, workload);
			there |= ret_groups[count++].mask;
		} else if (hierarchy->unified_has & v2_needs(limits) & CONTROLLER_BIT(i)) {
			unified |= CONTROLLER_BIT(i);
		} else if (key) {
			return host->fail(err, ENOTSUP, "%s: %s no %s control group controller", key,
					  hierarchy->delegated ? "this user has been delegated" : "this kernel offers",
					  controller_names[i]);
		}
	}
	/* What v1 has a controller for is a program of any group on v2. */
	if (limits->devices && !hierarchy->v1[CONTROLLER_DEVICES] && hierarchy->unified)
		unified |= CONTROLLER_BIT(CONTROLLER_DEVICES);
	else if (limits->devices && !hierarchy->v1[CONTROLLER_DEVICES])
		host->log(HYFW_LOG_INFO, "workload %s: devices are not limited, no control group can", workload);
	if (limits->delegate)
		unified |= delegate_controllers(hierarchy);
	/* Without any limit one group is made all the same: kill() needs it. */
	for (i = 0; !unified && !hierarchy->unified && count == 0 && i < CONTROLLER_COUNT; i++)
		if (hierarchy->v1[i] && i != CONTROLLER_CPUSET)
			ret_groups[count++] = v1_group(host, arena, hierarchy, i, workload);
	if ((unified || count == 0) && hierarchy->closed)
		return host->fail(err, EACCES, "no control group has been delegated to this user; `systemd-run --user --scope "
				  "-p Delegate=yes COMMAND` starts a command in one");
	if (unified || count == 0)
		ret_groups[count++] = (struct group){ path_below(host, arena, hierarchy->unified, workload), "",
						      unified, true };
	*ret_count = count;
	return 0;
}

void groups_values(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *group,
		   const struct limits *limits, struct values *ret_values)
{
	struct values all = { 0 };
	size_t i;

	if (group->unified)
		v2_values(host, arena, limits, &all);
	else
		v1_values(host, arena, limits, &all);
	ret_values->count = 0;
	for (i = 0; i < all.count; i++)
		if (group->mask & CONTROLLER_BIT(all.items[i].controller))
			ret_values->items[ret_values->count++] = all.items[i];
}

/* MOUNT of MOUNT/OWNER, in 'arena'. */
static char *above(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path)
{
	const char *slash = strrchr(path, '/');

	return host->format(arena, "%.*s", (int)(slash - path), path);
}

/* What the group must find in its parent 'path'. */
static int prepare_parent(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *group,
			  const char *path)
{
	AUTO_CLOSE int parent = group_open(path);
	AUTO_CLOSE int mount = -1;
	int result;

	if (parent < 0)
		return parent;
	mount = group_open(above(host, arena, path));
	if (mount < 0)
		return mount;
	if (group->unified) {
		result = v2_enable(mount, group->mask, false);
		return result < 0 ? result : v2_enable(parent, group->mask, true);
	}
	if (group->mask & CONTROLLER_BIT(CONTROLLER_CPUSET))
		return v1_inherit_cpuset(mount, parent);
	return 0;
}

static bool parent_matters(const struct group *group)
{
	return group->unified ? group->mask != 0 : (group->mask & CONTROLLER_BIT(CONTROLLER_CPUSET)) != 0;
}

/* The directory comes first: with a child the parent cannot vanish any more, so
 * that what is then set in it stays. */
static int make_directory(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *group)
{
	char *parent = above(host, arena, group->path);
	int tries, result = -ENOENT;

	for (tries = 0; result < 0 && tries < MAKE_TRIES; tries++) {
		result = mkdir(group->path, 0755) < 0 ? -errno : 0;
		/* Empty and ours by its name: left over by a run that died. */
		if (result == -EEXIST && rmdir(group->path) < 0 && errno != ENOENT)
			return -EEXIST;
		if ((result == -ENOENT || result == -ENODEV) && mkdir(parent, 0755) < 0 && errno != EEXIST)
			return -errno;
		if (result < 0 && result != -EEXIST && result != -ENOENT && result != -ENODEV)
			return result;
	}
	return result == 0 && parent_matters(group) ? prepare_parent(host, arena, group, parent) : result;
}

static int write_values(const struct hyfw_host *host, const struct group *group, int fd,
			const struct values *values, struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < values->count; i++) {
		const struct value *value = &values->items[i];
		int result = file_write(fd, value->file, value->text);

		if (result == 0)
			continue;
		if (result == -ENOENT && value->optional) {
			host->log(HYFW_LOG_INFO, "%s/%s: this kernel does not have it", group->path, value->file);
			continue;
		}
		return host->fail(err, -result, "%s: the kernel refuses %s for %s/%s: %s", value->key, value->text,
				  group->path, value->file, strerror(-result));
	}
	return 0;
}

/* Inside of another user namespace, or as an ordinary user, nobody may load programs;
 * there the kernel lets no device node be made, and none on a mount be used. */
static bool may_do_without_program(void)
{
	char map[64];

	return geteuid() != 0 || file_read(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) < 0 ||
	       !strstr(map, "4294967295");
}

static int limit_devices(const struct hyfw_host *host, const struct group *group, int fd, const struct limits *limits,
			 struct hyfw_error **err)
{
	int result;

	if (!limits->devices || !(group->mask & CONTROLLER_BIT(CONTROLLER_DEVICES)))
		return 0;
	result = group->unified ? device_rules_attach_v2(fd, limits->devices, limits->device_count) :
				  device_rules_write_v1(fd, limits->devices, limits->device_count);
	if (result == -EPERM && group->unified && may_do_without_program()) {
		host->log(HYFW_LOG_INFO, "%s: devices are not limited by a control group; that takes root", group->path);
		return 0;
	}
	if (result < 0)
		return host->fail(err, -result, "devices: the kernel refuses the rules for %s: %s", group->path,
				  strerror(-result));
	return 0;
}

int group_make(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *group,
	       const struct limits *limits, struct hyfw_error **err)
{
	AUTO_CLOSE int fd = -1;
	AUTO_CLOSE int parent = -1;
	struct values values;
	int result = make_directory(host, arena, group);

	if (result == -EEXIST)
		return host->fail(err, EEXIST, "control group %s is still in use; `hyfw recover` clears what died",
				  group->path);
	if (result == -EBUSY)
		return host->fail(err, EBUSY, "control group %s: its parents hold processes of their own, so "
				  "controllers cannot be switched on for it", group->path);
	if (result < 0)
		return host->fail(err, -result, "make control group %s: %s", group->path, strerror(-result));
	fd = group_open(group->path);
	if (fd < 0)
		return host->fail(err, -fd, "control group %s: %s", group->path, strerror(-fd));
	if (!group->unified && (group->mask & CONTROLLER_BIT(CONTROLLER_CPUSET))) {
		parent = group_open(above(host, arena, group->path));
		result = parent < 0 ? parent : v1_inherit_cpuset(parent, fd);
		if (result < 0)
			return host->fail(err, -result, "cpuset: prepare %s: %s", group->path, strerror(-result));
	}
	groups_values(host, arena, group, limits, &values);
	result = write_values(host, group, fd, &values, err);
	if (result == 0)
		result = limit_devices(host, group, fd, limits, err);
	if (result == 0 && group->unified && limits->delegate)
		result = delegate_group(host, group, fd, limits->delegate, err);
	return result;
}

size_t groups_recorded(const struct hyfw_map *record, struct group ret_groups[GROUPS_MAX])
{
	size_t count = 0, i;

	for (i = 0; record && i < record->count && count < GROUPS_MAX; i++) {
		const char *key = record->items[i].key;
		struct group group = { .path = record->items[i].value };

		if (strncmp(key, KEY_PREFIX, strlen(KEY_PREFIX)) != 0 || group.path[0] != '/')
			continue;
		key += strlen(KEY_PREFIX);
		group.unified = strcmp(key, KEY_UNIFIED) == 0;
		group.controllers = group.unified ? "" : key;
		group.mask = group.unified ? 0 : controllers_parse(key);
		ret_groups[count++] = group;
	}
	return count;
}

bool group_is_ours(const char *path, const char *owner, const char *workload)
{
	size_t tail = strlen(owner) + strlen(workload) + 2, length = strlen(path);
	const char *at;

	if (!*workload || strchr(workload, '/') || strstr(path, "/../") || length <= tail)
		return false;
	at = path + length - tail;
	return at[0] == '/' && strncmp(at + 1, owner, strlen(owner)) == 0 && at[1 + strlen(owner)] == '/' &&
	       strcmp(at + 2 + strlen(owner), workload) == 0;
}

void group_remove_parent(const char *path)
{
	AUTO_FREE char *parent = strdup(path);
	char *slash = parent ? strrchr(parent, '/') : NULL;

	if (!slash || slash == parent)
		return;
	*slash = '\0';
	rmdir(parent); /* not empty: others still need it */
}
