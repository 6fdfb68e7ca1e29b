/* SPDX-License-Identifier: BSD-3-Clause
 * Making and removing the directories of a bundle.  Those that are there already, such as
 * a pod's, are used and stay; others may come and go meanwhile, so what vanished between
 * two calls is made again. */
#include "oci.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAKE_TRIES 64

/* ---- whose a directory is ---- */

/* On those above a container's own group that are made on the way: the last container in
 * one removes it, and that may be another one than made it.  An ordinary user has only the
 * second name. */
static const char *const marks[] = { "trusted.hyfw.made", "user.hyfw.made" };

static void mark(const char *path)
{
	if (setxattr(path, marks[0], "1", 1, 0) < 0)
		setxattr(path, marks[1], "1", 1, 0);
}

static bool is_marked(const char *path)
{
	return getxattr(path, marks[0], NULL, 0) >= 0 || getxattr(path, marks[1], NULL, 0) >= 0;
}

/* Those above 'level' that are ours and that nobody else needs by now; 'made' is the first
 * one that this container made.  Cuts 'level' short. */
static void remove_above(char *level, const char *made)
{
	char *slash;

	while ((slash = strrchr(level, '/')) && slash > level) {
		*slash = '\0';
		if (strlen(level) < strlen(made) && !is_marked(level))
			break;
		if (rmdir(level) < 0 && errno != ENOENT)
			break;
	}
}

/* Of the leading "MOUNT/a/b" of 'path': the next one, "MOUNT/a/b/c"; NULL at its end. */
static char *next_level(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path, size_t length)
{
	if (!path[length])
		return NULL;
	length += 1 + strcspn(path + length + 1, "/");
	return host->format(arena, "%.*s", (int)length, path);
}

char *oci_first_missing(const struct hyfw_host *host, struct hyfw_arena *arena, const char *mount, const char *path)
{
	char *level = host->format(arena, "%s", mount);

	while ((level = next_level(host, arena, path, strlen(level))))
		if (access(level, F_OK) < 0)
			return level;
	return NULL;
}

static int make_level(const char *level, bool above)
{
	if (mkdir(level, 0755) < 0)
		return errno == EEXIST ? 0 : -errno;
	if (above)
		mark(level);
	return 0;
}

static int make_levels(const struct hyfw_host *host, struct hyfw_arena *arena, const char *mount, const char *path)
{
	char *level;
	int tries, result = -ENOENT;

	for (tries = 0; (result == -ENOENT || result == -ENODEV) && tries < MAKE_TRIES; tries++) {
		result = 0;
		level = host->format(arena, "%s", mount);
		while (result == 0 && (level = next_level(host, arena, path, strlen(level))))
			result = make_level(level, strcmp(level, path) != 0);
	}
	return result;
}

/* ---- cgroup v2 ---- */

/* Switches all on that the parent has: who reads figures wants them too.  What a limit
 * needs is looked for at the end.  What is on may be read while another process is still
 * switching, and the children's files are not there yet: with 'wait' they are. */
static void enable_all(int parent, bool wait)
{
	char has[4096], on[4096], all[4096 + 64] = "", word[64], *save = NULL, *name;

	if (file_read(parent, "cgroup.controllers", has, sizeof(has)) <= 0 ||
	    file_read(parent, "cgroup.subtree_control", on, sizeof(on)) < 0)
		return;
	for (name = strtok_r(has, " \n", &save); name; name = strtok_r(NULL, " \n", &save)) {
		const char *found = wait ? NULL : strstr(on, name);
		size_t length = strlen(name);

		while (found && ((found > on && found[-1] != ' ') || (found[length] && !strchr(" \n", found[length]))))
			found = strstr(found + length, name);
		if (found || strlen(all) + length + 3 > sizeof(all) || length + 2 > sizeof(word))
			continue;
		strcat(strcat(strcat(all, *all ? " +" : "+"), name), "");
	}
	if (!*all || file_write(parent, "cgroup.subtree_control", all) == 0)
		return;
	/* One that cannot be had keeps the others away when they are written together. */
	for (name = strtok_r(all, " ", &save); name; name = strtok_r(NULL, " ", &save))
		file_write(parent, "cgroup.subtree_control", name);
}

