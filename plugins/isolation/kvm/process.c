/* SPDX-License-Identifier: BSD-3-Clause */
#include "run.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define END_TIMEOUT_MS 20000
#define PASSES 100 /* over threads that come while others are moved */

void kvm_auto_close(const int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

void kvm_auto_free(void *pointer)
{
	free(*(void **)pointer);
}

int kvm_process_start_time(pid_t pid, uint64_t *ret_ticks)
{
	char path[64], text[1024], *at;
	KVM_AUTO_CLOSE int fd = -1;
	ssize_t size;
	int field;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	size = read(fd, text, sizeof(text) - 1);
	if (size < 0)
		return -errno;
	text[size] = '\0';
	at = strrchr(text, ')'); /* the name may hold anything */
	for (field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -EPROTO;
	*ret_ticks = strtoull(at + 1, NULL, 10);
	return 0;
}

int kvm_process_open(const struct hyfw_map *record, pid_t *ret_pid)
{
	int64_t pid = hyfw_map_int(record, HYFW_NOTE_PID, 0);
	const char *start = hyfw_map_get(record, HYFW_NOTE_PID_START);
	struct pollfd end = { .events = POLLIN };
	uint64_t ticks = 0;
	int fd, r;

	if (pid <= 0 || pid > INT_MAX || !start)
		return -ESRCH;
	fd = pidfd_open((pid_t)pid, 0);
	if (fd < 0)
		return errno == EINVAL ? -ESRCH : -errno;
	end.fd = fd;
	r = kvm_process_start_time((pid_t)pid, &ticks);
	if (r == 0 && (ticks != strtoull(start, NULL, 10) || poll(&end, 1, 0) == 1))
		r = -ESRCH;
	if (r < 0) {
		close(fd);
		return r;
	}
	if (ret_pid)
		*ret_pid = (pid_t)pid;
	return fd;
}

int kvm_process_end(int pidfd)
{
	struct pollfd wait = { .fd = pidfd, .events = POLLIN };
	siginfo_t info;
	int r;

	if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
		return -errno;
	do
		r = poll(&wait, 1, END_TIMEOUT_MS);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		return r < 0 ? -errno : -ETIMEDOUT;
	waitid((idtype_t)P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG);
	return 0;
}

char *kvm_process_arguments(pid_t pid, size_t *ret_size)
{
	size_t size = 0, room = 16384;
	char *text = malloc(room + 1);
	KVM_AUTO_CLOSE int fd = -1;
	char path[64];
	ssize_t got;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && text && (got = read(fd, text + size, room - size)) > 0) {
		size += (size_t)got;
		if (size == room) {
			char *larger = room < (1u << 20) ? realloc(text, room * 2 + 1) : NULL;

			if (!larger)
				break;
			text = larger;
			room *= 2;
		}
	}
	if (!text || size == 0) {
		free(text);
		return NULL;
	}
	text[size] = '\0';
	*ret_size = size;
	return text;
}

/* QEMU's arguments name files below the root of its libvirt. */
static bool names_root(pid_t pid, const char *root)
{
	size_t length = strlen(root), size = 0, i;
	KVM_AUTO_FREE char *text = kvm_process_arguments(pid, &size);

	for (i = 0; text && i + length < size; i++)
		if (text[i] == '/' && memcmp(text + i, root, length) == 0 && text[i + length] == '/')
			return true;
	return false;
}

const char *kvm_argument(const char *text, size_t size, const char *name)
{
	const char *at = text, *end = text + size;

	for (; at < end; at += strlen(at) + 1)
		if (strcmp(at, name) == 0)
			return at + strlen(at) + 1 < end ? at + strlen(at) + 1 : NULL;
	return NULL;
}

pid_t kvm_process_find(const char *uuid)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (proc && !found && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		size_t size = 0;
		KVM_AUTO_FREE char *text = pid > 1 ? kvm_process_arguments(pid, &size) : NULL;
		const char *value = text && strstr(text, "qemu") ? kvm_argument(text, size, "-uuid") : NULL;

		if (value && strcmp(value, uuid) == 0)
			found = pid;
	}
	if (proc)
		closedir(proc);
	return found;
}

int kvm_process_end_all(const struct hyfw_host *host, const char *root, struct hyfw_error **err)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int r = 0;

	while (proc && r == 0 && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		KVM_AUTO_CLOSE int pidfd = -1;

		if (pid <= 1 || pid == getpid() || !names_root(pid, root))
			continue;
		pidfd = pidfd_open(pid, 0);
		if (pidfd >= 0 && names_root(pid, root)) /* the same one, now that it is held */
			r = kvm_process_end(pidfd);
		if (r < 0)
			host->fail(err, -r, "end process %d: %s", (int)pid, strerror(-r));
	}
	if (proc)
		closedir(proc);
	return r;
}

/* ---- the monitor's own memory ------------------------------------------------------ */

/* Most of libvirt is needed once, at the start: its pages are the files' and come
 * back when they are. */
void kvm_slim(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char rights[8], *line = NULL;
	size_t size = 0;

	while (maps && getline(&line, &size, maps) > 0)
		if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3 && strchr(line, '/') && rights[1] != 'w')
			madvise((void *)from, to - from, MADV_PAGEOUT);
	free(line);
	if (maps)
		fclose(maps);
	malloc_trim(0);
}

/* ---- control groups ------------------------------------------------------------- */

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

int kvm_process_confine(const struct hyfw_host *host, pid_t pid, const struct hyfw_confinement *confinement,
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
