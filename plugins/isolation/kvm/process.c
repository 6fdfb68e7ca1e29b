/* SPDX-License-Identifier: BSD-3-Clause
 * QEMU as a process: found by what its command line names. */
#include "run.h"

#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Anybody can run something that is called as QEMU is: it is of root until it becomes its
 * own user.  /proc/PID belongs to the effective user (proc(5)). */
static bool may_be_ours(pid_t pid, uid_t uid)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return stat(path, &st) == 0 && (st.st_uid == uid || st.st_uid == 0 || st.st_uid == geteuid());
}

static bool has_uuid(const char *text, size_t size, const char *uuid)
{
	const char *value = strstr(text, "qemu") ? kvm_argument(text, size, "-uuid") : NULL;

	return value && strcmp(value, uuid) == 0;
}

static bool names_path(const char *text, size_t size, const char *path)
{
	return memmem(text, size, path, strlen(path)) != NULL;
}

static pid_t find(uid_t uid, bool (*is_it)(const char *text, size_t size, const char *word), const char *word)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (proc && !found && (entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
		size_t size = 0;
		KVM_AUTO_FREE char *text = pid > 1 && pid != getpid() ? kvm_process_arguments(pid, &size) : NULL;

		if (text && is_it(text, size, word) && may_be_ours(pid, uid))
			found = pid;
	}
	if (proc)
		closedir(proc);
	return found;
}

pid_t kvm_process_find(const char *uuid, uid_t uid)
{
	return find(uid, has_uuid, uuid);
}

pid_t kvm_process_naming(const char *path, uid_t uid)
{
	return find(uid, names_path, path);
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
			r = process_end(pidfd);
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
