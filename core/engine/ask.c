/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/ask.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/json.h"

/* Of a request that does not take long; a hypervisor may be slow to stand still. */
#define ANSWER_MS 30000

int hyfw_ask_send(int socket, const char *request, struct json_object *args, const int *fds, size_t fd_count,
		  struct hyfw_error **err)
{
	struct json_object *body = json_object_new_object();
	int result;

	hyfw_json_add_text(body, "request", request);
	json_object_object_add(body, "args", args ? args : json_object_new_object());
	result = hyfw_wire_send(socket, body, fds, fd_count, ANSWER_MS);
	json_object_put(body);
	return result < 0 ? hyfw_fail_errno(err, -result, "ask its monitor") : 0;
}

static uint64_t figure(struct json_object *array, size_t index)
{
	return json_object_get_uint64(json_object_array_get_idx(array, index));
}

static int understand(struct json_object *body, struct hyfw_heard *ret_heard, struct hyfw_error **err)
{
	struct json_object *value;

	if (json_object_object_get_ex(body, "error", &value))
		return hyfw_wire_to_error(value, err);
	if (json_object_object_get_ex(body, "result", &value)) {
		ret_heard->kind = HYFW_ANSWER_RESULT;
		ret_heard->result = json_object_get(value);
	} else if (json_object_object_get_ex(body, "exit", &value)) {
		ret_heard->kind = HYFW_ANSWER_EXIT;
		ret_heard->status = json_object_get_int(value);
	} else if (json_object_object_get_ex(body, "progress", &value) &&
		   json_object_is_type(value, json_type_array) && json_object_array_length(value) == 2) {
		ret_heard->kind = HYFW_ANSWER_PROGRESS;
		ret_heard->done = figure(value, 0);
		ret_heard->total = figure(value, 1);
	} else {
		return hyfw_fail(err, EBADMSG, "its monitor answers in an unknown way");
	}
	return 0;
}

int hyfw_ask_hear(int socket, int timeout_ms, struct hyfw_heard *ret_heard, struct hyfw_error **err)
{
	HYFW_AUTO_PACKET struct hyfw_wire_packet packet = HYFW_PACKET_NONE;
	const int got = hyfw_wire_receive(socket, &packet, timeout_ms);

	*ret_heard = (struct hyfw_heard){ 0 };
	if (got == -EAGAIN || got == -EINTR)
		return got;
	if (got == 0)
		return hyfw_fail(err, ECHILD, "its monitor is gone");
	if (got < 0)
		return hyfw_fail_errno(err, -got, "hear from its monitor");
	return understand(packet.body, ret_heard, err);
}

int hyfw_ask(const char *name, const char *request, struct json_object *args,
	     struct json_object **ret_result, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int socket = hyfw_wire_connect(name, err);
	struct hyfw_heard heard;
	int result;

	if (socket < 0) {
		json_object_put(args);
		return socket;
	}
	result = hyfw_ask_send(socket, request, args, NULL, 0, err);
	while (result == 0) {
		result = hyfw_ask_hear(socket, ANSWER_MS, &heard, err);
		if (result == -EINTR)
			result = 0;
		else if (result == 0 && heard.kind == HYFW_ANSWER_RESULT)
			break;
	}
	if (result == -EAGAIN && (!err || !*err))
		hyfw_fail(err, ETIMEDOUT, "its monitor does not answer");
	if (result < 0)
		return err && *err ? hyfw_wrap(err, "workload %s", name) : result;
	if (ret_result)
		*ret_result = heard.result;
	else
		json_object_put(heard.result);
	return 0;
}
