/* SPDX-License-Identifier: BSD-3-Clause
 * Serving a running workload: its output to the log and to whoever watches, its
 * input, requests to stop, until it ends. */
#ifndef HYFW_ENGINE_SERVE_H
#define HYFW_ENGINE_SERVE_H

#include <sys/types.h>

#include "engine/answer.h"
#include "engine/failover_keeper.h"
#include "engine/launch.h"
#include "engine/worker.h"

/* The monitor's ends of the workload's standard files. */
struct hyfw_stdio {
	int inside[3];    /* given to the workload; -1 each with a terminal */
	int output[2];    /* what it writes to stdout and stderr */
	int input;        /* what it reads; -1 when it has none */
	bool foreground;  /* pass output on to our own stdout and stderr */
	bool interactive; /* pass our own stdin on */
	char pending[4096]; /* input that the workload has not taken yet */
	size_t pending_at, pending_size;
	bool last_input;  /* what is pending is the last */
};

int hyfw_stdio_open(struct hyfw_stdio *stdio, const struct hyfw_definition *definition,
		    const struct hyfw_launch *launch, struct hyfw_error **err);
void hyfw_stdio_close_inside(struct hyfw_stdio *stdio);
void hyfw_stdio_close(struct hyfw_stdio *stdio);

/* How a run ended. */
struct hyfw_served {
	struct hyfw_exit exit;
	bool stopped;        /* somebody asked for it: no restart */
	bool fenced;         /* it may not run here any more: ended, and no restart */
	int64_t duration_ms;
};

/* Returns when the workload has ended and its output is drained; 'answer' is closed
 * then.  '*socket' becomes -1 when the launcher goes away. */
void hyfw_serve(struct hyfw_worker *worker, struct hyfw_stdio *stdio, struct hyfw_answer *answer,
		struct hyfw_failover_keeper *keeper, int *socket, int signals, struct hyfw_served *ret_served);

#endif
