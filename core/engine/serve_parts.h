/* SPDX-License-Identifier: BSD-3-Clause
 * What the parts of serving a workload share: the loop with signals and launcher
 * (serve.c), its output and input (serve_stdio.c), the requests of other commands
 * (requests.c).  For nobody else. */
#ifndef HYFW_ENGINE_SERVE_PARTS_H
#define HYFW_ENGINE_SERVE_PARTS_H

#include "engine/answer.h"
#include "engine/log.h"
#include "engine/serve.h"

struct hyfw_serve {
	struct hyfw_worker *worker;
	struct hyfw_stdio *stdio;
	struct hyfw_served *served;
	struct hyfw_answer *answer;
	struct hyfw_failover_keeper *keeper;
	struct hyfw_log log;
	int *socket;     /* to the launcher */
	int signals;
	int64_t kill_at; /* milliseconds of hyfw_now_us(); 0: no stop is under way */
	unsigned kills;  /* how often it was sent SIGKILL */
	bool paused;
	const char *halted; /* why it stands still by itself; NULL */
	const char *lacks;  /* what it has lost; NULL */
	bool ended;
};

/* serve.c */

/* The notes of "create" and "start": what the isolation driver knows it by; for
 * hyfw_pairs_finish(). */
struct hyfw_pairs hyfw_serve_record(const struct hyfw_serve *serve);
int hyfw_serve_pause(struct hyfw_serve *serve, bool paused, struct hyfw_error **err);
void hyfw_serve_resize(const struct hyfw_serve *serve, int rows_and_columns);

/* serve_stdio.c */

/* False when there is no more to come from 'fd'. */
bool hyfw_serve_take_output(struct hyfw_serve *serve, int fd, int stream);
void hyfw_serve_on_output(struct hyfw_serve *serve, int *fd, int stream);
/* Everybody inside is gone; what they wrote is still in the pipes. */
void hyfw_serve_drain(struct hyfw_serve *serve, int *fd, int stream);
/* Where its input goes; -1 when it takes none. */
int hyfw_serve_input_target(const struct hyfw_serve *serve);
/* From 'fd' to what is pending; false at its end. */
bool hyfw_serve_take_input(struct hyfw_serve *serve, int fd);
void hyfw_serve_on_launcher_input(struct hyfw_serve *serve);
void hyfw_serve_pass_input(struct hyfw_serve *serve);
void hyfw_serve_on_launcher_gone(struct hyfw_serve *serve);

#endif
