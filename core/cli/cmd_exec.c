/* SPDX-License-Identifier: BSD-3-Clause
 * hyfw exec. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/files.h"
#include "cli/attach.h"
#include "cli/cli.h"
#include "cli/session.h"
#include "engine/build.h"
#include "engine/reach.h"

struct exec {
	bool interactive, terminal;
	const char *user, *workdir;
	struct hyfw_strings env;
	char **argv;
	int inside[3];  /* given to the command */
	int outside[3]; /* our ends of the pipes; -1 where it has our own file */
};

/* ---- standard files ---- */

/* The caller's file itself, unless it is a terminal: that must not get inside,
 * where it could be made to type (TIOCSTI, ioctl_tty(2)). */
static int open_one(struct exec *exec, int fd)
{
	struct stat status;
	int ends[2];

	exec->inside[fd] = exec->outside[fd] = -1;
	if (fd == 0 && !exec->interactive) {
		exec->inside[fd] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		return exec->inside[fd] < 0 ? -errno : 0;
	}
	if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode))
		return -EISDIR; /* every path of the host could be reached from it */
	if (!isatty(fd)) {
		exec->inside[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
		return exec->inside[fd] < 0 ? -errno : 0;
	}
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	exec->inside[fd] = ends[fd == 0 ? 0 : 1];
	exec->outside[fd] = ends[fd == 0 ? 1 : 0];
	return fchmod(exec->inside[fd], 0666) < 0 ? -errno : 0;
}

static int open_files(struct exec *exec, struct hyfw_error **err)
{
	int fd, result = 0;

	for (fd = 0; fd < 3; fd++)
		exec->inside[fd] = exec->outside[fd] = -1;
	for (fd = 0; fd < 3 && result == 0 && !exec->terminal; fd++)
		result = open_one(exec, fd);
	return result < 0 ? hyfw_fail_errno(err, -result, "standard files for the command") : 0;
}

static void close_files(int *fds)
{
	int fd;

	for (fd = 0; fd < 3; fd++) {
		if (fds[fd] >= 0)
			close(fds[fd]);
		fds[fd] = -1;
	}
}

/* ---- while it runs ---- */

static bool copy(int from, int to)
{
	char buffer[16384];
	ssize_t got;

	do
		got = read(from, buffer, sizeof(buffer));
	while (got < 0 && errno == EINTR);
	return got > 0 && hyfw_write_all(to, buffer, (size_t)got) == 0;
}

static void copy_or_close(int *from, int to)
{
	if (copy(*from, to))
		return;
	close(*from);
	*from = -1;
}

struct relay {
	struct exec *exec;
	struct hyfw_running *running;
	struct hyfw_driver *driver;
	int signals;
	bool input;
};

static void set_size(const struct relay *relay)
{
	const int size = hyfw_terminal_size();
	const struct winsize window = { .ws_row = (unsigned short)(size >> 16),
					.ws_col = (unsigned short)(size & 0xffff) };

	if (size && relay->running->console_fd >= 0)
		ioctl(relay->running->console_fd, TIOCSWINSZ, &window);
}

