/* SPDX-License-Identifier: BSD-3-Clause
 * Where the controllers are.  Almost every machine has them below
 * /sys/fs/cgroup under their names, which a few statfs(2) confirm; any other
 * place is read from /proc/self/mountinfo (proc(5)). */
#include "cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

const char *const controller_names[CONTROLLER_COUNT] = {
	[CONTROLLER_CPU] = "cpu",	[CONTROLLER_CPUACCT] = "cpuacct", [CONTROLLER_CPUSET] = "cpuset",
	[CONTROLLER_MEMORY] = "memory", [CONTROLLER_PIDS] = "pids",	  [CONTROLLER_DEVICES] = "devices",
	[CONTROLLER_FREEZER] = "freezer", [CONTROLLER_BLKIO] = "blkio",	  [CONTROLLER_HUGETLB] = "hugetlb",
	[CONTROLLER_RDMA] = "rdma",	[CONTROLLER_NET_CLS] = "net_cls", [CONTROLLER_NET_PRIO] = "net_prio",
	[CONTROLLER_SYSTEMD] = "systemd",
};

const char *controller_v2_name(enum controller controller)
{
	return controller == CONTROLLER_BLKIO ? "io" : controller_names[controller];
}

uint32_t controllers_parse(const char *list)
{
	uint32_t mask = 0;
	size_t length;
	int i;

	for (; *list; list += length + (list[length] == ',')) {
		length = strcspn(list, ",");
		for (i = 0; i < CONTROLLER_COUNT; i++)
			if (strlen(controller_names[i]) == length && strncmp(list, controller_names[i], length) == 0)
				mask |= CONTROLLER_BIT(i);
	}
	return mask;
}

static bool is_type(const char *path, long magic)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (long)fs.f_type == magic;
}

static bool has_word(const char *list, const char *word, const char *separators)
{
	size_t length = strlen(word), part;

	for (; *list; list += part + (list[part] != '\0')) {
		part = strcspn(list, separators);
		if (part == length && strncmp(list, word, length) == 0)
			return true;
	}
	return false;
}

/* What the root of the unified hierarchy can hand to children. */
static void read_unified(struct hierarchy *hierarchy)
{
	AUTO_CLOSE int group = group_open(hierarchy->unified);
	char text[4096];
	int i;

	if (group < 0 || file_read(group, "cgroup.controllers", text, sizeof(text)) < 0)
		return;
	for (i = 0; i < CONTROLLER_COUNT; i++)
		if (has_word(text, controller_v2_name(i), " \n"))
			hierarchy->unified_has |= CONTROLLER_BIT(i);
}

/* "cpu" and "cpuacct" are often links to one directory "cpu,cpuacct": resolved,
 * so that controllers mounted together have equal paths.  Takes 'path' over. */
static char *resolve(char *path)
{
	char *real, first;

	if (readlink(path, &first, 1) < 0)
		return path;
	real = realpath(path, NULL);
	free(path);
	return real;
}

static int find_known(const char *mount, struct hierarchy *hierarchy)
{
	char *path;
	int i;

	if (is_type(mount, CGROUP2_SUPER_MAGIC)) {
		hierarchy->unified = strdup(mount);
		return hierarchy->unified ? 0 : -ENOMEM;
	}
	for (i = 0; i < CONTROLLER_COUNT; i++) {
		if (asprintf(&path, "%s/%s", mount, controller_names[i]) < 0)
			return -ENOMEM;
		if (is_type(path, CGROUP_SUPER_MAGIC))
			hierarchy->v1[i] = resolve(path);
		else
			free(path);
	}
	if (asprintf(&path, "%s/unified", mount) < 0)
		return -ENOMEM;
	if (is_type(path, CGROUP2_SUPER_MAGIC))
		hierarchy->unified = path;
	else
		free(path);
	return 0;
}

/* One line: ID PARENT MAJ:MIN ROOT MOUNT OPTIONS [TAGS...] - TYPE SOURCE SUPER */
static void take_mount(char *line, struct hierarchy *hierarchy)
{
	char *fields = strstr(line, " - "), *save = NULL, *mount = NULL, *type, *super;
	int i;

	if (!fields)
		return;
	*fields = '\0';
	type = strtok_r(fields + 3, " \n", &save);
	strtok_r(NULL, " \n", &save);
	super = strtok_r(NULL, " \n", &save);
	save = NULL;
	for (i = 0; i < 5; i++)
		mount = strtok_r(i ? NULL : line, " ", &save);
	if (!type || !mount || strchr(mount, '\\')) /* octal escapes: not a path we could want */
		return;
	if (strcmp(type, "cgroup2") == 0 && !hierarchy->unified)
		hierarchy->unified = strdup(mount);
	for (i = 0; strcmp(type, "cgroup") == 0 && super && i < CONTROLLER_COUNT; i++)
		if (!hierarchy->v1[i] &&
		    has_word(super, i == CONTROLLER_SYSTEMD ? "name=systemd" : controller_names[i], ","))
			hierarchy->v1[i] = strdup(mount);
}

