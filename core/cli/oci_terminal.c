/* SPDX-License-Identifier: BSD-3-Clause
 * What stands before a container in the foreground: signals go in, its terminal goes
 * both ways. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "cli/oci.h"

struct serving {
	struct hyfw_running *running;
	struct oci_notify notify;
	int signals;
	bool input_open;
	bool raw;
	struct termios before;
};

void oci_running_close(struct hyfw_running *running)
{
	int *const fds[] = { &running->wait_fd, &running->netns_fd, &running->console_fd, &running->changed_fd,
			     &running->seccomp_listener_fd };
	size_t i;

	for (i = 0; i < HYFW_COUNT(fds); i++) {
		hyfw_cleanup_close(fds[i]);
		*fds[i] = -1;
	}
}

bool oci_copies_to_file(bool detached, const char *console_socket)
{
	return !detached && !console_socket && !isatty(STDOUT_FILENO);
}

static void copy_size(const struct serving *serving)
{
	struct winsize size;

	if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
		ioctl(serving->running->console_fd, TIOCSWINSZ, &size);
}

static void begin_terminal(struct serving *serving)
{
	struct termios raw;

	if (serving->running->console_fd < 0)
		return;
	serving->input_open = true;
	if (tcgetattr(STDIN_FILENO, &serving->before) < 0)
		return;
	copy_size(serving);
	raw = serving->before;
	cfmakeraw(&raw);
	serving->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

static void end_terminal(const struct serving *serving)
{
	if (serving->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &serving->before);
}

/* All that can be caught; those that tell of our own doing are not the container's. */
static int catch_signals(void)
{
	static const int ours[] = { SIGCHLD, SIGPIPE, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGURG, SIGTTIN, SIGTTOU };
	sigset_t signals;
	size_t i;

	sigfillset(&signals);
	for (i = 0; i < HYFW_COUNT(ours); i++)
		sigdelset(&signals, ours[i]);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_signals(const struct serving *serving)
{
	struct signalfd_siginfo info;

	while (read(serving->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGWINCH && serving->running->console_fd >= 0)
			copy_size(serving);
		else
			kill(serving->running->pid, (int)info.ssi_signo);
	}
}

/* False at the end. */
static bool copy(int from, int to)
{
	char data[16384];
	const ssize_t size = read(from, data, sizeof(data));

	if (size < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	return size > 0 && hyfw_write_all(to, data, (size_t)size) == 0;
}

static void drain(const struct serving *serving)
{
	struct pollfd console = { .fd = serving->running->console_fd, .events = POLLIN };

	while (console.fd >= 0 && poll(&console, 1, 0) == 1 && (console.revents & POLLIN))
		if (!copy(console.fd, STDOUT_FILENO))
			return;
}

static void serve(struct serving *serving)
{
	struct hyfw_running *running = serving->running;
	static const char end_of_file = 4;

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = running->wait_fd, .events = POLLIN },
			{ .fd = serving->signals, .events = POLLIN },
			{ .fd = running->console_fd, .events = POLLIN },
			{ .fd = serving->input_open ? STDIN_FILENO : -1, .events = POLLIN },
			{ .fd = serving->notify.host ? serving->notify.listener : -1, .events = POLLIN },
		};

		if (poll(fds, HYFW_COUNT(fds), -1) < 0)
			continue;
		if (fds[1].revents)
			take_signals(serving);
		if (fds[2].revents && !copy(running->console_fd, STDOUT_FILENO)) {
			hyfw_cleanup_close(&running->console_fd);
			running->console_fd = -1;
			serving->input_open = false;
		}
		if (serving->input_open && fds[3].revents && !copy(STDIN_FILENO, running->console_fd)) {
			serving->input_open = false;
			hyfw_write_all(running->console_fd, &end_of_file, 1);
		}
		if (fds[4].revents && hyfw_oci_notify_forward(serving->notify.listener, serving->notify.host, 0))
			serving->notify.host = NULL;
		if (fds[0].revents)
			break;
	}
	drain(serving);
}

int oci_serve(struct hyfw_running *running, const struct oci_notify *notify, int *ret_status,
	      struct hyfw_error **err)
{
	struct hyfw_exit ended = { .size = sizeof(ended) };
	struct serving serving = { .running = running };
	struct hyfw_driver *driver;
	int result = hyfw_registry_get(HYFW_KIND_ISOLATION, "namespaces", &driver, err);

	if (result < 0)
		return result;
	if (notify)
		serving.notify = *notify;
	serving.signals = catch_signals();
	begin_terminal(&serving);
	serve(&serving);
	end_terminal(&serving);
	hyfw_cleanup_close(&serving.signals);
	result = hyfw_isolation_wait(driver, running, &ended, err);
	*ret_status = ended.status;
	return result;
}