static void on_signal(const struct relay *relay)
{
	struct signalfd_siginfo info;

	if (read(relay->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH)
		set_size(relay);
	else if (relay->running->pid > 0)
		kill(relay->running->pid, (int)info.ssi_signo);
}

static void pass_input(struct relay *relay)
{
	int *const target = relay->exec->terminal ? &relay->running->console_fd : &relay->exec->outside[0];

	if (copy(STDIN_FILENO, *target))
		return;
	relay->input = false;
	if (!relay->exec->terminal)
		copy_or_close(target, -1);
}

static void relay_until_end(struct relay *relay)
{
	int *const out[3] = { &relay->running->console_fd, &relay->exec->outside[1], &relay->exec->outside[2] };
	bool ended = false;
	int i;

	while (!ended) {
		struct pollfd fds[6] = {
			{ .fd = *out[0], .events = POLLIN },
			{ .fd = *out[1], .events = POLLIN },
			{ .fd = *out[2], .events = POLLIN },
			{ .fd = relay->running->wait_fd, .events = POLLIN },
			{ .fd = relay->signals, .events = POLLIN },
			{ .fd = relay->input ? STDIN_FILENO : -1, .events = POLLIN },
		};

		if (poll(fds, 6, -1) < 0)
			continue;
		for (i = 0; i < 3; i++)
			if (fds[i].revents)
				copy_or_close(out[i], i == 2 ? STDERR_FILENO : STDOUT_FILENO);
		if (fds[4].revents)
			on_signal(relay);
		if (fds[5].revents)
			pass_input(relay);
		ended = fds[3].revents != 0;
	}
	for (i = 0; i < 3; i++) {
		struct pollfd rest = { .fd = *out[i], .events = POLLIN };

		while (*out[i] >= 0 && poll(&rest, 1, 0) > 0)
			copy_or_close(out[i], i == 2 ? STDERR_FILENO : STDOUT_FILENO);
	}
}

static int attend(struct exec *exec, struct hyfw_driver *driver, struct hyfw_running *running,
		  struct hyfw_exit *ret_exit, struct hyfw_error **err)
{
	struct relay relay = { .exec = exec, .running = running, .driver = driver };
	HYFW_AUTO_CLOSE int signals = hyfw_terminal_signals();

	relay.signals = signals;
	relay.input = exec->interactive && (exec->terminal || exec->outside[0] >= 0);
	if (exec->terminal) {
		set_size(&relay);
		hyfw_terminal_raw();
	}
	relay_until_end(&relay);
	hyfw_terminal_restore();
	ret_exit->size = sizeof(*ret_exit);
	return hyfw_isolation_wait(driver, running, ret_exit, err);
}

/* ---- command ---- */

static int exec_in(struct exec *request, const struct hyfw_state *state, struct hyfw_exit *ret_exit,
		   struct hyfw_error **err)
{
	HYFW_AUTO_ARENA struct hyfw_arena *arena = hyfw_arena_new();
	const char *user = hyfw_definition_get(state->definition, "user");
	const char *workdir = hyfw_definition_get(state->definition, "workdir");
	struct hyfw_exec exec = { .size = sizeof(exec) };
	struct hyfw_running running = { .size = sizeof(running), .wait_fd = -1, .netns_fd = -1, .console_fd = -1,
					.changed_fd = -1, .seccomp_listener_fd = -1 };
	struct hyfw_driver *driver = NULL;
	int result;

	exec.argv = (const char *const *)request->argv;
	exec.envp = hyfw_build_environment(state->definition, request->terminal,
					   (const char *const *)request->env.items, arena);
	exec.user = request->user ? request->user : user ? user : "";
	exec.workdir = request->workdir ? request->workdir : workdir ? workdir : "/";
	exec.terminal = request->terminal;
	memcpy(exec.stdio, request->inside, sizeof(exec.stdio));
	result = hyfw_build_confinement(state->definition, state->journal, arena, &exec.confinement, err);
	if (result == 0)
		result = hyfw_reach_exec(state, &exec, arena, &driver, &running, err);
	if (result == -ENOENT || result == -EACCES)
		hyfw_error_set_status(err, result == -ENOENT ? 127 : 126);
	close_files(request->inside);
	return result < 0 ? result : attend(request, driver, &running, ret_exit, err);
}

static int exec_named(struct exec *exec, const char *name)
{
	struct hyfw_error *err = NULL;
	struct hyfw_exit ended = { 0 };
	struct hyfw_state state;
	int result = hyfw_state_load(name, &state, &err);

	if (result == 0 && state.status == HYFW_STATUS_PAUSED)
		result = hyfw_fail(&err, EBUSY, "workload %s is paused; `hyfw unpause %s` first", name, name);
	else if (result == 0 && state.status != HYFW_STATUS_RUNNING)
		result = hyfw_fail(&err, ESRCH, "workload %s is not running (%s)", name,
				   hyfw_status_name(state.status));
	if (result == 0)
		result = open_files(exec, &err);
	if (result == 0) {
		hyfw_attach_prepare();
		result = exec_in(exec, &state, &ended, &err);
	}
	close_files(exec->inside);
	close_files(exec->outside);
	hyfw_state_finish(&state);
	return result < 0 ? hyfw_cli_error(err) : ended.status;
}

static int exec_main(struct hyfw_cli *cli, int argc, char **argv)
{
	static const struct option flags[] = { { "interactive", no_argument, NULL, 'i' },
					       { "tty", no_argument, NULL, 't' },
					       { "env", required_argument, NULL, 'e' },
					       { "user", required_argument, NULL, 'u' },
					       { "workdir", required_argument, NULL, 'w' },
					       { "help", no_argument, NULL, 'h' },
					       { 0 } };
	struct exec exec = { .inside = { -1, -1, -1 }, .outside = { -1, -1, -1 } };
	int flag, status;

	while ((flag = getopt_long(argc, argv, "+ite:u:w:h", flags, NULL)) != -1) {
		switch (flag) {
		case 'i': exec.interactive = true; break;
		case 't': exec.terminal = true; break;
		case 'e': hyfw_strings_add(&exec.env, optarg); break;
		case 'u': exec.user = optarg; break;
		case 'w': exec.workdir = optarg; break;
		case 'h':
			hyfw_session_help(&hyfw_command_exec,
					  "  -i, --interactive    pass standard input on\n"
					  "  -t, --tty            give it a terminal\n"
					  "  -e, --env KEY=VALUE  set a variable\n"
					  "  -u, --user USER      instead of the workload's\n"
					  "  -w, --workdir PATH   instead of the workload's\n");
			return 0;
		default: return HYFW_EXIT_FAILED;
		}
	}
	if (argc - optind < 2)
		return hyfw_cli_usage(&hyfw_command_exec, "a workload and a command are needed");
	exec.argv = argv + optind + 1;
	if (strcmp(exec.argv[0], "--") == 0)
		exec.argv++;
	if (!exec.argv[0])
		return hyfw_cli_usage(&hyfw_command_exec, "a workload and a command are needed");
	hyfw_session_begin(cli);
	status = exec_named(&exec, argv[optind]);
	hyfw_strings_finish(&exec.env);
	return status;
}

const struct hyfw_command hyfw_command_exec = {
	.name = "exec",
	.usage = "exec [-i] [-t] [-e KEY=VALUE] [-u USER] [-w PATH] WORKLOAD [--] COMMAND...",
	.summary = "Run a further command in a running workload",
	.main = exec_main,
};
