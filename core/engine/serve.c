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
#include "base/clock.h"
#include "engine/events.h"
#include "engine/failover_place.h"
#include "engine/journal.h"
#include "engine/operation.h"
#include "engine/processes.h"
#include "engine/serve_parts.h"
#include "engine/signals.h"
#include "engine/store.h"
#include "plugin/host.h"

enum { WAIT, CHANGED, SIGNALS, LEASE, SOCKET, OUT, ERR, CONSOLE, INPUT_FROM, INPUT_TO, POLLED };

static int64_t now(void)
{
	return (int64_t)(hyfw_now_us() / 1000);
}

struct hyfw_pairs hyfw_serve_record(const struct hyfw_serve *serve)
{
	const struct hyfw_definition *definition = serve->worker->definition;
	struct hyfw_pairs record = { 0 };

	hyfw_journal_record(serve->worker->journal, HYFW_KIND_ISOLATION,
			    hyfw_definition_isolation(definition), NULL, &record);
	return record;
}

/* ---- signals and stopping ---- */

static void send_signal(struct hyfw_serve *serve, int signal_number)
{
	struct hyfw_pairs record = hyfw_serve_record(serve);
	const struct hyfw_map map = hyfw_pairs_map(&record);
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

	if (hyfw_isolation_signal(serve->worker->isolation, &map, signal_number, false, &failure) < 0 &&
	    failure->errnum != ESRCH)
		hyfw_host_table()->log(HYFW_LOG_WARNING, "%s", failure->message);
	hyfw_pairs_finish(&record);
}

/* Milliseconds asked for with the signal, else the workload's stop_timeout. */
static int64_t grace(const struct hyfw_serve *serve, const struct signalfd_siginfo *info)
{
	const struct hyfw_map settings = hyfw_pairs_map(&serve->worker->definition->settings);

	if (info->ssi_code == SI_QUEUE && info->ssi_int > 0)
		return info->ssi_int - 1;
	return hyfw_map_int(&settings, "stop_timeout", 10000);
}

int hyfw_serve_pause(struct hyfw_serve *serve, bool paused, struct hyfw_error **err)
{
	int result = hyfw_processes_pause(serve->worker, paused, err);

	if (result < 0)
		return result;
	if (serve->paused != paused)
		hyfw_event(serve->worker->definition->name, paused ? "pause" : "unpause", NULL, NULL);
	serve->paused = paused;
	serve->halted = NULL;
	hyfw_processes_mark(serve->worker->definition->name, paused ? "" : NULL);
	return 0;
}

static void on_loss(struct hyfw_serve *serve, const char *lacks)
{
	const char *name = serve->worker->definition->name;

	if (!lacks || serve->lacks)
		return;
	serve->lacks = lacks;
	hyfw_event(name, "lose", "what", lacks);
	hyfw_processes_mark_loss(name, lacks);
}

/* It may have come to stand still, or have gone on, without being asked to. */
static void on_change(struct hyfw_serve *serve)
{
	const char *name = serve->worker->definition->name, *why;
	struct hyfw_pairs record;
	struct hyfw_map map;
	uint64_t count;

	if (read(serve->worker->running.changed_fd, &count, sizeof(count)) < 0)
		return; /* nothing was written to it */
	record = hyfw_serve_record(serve);
	map = hyfw_pairs_map(&record);
	why = hyfw_isolation_halted(serve->worker->isolation, &map);
	on_loss(serve, hyfw_isolation_lacks(serve->worker->isolation, &map));
	hyfw_pairs_finish(&record);
	if (why && !serve->paused)
		hyfw_event(name, "pause", "reason", why);
	else if (!why && serve->halted)
		hyfw_event(name, "unpause", NULL, NULL);
	else
		return;
	serve->paused = why != NULL;
	serve->halted = why;
	hyfw_processes_mark(name, why);
}

/* Who stands still does not hear that it shall end. */
static void let_go_on(struct hyfw_serve *serve)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

	if (serve->paused && hyfw_serve_pause(serve, false, &failure) < 0)
		hyfw_host_table()->log(HYFW_LOG_WARNING, "%s", failure->message);
}

static void on_signal(struct hyfw_serve *serve)
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
	if (wait_ms > 0)
		let_go_on(serve);
	if (serve->answer->work)
		hyfw_work_cancel(serve->answer->work);
}

static void kill_all(struct hyfw_serve *serve)
{
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

	serve->kill_at = now() + 1000;
	send_signal(serve, SIGKILL);
	let_go_on(serve);
	/* It should have ended long ago: somebody inside keeps it. */
	if (serve->kills++ > 0 && hyfw_processes_kill(serve->worker, &failure) < 0)
		hyfw_host_table()->log(HYFW_LOG_WARNING, "%s", failure->message);
}

/* ---- the lease of a machine that other hosts may run ---- */

static void on_lease(struct hyfw_serve *serve)
{
	const struct hyfw_definition *definition = serve->worker->definition;
	HYFW_AUTO_FREE char *reason = hyfw_failover_keeper_hear(serve->keeper);
	HYFW_AUTO_FREE char *line = reason ? hyfw_format("hyfw: ended at once: %s\n", reason) : NULL;

	if (!reason)
		return;
	serve->served->stopped = serve->served->fenced = true;
	hyfw_host_table()->log(HYFW_LOG_ERROR, "workload %s: ended at once: %s", definition->name, reason);
	hyfw_log_write(&serve->log, 2, line, strlen(line));
	hyfw_event(definition->name, "fence", "reason", reason);
	hyfw_failover_note(definition, "fenced", reason);
	if (serve->answer->work)
		hyfw_work_cancel(serve->answer->work);
	kill_all(serve);
}

