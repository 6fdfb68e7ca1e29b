/* SPDX-License-Identifier: BSD-3-Clause
 * What happens to a process after it was made: waiting until it is ready,
 * starting it, taking its exit status, ending it. */
#include "ns.h"
#include "oci/oci.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

struct ns_handle *ns_handle_new(const char *command)
{
	struct ns_handle *handle = calloc(1, sizeof(*handle));

	if (!handle)
		return NULL;
	handle->channel = -1;
	handle->board = ns_board_new();
	handle->command = strdup(command);
	if (!handle->board || !handle->command) {
		ns_handle_free(handle);
		return NULL;
	}
	return handle;
}

void ns_handle_free(struct ns_handle *handle)
{
	if (!handle)
		return;
	if (handle->channel >= 0)
		close(handle->channel);
	ns_board_free(handle->board);
	free(handle->command);
	free(handle);
}

void ns_handle_keep(struct ns_instance *instance, struct ns_handle *handle)
{
	handle->next = instance->handles;
	instance->handles = handle;
}

void ns_handle_drop(struct ns_instance *instance, struct ns_handle *handle)
{
	struct ns_handle **at = &instance->handles;

	while (*at && *at != handle)
		at = &(*at)->next;
	if (*at)
		*at = handle->next;
	ns_handle_free(handle);
}

void ns_give_stdio(const struct ns_job *job, uint32_t uid, uint32_t gid)
{
	bool known = uid != UINT32_MAX && gid != UINT32_MAX; /* else nobody of ours */
	struct stat status;
	size_t i;

	for (i = 0; !job->terminal && i < NS_COUNT(job->stdio); i++) {
		if (job->stdio[i] < 0 || fstat(job->stdio[i], &status) < 0)
			continue;
		if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3))
			job->board->nulls |= 1u << i;
		if (S_ISFIFO(status.st_mode) && known && fchown(job->stdio[i], uid, gid) < 0)
			known = false; /* then it cannot, and is told so */
	}
}

int ns_await_ready(const struct hyfw_host *host, struct ns_handle *handle, int *ret_console,
		   struct hyfw_error **err)
{
	size_t count = 0;
	char message = 0;
	int r = ns_channel_receive(handle->channel, &message, ret_console, 1, &count);

	if (r < 0 && r != -EPIPE)
		return ns_fail(host, err, -r, "hear from", "the new process");
	if (r < 0 || message != NS_READY)
		return ns_board_error(host, handle->board, err);
	ns_phases_tell(host, handle);
	return 0;
}

/* The channel ends when exec has closed the child's side of it. */
int ns_let_go(const struct hyfw_host *host, struct ns_handle *handle, struct hyfw_error **err)
{
	char message = 0;
	int r = ns_channel_send(handle->channel, NS_START, NULL, 0);

	if (r == 0)
		r = ns_channel_receive(handle->channel, &message, NULL, 0, NULL);
	close(handle->channel);
	handle->channel = -1;
	/* The strings of the workload may be gone by now, those on the board are not. */
	if (handle->board->object != handle->board->text)
		handle->board->object = handle->command;
	if (r == -EPIPE && handle->board->executing && !handle->board->failed) {
		ns_phases_tell(host, handle);
		hyfw_phase_tell(host, "exec", 0);
		return 0;
	}
	if (r < 0 && r != -EPIPE)
		return ns_fail(host, err, -r, "start", handle->command);
	return ns_board_error(host, handle->board, err);
}

int ns_note_process(const struct hyfw_host *host, struct hyfw_call *call, const struct ns_handle *handle,
		    struct hyfw_error **err)
{
	char number[24];
	int r;

	snprintf(number, sizeof(number), "%d", (int)handle->pid);
	r = host->note(call, HYFW_NOTE_PID, number, err);
	if (r < 0)
		return r;
	snprintf(number, sizeof(number), "%llu", (unsigned long long)handle->start_time);
	return host->note(call, HYFW_NOTE_PID_START, number, err);
}

int ns_start(void *instance, struct hyfw_call *call, struct hyfw_running *running, struct hyfw_error **err)
{
	const struct hyfw_host *host = ((struct ns_instance *)instance)->host;
	struct ns_handle *handle = running->handle;
	int r;

	if (!handle || handle->channel < 0)
		return oci_gate_start(host, &call->record, err);
	r = ns_note_process(host, call, handle, err);
	return r < 0 ? r : ns_let_go(host, handle, err);
}

int ns_wait(void *instance, struct hyfw_running *running, struct hyfw_exit *ret_exit,
	    struct hyfw_error **err)
{
	const struct hyfw_host *host = ((struct ns_instance *)instance)->host;
	struct hyfw_exit result = { .size = sizeof(result) };
	siginfo_t info = { 0 };

	if (waitid((idtype_t)P_PIDFD, (id_t)running->wait_fd, &info, WEXITED | WNOHANG) < 0)
		return ns_fail(host, err, errno, "take the exit status of", "the workload");
	if (info.si_pid == 0)
		return host->fail(err, EAGAIN, "take the exit status: it still runs");
	if (info.si_code == CLD_EXITED) {
		result.status = info.si_status;
	} else {
		result.signal = info.si_status;
		result.status = 128 + info.si_status;
	}
	ns_handle_drop(instance, running->handle);
	running->handle = NULL;
	*ret_exit = result;
	return 0;
}

/* What create() made here and wait() never took. */
static void forget_handle(struct ns_instance *instance, const struct hyfw_call *call)
{
	int64_t pid = hyfw_map_int(&call->record, HYFW_NOTE_PID, 0);
	struct ns_handle *handle = instance->handles;

	if (!call->step || strcmp(call->step->verb, HYFW_VERB_CREATE) != 0)
		return;
	while (handle && handle->pid != pid)
		handle = handle->next;
	ns_handle_drop(instance, handle);
}

/* Both steps are the same process. */
int ns_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_host *host = ((struct ns_instance *)instance)->host;
	int pidfd = process_open(&call->record, NULL), r;

	forget_handle(instance, call);

	if (pidfd == -ESRCH)
		return 0;
	if (pidfd < 0)
		return ns_fail(host, err, -pidfd, "open the process", hyfw_map_get(&call->record, HYFW_NOTE_PID));
	r = process_end(pidfd);
	close(pidfd);
	if (r < 0)
		return ns_fail(host, err, -r, "end the process", hyfw_map_get(&call->record, HYFW_NOTE_PID));
	return 0;
}
