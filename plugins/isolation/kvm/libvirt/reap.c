/* SPDX-License-Identifier: BSD-3-Clause
 * A monitor is a subreaper, so QEMU processes that put themselves into the background
 * become its children when their parents end.  libvirt looks with kill(pid, 0)
 * whether they are gone, for seconds, and does not know that somebody must take their
 * exit status.  Its own children it waits for: those must be left to it, so neither
 * SIGCHLD nor waitpid(-1) will do.
 *
 * What was left to us is in another session than we are, since a process in the
 * background has called setsid() (or its parent has), and libvirt's direct children
 * run QEMU's program only in our session. */
#include "../run.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define INTERVAL_MS 10

static bool was_left_to_us(pid_t pid)
{
	char path[64], text[512], *at;
	KVM_AUTO_CLOSE int fd = -1;
	int parent = 0, group = 0, session = 0;
	ssize_t got;
	char state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (got <= 0)
		return false;
	text[got] = '\0';
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %c %d %d %d", &state, &parent, &group, &session) != 4)
		return false;
	return state == 'Z' && parent == getpid() && session != getsid(0) && strstr(text, "(qemu-system");
}

static void reap(int id, void *unused)
{
	char path[64];
	FILE *children;
	int pid;

	(void)id;
	(void)unused;
	/* CONFIG_PROC_CHILDREN; orphans go to the main thread or to any other */
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	children = fopen(path, "re");
	while (children && fscanf(children, "%d", &pid) == 1)
		if (was_left_to_us(pid))
			waitpid(pid, NULL, WNOHANG);
	if (children)
		fclose(children);
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int calls, timer = -1;

void kvm_reap_begin(void)
{
	pthread_mutex_lock(&lock);
	if (calls++ == 0)
		timer = virEventAddTimeout(INTERVAL_MS, reap, NULL, NULL);
	pthread_mutex_unlock(&lock);
}

void kvm_reap_end(void)
{
	pthread_mutex_lock(&lock);
	if (--calls == 0 && timer >= 0)
		virEventRemoveTimeout(timer);
	pthread_mutex_unlock(&lock);
}
