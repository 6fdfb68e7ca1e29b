/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/attach.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "engine/recover.h"

static struct termios saved_mode;
static bool raw;

/* ---- terminal ---- */

void hyfw_terminal_raw(void)
{
	struct termios mode;

	if (raw || tcgetattr(STDIN_FILENO, &saved_mode) < 0)
		return;
	mode = saved_mode;
	cfmakeraw(&mode);
	raw = tcsetattr(STDIN_FILENO, TCSANOW, &mode) == 0;
}

void hyfw_terminal_restore(void)
{
	if (raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved_mode);
	raw = false;
}

int hyfw_terminal_size(void)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		return 0;
	return size.ws_row << 16 | size.ws_col;
}

/* ---- foreground ---- */

static const int passed[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGUSR1, SIGUSR2 };
#define OF_TERMINALS 5 /* the first of them */

static void passed_signals(sigset_t *set, size_t count)
{
	size_t i;

	sigemptyset(set);
	for (i = 0; i < count; i++)
		sigaddset(set, passed[i]);
}

int hyfw_terminal_signals(void)
{
	sigset_t set;

	passed_signals(&set, OF_TERMINALS);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

void hyfw_attach_prepare(void)
{
	sigset_t set;

	passed_signals(&set, HYFW_COUNT(passed));
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void send_size(int socket)
{
	const struct hyfw_message message = { .type = HYFW_MESSAGE_RESIZE, .value = hyfw_terminal_size() };

	if (message.value)
		hyfw_message_send(socket, &message);
}

static void pass_signal(int socket, int signals)
{
	struct hyfw_message message = { .type = HYFW_MESSAGE_SIGNAL };
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH) {
		send_size(socket);
		return;
	}
	message.value = (int)info.ssi_signo;
	hyfw_message_send(socket, &message);
}

static int await_end(int socket, int signals, const char *name)
{
	for (;;) {
		struct pollfd fds[2] = { { .fd = socket, .events = POLLIN }, { .fd = signals, .events = POLLIN } };
		struct hyfw_error *err = NULL;
		struct hyfw_message message;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return HYFW_EXIT_FAILED;
		if (fds[1].revents)
			pass_signal(socket, signals);
		if (!fds[0].revents)
			continue;
		if (hyfw_message_receive(socket, &message, 0) > 0) {
			if (message.type == HYFW_MESSAGE_EXITED)
				return message.value;
			continue;
		}
		hyfw_recover_workload(name, NULL);
		hyfw_fail(&err, ECHILD, "workload %s: its monitor was killed, and the workload with it", name);
		return hyfw_cli_error(err);
	}
}

int hyfw_attach(struct hyfw_launched *launched, const char *name, bool terminal)
{
	HYFW_AUTO_CLOSE int signals = -1;
	sigset_t set;
	int status;

	passed_signals(&set, HYFW_COUNT(passed));
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (terminal) {
		send_size(launched->socket);
		hyfw_terminal_raw();
	}
	status = await_end(launched->socket, signals, name);
	hyfw_terminal_restore();
	return status;
}