static void find_mounted(struct hierarchy *hierarchy)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	size_t room = 0;

	if (!file)
		return;
	while (getline(&line, &room, file) >= 0)
		take_mount(line, hierarchy);
	free(line);
	fclose(file);
}

/* ---- groups of an ordinary user (cgroup-v2.rst, Delegation) ---- */

static bool may_use(const char *group)
{
	static const char *const files[] = { ".", "cgroup.procs", "cgroup.subtree_control" };
	AUTO_CLOSE int fd = group_open(group);
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (fd < 0 || faccessat(fd, files[i], W_OK, AT_EACCESS) < 0)
			return false;
	return true;
}

/* The group that this process is in, below 'mount'; free(). */
static char *own_group(const char *mount)
{
	char text[4096], *line, *path;

	if (file_read(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text)) < 0)
		return NULL;
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return NULL;
	line += *line == '\n' ? 4 : 3;
	line[strcspn(line, "\n")] = '\0';
	if (line[0] != '/' || strncmp(line, "/..", 3) == 0 || asprintf(&path, "%s%s", mount, line) < 0)
		return NULL;
	return path;
}

/* A process may be moved only within what was delegated, so it is the uppermost group
 * above our own that the user may write to. */
static void find_delegated(struct hierarchy *hierarchy)
{
	AUTO_FREE char *path = own_group(hierarchy->unified);
	const size_t least = strlen(hierarchy->unified);
	char *found = NULL;

	hierarchy->closed = true;
	while (path && strlen(path) > least) {
		if (may_use(path)) {
			free(found);
			found = strdup(path);
		}
		*strrchr(path, '/') = '\0';
	}
	if (!found)
		return;
	hierarchy->unified_mount = hierarchy->unified;
	hierarchy->unified = found;
	hierarchy->delegated = true;
	hierarchy->closed = false;
}

static bool empty(const struct hierarchy *hierarchy)
{
	int i;

	for (i = 0; i < CONTROLLER_COUNT; i++)
		if (hierarchy->v1[i])
			return false;
	return !hierarchy->unified;
}

int hierarchy_find(const struct hyfw_host *host, const char *mount, struct hierarchy *ret_hierarchy,
		   struct hyfw_error **err)
{
	struct hierarchy hierarchy = { 0 };

	if (find_known(mount, &hierarchy) < 0) {
		hierarchy_finish(&hierarchy);
		return host->fail(err, ENOMEM, "out of memory");
	}
	if (empty(&hierarchy))
		find_mounted(&hierarchy);
	if (empty(&hierarchy))
		return host->fail(err, ENOTSUP, "no control groups are mounted; mount cgroup2 on %s", mount);
	if (hierarchy.unified && faccessat(AT_FDCWD, hierarchy.unified, W_OK, AT_EACCESS) < 0 && errno == EACCES)
		find_delegated(&hierarchy);
	if (hierarchy.unified)
		read_unified(&hierarchy);
	*ret_hierarchy = hierarchy;
	return 0;
}

void hierarchy_finish(struct hierarchy *hierarchy)
{
	int i;

	for (i = 0; i < CONTROLLER_COUNT; i++)
		free(hierarchy->v1[i]);
	free(hierarchy->unified);
	free(hierarchy->unified_mount);
	memset(hierarchy, 0, sizeof(*hierarchy));
}

int hierarchy_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
		    struct hyfw_error **err)
{
	static const enum controller wanted[] = { CONTROLLER_CPU, CONTROLLER_CPUSET, CONTROLLER_MEMORY,
						  CONTROLLER_PIDS };
	struct hierarchy found;
	char *missing = NULL;
	size_t i;

	ret_probe->result = HYFW_PROBE_OK;
	if (hierarchy_find(host, DEFAULT_MOUNT, &found, err) < 0) {
		host->forget(err);
		ret_probe->result = HYFW_PROBE_NO;
		ret_probe->reason = host->format(arena, "no control groups are mounted; mount cgroup2 on %s",
						 DEFAULT_MOUNT);
		return 0;
	}
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (!found.v1[wanted[i]] && !(found.unified_has & CONTROLLER_BIT(wanted[i])))
			missing = host->format(arena, "%s%s%s", missing ? missing : "", missing ? ", " : "",
					       controller_names[wanted[i]]);
	if (missing) {
		ret_probe->result = HYFW_PROBE_DEGRADED;
		ret_probe->reason = host->format(arena, "this kernel offers no controller for: %s", missing);
	}
	hierarchy_finish(&found);
	return 0;
}
