/* SPDX-License-Identifier: BSD-3-Clause
 * The process that keeps a lease; see failover_keeper.h.  Its main thread watches the
 * time and the monitor and never touches the storage. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/failover_parts.h"

#define TROUBLE_SIZE 300

struct guard {
	int monitor, news, stop;
	int hypervisor;      /* pidfd; -1 while there is none */
	int64_t deadline;    /* the machine must not run behind it */
	unsigned period_ms;
	bool ending;         /* the lease is being given back */
	char trouble[TROUBLE_SIZE];
};

static void tell(int monitor, enum hyfw_keeper_word word, int64_t number, const char *text)
{
	struct hyfw_keeper_message message;

	memset(&message, 0, sizeof(message));
	message.word = word;
	message.number = number;
	snprintf(message.text, sizeof(message.text), "%s", text ? text : "");
	send(monitor, &message, sizeof(message), MSG_NOSIGNAL);
}

static void take_hypervisor(struct guard *guard, pid_t pid)
{
	if (guard->hypervisor >= 0)
		close(guard->hypervisor);
	guard->hypervisor = (int)syscall(SYS_pidfd_open, pid, 0);
}

/* Ends the machine, and with it this process: the lock stays until nobody of it can
 * write any more.  'reason' is for the monitor; NULL when that is gone. */
static _Noreturn void fence(struct guard *guard, const char *reason)
{
	struct pollfd wait = { .events = POLLIN };
	struct hyfw_keeper_message message;

	/* What to end may have been told and not been heard yet. */
	while (recv(guard->monitor, &message, sizeof(message), MSG_DONTWAIT) == (ssize_t)sizeof(message))
		if (message.word == HYFW_KEEPER_WATCH)
			take_hypervisor(guard, (pid_t)message.number);
	wait.fd = guard->hypervisor;
	if (guard->hypervisor >= 0)
		syscall(SYS_pidfd_send_signal, guard->hypervisor, SIGKILL, NULL, 0);
	if (reason)
		tell(guard->monitor, HYFW_KEEPER_LOST, 0, reason);
	while (guard->hypervisor >= 0 && poll(&wait, 1, -1) < 0 && errno == EINTR)
		continue;
	_exit(0);
}

static void on_monitor(struct guard *guard)
{
	struct hyfw_keeper_message message;

	if (recv(guard->monitor, &message, sizeof(message), 0) != (ssize_t)sizeof(message))
		fence(guard, NULL);
	if (message.word == HYFW_KEEPER_WATCH) {
		take_hypervisor(guard, (pid_t)message.number);
	} else if (message.word == HYFW_KEEPER_RELEASE && !guard->ending) {
		guard->ending = true;
		if (write(guard->stop, "", 1) != 1)
			_exit(0);
	}
}

static void on_news(struct guard *guard)
{
	struct hyfw_keeper_message message;

	if (read(guard->news, &message, sizeof(message)) != (ssize_t)sizeof(message)) {
		if (guard->ending)
			_exit(0);
		fence(guard, "its lease is not renewed any more");
	}
	if (message.word == HYFW_KEEPER_LOST)
		fence(guard, message.text);
	if (message.word == HYFW_KEEPER_TROUBLE)
		snprintf(guard->trouble, sizeof(guard->trouble), ": %.290s", message.text);
	if (message.word == HYFW_KEEPER_RENEWED) {
		guard->deadline = message.number + hyfw_keeping_limit(guard->period_ms);
		guard->trouble[0] = '\0';
	}
}

/* Milliseconds until the machine must have ended. */
static int time_left(struct guard *guard)
{
	const int64_t left = guard->deadline - hyfw_keeping_now();
	char reason[400];

	if (left > 0)
		return (int)left;
	snprintf(reason, sizeof(reason), "its lease could not be renewed for %.1f s%s",
		 hyfw_keeping_limit(guard->period_ms) / 1000.0, guard->trouble);
	fence(guard, reason);
}

static _Noreturn void watch(struct guard *guard)
{
	for (;;) {
		struct pollfd fds[2] = { { .fd = guard->monitor, .events = POLLIN },
					 { .fd = guard->news, .events = POLLIN } };

		if (poll(fds, 2, time_left(guard)) <= 0)
			continue;
		time_left(guard); /* it may have stood still meanwhile: a renewal now is too late */
		if (fds[1].revents)
			on_news(guard);
		if (fds[0].revents)
			on_monitor(guard);
	}
}

/* Nothing of the monitor's may stay open in it but its end of the socket. */
static int let_go(int monitor)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	if (monitor != STDERR_FILENO + 1)
		monitor = dup3(monitor, STDERR_FILENO + 1, O_CLOEXEC);
	close_range(STDERR_FILENO + 2, ~0u, 0);
	if (chdir("/") < 0)
		_exit(1);
	prctl(PR_SET_NAME, "hyfw-lease");
	return monitor;
}

_Noreturn void hyfw_keeping_guard(const char *directory, const struct hyfw_definition *definition,
				  const struct hyfw_failover_lease *seen, int monitor)
{
	HYFW_AUTO_ERROR struct hyfw_error *err = NULL;
	struct guard guard = { .hypervisor = -1 };
	struct hyfw_keeping keeping;
	const int64_t begin = hyfw_keeping_now();
	int result;

	guard.monitor = let_go(monitor);
	result = hyfw_keeping_take(&keeping, directory, definition, seen, &err);
	if (result == 0) {
		guard.period_ms = keeping.lease.period_ms;
		guard.deadline = begin + hyfw_keeping_limit(guard.period_ms);
		result = hyfw_keeping_renew(&keeping, &guard.news, &guard.stop, &err);
	}
	if (result < 0) {
		tell(guard.monitor, HYFW_KEEPER_FAILED, -result, err->message);
		_exit(0);
	}
	tell(guard.monitor, HYFW_KEEPER_TAKEN, 0, NULL);
	watch(&guard);
}
