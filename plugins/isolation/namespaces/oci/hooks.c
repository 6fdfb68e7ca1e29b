/* SPDX-License-Identifier: BSD-3-Clause
 * Hooks that run in the container's namespaces: createContainer before the root is
 * pivoted to, startContainer right before the command.  Each gets the state on its
 * standard input, from a file in memory that the parent has written. */
#include "oci.h"

#include <linux/sched.h>
#include <poll.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const struct {
	enum hyfw_oci_phase phase;
	const char *status;
} phases[] = { { HYFW_OCI_CREATE_CONTAINER, "creating" }, { HYFW_OCI_START_CONTAINER, "created" } };

int oci_hooks_prepare(struct oci_room *room, struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < NS_COUNT(phases); i++) {
		if (!room->config->hooks[phases[i].phase].count)
			continue;
		room->states[i] = memfd_create("state", MFD_CLOEXEC);
		if (room->states[i] < 0)
			return ns_fail(room->host, err, errno, "make", "the state for hooks");
	}
	return 0;
}

static int write_all(int fd, const char *text)
{
	size_t length = strlen(text);
	ssize_t written;

	for (; length > 0; length -= (size_t)written, text += written) {
		written = write(fd, text, length);
		if (written < 0)
			return -errno;
	}
	return 0;
}

int oci_hooks_describe(struct oci_room *room, pid_t pid, struct hyfw_error **err)
{
	size_t i;
	char *text;
	int r = 0;

	for (i = 0; i < NS_COUNT(phases) && r == 0; i++) {
		if (room->states[i] < 0 || !room->config->state)
			continue;
		text = room->config->state(room->config, (int32_t)pid, phases[i].status);
		r = text ? write_all(room->states[i], text) : -ENOMEM;
		free(text);
	}
	return r < 0 ? ns_fail(room->host, err, -r, "write", "the state for hooks") : 0;
}

/* ---- in the child ---------------------------------------------------------------- */

static void be_hook(const struct hyfw_oci_hook *hook, int state)
{
	static const char *const none[] = { NULL };
	const char *const alone[] = { hook->path, NULL };
	const char *const *argv = hook->argv && hook->argv[0] ? hook->argv : alone;
	const char *const *envp = hook->envp ? hook->envp : none;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* Its place is at the end after the one before; the file is shared, and so is the place. */
	if (lseek(state, 0, SEEK_SET) < 0 || dup2(state, 0) < 0)
		_exit(127);
	if (syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		_exit(127);
	execve(hook->path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
	_exit(127);
}

static void run(const struct ns_job *job, const struct hyfw_oci_hook *hook, int state)
{
	NS_AUTO_CLOSE int pidfd = -1;
	struct pollfd end = { .events = POLLIN };
	int status = -1, r;
	pid_t pid = ns_clone(0, -1, &pidfd);

	if (pid == 0)
		be_hook(hook, state);
	if (pid < 0)
		ns_die(job, NS_STEP_HOOK, hook->path, errno);
	end.fd = pidfd;
	do
		r = poll(&end, 1, hook->timeout ? (int)(hook->timeout > 2000000 ? 2000000 : hook->timeout) * 1000 : -1);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		kill(pid, SIGKILL); /* a child that nobody has reaped: no stranger */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (r <= 0)
		ns_die(job, NS_STEP_HOOK, hook->path, ETIMEDOUT);
	if (status != 0)
		ns_die(job, NS_STEP_HOOK, hook->path,
		       WIFEXITED(status) && WEXITSTATUS(status) == 127 ? ENOEXEC : ECANCELED);
}

void oci_hooks_run(const struct ns_job *job, const struct oci_room *room, enum hyfw_oci_phase phase)
{
	const struct hyfw_oci_hooks *hooks = &room->config->hooks[phase];
	size_t i;

	for (i = 0; i < hooks->count; i++)
		run(job, &hooks->hooks[i], room->states[phase == HYFW_OCI_START_CONTAINER]);
}