/* ---- the launcher ---- */

void hyfw_serve_resize(const struct hyfw_serve *serve, int rows_and_columns)
{
	const struct winsize size = { .ws_row = (unsigned short)(rows_and_columns >> 16),
				      .ws_col = (unsigned short)(rows_and_columns & 0xffff) };

	if (serve->worker->running.console_fd >= 0)
		ioctl(serve->worker->running.console_fd, TIOCSWINSZ, &size);
}

static void on_message(struct hyfw_serve *serve)
{
	struct hyfw_message message;

	if (hyfw_message_receive(*serve->socket, &message, 0) <= 0) {
		hyfw_serve_on_launcher_gone(serve);
	} else if (message.type == HYFW_MESSAGE_SIGNAL) {
		serve->served->stopped |= hyfw_signal_ends(message.value);
		send_signal(serve, message.value);
	} else if (message.type == HYFW_MESSAGE_RESIZE) {
		hyfw_serve_resize(serve, message.value);
	}
}

/* ---- the loop ---- */

static void on_end(struct hyfw_serve *serve)
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

static void fill(const struct hyfw_serve *serve, struct pollfd *fds)
{
	const struct hyfw_stdio *stdio = serve->stdio;
	const bool pending = stdio->pending_size > 0;
	const int all[POLLED] = {
		[WAIT] = serve->worker->running.wait_fd,
		[CHANGED] = serve->worker->running.changed_fd,
		[SIGNALS] = serve->signals,
		[LEASE] = serve->served->fenced ? -1 : serve->keeper->socket,
		[SOCKET] = *serve->socket,
		[OUT] = stdio->output[0],
		[ERR] = stdio->output[1],
		[CONSOLE] = serve->worker->running.console_fd,
		[INPUT_FROM] = stdio->interactive && !pending ? STDIN_FILENO : -1,
		[INPUT_TO] = pending ? hyfw_serve_input_target(serve) : -1,
	};
	int i;

	for (i = 0; i < POLLED; i++) {
		fds[i].fd = all[i];
		fds[i].events = i == INPUT_TO ? POLLOUT : POLLIN;
		fds[i].revents = 0;
	}
	hyfw_answer_fill(serve->answer, fds + POLLED, !pending && hyfw_serve_input_target(serve) >= 0);
}

static int timeout_of(const struct hyfw_serve *serve)
{
	const int64_t left = serve->kill_at - now();

	if (serve->kill_at == 0)
		return -1;
	return left > 0 ? (int)left : 0;
}

static void dispatch(struct hyfw_serve *serve, const struct pollfd *fds)
{
	if (fds[OUT].revents)
		hyfw_serve_on_output(serve, &serve->stdio->output[0], 1);
	if (fds[ERR].revents)
		hyfw_serve_on_output(serve, &serve->stdio->output[1], 2);
	if (fds[CONSOLE].revents)
		hyfw_serve_on_output(serve, &serve->worker->running.console_fd, 1);
	if (fds[INPUT_TO].revents)
		hyfw_serve_pass_input(serve);
	if (fds[INPUT_FROM].revents)
		hyfw_serve_on_launcher_input(serve);
	if (fds[SOCKET].revents)
		on_message(serve);
	if (fds[SIGNALS].revents)
		on_signal(serve);
	if (fds[CHANGED].revents)
		on_change(serve);
	if (fds[LEASE].revents)
		on_lease(serve);
	hyfw_answer_dispatch(serve, fds + POLLED);
	if (fds[WAIT].revents)
		on_end(serve);
}

void hyfw_serve(struct hyfw_worker *worker, struct hyfw_stdio *stdio, struct hyfw_answer *answer,
		struct hyfw_failover_keeper *keeper, int *socket, int signals, struct hyfw_served *ret_served)
{
	const struct hyfw_map settings = hyfw_pairs_map(&worker->definition->settings);
	HYFW_AUTO_FREE char *path = hyfw_path_workload(worker->definition->transient, worker->definition->name,
						       "log");
	struct hyfw_serve serve = { .worker = worker, .stdio = stdio, .served = ret_served,
				    .answer = answer, .keeper = keeper, .socket = socket, .signals = signals };
	const int64_t start = now();

	hyfw_log_init(&serve.log, path, (uint64_t)hyfw_map_int(&settings, "log_max_size", 10 << 20),
		      (unsigned)hyfw_map_int(&settings, "log_max_files", 2));
	while (!serve.ended) {
		struct pollfd fds[POLLED + HYFW_ANSWER_POLLED];

		fill(&serve, fds);
		if (poll(fds, POLLED + HYFW_ANSWER_POLLED, timeout_of(&serve)) > 0)
			dispatch(&serve, fds);
		if (!serve.ended && serve.kill_at && now() >= serve.kill_at)
			kill_all(&serve);
	}
	hyfw_serve_drain(&serve, &stdio->output[0], 1);
	hyfw_serve_drain(&serve, &stdio->output[1], 2);
	hyfw_serve_drain(&serve, &worker->running.console_fd, 1);
	hyfw_log_finish(&serve.log);
	if (serve.paused)
		hyfw_processes_mark(worker->definition->name, NULL);
	if (serve.lacks)
		hyfw_processes_mark_loss(worker->definition->name, NULL);
	hyfw_answer_close(answer, ret_served->exit.status);
	ret_served->duration_ms = now() - start;
}
