/* SPDX-License-Identifier: BSD-3-Clause
 * Ending every process of a group, and removing the group.
 *
 * cgroup v2 does it with one write (cgroup.kill, Linux 5.14).  Elsewhere the
 * group is first kept from forking (pids.max 0), then killed in passes: each
 * pass finds fewer, so a fork bomb cannot outrun it. */
#include "cgroups.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define WAIT_NS UINT64_C(10000000000) /* processes in the kernel's hands may take their time */
#define DEPTH_MAX 32                  /* groups that the workload made itself */

static void pause_us(long us)
{
	struct timespec wait = { 0, us * 1000 };

	nanosleep(&wait, NULL);
}

int group_processes(int group, int **ret_pids, size_t *ret_count)
{
	int fd = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC), pid, *pids = NULL;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");
	size_t count = 0, room = 0;

	if (!file) {
		int result = -errno;

		if (fd >= 0)
			close(fd);
		return result;
	}
	while (fscanf(file, "%d", &pid) == 1) {
		if (count == room) {
			int *grown = realloc(pids, (room = room ? room * 2 : 64) * sizeof(*pids));

			if (!grown)
				break; /* the next pass finds the rest */
			pids = grown;
		}
		pids[count++] = pid;
	}
	fclose(file);
	*ret_pids = pids;
	*ret_count = count;
	return 0;
}

/* Calls 'visit' for the group and all below it, children first. */
static void walk(int parent, const char *name, unsigned depth, void (*visit)(int parent, const char *name, void *data),
		 void *data)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	while (depth < DEPTH_MAX && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			walk(dirfd(dir), entry->d_name, depth + 1, visit, data);
	closedir(dir);
	visit(parent, name, data);
}

/* Counts and kills; 0 in the list is a process of another PID namespace. */
static void kill_one_group(int parent, const char *name, void *data)
{
	AUTO_CLOSE int group = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FREE int *pids = NULL;
	size_t count = 0, i, *found = data;

	if (group < 0 || group_processes(group, &pids, &count) < 0)
		return;
	for (i = 0; i < count; i++) {
		if (pids[i] <= 1 || pids[i] == getpid())
			continue;
		kill(pids[i], SIGKILL);
		(*found)++;
	}
}

static void remove_one_group(int parent, const char *name, void *data)
{
	int *result = data;

	if (unlinkat(parent, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		*result = -errno;
}

/* cgroup.kill took the order: wait for "populated 0". */
static bool wait_unpopulated(const struct hyfw_host *host, int group)
{
	uint64_t until = host->clock() + WAIT_NS, left;
	long us = 50;

	while ((left = file_field(group, "cgroup.events", "populated")) == 1 && host->clock() < until) {
		pause_us(us);
		us = us < 5000 ? us * 2 : us;
	}
	return left != 1;
}

static size_t kill_in_passes(const struct hyfw_host *host, int group, const char *path)
{
	uint64_t until = host->clock() + WAIT_NS;
	size_t found;
	long us = 50;

	for (;;) {
		found = 0;
		walk(AT_FDCWD, path, 0, kill_one_group, &found);
		/* Frozen ones of a v1 freezer die when they wake up. */
		file_write(group, "freezer.state", "THAWED");
		if (found == 0 || host->clock() >= until)
			return found;
		pause_us(us);
		us = us < 5000 ? us * 2 : us;
	}
}

int group_kill(const struct hyfw_host *host, const char *path, struct hyfw_error **err)
{
	AUTO_CLOSE int group = group_open(path);
	char limit[64];
	bool limited;
	size_t left;

	if (group == -ENOENT)
		return 0;
	if (group < 0)
		return host->fail(err, -group, "control group %s: %s", path, strerror(-group));
	if (file_write(group, "cgroup.kill", "1") == 0) {
		if (wait_unpopulated(host, group))
			return 0;
		return host->fail(err, ETIMEDOUT, "processes in control group %s do not end", path);
	}
	limited = file_read(group, "pids.max", limit, sizeof(limit)) > 0 && file_write(group, "pids.max", "0") == 0;
	left = kill_in_passes(host, group, path);
	if (limited) {
		limit[strcspn(limit, "\n")] = '\0';
		file_write(group, "pids.max", limit);
	}
	if (left > 0)
		return host->fail(err, ETIMEDOUT, "%zu processes in control group %s do not end", left, path);
	return 0;
}

int group_remove(const struct hyfw_host *host, const char *path, struct hyfw_error **err)
{
	uint64_t until = host->clock() + WAIT_NS;
	int result;

	if (rmdir(path) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return host->fail(err, errno, "remove control group %s: %s", path, strerror(errno));
	result = group_kill(host, path, err);
	if (result < 0)
		return result;
	for (;;) {
		result = 0;
		walk(AT_FDCWD, path, 0, remove_one_group, &result);
		if (result == 0 || result == -ENOENT)
			return 0;
		/* Processes that exited a moment ago may still count. */
		if (host->clock() >= until)
			return host->fail(err, -result, "remove control group %s: %s", path, strerror(-result));
		pause_us(500);
	}
}
