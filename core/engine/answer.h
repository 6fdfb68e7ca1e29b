/* SPDX-License-Identifier: BSD-3-Clause
 * The monitor's side of its control socket (wire.h): connections, and who of them is
 * attached to the workload's output and input.  What the requests mean is in
 * requests.c, the operation that runs beside everything else in operation.c. */
#ifndef HYFW_ENGINE_ANSWER_H
#define HYFW_ENGINE_ANSWER_H

#include <poll.h>
#include <stdbool.h>

#include "base/error.h"
#include "engine/wire.h"

struct hyfw_serve;
struct hyfw_work;

#define HYFW_CLIENTS 8u
#define HYFW_ANSWER_POLLED (2u + 2u * HYFW_CLIENTS)

struct hyfw_client {
	int socket;       /* -1: nobody */
	bool attached;
	int input;        /* what it types; -1 when it does not */
	int output[2];    /* for stdout and stderr of the workload */
};

struct hyfw_answer {
	int listener;     /* -1: the workload does not run */
	struct hyfw_client clients[HYFW_CLIENTS];
	struct hyfw_work *work; /* the operation under way; NULL */
};

/* From before the first step of a run, so that who sees it run is not refused, to its
 * end.  'status' is told to those who are attached; an operation under way is waited for. */
int hyfw_answer_open(struct hyfw_answer *answer, const char *name, struct hyfw_error **err);
void hyfw_answer_close(struct hyfw_answer *answer, int status);

/* For the poll loop: HYFW_ANSWER_POLLED entries.  'input': more input is wanted. */
void hyfw_answer_fill(const struct hyfw_answer *answer, struct pollfd *fds, bool input);
void hyfw_answer_dispatch(struct hyfw_serve *serve, const struct pollfd *fds);

/* Output of the workload for those who are attached.  They never hold it up: what one
 * of them does not take in time is lost to it, the log has it. */
void hyfw_answer_output(struct hyfw_answer *answer, int stream, const char *data, size_t size);

/* ---- for requests.c and operation.c ---- */

struct hyfw_question {
	struct hyfw_serve *serve;
	struct hyfw_client *client;
	struct json_object *args;
	int *fds;                   /* HYFW_WIRE_FDS; put -1 where one is kept */
	struct json_object *result; /* empty; to be filled */
	bool later;                 /* the answer comes another time */
};

/* 0, or an error that is answered.  An unknown request is -ENOTSUP. */
int hyfw_request(struct hyfw_question *question, const char *request, struct hyfw_error **err);

/* 'result' is taken over; with 'error' it is not looked at. */
void hyfw_answer_send(struct hyfw_client *client, struct json_object *result, const struct hyfw_error *error);

#endif
