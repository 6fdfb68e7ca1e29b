/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/launch.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/journal.h"
#include "engine/monitor.h"
#include "engine/recover.h"

#define DEFAULT_STEP_TIMEOUT_MS 60000u

void hyfw_launched_close(struct hyfw_launched *launched)
{
	if (launched->socket >= 0)
		close(launched->socket);
	launched->socket = -1;
}

static void kill_and_reap(pid_t pid)
{
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

static int fail_from(const struct hyfw_message *message, struct hyfw_error **err)
{
	const int result = hyfw_fail(err, message->errnum, "%s", message->text);

	hyfw_error_set_status(err, message->status);
	return result;
}

/* What became of a child that says nothing any more. */
static int fail_dead(pid_t pid, struct hyfw_error **err)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (WIFSIGNALED(status))
		return hyfw_fail(err, ECHILD, "the process that did it was ended by signal %d (%s)",
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
	return hyfw_fail(err, ECHILD, "the process that did it ended without an answer");
}

/* ---- guarded functions ---- */

/* In a guarded child: its end.  Who outlives it (a monitor) must not hold it, or its
 * death would not be seen. */
static int own_socket = -1;

static void tell_result(int socket, const struct hyfw_error *failure)
{
	struct hyfw_message message = { .type = HYFW_MESSAGE_EXITED };

	if (failure) {
		message.type = HYFW_MESSAGE_FAILED;
		message.errnum = failure->errnum;
		message.status = failure->status;
		snprintf(message.text, sizeof(message.text), "%s", failure->message);
	}
	hyfw_message_send(socket, &message);
}

/* Reads messages until one that ends the wait; the child is dead on errors. */
static int await(int socket, pid_t pid, unsigned timeout_ms, struct hyfw_message *message,
		 struct hyfw_error **err)
{
	const int limit = (int)(timeout_ms ? timeout_ms : DEFAULT_STEP_TIMEOUT_MS);
	int got;

	do
		got = hyfw_message_receive(socket, message, limit);
	while (got > 0 && message->type == HYFW_MESSAGE_STEP);
	if (got > 0)
		return 0;
	if (got == 0)
		return fail_dead(pid, err);
	kill_and_reap(pid);
	if (got == -EINTR)
		return hyfw_fail(err, EINTR, "interrupted");
	if (got != -EAGAIN)
		return hyfw_fail_errno(err, -got, "hear from the process that did it");
	return hyfw_fail(err, ETIMEDOUT, "a step took longer than %g s ([hyfw] step_timeout) and was stopped",
			 limit / 1000.0);
}

int hyfw_guard_begin(struct hyfw_guard *guard, int (*function)(void *data, struct hyfw_error **err),
		     void *data, struct hyfw_error **err)
{
	int sockets[2], saved;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return hyfw_fail_errno(err, errno, "socketpair");
	fflush(NULL);
	guard->pid = fork();
	saved = errno;
	if (guard->pid == 0) {
		struct hyfw_error *failure = NULL;
		int result;

		close(sockets[0]);
		own_socket = sockets[1];
		result = function(data, &failure);
		if (result < 0 && !failure)
			hyfw_fail_errno(&failure, -result, "it failed without saying why");
		tell_result(sockets[1], failure);
		_exit(0);
	}
	close(sockets[1]);
	if (guard->pid < 0) {
		close(sockets[0]);
		return hyfw_fail_errno(err, saved, "fork");
	}
	guard->socket = sockets[0];
	return 0;
}

int hyfw_guard_finish(struct hyfw_guard *guard, unsigned timeout_ms, struct hyfw_error **err)
{
	struct hyfw_message message;
	int result = await(guard->socket, guard->pid, timeout_ms, &message, err);

	close(guard->socket);
	guard->socket = -1;
	if (result < 0)
		return result;
	while (waitpid(guard->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	return message.type == HYFW_MESSAGE_FAILED ? fail_from(&message, err) : 0;
}

int hyfw_guarded(int (*function)(void *data, struct hyfw_error **err), void *data, unsigned timeout_ms,
		 struct hyfw_error **err)
{
	struct hyfw_guard guard;
	int result = hyfw_guard_begin(&guard, function, data, err);

	return result < 0 ? result : hyfw_guard_finish(&guard, timeout_ms, err);
}

/* ---- workloads ---- */

static pid_t fork_monitor(struct hyfw_definition *definition, const struct hyfw_launch *launch,
			  int *ret_socket, struct hyfw_error **err)
{
	int sockets[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return hyfw_fail_errno(err, errno, "socketpair");
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		close(sockets[0]);
		if (own_socket >= 0)
			close(own_socket);
		hyfw_journal_let_go();
		hyfw_monitor_main(definition, launch, sockets[1]);
	}
	if (pid < 0)
		hyfw_fail_errno(err, errno, "workload %s: fork its monitor", definition->name);
	close(sockets[1]);
	if (pid < 0)
		close(sockets[0]);
	else
		*ret_socket = sockets[0];
	return pid;
}

int hyfw_launch(struct hyfw_definition *definition, const struct hyfw_launch *launch,
		struct hyfw_launched *ret_launched, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *undo = NULL;
	HYFW_AUTO_CLOSE int socket = -1;
	struct hyfw_message message;
	pid_t pid = fork_monitor(definition, launch, &socket, err);

	if (pid < 0)
		return -(*err)->errnum;
	if (await(socket, pid, launch->step_timeout_ms, &message, err) < 0) {
		hyfw_wrap(err, "workload %s", definition->name);
		if (hyfw_recover_workload(definition->name, &undo) < 0)
			hyfw_wrap(err, "%s", undo->message);
		return -(*err)->errnum;
	}
	if (message.type != HYFW_MESSAGE_STARTED) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
		return fail_from(&message, err);
	}
	ret_launched->socket = hyfw_steal_fd(&socket);
	ret_launched->monitor = pid;
	return 0;
}