#define DOMAIN_CONTROLLERS                                                                       \
	(CONTROLLER_BIT(CONTROLLER_MEMORY) | CONTROLLER_BIT(CONTROLLER_BLKIO) |                       \
	 CONTROLLER_BIT(CONTROLLER_HUGETLB) | CONTROLLER_BIT(CONTROLLER_RDMA))

/* Below a threaded group only threaded ones can have processes, and those have no
 * controller that counts by process (cgroup-v2.rst, "Threads"). */
static int check_type(const struct hyfw_host *host, const struct group *group, int fd, uint32_t needed,
		      struct hyfw_error **err)
{
	char type[64];
	int result;

	if (file_read(fd, "cgroup.type", type, sizeof(type)) <= 0 || strcmp(type, "domain\n") == 0)
		return 0;
	type[strcspn(type, "\n")] = '\0';
	if (needed & DOMAIN_CONTROLLERS)
		return host->fail(err, ENOTSUP, "cannot enter cgroupv2 \"%s\" with domain controllers -- it is in %s mode",
				  group->path, strcmp(type, "domain invalid") == 0 ? "an invalid" : type);
	if (strcmp(type, "domain invalid") != 0)
		return 0;
	result = file_write(fd, "cgroup.type", "threaded");
	return result < 0 ? host->fail(err, -result, "make control group %s threaded: %s", group->path,
				       strerror(-result)) : 0;
}

static int check_enabled(const struct hyfw_host *host, const struct group *group, int fd, uint32_t needed,
			 struct hyfw_error **err)
{
	char has[4096];
	int i;

	needed &= group->mask;
	if (!needed || file_read(fd, "cgroup.controllers", has, sizeof(has)) < 0)
		return 0;
	for (i = 0; i < CONTROLLER_COUNT; i++) {
		const char *name = controller_v2_name(i), *found = has;
		const size_t length = strlen(name);

		if (!(needed & CONTROLLER_BIT(i)))
			continue;
		while ((found = strstr(found, name)) && ((found > has && found[-1] != ' ') ||
							  (found[length] && !strchr(" \n", found[length]))))
			found += length;
		if (!found)
			return host->fail(err, ENOTSUP, "control group %s: its parents do not hand it the controller %s; "
					  "one that has processes of its own cannot", group->path, name);
	}
	return 0;
}

/* ---- both ---- */

/* From the mount down to the group's parent. */
static int prepare(const struct hyfw_host *host, struct hyfw_arena *arena, const char *mount,
		   const struct group *group)
{
	char *level = host->format(arena, "%s", mount), *below;
	bool cpuset = !group->unified && (group->mask & CONTROLLER_BIT(CONTROLLER_CPUSET));

	while ((group->unified || cpuset) && (below = next_level(host, arena, group->path, strlen(level)))) {
		AUTO_CLOSE int parent = group_open(level);
		AUTO_CLOSE int child = -1;
		int result;

		if (parent < 0)
			return parent;
		if (group->unified) {
			enable_all(parent, strcmp(below, group->path) == 0);
		} else {
			child = group_open(below);
			result = child < 0 ? child : v1_inherit_cpuset(parent, child);
			if (result < 0)
				return result;
		}
		level = below;
	}
	return 0;
}

