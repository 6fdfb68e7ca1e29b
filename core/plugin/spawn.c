/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/files.h"

#define TIMEOUT_MS 30000u
#define OUTPUT_LIMIT (1u << 20)
#define COMPLAINT_KEPT 2048u /* the end of standard error */
#define LINE_LONGEST 4096u
#define ASK_MS 200u /* how often whether it is cancelled */

static const char *const search_path[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin" };
static char *const environment[] = { (char[]){ "PATH=/usr/sbin:/usr/bin:/sbin:/bin" },
				     (char[]){ "LC_ALL=C" }, NULL };

struct pipe_end {
	int fd;
	char *data;
	size_t size, room;
	size_t limit;   /* at most so much is kept ... */
	bool keep_end;  /* ... the last of it; else more than that is an error */
	bool overflow;
	const struct hyfw_program *lines; /* whose line() takes what comes; NULL: it is kept */
};

struct child {
	const char *name;
	pid_t pid;
	int pidfd;
	struct pipe_end output, complaint;
};

static void child_finish(struct child *child)
{
	hyfw_cleanup_close(&child->pidfd);
	hyfw_cleanup_close(&child->output.fd);
	hyfw_cleanup_close(&child->complaint.fd);
	free(child->output.data);
	free(child->complaint.data);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The file that 'name' means, in '*ret_path' (free()); its errno where none can
 * be executed. */
static int find_program(const char *name, char **ret_path)
{
	int result = ENOENT;
	size_t i;

	if (strchr(name, '/')) {
		*ret_path = hyfw_dup(name);
		return 0;
	}
	for (i = 0; i < HYFW_COUNT(search_path); i++) {
		HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", search_path[i], name);
		struct stat st;

		if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0) {
			*ret_path = HYFW_STEAL(path);
			return 0;
		}
		result = EACCES;
	}
	return result;
}

/* Standard input: the text in memory, so that no writer can block. */
static int open_input(const char *text)
{
	int fd, result;

	if (!text)
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	fd = memfd_create("hyfw-input", MFD_CLOEXEC);
	if (fd < 0)
		return -1;
	result = hyfw_write_all(fd, text, strlen(text));
	if (result == 0 && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	close(fd);
	errno = result < 0 ? -result : EIO;
	return -1;
}

/* A process group of its own, so that a time-out ends its children too; no
 * signal blocked or ignored; nothing open but the three. */
static int spawn_with(const char *path, char *const *argv, int in, int out, int complaint, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int result;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes,
				 POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);
	posix_spawn_file_actions_adddup2(&actions, in, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_adddup2(&actions, complaint, 2);
	posix_spawn_file_actions_addclosefrom_np(&actions, 3);
	result = posix_spawn(ret_pid, path, &actions, &attributes, argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return result;
}

/* A copy of 'fd' above the standard three, which dup2 in the child overwrites. */
static int lift(int fd)
{
	int lifted;

	if (fd < 0 || fd > 2)
		return fd;
	lifted = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return lifted;
}

static int make_pipe(int *ret_read, int *ret_write)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*ret_read = lift(ends[0]);
	*ret_write = lift(ends[1]);
	if (*ret_read < 0 || *ret_write < 0)
		return -1;
	return fcntl(*ret_read, F_SETFL, O_NONBLOCK);
}

static int limit_memory(pid_t pid, uint64_t bytes)
{
	const struct rlimit limit = { bytes, bytes };

	return bytes == 0 || prlimit(pid, RLIMIT_AS, &limit, NULL) == 0 || errno == ESRCH ? 0 : -1;
}

static int start(struct child *child, const struct hyfw_program *program, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int in = lift(open_input(program->input));
	HYFW_AUTO_CLOSE int out = -1;
	HYFW_AUTO_CLOSE int complaint = -1;
	HYFW_AUTO_FREE char *path = NULL;
	int result;

	if (in < 0 || make_pipe(&child->output.fd, &out) < 0 ||
	    make_pipe(&child->complaint.fd, &complaint) < 0)
		return hyfw_fail_errno(err, errno, "%s: cannot be started", child->name);
	result = find_program(program->argv[0], &path);
	if (result == 0)
		result = spawn_with(path, (char *const *)(uintptr_t)program->argv, in, out, complaint,
				    &child->pid);
	if (result == ENOENT)
		return hyfw_fail(err, ENOENT, "%s: program not found; is it installed?", child->name);
	if (result != 0)
		return hyfw_fail_errno(err, result, "%s: cannot be started", child->name);
	child->pidfd = pidfd_open(child->pid, 0);
	/* It has done little more than to start: what it gets from here on is bounded. */
	if (child->pidfd < 0 || limit_memory(child->pid, program->memory_limit) < 0) {
		result = errno;
		kill(-child->pid, SIGKILL);
		waitpid(child->pid, NULL, 0);
		return hyfw_fail_errno(err, result, "%s: cannot be watched", child->name);
	}
	return 0;
}

/* Hands on the lines that are whole, and one that is too long. */
static void hand_lines(struct pipe_end *end, bool last)
{
	char *line = end->data;
	size_t left = end->size;

	while (left > 0) {
		size_t length = strcspn(line, "\r\n");
		bool whole = length < left;

		if (!whole && !last && left < LINE_LONGEST)
			break;
		line[length] = '\0';
		if (length > 0)
			end->lines->line(end->lines->context, line);
		length += whole;
		line += length;
		left -= length;
	}
	memmove(end->data, line, left);
	end->size = left;
	end->data[left] = '\0';
}

/* Takes what is there; the descriptor is closed at its end. */
static void drain(struct pipe_end *end)
{
	while (end->fd >= 0) {
		char piece[4096];
		ssize_t got = read(end->fd, piece, sizeof(piece));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == EAGAIN)
			return;
		if (got <= 0) {
			close(end->fd);
			end->fd = -1;
			if (end->lines && end->data)
				hand_lines(end, true);
			return;
		}
		if (end->size + (size_t)got > end->limit) {
			if (!end->keep_end) {
				end->overflow = true;
				return;
			}
			if (end->size > end->limit / 2) {
				memmove(end->data, end->data + end->size - end->limit / 2, end->limit / 2);
				end->size = end->limit / 2;
			}
		}
		if (end->size + (size_t)got + 1 > end->room) {
			end->room = (end->size + (size_t)got) * 2 + 1;
			end->data = hyfw_grow(end->data, end->room, 1);
		}
		memcpy(end->data + end->size, piece, (size_t)got);
		end->size += (size_t)got;
		end->data[end->size] = '\0';
		if (end->lines)
			hand_lines(end, false);
	}
}

/* Until it has ended, whoever else may hold its pipes.  0, -ETIMEDOUT, -ECANCELED or
 * -EFBIG. */
static int watch(struct child *child, const struct hyfw_program *program)
{
	uint64_t deadline = now_ms() + (program->timeout_ms ? program->timeout_ms : TIMEOUT_MS);

	for (;;) {
		struct pollfd fds[] = { { child->pidfd, POLLIN, 0 },
					{ child->output.fd, POLLIN, 0 },
					{ child->complaint.fd, POLLIN, 0 } };
		uint64_t now = now_ms(), wait = deadline - now;

		if (now >= deadline)
			return -ETIMEDOUT;
		if (program->cancelled && program->cancelled(program->context))
			return -ECANCELED;
		if (wait > (program->cancelled ? ASK_MS : INT_MAX))
			wait = program->cancelled ? ASK_MS : INT_MAX;
		if (poll(fds, HYFW_COUNT(fds), (int)wait) < 0 && errno != EINTR)
			return -errno;
		drain(&child->output);
		drain(&child->complaint);
		if (child->output.overflow)
			return -EFBIG;
		if (fds[0].revents)
			return 0;
	}
}

/* The last lines of standard error as one line. */
static const char *complaint_text(struct child *child)
{
	char *text = child->complaint.data, *at;
	size_t size = child->complaint.size;

	while (size > 0 && strchr(" \t\r\n", text[size - 1]))
		text[--size] = '\0';
	if (size == 0)
		return NULL;
	if (size > COMPLAINT_KEPT)
		text += size - COMPLAINT_KEPT;
	for (at = text; *at; at++)
		if ((unsigned char)*at < ' ' || *at == 0x7f)
			*at = *at == '\n' ? ';' : ' ';
	return text;
}

static int judge(struct child *child, const siginfo_t *info, int32_t *ret_status, struct hyfw_error **err)
{
	const char *complaint = complaint_text(child);

	if (info->si_code == CLD_EXITED && ret_status) {
		*ret_status = info->si_status;
		return 0;
	}
	if (info->si_code == CLD_EXITED && info->si_status == 0)
		return 0;
	if (info->si_code != CLD_EXITED)
		return hyfw_fail(err, EIO, "%s: ended by signal %s%s%s", child->name,
				 sigabbrev_np(info->si_status) ? sigabbrev_np(info->si_status) : "?",
				 complaint ? ": " : "", complaint ? complaint : "");
	if (complaint)
		return hyfw_fail(err, EIO, "%s: %s", child->name, complaint);
	return hyfw_fail(err, EIO, "%s: exit status %d", child->name, info->si_status);
}

static int finish(struct child *child, int watched, const struct hyfw_program *program, struct hyfw_error **err)
{
	siginfo_t info = { 0 };

	if (watched < 0)
		kill(-child->pid, SIGKILL);
	while (waitid(P_PIDFD, (id_t)child->pidfd, &info, WEXITED) < 0)
		if (errno != EINTR)
			return hyfw_fail_errno(err, errno, "%s: exit status", child->name);
	drain(&child->output);
	drain(&child->complaint);
	if (watched == -ETIMEDOUT)
		return hyfw_fail(err, ETIMEDOUT, "%s: not done after %u ms", child->name,
				 program->timeout_ms ? program->timeout_ms : TIMEOUT_MS);
	if (watched == -ECANCELED)
		return hyfw_fail(err, ECANCELED, "%s: cancelled", child->name);
	if (watched == -EFBIG || child->output.overflow)
		return hyfw_fail(err, EFBIG, "%s: more than %zu bytes of output", child->name,
				 child->output.limit);
	if (watched < 0)
		return hyfw_fail_errno(err, -watched, "%s", child->name);
	return judge(child, &info, program->ret_status, err);
}

int hyfw_spawn_run(struct hyfw_arena *arena, const struct hyfw_program *given, char **ret_output,
		   struct hyfw_error **err)
{
	struct hyfw_program program = { 0 };
	__attribute__((cleanup(child_finish))) struct child child = {
		.pidfd = -1,
		.output = { .fd = -1 },
		.complaint = { .fd = -1, .limit = 2 * COMPLAINT_KEPT + 4096, .keep_end = true },
	};
	int result;

	memcpy(&program, given, given->size < sizeof(program) ? given->size : sizeof(program));
	child.name = program.argv[0];
	child.output.limit = program.output_limit ? program.output_limit : OUTPUT_LIMIT;
	child.output.lines = program.line ? &program : NULL;
	if (!child.name || !*child.name)
		return hyfw_fail(err, EINVAL, "no program to run");
	result = start(&child, &program, err);
	if (result < 0)
		return result;
	result = finish(&child, watch(&child, &program), &program, err);
	if (result == 0 && ret_output)
		*ret_output = hyfw_arena_dup(arena, child.output.data ? child.output.data : "");
	return result;
}
