/* SPDX-License-Identifier: BSD-3-Clause
 * Puts a QEMU that has started into the control groups of its confinement. */
#include "run.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define PASSES 100 /* over threads that come while others are moved */

static int write_number(int fd, pid_t number)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", (int)number);

	return write(fd, text, (size_t)length) < 0 ? -errno : 0;
}

struct threads {
	pid_t *ids;
	size_t count;
};

/* True when it is new among them.  The group's own list of its threads is no help:
 * the kernel tells an old one for a second (cgroup-v1.c, pidlists). */
static bool add_thread(struct threads *threads, pid_t thread)
{
	pid_t *larger;
	size_t i;

	for (i = 0; i < threads->count; i++)
		if (threads->ids[i] == thread)
			return false;
	larger = realloc(threads->ids, (threads->count + 1) * sizeof(*larger));
	if (!larger)
		return true;
	threads->ids = larger;
	threads->ids[threads->count++] = thread;
	return true;
}

/* Moves threads that were not moved before; how many, or an errno. */
static int move_threads(pid_t pid, int tasks, struct threads *threads)
{
	char path[64];
	struct dirent *entry;
	int moved = 0, r;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while (moved >= 0 && (entry = readdir(dir))) {
		pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

		if (thread <= 0 || !add_thread(threads, thread))
			continue;
		r = write_number(tasks, thread);
		moved = r < 0 && r != -ESRCH ? r : moved + 1;
	}
	closedir(dir);
	return moved;
}

/* Threads that QEMU makes begin where their maker is, so each pass leaves fewer. */
static int join_v1(pid_t pid, const char *group)
{
	char path[PATH_MAX];
	struct threads threads = { 0 };
	KVM_AUTO_CLOSE int tasks = -1;
	int passes, moved = 1;

	if (snprintf(path, sizeof(path), "%s/tasks", group) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	tasks = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (tasks < 0)
		moved = -errno;
	for (passes = 0; moved > 0 && passes < PASSES; passes++)
		moved = move_threads(pid, tasks, &threads);
	free(threads.ids);
	return moved > 0 ? -EAGAIN : moved;
}

static int join_v2(pid_t pid, const char *group)
{
	char path[PATH_MAX];
	KVM_AUTO_CLOSE int fd = -1;

	if (snprintf(path, sizeof(path), "%s/cgroup.procs", group) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : write_number(fd, pid);
}

int kvm_groups_join(const struct hyfw_host *host, pid_t pid, const struct hyfw_confinement *confinement,
			struct hyfw_error **err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < confinement->cgroup_count; i++) {
		const struct hyfw_cgroup *group = &confinement->cgroups[i];

		r = group->unified ? join_v2(pid, group->path) : join_v1(pid, group->path);
		if (r < 0)
			return host->fail(err, -r, "put QEMU into the control group %s: %s", group->path,
					  strerror(-r));
	}
	return 0;
}
