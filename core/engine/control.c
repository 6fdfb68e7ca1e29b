/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "engine/abandon.h"
#include "engine/autostart.h"
#include "engine/events.h"
#include "engine/reach.h"
#include "engine/recover.h"
#include "engine/store.h"
#include "engine/worker.h"

/* Beyond the grace period, for the kernel to end it and the monitor to undo. */
#define UNDO_TIME_MS 60000

/* ---- create ---- */

static int create(void *data, struct hyfw_error **err)
{
	return hyfw_worker_create(data, err);
}

int hyfw_workload_create(struct hyfw_definition *definition, unsigned step_timeout_ms, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *stored = NULL;
	struct hyfw_recovery recovery = { 0 };
	int result = hyfw_guarded(create, definition, step_timeout_ms, err);

	if (result == -ETIMEDOUT || result == -ECHILD || result == -EINTR) {
		hyfw_wrap(err, "workload %s", definition->name);
		hyfw_recover(false, &recovery, NULL);
		hyfw_recovery_finish(&recovery);
	}
	if (result < 0)
		return result;
	/* The range of ids was chosen in the child. */
	if (hyfw_store_definition(definition->name, &stored, err) < 0)
		return -(*err)->errnum;
	definition->idmap = stored->idmap;
	hyfw_event(definition->name, "create", NULL, NULL);
	return 0;
}

/* ---- stop ---- */

static int monitor_open(const char *journal, pid_t *ret_pid)
{
	pid_t pid = hyfw_journal_owner(journal);
	int fd;

	if (pid <= 0)
		return -1;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* Still the owner now, so the descriptor is the monitor's. */
	if (fd >= 0 && hyfw_journal_owner(journal) != pid) {
		close(fd);
		return -1;
	}
	*ret_pid = pid;
	return fd;
}

static int send_stop(int pidfd, int timeout_ms)
{
	siginfo_t info = { 0 };

	info.si_signo = SIGTERM;
	info.si_code = SI_QUEUE;
	info.si_pid = getpid();
	info.si_uid = getuid();
	info.si_value.sival_int = timeout_ms < 0 ? 0 : timeout_ms + 1;
	return syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, &info, 0) < 0 ? -errno : 0;
}

static int stop_timeout_of(const char *name)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	struct hyfw_map settings;

	if (hyfw_store_definition(name, &definition, NULL) < 0)
		return 10000;
	settings = hyfw_pairs_map(&definition->settings);
	return (int)hyfw_map_int(&settings, "stop_timeout", 10000);
}

static bool is_dead(const char *name)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_runtime(name, NULL);
	HYFW_AUTO_FREE char *journal = hyfw_path_runtime(name, "journal");

	return access(directory, F_OK) == 0 && hyfw_journal_owner(journal) == 0;
}

static int recover_if_dead(const char *name, struct hyfw_error **err)
{
	const int result = is_dead(name) ? hyfw_recover_workload(name, err) : 0;

	return result < 0 ? result : 0;
}

int hyfw_workload_stop(const char *name, int timeout_ms, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *journal = hyfw_path_runtime(name, "journal");
	const int grace = timeout_ms < 0 ? stop_timeout_of(name) : timeout_ms;
	pid_t pid = 0;
	HYFW_AUTO_CLOSE int monitor = monitor_open(journal, &pid);
	struct pollfd wait = { .fd = monitor, .events = POLLIN };
	int ready;

	hyfw_autostart_forget(name);
	if (monitor < 0)
		return recover_if_dead(name, err);
	if (send_stop(monitor, timeout_ms) < 0 && errno != ESRCH)
		return hyfw_fail_errno(err, errno, "workload %s: signal its monitor %d", name, (int)pid);
	do
		ready = poll(&wait, 1, grace + UNDO_TIME_MS);
	while (ready < 0 && errno == EINTR);
	if (ready == 0) { /* it hangs; the workload dies with it */
		syscall(SYS_pidfd_send_signal, monitor, SIGKILL, NULL, 0);
		poll(&wait, 1, -1);
	}
	hyfw_event(name, "stop", NULL, NULL);
	return recover_if_dead(name, err);
}

int hyfw_workload_restart(const char *name, int timeout_ms, struct hyfw_error **err)
{
	HYFW_AUTO_DEFINITION struct hyfw_definition *definition = NULL;
	struct hyfw_launched launched = { .socket = -1 };
	const struct hyfw_launch launch = { 0 };
	int result = hyfw_store_definition(name, &definition, err);

	if (result == 0 && definition->transient)
		result = hyfw_fail(err, EINVAL, "workload %s is removed when it ends (--rm), so it cannot be "
				   "started again", name);
	if (result == 0)
		result = hyfw_workload_stop(name, timeout_ms, err);
	if (result == 0)
		hyfw_event(name, "restart", NULL, NULL);
	if (result == 0)
		result = hyfw_launch(definition, &launch, &launched, err);
	if (result == 0)
		hyfw_launched_close(&launched);
	return result;
}

/* ---- signal ---- */

/* SIGKILL goes through the monitor, so that it is the end of restarts too. */
static int kill_by_monitor(const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *journal = hyfw_path_runtime(name, "journal");
	pid_t pid = 0;
	HYFW_AUTO_CLOSE int monitor = monitor_open(journal, &pid);

	if (monitor < 0 || send_stop(monitor, 0) < 0)
		return hyfw_fail(err, ESRCH, "workload %s is not running", name);
	hyfw_autostart_forget(name);
	return 0;
}

