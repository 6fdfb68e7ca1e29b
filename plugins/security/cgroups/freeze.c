/* SPDX-License-Identifier: BSD-3-Clause
 * Stopping and continuing all processes.  cgroup v2 can freeze any group.  On v1
 * that is a hierarchy of its own, whose group is made when it is first needed:
 * most workloads are never paused. */
#include "cgroups.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define WAIT_MS 2000
#define MOVE_PASSES 1000

static void pause_ms(long ms)
{
	struct timespec wait = { 0, ms * 1000000 };

	nanosleep(&wait, NULL);
}

char *freezer_path(const struct hierarchy *hierarchy, const char *path)
{
	const char *mount = hierarchy->v1[CONTROLLER_FREEZER], *tail = strrchr(path, '/');
	char *result;

	while (tail && tail > path && *--tail != '/')
		;
	if (!mount || !tail || asprintf(&result, "%s%s", mount, tail) < 0)
		return NULL;
	return result;
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Moves processes of 'from' that are not in 'to' yet; how many, or an errno. */
static int move_once(int from, int to)
{
	AUTO_FREE int *all = NULL;
	AUTO_FREE int *moved = NULL;
	size_t all_count = 0, moved_count = 0, i;
	int result = group_processes(from, &all, &all_count), news = 0;
	char text[16];

	if (result == 0)
		result = group_processes(to, &moved, &moved_count);
	if (result < 0)
		return result;
	if (moved)
		qsort(moved, moved_count, sizeof(*moved), compare);
	for (i = 0; i < all_count; i++) {
		if (all[i] <= 0 || (moved && bsearch(&all[i], moved, moved_count, sizeof(*moved), compare)))
			continue;
		snprintf(text, sizeof(text), "%d", all[i]);
		result = file_write(to, "cgroup.procs", text);
		if (result < 0 && result != -ESRCH)
			return result;
		news++;
	}
	return news;
}

/* What arrives in a frozen group freezes, so each pass leaves fewer that fork. */
static int freeze_v1(int from, int freezer)
{
	int passes, news = 1, waited;
	char state[32];

	if (file_write(freezer, "freezer.state", "FROZEN") < 0)
		return -EIO;
	for (passes = 0; news > 0 && passes < MOVE_PASSES; passes++)
		news = move_once(from, freezer);
	if (news < 0)
		return news;
	for (waited = 0; waited < WAIT_MS; waited++) {
		if (file_read(freezer, "freezer.state", state, sizeof(state)) > 0 &&
		    strncmp(state, "FROZEN", 6) == 0)
			return 0;
		pause_ms(1);
	}
	return -ETIMEDOUT;
}

static int set_v1(const struct hierarchy *hierarchy, const struct group *group, bool frozen)
{
	AUTO_FREE char *path = freezer_path(hierarchy, group->path);
	AUTO_FREE char *parent = path ? strdup(path) : NULL;
	AUTO_CLOSE int freezer = -1;
	AUTO_CLOSE int from = -1;
	int result;

	if (!parent)
		return -ENOTSUP;
	if (!frozen) {
		freezer = group_open(path);
		return freezer < 0 ? 0 : file_write(freezer, "freezer.state", "THAWED");
	}
	*strrchr(parent, '/') = '\0';
	if (mkdir(parent, 0755) < 0 && errno != EEXIST)
		return -errno;
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	freezer = group_open(path);
	from = group_open(group->path);
	if (freezer < 0 || from < 0)
		return freezer < 0 ? freezer : from;
	result = freeze_v1(from, freezer);
	if (result < 0)
		file_write(freezer, "freezer.state", "THAWED");
	return result;
}

static int set_v2(const struct group *group, bool frozen)
{
	AUTO_CLOSE int fd = group_open(group->path);
	int result, waited;

	if (fd < 0)
		return fd;
	result = file_write(fd, "cgroup.freeze", frozen ? "1" : "0");
	for (waited = 0; result == 0 && waited < WAIT_MS; waited++) {
		if (file_field(fd, "cgroup.events", "frozen") == (frozen ? 1 : 0))
			return 0;
		pause_ms(1);
	}
	return result < 0 ? result : -ETIMEDOUT;
}

int groups_freeze(const struct hyfw_host *host, const struct hierarchy *hierarchy, const struct group *groups,
		  size_t count, bool frozen, struct hyfw_error **err)
{
	const struct group *chosen = count ? &groups[0] : NULL;
	size_t i;
	int result;

	for (i = 0; i < count; i++)
		if (groups[i].unified)
			chosen = &groups[i];
	if (!chosen)
		return host->fail(err, ENOTSUP, "the workload has no control group");
	result = chosen->unified ? set_v2(chosen, frozen) : set_v1(hierarchy, chosen, frozen);
	if (result < 0)
		return host->fail(err, -result, "%s the processes of control group %s: %s",
				  frozen ? "freeze" : "thaw", chosen->path,
				  result == -ENOTSUP ? "this kernel has no freezer" : strerror(-result));
	return 0;
}
