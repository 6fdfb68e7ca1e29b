/* SPDX-License-Identifier: BSD-3-Clause
 * The client's side of a monitor's control socket (wire.h). */
#ifndef HYFW_ENGINE_ASK_H
#define HYFW_ENGINE_ASK_H

#include "engine/wire.h"

/* One request from beginning to end.  'args' (may be NULL) is taken over.
 * '*ret_result', an object, is for json_object_put(); 'ret_result' may be NULL. */
int hyfw_ask(const char *name, const char *request, struct json_object *args,
	     struct json_object **ret_result, struct hyfw_error **err);

/* In parts, for what takes long or goes on: send as many requests as wanted over a
 * socket of hyfw_wire_connect().  'fds' are not taken over. */
int hyfw_ask_send(int socket, const char *request, struct json_object *args, const int *fds, size_t fd_count,
		  struct hyfw_error **err);

enum hyfw_answer_kind { HYFW_ANSWER_PROGRESS = 1, HYFW_ANSWER_RESULT, HYFW_ANSWER_EXIT };

struct hyfw_heard {
	enum hyfw_answer_kind kind;
	struct json_object *result; /* RESULT; for json_object_put() */
	uint64_t done, total;       /* PROGRESS */
	int status;                 /* EXIT */
};

/* The next answer; an error that was answered is this function's.  -EAGAIN (without
 * '*err') after 'timeout_ms', -EINTR likewise, -ECHILD when the monitor is gone. */
int hyfw_ask_hear(int socket, int timeout_ms, struct hyfw_heard *ret_heard, struct hyfw_error **err);

#endif
