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
	const char *name, *status;
} phases[] = {
	{ HYFW_OCI_CREATE_CONTAINER, "createContainer", "creating" },
	{ HYFW_OCI_START_CONTAINER, "startContainer", "created" },
};

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

/* One that is to run, as the board can tell of it. */
struct turn {
	const struct hyfw_oci_hook *hook;
	size_t kind, number; /* in 'phases' and in its list */
	int root; /* the container's, which is not pivoted to yet */
	int state;
	int errors; /* what a hook inside says, so that it can be told why it failed; -1 for the others */
};

static size_t append(char *text, size_t used, size_t room, const char *more)
{
	size_t length = strlen(more);

	if (length > room - used - 1)
		length = room - used - 1;
	memcpy(text + used, more, length);
	text[used + length] = '\0';
	return used + length;
}

/* The beginning of what it said, in one line. */
static void append_errors(const struct turn *turn, char *text, size_t room)
{
	size_t used = strlen(text), at, end;
	ssize_t got;
	char first;

	if (turn->errors < 0 || room - used < 16)
		return;
	got = pread(turn->errors, &first, 1, 0);
	if (got <= 0)
		return;
	used = append(text, used, room, ", stderr: ");
	got = pread(turn->errors, text + used, room - used - 1, 0);
	end = used + (size_t)(got > 0 ? got : 0);
	while (end > used && (unsigned char)text[end - 1] <= ' ')
		end--;
	text[end] = '\0';
	for (at = used; text[at]; at++)
		if ((unsigned char)text[at] < ' ')
			text[at] = ' ';
}

/* And all of it where it belongs. */
static void pass_errors(const struct turn *turn)
{
	char data[4096];
	off_t at = 0;
	ssize_t got;

	while (turn->errors >= 0 && (got = pread(turn->errors, data, sizeof(data), at)) > 0) {
		if (write(2, data, (size_t)got) < 0)
			return;
		at += got;
	}
}

static size_t append_number(char *text, size_t used, size_t room, const char *words, uint64_t number)
{
	char digits[24];

	used = append(text, used, room, words);
	return append(text, used, room, oci_digits(number, 10, digits));
}

/* "createContainer hook #1: /bin/false: exit status 1", in words that clients look for; why it
 * could not be run says 'errnum'. */
__attribute__((noreturn))
static void fail(const struct ns_job *job, const struct turn *turn, int status, int errnum)
{
	const size_t room = sizeof(job->board->text);
	char *text = job->board->text;
	size_t used = append(text, 0, room, phases[turn->kind].name);

	used = append_number(text, used, room, " hook #", turn->number);
	used = append(text, used, room, ": ");
	used = append(text, used, room, turn->hook->path);
	if (errnum == ETIMEDOUT) {
		used = append_number(text, used, room, " did not end within ", turn->hook->timeout);
		append(text, used, room, " s");
	} else if (errnum == ECANCELED && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
		append(text, used, room, ": signal: bad system call");
	} else if (errnum == ECANCELED) {
		append_number(text, used, room, WIFSIGNALED(status) ? ": signal " : ": exit status ",
			      (uint64_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)));
	}
	append_errors(turn, text, room);
	ns_die(job, NS_STEP_HOOK, text, errnum);
}

__attribute__((noreturn))
static void cannot_run(const struct ns_job *job)
{
	job->board->errnum = errno; /* for fail(), which puts it there again */
	_exit(127);
}

__attribute__((noreturn))
static void be_hook(const struct ns_job *job, const struct turn *turn)
{
	const struct hyfw_oci_hook *hook = turn->hook;
	static const char *const none[] = { NULL };
	const char *const alone[] = { hook->path, NULL };
	const char *const *argv = hook->argv && hook->argv[0] ? hook->argv : alone;
	bool inside = phases[turn->kind].phase == HYFW_OCI_START_CONTAINER;
	const char *const *envp = hook->envp ? hook->envp : inside ? job->envp : none;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	/* As runc has it: they find what they mount on by relative paths. */
	if (!inside && fchdir(turn->root) < 0)
		cannot_run(job);
	/* Its place is at the end after the one before; the file is shared, and so is the place. */
	if (lseek(turn->state, 0, SEEK_SET) < 0 || dup2(turn->state, 0) < 0)
		cannot_run(job);
	if (turn->errors >= 0 && dup2(turn->errors, 2) < 0)
		cannot_run(job);
	/* Not left to exec: see close_others() in ../child.c. */
	if (syscall(SYS_close_range, 3, ~0u, 0) < 0)
		cannot_run(job);
	if (inside)
		ns_confine_hook(job);
	execve(hook->path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp);
	cannot_run(job);
}

static void run(const struct ns_job *job, const struct turn *turn)
{
	const uint32_t timeout = turn->hook->timeout;
	NS_AUTO_CLOSE int pidfd = -1;
	struct pollfd end = { .events = POLLIN };
	int status = -1, r;
	pid_t pid;

	job->board->errnum = 0;
	pid = ns_clone(0, &pidfd);
	if (pid == 0)
		be_hook(job, turn);
	if (pid < 0)
		fail(job, turn, 0, errno);
	end.fd = pidfd;
	do
		r = poll(&end, 1, timeout ? (int)(timeout > 2000000 ? 2000000 : timeout) * 1000 : -1);
	while (r < 0 && errno == EINTR);
	if (r <= 0)
		kill(pid, SIGKILL); /* a child that nobody has reaped: no stranger */
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	pass_errors(turn);
	if (r <= 0)
		fail(job, turn, 0, ETIMEDOUT);
	if (status != 0)
		fail(job, turn, status, job->board->errnum ? job->board->errnum : ECANCELED);
}

void oci_hooks_run(const struct ns_job *job, const struct oci_room *room, enum hyfw_oci_phase phase)
{
	const struct hyfw_oci_hooks *hooks = &room->config->hooks[phase];
	struct turn turn = { .kind = phase == HYFW_OCI_START_CONTAINER, .root = room->root };

	turn.state = room->states[turn.kind];
	for (; turn.number < hooks->count; turn.number++) {
		turn.hook = &hooks->hooks[turn.number];
		turn.errors = turn.kind ? memfd_create("stderr", MFD_CLOEXEC) : -1;
		run(job, &turn);
		if (turn.errors >= 0)
			close(turn.errors);
	}
}
