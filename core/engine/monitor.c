/* SPDX-License-Identifier: BSD-3-Clause
 * The life of a monitor; how it serves a running workload is in serve.c. */
#include "engine/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/caller.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "engine/autostart.h"
#include "engine/events.h"
#include "engine/failover_keeper.h"
#include "engine/failover_place.h"
#include "engine/journal.h"
#include "engine/moved.h"
#include "engine/serve.h"
#include "engine/signals.h"
#include "engine/store.h"
#include "engine/worker.h"
#include "plugin/host.h"
#include "plugin/registry.h"

#define FIRST_DELAY_MS 100u
#define LONGEST_DELAY_MS 60000u
#define STEP_NEWS_US 500000u
#define STEADY_MS 10000 /* after that long a run the delay starts small again */

/* ---- process ---- */

static int set_up_process(void)
{
	static const int caught[] = { SIGTERM, SIGINT };
	sigset_t signals;
	size_t i;

	setsid();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	prctl(PR_SET_NAME, "hyfw-monitor");
	sigemptyset(&signals);
	for (i = 0; i < HYFW_COUNT(caught); i++)
		sigaddset(&signals, caught[i]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Nothing of the caller's may stay open in a process that outlives it. */
static void let_go_of_caller(void)
{
	HYFW_AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	if (chdir("/") < 0)
		return;
	hyfw_registry_rest();
	malloc_trim(0);
}

/* ---- messages ---- */

static void send_failure(int socket, const struct hyfw_error *failure)
{
	struct hyfw_message message = { .type = HYFW_MESSAGE_FAILED };

	message.errnum = failure->errnum;
	message.status = failure->status;
	snprintf(message.text, sizeof(message.text), "%s", failure->message);
	hyfw_message_send(socket, &message);
}

static int send_plain(int socket, enum hyfw_message_type type, int value)
{
	const struct hyfw_message message = { .type = type, .value = value };

	return socket < 0 ? 0 : hyfw_message_send(socket, &message);
}

/* ---- restart policy ---- */

struct policy {
	bool always, on_failure;
	unsigned limit;   /* of restarts with on-failure; 0: none */
	unsigned restarts;
	unsigned delay_ms;
};

static struct policy read_policy(const struct hyfw_definition *definition)
{
	const char *restart = hyfw_definition_get(definition, "restart");
	struct policy policy = { .delay_ms = FIRST_DELAY_MS };

	if (!restart)
		return policy;
	policy.always = strcmp(restart, "always") == 0 || strcmp(restart, "unless-stopped") == 0;
	policy.on_failure = strncmp(restart, "on-failure", 10) == 0;
	if (policy.on_failure && restart[10] == ':')
		policy.limit = (unsigned)strtoul(restart + 11, NULL, 10);
	return policy;
}

/* `hyfw update` may have changed it. */
static void refresh_policy(struct policy *policy, const struct hyfw_definition *definition)
{
	const struct policy now = read_policy(definition);

	policy->always = now.always;
	policy->on_failure = now.on_failure;
	policy->limit = now.limit;
}

static bool wants_restart(struct policy *policy, const struct hyfw_definition *definition,
			  const struct hyfw_served *served)
{
	HYFW_AUTO_FREE char *moved = served->stopped ? NULL : hyfw_moved_to(definition->name);

	if (served->stopped || moved)
		return false;
	if (policy->on_failure && served->exit.status != 0)
		return policy->limit == 0 || policy->restarts < policy->limit;
	return policy->always;
}

static int64_t now_ms(void)
{
	return (int64_t)(hyfw_host_table()->clock() / 1000000);
}

/* Whether the launcher passes on a signal that asks for the end.  That it is gone
 * is for the next run to find. */
static bool launcher_ends(struct pollfd *launcher)
{
	struct hyfw_message message;

	if (hyfw_message_receive(launcher->fd, &message, 0) <= 0) {
		launcher->fd = -1;
		return false;
	}
	return message.type == HYFW_MESSAGE_SIGNAL && hyfw_signal_ends(message.value);
}

/* Sleeps; false when a stop was asked for meanwhile. */
static bool pause_before_restart(struct policy *policy, const struct hyfw_served *served, int signals,
				 int socket)
{
	struct pollfd wait[2] = { { .fd = signals, .events = POLLIN }, { .fd = socket, .events = POLLIN } };
	struct signalfd_siginfo info;
	int64_t end, left;

	if (served->duration_ms >= STEADY_MS)
		policy->delay_ms = FIRST_DELAY_MS;
	end = now_ms() + policy->delay_ms;
	while ((left = end - now_ms()) > 0) {
		if (poll(wait, 2, (int)left) <= 0)
			continue;
		if (wait[0].revents && read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info))
			return false;
		if (wait[1].revents && launcher_ends(&wait[1]))
			return false;
	}
	policy->delay_ms = policy->delay_ms * 2 < LONGEST_DELAY_MS ? policy->delay_ms * 2 : LONGEST_DELAY_MS;
	policy->restarts++;
	return true;
}

/* ---- runs ---- */

struct monitor {
	struct hyfw_definition *definition;
	const struct hyfw_launch *launch;
	struct hyfw_worker worker;
	struct hyfw_failover_keeper keeper;
	int socket, signals;
	bool started;  /* the launcher knows that it runs */
	bool fenced;   /* its lease is lost */
	uint64_t told_us; /* when it was last told of a step */
};

/* Quick steps are not worth waking the launcher for: its limit is in seconds. */
static void tell_step(void *data)
{
	struct monitor *monitor = data;
	const uint64_t now = hyfw_now_us();

	/* As soon as there is something to be ended. */
	hyfw_failover_keeper_watch(&monitor->keeper, monitor->worker.running.pid, NULL);
	if (monitor->started || now - monitor->told_us < STEP_NEWS_US)
		return;
	monitor->told_us = now;
	send_plain(monitor->socket, HYFW_MESSAGE_STEP, 0);
}

static void tell_end(const char *name, const struct hyfw_exit *exit)
{
	HYFW_AUTO_FREE char *status = hyfw_format("%d", exit->status);

	if (exit->oom_killed)
		hyfw_event(name, "oom", NULL, NULL);
	hyfw_event(name, "die", "status", status);
}

static void end_run(struct monitor *monitor, const struct hyfw_served *served, unsigned restarts)
{
	const int64_t started = monitor->worker.journal->begin_time;
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

	tell_end(monitor->definition->name, &served->exit);
	hyfw_journal_exit(monitor->worker.journal, served->exit.status, served->exit.oom_killed, &failure);
	hyfw_forget(&failure);
	if (hyfw_worker_bring_down(&monitor->worker, &failure) < 0)
		hyfw_host_table()->log(HYFW_LOG_ERROR, "workload %s: %s", monitor->definition->name,
				       failure->message);
	if (!monitor->definition->transient) {
		hyfw_forget(&failure);
		hyfw_store_save_last(monitor->definition->name, started, started + served->duration_ms,
				     served->exit.status, served->exit.oom_killed, restarts, &failure);
	}
}

/* ---- the lease of a machine that other hosts may run ---- */

/* While it does not run, and nothing has to be ended. */
static bool lost_lease(struct monitor *monitor)
{
	HYFW_AUTO_FREE char *reason = monitor->fenced ? NULL : hyfw_failover_keeper_hear(&monitor->keeper);

	if (!reason)
		return monitor->fenced;
	monitor->fenced = true;
	hyfw_event(monitor->definition->name, "fence", "reason", reason);
	hyfw_failover_note(monitor->definition, "fenced", reason);
	return true;
}

/* The steps may have hung with the storage: when the lease was lost by then, the guest
 * never runs, and its disks may be those of another host. */
static int permit_start(void *data, struct hyfw_error **err)
{
	struct monitor *monitor = data;
	int result = hyfw_failover_keeper_watch(&monitor->keeper, monitor->worker.running.pid, err);

	if (!lost_lease(monitor) && result == 0)
		return 0;
	monitor->fenced = true;
	hyfw_failover_lost(monitor->worker.journal);
	return result < 0 ? result : hyfw_fail(err, ESTALE, "its lease is lost");
}

/* ---- runs ---- */

/* One run from the first step to the last undo. */
static int run_once(struct monitor *monitor, struct hyfw_served *served, unsigned restarts,
		    struct hyfw_error **err)
{
	struct hyfw_answer answer;
	struct hyfw_stdio stdio;
	int result = hyfw_stdio_open(&stdio, monitor->definition, monitor->launch, err);

	if (result < 0)
		return result;
	result = hyfw_answer_open(&answer, monitor->definition->name, err);
	if (result == 0)
		result = hyfw_worker_bring_up(&monitor->worker, stdio.inside, err);
	monitor->worker.adopt = false; /* its next run is one like any other */
	hyfw_stdio_close_inside(&stdio);
	if (result == 0 && !monitor->started) {
		/* What ran before goes on, whoever asked for it. */
		monitor->started = send_plain(monitor->socket, HYFW_MESSAGE_STARTED, 0) == 0 || monitor->launch->adopt;
		if (!monitor->started) { /* the launcher is gone: as if it had not begun */
			hyfw_worker_bring_down(&monitor->worker, NULL);
			result = hyfw_fail(err, EPIPE, "the command that started it is gone");
		} else if (!monitor->launch->foreground) {
			let_go_of_caller();
		}
	}
	if (result == 0) {
		hyfw_autostart_mark(monitor->definition);
		hyfw_event(monitor->definition->name, "start", NULL, NULL);
		hyfw_serve(&monitor->worker, &stdio, &answer, &monitor->keeper, &monitor->socket, monitor->signals,
			   served);
		monitor->fenced = served->fenced;
		if (served->fenced)
			hyfw_failover_lost(monitor->worker.journal);
		end_run(monitor, served, restarts);
	}
	hyfw_answer_close(&answer, -1);
	hyfw_stdio_close(&stdio);
	return result;
}

/* All runs; the exit status of the last one. */
static int run_all(struct monitor *monitor, struct hyfw_error **err)
{
	struct policy policy = read_policy(monitor->definition);
	struct hyfw_served served = { 0 };

	for (;;) {
		HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

		memset(&served, 0, sizeof(served));
		if (run_once(monitor, &served, policy.restarts, &failure) < 0) {
			if (!monitor->started) {
				*err = HYFW_STEAL(failure);
				return -1;
			}
			/* A restart that fails counts as a run that ended with 125. */
			hyfw_host_table()->log(HYFW_LOG_ERROR, "%s", failure->message);
			served.exit.status = 125;
		}
		refresh_policy(&policy, monitor->definition);
		if (!wants_restart(&policy, monitor->definition, &served) ||
		    !pause_before_restart(&policy, &served, monitor->signals, monitor->socket) || lost_lease(monitor))
			return served.exit.status;
		hyfw_journal_clear(monitor->worker.journal);
	}
}

/* ---- the whole of it ---- */

static int take_lease(struct monitor *monitor, struct hyfw_error **err)
{
	int result = hyfw_failover_keeper_start(&monitor->keeper, monitor->definition, monitor->launch->seen, err);

	if (result == 0 && monitor->keeper.socket >= 0)
		hyfw_failover_note(monitor->definition, "held", NULL);
	return result;
}

/* What may still run here, and what was taken over and did not start, is not given
 * back: it is as lost as before. */
static void leave_lease(struct monitor *monitor, bool all_undone)
{
	const bool release = all_undone && !monitor->fenced && (monitor->started || !monitor->launch->seen);

	if (monitor->keeper.socket < 0)
		return;
	if (hyfw_failover_keeper_stop(&monitor->keeper, release) && release)
		hyfw_failover_note(monitor->definition, "released", NULL);
}

void hyfw_monitor_main(struct hyfw_definition *definition, const struct hyfw_launch *launch, int socket)
{
	struct monitor monitor = { .definition = definition, .launch = launch, .socket = socket };
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	bool all_undone;
	int status = -1;

	hyfw_caller_forget();
	monitor.signals = set_up_process();
	monitor.told_us = hyfw_now_us();
	if (take_lease(&monitor, &failure) == 0 && hyfw_worker_open(&monitor.worker, definition, &failure) == 0) {
		if (launch->here) /* one that is just moving has the claim, and its mark for good reason */
			hyfw_moved_forget(definition->name);
		monitor.worker.adopt = launch->adopt;
		monitor.worker.progress = tell_step;
		monitor.worker.permit = permit_start;
		monitor.worker.progress_data = &monitor;
		status = run_all(&monitor, &failure);
	}
	all_undone = !monitor.worker.journal || hyfw_journal_live(monitor.worker.journal) == 0;
	hyfw_worker_close(&monitor.worker);
	leave_lease(&monitor, all_undone);
	if (definition->transient && monitor.started)
		hyfw_event(definition->name, "remove", NULL, NULL);
	hyfw_registry_close();
	if (failure)
		send_failure(monitor.socket, failure);
	else
		send_plain(monitor.socket, HYFW_MESSAGE_EXITED, status);
	_exit(0);
}