/* Whose processes there are would be paused and ended with the container's. */
static int check_unused(const struct hyfw_host *host, const struct group *group, int fd, struct hyfw_error **err)
{
	AUTO_FREE int *pids = NULL;
	size_t count = 0;
	char state[32];

	if (group_processes(fd, &pids, &count) == 0 && count > 0)
		return host->fail(err, EBUSY, "container's cgroup is not empty: %zu process(es) found in %s", count,
				  group->path);
	if (file_field(fd, "cgroup.events", "frozen") == 1 ||
	    (file_read(fd, "freezer.state", state, sizeof(state)) > 0 && strncmp(state, "THAWED", 6) != 0))
		return host->fail(err, EBUSY, "container's cgroup unexpectedly frozen: %s", group->path);
	return 0;
}

int oci_make(const struct hyfw_host *host, struct hyfw_arena *arena, const char *mount, const struct group *group,
	     uint32_t needed, bool in_scope, struct hyfw_error **err)
{
	const bool was_there = !in_scope && access(group->path, F_OK) == 0;
	AUTO_CLOSE int fd = -1;
	int result = make_levels(host, arena, mount, group->path);

	if (result == 0)
		result = prepare(host, arena, mount, group);
	if (result == 0)
		result = fd = group_open(group->path);
	if (result < 0)
		return host->fail(err, -result, "make control group %s: %s", group->path, strerror(-result));
	result = was_there ? check_unused(host, group, fd, err) : 0;
	if (result == 0 && group->unified)
		result = check_type(host, group, fd, needed, err);
	if (result == 0 && group->unified)
		result = check_enabled(host, group, fd, needed, err);
	return result;
}

int oci_remove(const struct hyfw_host *host, const char *path, const char *made, struct hyfw_error **err)
{
	AUTO_FREE char *level = strdup(path);
	int result;

	if (!level)
		return host->fail(err, ENOMEM, "out of memory");
	if (!made)
		return group_kill(host, path, err);
	result = group_remove(host, path, err);
	if (result == 0)
		remove_above(level, made);
	return result;
}

void oci_remove_rest(const char *path, const char *made)
{
	AUTO_FREE char *level = strdup(path);

	if (level && strncmp(level, made, strlen(made)) == 0)
		remove_above(level, made);
}

/* ---- whoever it is handed to (config-linux.md#cgroup-ownership) ---- */

int oci_hand_over(const struct hyfw_host *host, const char *path, uint32_t uid, struct hyfw_error **err)
{
	AUTO_CLOSE int group = group_open(path);
	char files[4096];

	if (group < 0)
		return host->fail(err, -group, "open control group %s: %s", path, strerror(-group));
	if (file_read(AT_FDCWD, "/sys/kernel/cgroup/delegate", files, sizeof(files)) <= 0)
		strcpy(files, DELEGATE_LEAST);
	return delegate_files(host, path, group, files, (uid_t)uid, (gid_t)-1, err);
}

/* ---- realtime budgets of cgroup v1 (sched-rt-group.rst) ---- */

/* A new group has none, and no group can have more than the one above it: those that we
 * made on the way get what the container is to have. */
void oci_budget_above(const struct hyfw_host *host, struct hyfw_arena *arena, const char *made, const char *path,
		      const struct oci_writes *writes)
{
	static const char period[] = "cpu.rt_period_us", runtime[] = "cpu.rt_runtime_us";
	const char *period_text = NULL, *runtime_text = NULL;
	char *level = host->format(arena, "%s", made);
	size_t i;

	for (i = 0; i < writes->count; i++) {
		if (strcmp(writes->items[i].file, period) == 0)
			period_text = writes->items[i].text;
		if (strcmp(writes->items[i].file, runtime) == 0)
			runtime_text = writes->items[i].text;
	}
	if (!runtime_text || strncmp(path, made, strlen(made)) != 0)
		return;
	for (; level && strcmp(level, path) != 0; level = next_level(host, arena, path, strlen(level))) {
		AUTO_CLOSE int group = group_open(level);

		if (group < 0 || file_number(group, runtime) != 0)
			continue;
		if (period_text)
			file_write(group, period, period_text);
		file_write(group, runtime, runtime_text);
	}
}
