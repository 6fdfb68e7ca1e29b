/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "engine/journal_format.h"
#include "engine/log.h"
#include "engine/signals.h"
#include "engine/store.h"
#include "plugin/host.h"

enum { WAIT, SIGNALS, SOCKET, OUT, ERR, CONSOLE, INPUT_FROM, INPUT_TO, POLLED };

struct serve {
	struct hyfw_worker *worker;
	struct hyfw_stdio *stdio;
	struct hyfw_served *served;
	struct hyfw_log log;
	int *socket;
	int signals;
	int64_t kill_at; /* milliseconds of hyfw_now_us(); 0: no stop is under way */
	bool ended;
};

static int64_t now(void)
{
	return (int64_t)(hyfw_now_us() / 1000);
}

/* The notes of "create" and "start": what the isolation driver knows it by. */
static struct hyfw_pairs record_of(const struct serve *serve)
{
	const struct hyfw_definition *definition = serve->worker->definition;
	struct hyfw_pairs record = { 0 };

	hyfw_journal_record(serve->worker->journal, HYFW_KIND_ISOLATION,
			    hyfw_definition_isolation(definition), NULL, &record);
	return record;
}

/* ---- signals and stopping ---- */

static void send_signal(struct serve *serve, int signal_number)
{
	struct hyfw_pairs record = record_of(serve);
	const struct hyfw_map map = hyfw_pairs_map(&record);
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

	if (hyfw_isolation_signal(serve->worker->isolation, &map, signal_number, false, &failure) < 0 &&
	    failure->errnum != ESRCH)
		hyfw_host_table()->log(HYFW_LOG_WARNING, "%s", failure->message);
	hyfw_pairs_finish(&record);
}

/* Milliseconds asked for with the signal, else the workload's stop_timeout. */
static int64_t grace(const struct serve *serve, const struct signalfd_siginfo *info)
{
	const struct hyfw_map settings = hyfw_pairs_map(&serve->worker->definition->settings);

	if (info->ssi_code == SI_QUEUE && info->ssi_int > 0)
		return info->ssi_int - 1;
	return hyfw_map_int(&settings, "stop_timeout", 10000);
}

static void on_signal(struct serve *serve)
{
	const char *name = hyfw_definition_get(serve->worker->definition, "stop_signal");
	struct signalfd_siginfo info;
	int64_t wait_ms;

	if (read(serve->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	serve->served->stopped = true;
	wait_ms = grace(serve, &info);
	if (serve->kill_at == 0 && wait_ms > 0)
		send_signal(serve, name ? hyfw_signal_number(name) : SIGTERM);
	serve->kill_at = now() + wait_ms;
}

static void kill_all(struct serve *serve)
{
	serve->kill_at = now() + 1000;
	send_signal(serve, SIGKILL);
}

/* ---- the launcher ---- */

static void resize(const struct serve *serve, int value)
{
	const struct winsize size = { .ws_row = (unsigned short)(value >> 16),
				      .ws_col = (unsigned short)(value & 0xffff) };

	if (serve->worker->running.console_fd >= 0)
		ioctl(serve->worker->running.console_fd, TIOCSWINSZ, &size);
}

/* The launcher's terminal is not ours to read from or write to any more. */
static void on_launcher_gone(struct serve *serve)
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
	if (fed && serve->stdio->input >= 0 && serve->stdio->pending_size == 0) {
		close(serve->stdio->input);
		serve->stdio->input = -1;
	}
}

static void on_message(struct serve *serve)
{
	struct hyfw_message message;

	if (hyfw_message_receive(*serve->socket, &message, 0) <= 0) {
		on_launcher_gone(serve);
	} else if (message.type == HYFW_MESSAGE_SIGNAL) {
		serve->served->stopped |= hyfw_signal_ends(message.value);
		send_signal(serve, message.value);
	} else if (message.type == HYFW_MESSAGE_RESIZE) {
		resize(serve, message.value);
	}
}

/* ---- output ---- */

/* False when there is no more to come. */
static bool take_output(struct serve *serve, int fd, int stream)
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
	return true;
}

static void on_output(struct serve *serve, int *fd, int stream)
{
	if (take_output(serve, *fd, stream))
		return;
	close(*fd);
	*fd = -1;
}

/* Everybody inside is gone; what they wrote is still in the pipes. */
static void drain(struct serve *serve, int *fd, int stream)
{
	struct pollfd ready = { .fd = *fd, .events = POLLIN };

	while (*fd >= 0 && poll(&ready, 1, 0) > 0)
		on_output(serve, fd, stream);
}

/* ---- input ---- */

