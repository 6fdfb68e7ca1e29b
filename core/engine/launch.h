/* SPDX-License-Identifier: BSD-3-Clause
 * Starting a workload: a monitor process is forked, does the steps, and tells the
 * launcher over a socket how it went.  The launcher is the watchdog: when a step
 * takes longer than the limit the monitor is killed and what it did is undone.
 *
 * Thread: fork() without exec; the calling process must be single-threaded. */
#ifndef HYFW_ENGINE_LAUNCH_H
#define HYFW_ENGINE_LAUNCH_H

#include <sys/types.h>

#include "engine/definition.h"

struct hyfw_failover_lease;

enum hyfw_message_type {
	HYFW_MESSAGE_STEP = 1,  /* monitor: a step is done, start the clock anew */
	HYFW_MESSAGE_STARTED,   /* monitor: the command runs */
	HYFW_MESSAGE_FAILED,    /* monitor: errnum, status, text */
	HYFW_MESSAGE_EXITED,    /* monitor: value is the exit status; all is undone */
	HYFW_MESSAGE_SIGNAL,    /* launcher: value to be sent to the workload; one that asks
				 * to end (hyfw_signal_ends) is the end of restarts too */
	HYFW_MESSAGE_RESIZE,    /* launcher: value is rows << 16 | columns */
};

struct hyfw_message {
	enum hyfw_message_type type;
	int value, errnum, status;
	char text[4000];
};

/* Sends as little of it as needed; -EPIPE when the other end is gone. */
int hyfw_message_send(int fd, const struct hyfw_message *message);
/* 1, 0 when the other end is gone, -EAGAIN after 'timeout_ms' (-1: none). */
int hyfw_message_receive(int fd, struct hyfw_message *ret_message, int timeout_ms);

struct hyfw_launch {
	bool foreground;   /* output goes to this process's stdout and stderr as well */
	bool interactive;  /* standard input is passed on */
	unsigned step_timeout_ms;
	bool here;         /* although it has moved to another host, see moved.h */
	bool adopt;        /* it runs already, and goes on; see adopt.h */
	const struct hyfw_failover_lease *seen; /* of a machine that is taken over, see failover_keeper.h; NULL */
};

/* A started workload as the launcher holds it. */
struct hyfw_launched {
	int socket;
	pid_t monitor;
};

/* Starts the (created or transient) workload; on failure everything is undone. */
int hyfw_launch(struct hyfw_definition *definition, const struct hyfw_launch *launch,
		struct hyfw_launched *ret_launched, struct hyfw_error **err);

/* Lets go of it; the monitor goes on. */
void hyfw_launched_close(struct hyfw_launched *launched);

/* Runs 'function' in a child process under the time limit (0: 60 s), for changes
 * outside of a run (create, remove, undo).  An error, a crash or a time-out of the
 * child is this function's error; -ECHILD, -ETIMEDOUT and -EINTR say that it did
 * not get to undo. */
int hyfw_guarded(int (*function)(void *data, struct hyfw_error **err), void *data, unsigned timeout_ms,
		 struct hyfw_error **err);

/* The same in two halves, so that several run side by side. */
struct hyfw_guard {
	int socket;
	pid_t pid;
};
int hyfw_guard_begin(struct hyfw_guard *guard, int (*function)(void *data, struct hyfw_error **err),
		     void *data, struct hyfw_error **err);
int hyfw_guard_finish(struct hyfw_guard *guard, unsigned timeout_ms, struct hyfw_error **err);

#endif
