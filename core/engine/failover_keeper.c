/* SPDX-License-Identifier: BSD-3-Clause
 * The monitor's side. */
#include "engine/failover_keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/failover_parts.h"
#include "engine/failover_place.h"

#define FINISH_MS 1000

static bool hear(int socket, struct hyfw_keeper_message *ret_message)
{
	ssize_t got;

	do
		got = recv(socket, ret_message, sizeof(*ret_message), 0);
	while (got < 0 && errno == EINTR);
	return got == (ssize_t)sizeof(*ret_message);
}

static int tell(const struct hyfw_failover_keeper *keeper, enum hyfw_keeper_word word, int64_t number)
{
	struct hyfw_keeper_message message;

	memset(&message, 0, sizeof(message));
	message.word = word;
	message.number = number;
	return send(keeper->socket, &message, sizeof(message), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* It may hang with the storage: then it ends when that is back. */
static void finish(struct hyfw_failover_keeper *keeper)
{
	int tries;

	close(hyfw_steal_fd(&keeper->socket));
	if (keeper->watched_fd >= 0)
		close(hyfw_steal_fd(&keeper->watched_fd));
	for (tries = 0; tries < FINISH_MS / 10 && waitpid(keeper->pid, NULL, WNOHANG) == 0; tries++)
		poll(NULL, 0, 10);
}

static int start(struct hyfw_failover_keeper *keeper, const struct hyfw_definition *definition,
		 const struct hyfw_failover_lease *seen, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = NULL;
	struct hyfw_keeper_message message;
	int sockets[2], result = hyfw_failover_directory(definition, &directory, err);

	if (result < 0)
		return result;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		return hyfw_fail_errno(err, errno, "socketpair");
	fflush(NULL);
	keeper->pid = fork();
	if (keeper->pid == 0)
		hyfw_keeping_guard(directory, definition, seen, sockets[1]);
	result = -errno;
	close(sockets[1]);
	keeper->socket = sockets[0];
	if (keeper->pid < 0) {
		close(hyfw_steal_fd(&keeper->socket));
		return hyfw_fail_errno(err, -result, "fork");
	}
	if (!hear(keeper->socket, &message))
		result = hyfw_fail(err, ECHILD, "the process that keeps its lease ended");
	else if (message.word != HYFW_KEEPER_TAKEN)
		result = hyfw_fail(err, (int)message.number, "%s", message.text);
	else
		result = 0;
	if (result < 0)
		finish(keeper);
	return result;
}

int hyfw_failover_keeper_start(struct hyfw_failover_keeper *keeper, const struct hyfw_definition *definition,
			       const struct hyfw_failover_lease *seen, struct hyfw_error **err)
{
	int result;

	*keeper = (struct hyfw_failover_keeper){ .socket = -1, .watched_fd = -1 };
	if (!hyfw_failover_wanted(definition))
		return 0;
	result = start(keeper, definition, seen, err);
	return result < 0 ? hyfw_wrap(err, "workload %s", definition->name) : 0;
}

int hyfw_failover_keeper_watch(struct hyfw_failover_keeper *keeper, pid_t pid, struct hyfw_error **err)
{
	if (keeper->socket < 0 || pid <= 0 || pid == keeper->watched)
		return 0;
	if (tell(keeper, HYFW_KEEPER_WATCH, pid) < 0)
		return hyfw_fail(err, ESTALE, "its lease is lost");
	if (keeper->watched_fd >= 0)
		close(keeper->watched_fd);
	keeper->watched_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	keeper->watched = pid;
	return 0;
}

char *hyfw_failover_keeper_hear(struct hyfw_failover_keeper *keeper)
{
	struct pollfd wait = { .fd = keeper->socket, .events = POLLIN };
	struct hyfw_keeper_message message;

	if (keeper->socket < 0 || poll(&wait, 1, 0) <= 0)
		return NULL;
	if (!hear(keeper->socket, &message)) { /* so it may not have ended the machine either */
		if (keeper->watched_fd >= 0)
			syscall(SYS_pidfd_send_signal, keeper->watched_fd, SIGKILL, NULL, 0);
		return hyfw_dup("the process that keeps its lease ended");
	}
	return message.word == HYFW_KEEPER_LOST ? hyfw_dup(message.text) : NULL;
}

bool hyfw_failover_keeper_stop(struct hyfw_failover_keeper *keeper, bool release)
{
	struct hyfw_keeper_message message;
	bool good = true;

	if (keeper->socket < 0)
		return true;
	if (release)
		good = tell(keeper, HYFW_KEEPER_RELEASE, 0) == 0;
	while (release && good && hear(keeper->socket, &message))
		good = false; /* all that it says now is why it could not */
	finish(keeper);
	return good;
}
