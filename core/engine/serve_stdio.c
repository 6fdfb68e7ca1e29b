/* SPDX-License-Identifier: BSD-3-Clause
 * What a workload writes, to its log and to whoever watches; what it reads. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "engine/serve_parts.h"

/* ---- output ---- */

bool hyfw_serve_take_output(struct hyfw_serve *serve, int fd, int stream)
{
	char buffer[16384];
	const ssize_t got = read(fd, buffer, sizeof(buffer));

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (got == 0)
		return false;
	hyfw_log_write(&serve->log, stream, buffer, (size_t)got);
	if (serve->stdio->foreground)
		hyfw_write_all(stream == 2 ? STDERR_FILENO : STDOUT_FILENO, buffer, (size_t)got);
	hyfw_answer_output(serve->answer, stream, buffer, (size_t)got);
	return true;
}

void hyfw_serve_on_output(struct hyfw_serve *serve, int *fd, int stream)
{
	if (hyfw_serve_take_output(serve, *fd, stream))
		return;
	close(*fd);
	*fd = -1;
}

void hyfw_serve_drain(struct hyfw_serve *serve, int *fd, int stream)
{
	struct pollfd ready = { .fd = *fd, .events = POLLIN };

	while (*fd >= 0 && poll(&ready, 1, 0) > 0)
		hyfw_serve_on_output(serve, fd, stream);
}

/* ---- input ---- */

int hyfw_serve_input_target(const struct hyfw_serve *serve)
{
	return serve->worker->running.console_fd >= 0 ? serve->worker->running.console_fd
						      : serve->stdio->input;
}

static void end_of_input(struct hyfw_serve *serve)
{
	serve->stdio->interactive = false;
	if (serve->stdio->input >= 0)
		close(serve->stdio->input);
	serve->stdio->input = -1;
}

bool hyfw_serve_take_input(struct hyfw_serve *serve, int fd)
{
	struct hyfw_stdio *stdio = serve->stdio;
	ssize_t got;

	if (stdio->pending_size > 0) /* of somebody who was first */
		return true;
	got = read(fd, stdio->pending, sizeof(stdio->pending));
	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	stdio->pending_at = 0;
	stdio->pending_size = (size_t)got;
	return got > 0;
}

void hyfw_serve_on_launcher_input(struct hyfw_serve *serve)
{
	if (!hyfw_serve_take_input(serve, STDIN_FILENO))
		end_of_input(serve);
}

void hyfw_serve_pass_input(struct hyfw_serve *serve)
{
	struct hyfw_stdio *stdio = serve->stdio;
	const ssize_t put = write(hyfw_serve_input_target(serve), stdio->pending + stdio->pending_at,
				  stdio->pending_size);

	if (put < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (put < 0) { /* nobody reads any more */
		stdio->pending_size = 0;
		end_of_input(serve);
		return;
	}
	stdio->pending_at += (size_t)put;
	stdio->pending_size -= (size_t)put;
	if (stdio->pending_size == 0 && stdio->last_input)
		end_of_input(serve);
}

/* ---- the launcher ---- */

/* The launcher's terminal is not ours to read from or write to any more. */
void hyfw_serve_on_launcher_gone(struct hyfw_serve *serve)
{
	HYFW_AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const bool fed = serve->stdio->interactive;

	close(*serve->socket);
	*serve->socket = -1;
	if (serve->stdio->foreground) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	serve->stdio->foreground = serve->stdio->interactive = false;
	/* Input that came from it ends; one that is only held open stays. */
	if (fed && serve->stdio->pending_size > 0)
		serve->stdio->last_input = true;
	else if (fed)
		end_of_input(serve);
}
