/* SPDX-License-Identifier: BSD-3-Clause
 * The processes of a container: those of its first control group and the groups below. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/private.h"

#define DEPTH 16

struct found {
	pid_t *pids;
	size_t count, room;
};

static void add(struct found *found, pid_t pid)
{
	if (found->count == found->room) {
		found->room = found->room ? found->room * 2 : 64;
		found->pids = hyfw_grow(found->pids, found->room, sizeof(*found->pids));
	}
	found->pids[found->count++] = pid;
}

static void read_file(int directory, struct found *found)
{
	int fd = openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC), pid;
	FILE *file = fd < 0 ? NULL : fdopen(fd, "r");

	if (!file)
		return;
	while (fscanf(file, "%d", &pid) == 1)
		if (pid > 0) /* 0: not in our pid namespace */
			add(found, pid);
	fclose(file);
}

static void read_group(int parent, const char *name, unsigned depth, struct found *found)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	HYFW_AUTO_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir)
		return;
	read_file(fd, found);
	while (depth < DEPTH && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			read_group(fd, entry->d_name, depth + 1, found);
}

int hyfw_oci_pids(struct hyfw_oci_container *container, pid_t **ret_pids, size_t *ret_count,
		  struct hyfw_error **err)
{
	struct hyfw_confinement confinement = { .size = sizeof(confinement), .landlock_fd = -1 };
	struct found found = { 0 };
	const char *top;
	int result = hyfw_oci_load_config(container, err);

	if (result == 0 && container->no_cgroups)
		return hyfw_fail(err, EOPNOTSUPP, "the container has no control groups to tell its processes");
	if (result < 0)
		return result;
	container->spec.config.seccomp = NULL; /* the filter is not wanted here */
	result = oci_confine(container, container->arena, &confinement, err);
	if (result < 0)
		return result;
	if (confinement.cgroup_count == 0) /* of a user who may have none */
		return hyfw_fail(err, EOPNOTSUPP, "the container has no control groups to tell its processes");
	/* The whole of it, see begin_at_top() in subgroups.c. */
	top = oci_unified_group(container->freezers, container->arena);
	read_group(AT_FDCWD, confinement.cgroups[0].unified && top ? top : confinement.cgroups[0].path, 0, &found);
	*ret_pids = found.pids;
	*ret_count = found.count;
	return 0;
}

static bool among(pid_t pid, const pid_t *pids, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (pids[i] == pid)
			return true;
	return false;
}

/* A process is looked for again after it is held by descriptor, so that no stranger with
 * its number is hit. */
static int signal_once(struct hyfw_oci_container *container, int signal, struct hyfw_error **err)
{
	HYFW_AUTO_FREE pid_t *pids = NULL, *again = NULL;
	size_t count = 0, left = 0, i;
	HYFW_AUTO_FREE int *held = NULL;
	int result = hyfw_oci_pids(container, &pids, &count, err);

	if (result < 0)
		return result;
	held = hyfw_new((count + 1) * sizeof(*held));
	for (i = 0; i < count; i++)
		held[i] = pidfd_open(pids[i], 0);
	result = hyfw_oci_pids(container, &again, &left, err);
	for (i = 0; i < count; i++) {
		if (result == 0 && held[i] >= 0 && among(pids[i], again, left))
			pidfd_send_signal(held[i], signal, NULL, 0);
		hyfw_cleanup_close(&held[i]);
	}
	return result < 0 ? result : (int)count;
}

int oci_signal_group(struct hyfw_oci_container *container, int signal, struct hyfw_error **err)
{
	int rounds, result = signal_once(container, signal, err);

	if (result == 0)
		return -ESRCH;
	/* Again for those that were forked meanwhile. */
	for (rounds = 1; rounds < (signal == SIGKILL ? 10 : 1) && result > 0; rounds++)
		result = signal_once(container, signal, err);
	return result < 0 ? result : 0;
}
