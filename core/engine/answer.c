/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/answer.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "engine/operation.h"
#include "engine/serve_parts.h"

#define SEND_MS 1000 /* who does not take an answer in this time is not there */

enum { LISTENER, WORK, CLIENTS }; /* places among the polled */

static const struct hyfw_client nobody = { .socket = -1, .input = -1, .output = { -1, -1 } };

int hyfw_answer_open(struct hyfw_answer *answer, const char *name, struct hyfw_error **err)
{
	size_t i;

	answer->work = NULL;
	for (i = 0; i < HYFW_CLIENTS; i++)
		answer->clients[i] = nobody;
	answer->listener = hyfw_wire_listen(name, err);
	return answer->listener < 0 ? answer->listener : 0;
}

/* ---- leaving ---- */

static void forget_client(struct hyfw_answer *answer, struct hyfw_client *client)
{
	if (answer->work)
		hyfw_work_orphan(answer->work, client);
	hyfw_cleanup_close(&client->socket);
	hyfw_cleanup_close(&client->input);
	hyfw_cleanup_close(&client->output[0]);
	hyfw_cleanup_close(&client->output[1]);
	*client = nobody;
	malloc_trim(0); /* a monitor is to stay small */
}

static void tell_end(struct hyfw_client *client, int status)
{
	struct json_object *body = json_object_new_object();

	hyfw_json_add_number(body, "exit", status);
	hyfw_wire_send(client->socket, body, NULL, 0, SEND_MS);
	json_object_put(body);
}

void hyfw_answer_close(struct hyfw_answer *answer, int status)
{
	size_t i;

	if (answer->listener < 0)
		return;
	hyfw_cleanup_close(&answer->listener);
	answer->listener = -1;
	if (answer->work)
		hyfw_work_finish(answer);
	for (i = 0; i < HYFW_CLIENTS; i++) {
		struct hyfw_client *client = &answer->clients[i];

		if (client->socket < 0)
			continue;
		if (client->attached)
			tell_end(client, status);
		forget_client(answer, client);
	}
}

/* ---- requests ---- */

void hyfw_answer_send(struct hyfw_client *client, struct json_object *result, const struct hyfw_error *error)
{
	struct json_object *body = json_object_new_object();

	if (error)
		json_object_object_add(body, "error", hyfw_wire_error(error));
	else
		json_object_object_add(body, "result", json_object_get(result));
	if (hyfw_wire_send(client->socket, body, NULL, 0, SEND_MS) == -EMSGSIZE) {
		const struct hyfw_error too_long = { EMSGSIZE, 125, (char *)"the answer is too long" };

		json_object_object_del(body, "result");
		json_object_object_add(body, "error", hyfw_wire_error(&too_long));
		hyfw_wire_send(client->socket, body, NULL, 0, SEND_MS);
	}
	json_object_put(body);
	json_object_put(result);
}

static void on_request(struct hyfw_serve *serve, struct hyfw_client *client)
{
	HYFW_AUTO_PACKET struct hyfw_wire_packet packet = HYFW_PACKET_NONE;
	HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;
	struct hyfw_question question = { .serve = serve, .client = client, .fds = packet.fds };
	const int got = hyfw_wire_receive(client->socket, &packet, 0);
	const char *request;

	if (got == -EAGAIN || got == -EINTR)
		return;
	request = got > 0 ? hyfw_json_text(packet.body, "request") : NULL;
	if (!request) { /* gone, or nobody who speaks with us */
		forget_client(serve->answer, client);
		return;
	}
	json_object_object_get_ex(packet.body, "args", &question.args);
	question.result = json_object_new_object();
	hyfw_request(&question, request, &failure);
	if (question.later)
		json_object_put(question.result);
	else
		hyfw_answer_send(client, question.result, failure);
}

static void on_connection(struct hyfw_answer *answer)
{
	HYFW_AUTO_CLOSE int fd = accept4(answer->listener, NULL, NULL, SOCK_CLOEXEC);
	size_t i;

	if (fd < 0 || !hyfw_wire_trusted(fd))
		return;
	for (i = 0; i < HYFW_CLIENTS; i++) {
		if (answer->clients[i].socket >= 0)
			continue;
		answer->clients[i] = nobody;
		answer->clients[i].socket = hyfw_steal_fd(&fd);
		return;
	}
}

/* ---- the loop ---- */

static bool has_room(const struct hyfw_answer *answer)
{
	size_t i;

	for (i = 0; i < HYFW_CLIENTS; i++)
		if (answer->clients[i].socket < 0)
			return true;
	return false;
}

static void want(struct pollfd *polled, int fd)
{
	polled->fd = fd;
	polled->events = POLLIN;
	polled->revents = 0;
}

void hyfw_answer_fill(const struct hyfw_answer *answer, struct pollfd *fds, bool input)
{
	size_t i;

	/* With no place left the next ones wait for their turn. */
	want(&fds[LISTENER], has_room(answer) ? answer->listener : -1);
	want(&fds[WORK], answer->work ? hyfw_work_news(answer->work) : -1);
	for (i = 0; i < HYFW_CLIENTS; i++) {
		want(&fds[CLIENTS + 2 * i], answer->clients[i].socket);
		want(&fds[CLIENTS + 2 * i + 1], input ? answer->clients[i].input : -1);
	}
}

void hyfw_answer_dispatch(struct hyfw_serve *serve, const struct pollfd *fds)
{
	struct hyfw_answer *answer = serve->answer;
	size_t i;

	if (fds[WORK].revents)
		hyfw_work_on_news(answer);
	for (i = 0; i < HYFW_CLIENTS; i++) {
		struct hyfw_client *client = &answer->clients[i];

		if (fds[CLIENTS + 2 * i + 1].revents && !hyfw_serve_take_input(serve, client->input)) {
			hyfw_cleanup_close(&client->input);
			client->input = -1;
		}
		if (fds[CLIENTS + 2 * i].revents)
			on_request(serve, client);
	}
	if (fds[LISTENER].revents)
		on_connection(answer);
}

/* ---- those who are attached ---- */

void hyfw_answer_output(struct hyfw_answer *answer, int stream, const char *data, size_t size)
{
	size_t i;

	for (i = 0; i < HYFW_CLIENTS; i++) {
		int *const fd = &answer->clients[i].output[stream == 2];
		size_t at = 0;
		ssize_t put = 0;

		while (*fd >= 0 && at < size && (put = write(*fd, data + at, size - at)) > 0)
			at += (size_t)put;
		if (put < 0 && errno == EPIPE) {
			close(*fd);
			*fd = -1;
		}
	}
}