static int input_target(const struct serve *serve)
{
	return serve->worker->running.console_fd >= 0 ? serve->worker->running.console_fd
						      : serve->stdio->input;
}

static void end_of_input(struct serve *serve)
{
	serve->stdio->interactive = false;
	if (serve->stdio->input >= 0)
		close(serve->stdio->input);
	serve->stdio->input = -1;
}

static void on_input(struct serve *serve)
{
	struct hyfw_stdio *stdio = serve->stdio;
	const ssize_t got = read(STDIN_FILENO, stdio->pending, sizeof(stdio->pending));

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		end_of_input(serve);
		return;
	}
	stdio->pending_at = 0;
	stdio->pending_size = (size_t)got;
}

static void pass_input(struct serve *serve)
{
	struct hyfw_stdio *stdio = serve->stdio;
	const ssize_t put = write(input_target(serve), stdio->pending + stdio->pending_at,
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
	if (stdio->pending_size == 0 && !stdio->interactive) /* the launcher went meanwhile */
		end_of_input(serve);
}

/* ---- the loop ---- */

static void on_end(struct serve *serve)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

	serve->served->exit.size = sizeof(serve->served->exit);
	if (hyfw_isolation_wait(serve->worker->isolation, &serve->worker->running, &serve->served->exit,
				&failure) < 0) {
		hyfw_host_table()->log(HYFW_LOG_ERROR, "%s", failure->message);
		serve->served->exit.status = 125;
	}
	serve->ended = true;
}

static void fill(const struct serve *serve, struct pollfd *fds)
{
	const struct hyfw_stdio *stdio = serve->stdio;
	const bool pending = stdio->pending_size > 0;
	const int all[POLLED] = {
		[WAIT] = serve->worker->running.wait_fd,
		[SIGNALS] = serve->signals,
		[SOCKET] = *serve->socket,
		[OUT] = stdio->output[0],
		[ERR] = stdio->output[1],
		[CONSOLE] = serve->worker->running.console_fd,
		[INPUT_FROM] = stdio->interactive && !pending ? STDIN_FILENO : -1,
		[INPUT_TO] = pending ? input_target(serve) : -1,
	};
	int i;

	for (i = 0; i < POLLED; i++) {
		fds[i].fd = all[i];
		fds[i].events = i == INPUT_TO ? POLLOUT : POLLIN;
		fds[i].revents = 0;
	}
}

static int timeout_of(const struct serve *serve)
{
	const int64_t left = serve->kill_at - now();

	if (serve->kill_at == 0)
		return -1;
	return left > 0 ? (int)left : 0;
}

static void dispatch(struct serve *serve, const struct pollfd *fds)
{
	if (fds[OUT].revents)
		on_output(serve, &serve->stdio->output[0], 1);
	if (fds[ERR].revents)
		on_output(serve, &serve->stdio->output[1], 2);
	if (fds[CONSOLE].revents)
		on_output(serve, &serve->worker->running.console_fd, 1);
	if (fds[INPUT_TO].revents)
		pass_input(serve);
	if (fds[INPUT_FROM].revents)
		on_input(serve);
	if (fds[SOCKET].revents)
		on_message(serve);
	if (fds[SIGNALS].revents)
		on_signal(serve);
	if (fds[WAIT].revents)
		on_end(serve);
}

void hyfw_serve(struct hyfw_worker *worker, struct hyfw_stdio *stdio, int *socket, int signals,
		struct hyfw_served *ret_served)
{
	const struct hyfw_map settings = hyfw_pairs_map(&worker->definition->settings);
	HYFW_AUTO_FREE char *path = hyfw_path_workload(worker->definition->transient, worker->definition->name,
						       "log");
	struct serve serve = { .worker = worker, .stdio = stdio, .served = ret_served, .socket = socket,
			       .signals = signals };
	const int64_t start = now();

	hyfw_log_init(&serve.log, path, (uint64_t)hyfw_map_int(&settings, "log_max_size", 10 << 20),
		      (unsigned)hyfw_map_int(&settings, "log_max_files", 2));
	while (!serve.ended) {
		struct pollfd fds[POLLED];

		fill(&serve, fds);
		if (poll(fds, POLLED, timeout_of(&serve)) > 0)
			dispatch(&serve, fds);
		if (!serve.ended && serve.kill_at && now() >= serve.kill_at)
			kill_all(&serve);
	}
	drain(&serve, &stdio->output[0], 1);
	drain(&serve, &stdio->output[1], 2);
	drain(&serve, &worker->running.console_fd, 1);
	hyfw_log_finish(&serve.log);
	ret_served->duration_ms = now() - start;
}