static void tell_kill(const char *name, int signal_number)
{
	HYFW_AUTO_FREE char *number = hyfw_format("%d", signal_number);

	hyfw_event(name, "kill", "signal", number);
}

int hyfw_workload_signal(const char *name, int signal_number, struct hyfw_error **err)
{
	struct hyfw_state state;
	int result = hyfw_state_load(name, &state, err);

	if (result == 0 && !hyfw_status_is_up(state.status))
		result = hyfw_fail(err, ESRCH, "workload %s is not running (%s)", name,
				   hyfw_status_name(state.status));
	if (result == 0 && signal_number == SIGKILL)
		result = kill_by_monitor(name, err);
	else if (result == 0)
		result = hyfw_reach_signal(&state, signal_number, false, err);
	if (result == 0)
		tell_kill(name, signal_number);
	hyfw_state_finish(&state);
	return result;
}

/* ---- pause ---- */

int hyfw_workload_pause(const char *name, bool paused, struct hyfw_error **err)
{
	struct hyfw_state state;
	int result = hyfw_state_load(name, &state, err);

	if (result == 0 && !hyfw_status_is_up(state.status))
		result = hyfw_fail(err, ESRCH, "workload %s is not running (%s)", name,
				   hyfw_status_name(state.status));
	if (result == 0)
		result = hyfw_reach_pause(name, paused, err);
	hyfw_state_finish(&state);
	return result;
}

/* ---- wait ---- */

int hyfw_workload_wait(const char *name, int *ret_status, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_path_runtime(name, "journal");
	HYFW_AUTO_JOURNAL struct hyfw_journal *journal = NULL;
	struct hyfw_state state;
	pid_t pid = 0;
	/* The journal stays readable through this descriptor when it is removed. */
	HYFW_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	HYFW_AUTO_CLOSE int monitor = monitor_open(path, &pid);
	struct pollfd wait = { .fd = monitor, .events = POLLIN };
	int result;

	if (fd >= 0 && monitor >= 0) {
		while (poll(&wait, 1, -1) < 0 && errno == EINTR)
			continue;
		if (hyfw_journal_read_fd(fd, &journal, err) < 0)
			return -(*err)->errnum;
		if (journal->exited) {
			*ret_status = journal->exit_status;
			return 0;
		}
	}
	result = hyfw_state_load(name, &state, err);
	if (result == 0 && state.status == HYFW_STATUS_CREATED)
		result = hyfw_fail(err, ESRCH, "workload %s was never started", name);
	if (result == 0)
		*ret_status = state.status == HYFW_STATUS_EXITED ? state.exit_status : 137;
	hyfw_state_finish(&state);
	return result;
}

/* ---- remove ---- */

static int remove_in_child(void *data, struct hyfw_error **err)
{
	return hyfw_worker_remove(data, err);
}

static int remove_lasting(const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_workload(false, name, NULL);
	const bool there = access(directory, F_OK) == 0;
	const int result = hyfw_guarded(remove_in_child, (void *)name, 0, err);

	if (result == 0 && there)
		hyfw_event(name, "remove", NULL, NULL);
	return result;
}

int hyfw_workload_take_down(const char *name, struct hyfw_error **err)
{
	int result = hyfw_workload_stop(name, -1, err);

	return result < 0 ? result : remove_lasting(name, err);
}

/* Its definition may be damaged: there is something of that name. */
static bool is_there(const char *name)
{
	HYFW_AUTO_FREE char *lasting = hyfw_path_workload(false, name, NULL);
	HYFW_AUTO_FREE char *run = hyfw_path_runtime(name, NULL);

	return *name && *name != '.' && !strchr(name, '/') &&
	       (access(lasting, F_OK) == 0 || access(run, F_OK) == 0);
}

static int remove_by_force(const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *stop = NULL, *removal = NULL;
	struct hyfw_abandoned abandoned = { 0 };
	int result = 0;

	if (hyfw_workload_stop(name, 0, &stop) < 0)
		result = hyfw_abandon_run(name, &abandoned, err);
	if (result == 0 && remove_lasting(name, &removal) < 0)
		result = hyfw_abandon_lasting(name, &abandoned, err);
	if (result == 0)
		result = hyfw_abandoned_tell(&abandoned, name, stop ? stop : removal, err);
	else
		hyfw_wrap(err, "workload %s", name);
	hyfw_abandoned_finish(&abandoned);
	return result;
}

int hyfw_workload_remove(const char *name, bool force, struct hyfw_error **err)
{
	struct hyfw_state state;
	enum hyfw_status status;
	int result;

	if (force && is_there(name))
		return remove_by_force(name, err);
	result = hyfw_state_load(name, &state, err);
	status = state.status;
	hyfw_state_finish(&state);
	if (result < 0)
		return result;
	if (hyfw_status_is_up(status) || status == HYFW_STATUS_STARTING || status == HYFW_STATUS_RESTARTING)
		return hyfw_fail(err, EBUSY, "workload %s is running; `hyfw stop %s` first, or use `hyfw rm -f %s`",
				 name, name, name);
	result = hyfw_workload_stop(name, -1, err);
	return result < 0 ? result : remove_lasting(name, err);
}
