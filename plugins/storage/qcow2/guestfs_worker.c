/* SPDX-License-Identifier: BSD-3-Clause
 * The child in which libguestfs and its programs run; guestfs_watch.c is its parent.
 *
 * How it ends early: the child is told with SIGTERM, which it looks at between two
 * steps, and its own children (the appliance's QEMU, programs) are killed, so that what
 * it waits for fails and it cleans up.  What is not gone after that is killed. */
#include "guestfs_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guestfs_report.h"

#define MESSAGE_MOST 2000

/* ---- the child ---- */

static volatile sig_atomic_t told_to_stop;
static pid_t parent;

/* Without a parent nobody would end our children. */
static void on_stop(int signal_number)
{
	(void)signal_number;
	told_to_stop = 1;
	if (getppid() != parent)
		kill(0, SIGKILL);
}

bool gf_stopped(void)
{
	return told_to_stop != 0;
}

static void write_all(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size > 0) {
		ssize_t done = write(fd, at, size);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return; /* nobody listens any more */
		at += done;
		size -= (size_t)done;
	}
}

static void send_record(const struct gf_worker *worker, char type, const char *first, const char *second)
{
	struct gf_record head;

	memset(&head, 0, sizeof(head));
	head.type = type;
	head.first = (uint32_t)strnlen(first, GF_TEXT_MOST);
	head.second = (uint32_t)strnlen(second, GF_TEXT_MOST);
	write_all(worker->report, &head, sizeof(head));
	write_all(worker->report, first, head.first);
	write_all(worker->report, second, head.second);
}

void gf_report(struct gf_worker *worker, const char *key, const char *value)
{
	send_record(worker, 'P', key, value ? value : "");
}

void gf_report_number(struct gf_worker *worker, const char *key, int64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	gf_report(worker, key, text);
}

void gf_report_progress(struct gf_worker *worker, uint64_t done, uint64_t total)
{
	char first[24], second[24];

	snprintf(first, sizeof(first), "%llu", (unsigned long long)done);
	snprintf(second, sizeof(second), "%llu", (unsigned long long)total);
	send_record(worker, 'G', first, second);
}

int gf_fail(struct gf_worker *worker, int errnum, const char *format, ...)
{
	char message[MESSAGE_MOST], number[16];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	snprintf(number, sizeof(number), "%d", errnum > 0 ? errnum : EIO);
	send_record(worker, 'E', number, message);
	return -1;
}

/* Nothing of the caller's environment: LIBGUESTFS_* and PATH decide what runs. */
static void set_environment(const struct gf_job *job)
{
	clearenv();
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("HOME", "/nonexistent", 1);
	setenv("LIBGUESTFS_BACKEND", "direct", 1);
	if (gf_force_tcg())
		setenv("LIBGUESTFS_BACKEND_SETTINGS", "force_tcg", 1);
	if (job->work) {
		setenv("TMPDIR", job->work, 1);
		setenv("LIBGUESTFS_TMPDIR", job->work, 1);
	}
}

#ifdef QCOW2_WITH_GUESTFS
static int in_appliance(struct gf_worker *worker)
{
	int result = gf_session_begin(worker);

	if (result == 0)
		result = worker->job->task(worker);
	if (worker->g && result == 0)
		result = gf_session_end(worker);
	else if (worker->g)
		gf_session_abandon(worker);
	return result;
}
#else
static int in_appliance(struct gf_worker *worker)
{
	return gf_fail(worker, ENOTSUP, "needs libguestfs, which hyfw was built without");
}
#endif

_Noreturn void gf_child_main(struct gf_worker *worker, pid_t above)
{
	struct sigaction stop = { .sa_handler = on_stop };
	int result;

	parent = above;
	setpgid(0, 0);
	sigaction(SIGTERM, &stop, NULL);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	set_environment(worker->job);
	result = worker->job->appliance ? in_appliance(worker) : worker->job->task(worker);
	_exit(result == 0 ? 0 : 1);
}

/* ---- programs ---- */

static void exec_program(const char *const *argv, int complaints)
{
	int null = open("/dev/null", O_RDWR);

	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	prctl(PR_CAPBSET_DROP, 27 /* CAP_MKNOD: an archive of a stranger makes no devices here */);
	dup2(null, 0);
	dup2(null, 1);
	dup2(complaints, 2);
	close_range(3, ~0u, 0);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* The end of what comes from 'fd', as one line. */
static void read_end(int fd, char *ret_text, size_t room)
{
	char piece[1024];
	size_t size = 0, i;
	ssize_t got;

	while ((got = read(fd, piece, sizeof(piece))) > 0 || (got < 0 && errno == EINTR)) {
		for (i = 0; got > 0 && i < (size_t)got; i++) {
			if (size == room - 1) {
				memmove(ret_text, ret_text + room / 2, room - 1 - room / 2);
				size = room - 1 - room / 2;
			}
			ret_text[size++] = (unsigned char)piece[i] < ' ' ? ' ' : piece[i];
		}
	}
	while (size > 0 && ret_text[size - 1] == ' ')
		size--;
	ret_text[size] = '\0';
}

/* Without "virt-customize: error: " before it and how to report bugs behind it. */
static const char *core_of(const char *program, char *complaint)
{
	char *end = strstr(complaint, "If reporting bugs");
	size_t length = strlen(program);
	const char *text = complaint;

	while (end && end > complaint && end[-1] == ' ')
		end--;
	if (end)
		*end = '\0';
	if (strncmp(text, program, length) == 0 && strncmp(text + length, ": ", 2) == 0)
		text += length + 2;
	if (strncmp(text, "error: ", 7) == 0)
		text += 7;
	return *text ? text : "failed";
}

int gf_program(struct gf_worker *worker, const char *const *argv)
{
	char complaint[1200];
	int ends[2], status = 0;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return gf_fail(worker, errno, "%s: %s", argv[0], strerror(errno));
	child = fork();
	if (child == 0)
		exec_program(argv, ends[1]);
	close(ends[1]);
	if (child > 0)
		read_end(ends[0], complaint, sizeof(complaint));
	close(ends[0]);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (child < 0)
		return gf_fail(worker, errno, "%s: cannot be started", argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127 && !*complaint)
		return gf_fail(worker, ENOENT, "%s: program not found; is the package %s installed?", argv[0],
			       strncmp(argv[0], "virt-", 5) == 0 ? "guestfs-tools" : argv[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return gf_fail(worker, EIO, "%s: %s", argv[0], core_of(argv[0], complaint));
	return 0;
}
