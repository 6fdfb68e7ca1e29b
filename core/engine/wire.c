/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "engine/journal_format.h"
#include "engine/store.h"

#define BACKLOG 16
#define DEPTH 8 /* of the JSON */
#define CONNECT_SECONDS 10

_Static_assert(sizeof(((struct hyfw_wire_packet *)0)->fds) == HYFW_WIRE_FDS * sizeof(int), "HYFW_PACKET_NONE");

void hyfw_wire_finish(struct hyfw_wire_packet *packet)
{
	size_t i;

	json_object_put(packet->body);
	packet->body = NULL;
	for (i = 0; i < HYFW_WIRE_FDS; i++) {
		hyfw_cleanup_close(&packet->fds[i]);
		packet->fds[i] = -1;
	}
}

/* ---- the socket ---- */

/* An address has 108 bytes, a path may be longer: it is reached through a descriptor
 * of its directory. */
static int directory_of(const char *name, struct sockaddr_un *ret_address)
{
	HYFW_AUTO_FREE char *path = hyfw_path_runtime(name, NULL);
	const int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sun_family = AF_UNIX;
	snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "/proc/self/fd/%d/control", fd);
	return fd;
}

int hyfw_wire_listen(const char *name, struct hyfw_error **err)
{
	struct sockaddr_un address;
	HYFW_AUTO_CLOSE int directory = directory_of(name, &address);
	HYFW_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (directory < 0 || fd < 0)
		return hyfw_fail_errno(err, errno, "workload %s: control socket", name);
	unlinkat(directory, "control", 0);
	/* The file takes the mode of the socket, unix(7): 0600 from its birth. */
	if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		return hyfw_fail_errno(err, errno, "workload %s: control socket", name);
	return hyfw_steal_fd(&fd);
}

int hyfw_wire_connect(const char *name, struct hyfw_error **err)
{
	const struct timeval limit = { .tv_sec = CONNECT_SECONDS };
	struct sockaddr_un address;
	HYFW_AUTO_CLOSE int directory = directory_of(name, &address);
	HYFW_AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return hyfw_fail_errno(err, errno, "socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (directory < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return hyfw_fail(err, ESRCH, "workload %s is not running", name);
		if (errno == EAGAIN)
			return hyfw_fail(err, ETIMEDOUT, "workload %s: its monitor does not answer", name);
		return hyfw_fail_errno(err, errno, "workload %s: connect to its monitor", name);
	}
	return hyfw_steal_fd(&fd);
}

bool hyfw_wire_trusted(int socket)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);

	return getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

/* ---- packets ---- */

static int wait_for(int socket, short events, int timeout_ms)
{
	struct pollfd wait = { .fd = socket, .events = events };
	const int ready = poll(&wait, 1, timeout_ms);

	return ready < 0 ? -errno : ready == 0 ? -EAGAIN : 0;
}

static void put_fds(struct msghdr *message, void *control, const int *fds, size_t count)
{
	struct cmsghdr *head;

	if (count == 0)
		return;
	message->msg_control = control;
	message->msg_controllen = CMSG_SPACE(count * sizeof(int));
	head = CMSG_FIRSTHDR(message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(head), fds, count * sizeof(int));
}

int hyfw_wire_send(int socket, struct json_object *body, const int *fds, size_t fd_count, int timeout_ms)
{
	size_t length = 0;
	const char *text = json_object_to_json_string_length(body, JSON_C_TO_STRING_PLAIN, &length);
	struct iovec piece = { (char *)text, length };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(HYFW_WIRE_FDS * sizeof(int))];
	} control = { 0 };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1 };
	int result;

	if (length > HYFW_WIRE_LIMIT || fd_count > HYFW_WIRE_FDS)
		return -EMSGSIZE;
	put_fds(&message, control.bytes, fds, fd_count);
	for (;;) {
		if (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		result = wait_for(socket, POLLOUT, timeout_ms);
		if (result < 0 && result != -EINTR)
			return result;
	}
}

static void take_fds(struct msghdr *message, int *fds)
{
	struct cmsghdr *head;
	size_t count = 0;

	for (head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
		size_t i, all = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		for (i = 0; i < all && count < HYFW_WIRE_FDS; i++)
			memcpy(&fds[count++], CMSG_DATA(head) + i * sizeof(int), sizeof(int));
	}
}

static struct json_object *parse(const char *text, size_t length)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH);
	struct json_object *body = NULL;

	if (!tokener)
		return NULL;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	body = json_tokener_parse_ex(tokener, text, (int)length);
	if (json_tokener_get_error(tokener) != json_tokener_success ||
	    !json_object_is_type(body, json_type_object)) {
		json_object_put(body);
		body = NULL;
	}
	json_tokener_free(tokener);
	return body;
}

int hyfw_wire_receive(int socket, struct hyfw_wire_packet *ret_packet, int timeout_ms)
{
	struct hyfw_wire_packet packet = HYFW_PACKET_NONE;
	HYFW_AUTO_FREE char *text = NULL;
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(HYFW_WIRE_FDS * sizeof(int))];
	} control;
	struct iovec piece = { 0 };
	struct msghdr message = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = control.bytes,
				  .msg_controllen = sizeof(control.bytes) };
	ssize_t got;
	int result = wait_for(socket, POLLIN, timeout_ms);

	if (result < 0)
		return result;
	got = recv(socket, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
	if (got <= 0)
		return got == 0 || errno == ECONNRESET ? 0 : -errno;
	if ((size_t)got > HYFW_WIRE_LIMIT)
		return -EBADMSG;
	piece.iov_len = (size_t)got;
	piece.iov_base = text = hyfw_new(piece.iov_len + 1);
	got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (got <= 0)
		return got == 0 || errno == ECONNRESET ? 0 : -errno;
	take_fds(&message, packet.fds);
	if (!(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		packet.body = parse(text, (size_t)got);
	if (!packet.body) {
		hyfw_wire_finish(&packet);
		return -EBADMSG;
	}
	*ret_packet = packet;
	return 1;
}

/* ---- errors ---- */

struct json_object *hyfw_wire_error(const struct hyfw_error *error)
{
	struct json_object *object = json_object_new_object();

	hyfw_json_add_number(object, "errnum", error->errnum);
	hyfw_json_add_number(object, "status", error->status);
	hyfw_json_add_text(object, "message", error->message);
	return object;
}

static int number(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_int(value) : 0;
}

int hyfw_wire_to_error(struct json_object *object, struct hyfw_error **err)
{
	const char *message = hyfw_json_text(object, "message");
	const int errnum = number(object, "errnum"), status = number(object, "status");
	const int result = hyfw_fail(err, errnum, "%s", message ? message : "it failed without saying why");

	if (status > 0 && status < 256)
		hyfw_error_set_status(err, status);
	return result;
}

/* ---- figures: an array in the order of struct hyfw_stats, which only grows ---- */

#define FIRST offsetof(struct hyfw_stats, cpu_ns)
#define FIGURES ((sizeof(struct hyfw_stats) - FIRST) / sizeof(uint64_t))

struct json_object *hyfw_wire_stats(const struct hyfw_stats *stats)
{
	struct json_object *array = json_object_new_array();
	uint64_t figures[FIGURES];
	size_t i;

	memcpy(figures, (const char *)stats + FIRST, sizeof(figures));
	for (i = 0; i < FIGURES; i++)
		json_object_array_add(array, figures[i] == HYFW_STAT_NONE ? NULL
									  : json_object_new_uint64(figures[i]));
	return array;
}

void hyfw_wire_to_stats(struct json_object *array, struct hyfw_stats *stats)
{
	uint64_t figures[FIGURES];
	size_t i;

	if (!json_object_is_type(array, json_type_array))
		return;
	memcpy(figures, (char *)stats + FIRST, sizeof(figures));
	for (i = 0; i < FIGURES && i < json_object_array_length(array); i++) {
		struct json_object *value = json_object_array_get_idx(array, i);

		if (figures[i] == HYFW_STAT_NONE && json_object_is_type(value, json_type_int))
			figures[i] = json_object_get_uint64(value);
	}
	memcpy((char *)stats + FIRST, figures, sizeof(figures));
}

/* ---- maps ---- */

struct json_object *hyfw_wire_map(const struct hyfw_map *map)
{
	return hyfw_map_to_json(map);
}

int hyfw_wire_to_map(struct json_object *array, struct hyfw_arena *arena, struct hyfw_map *ret_map)
{
	struct hyfw_pairs pairs = { 0 };
	struct hyfw_pair *items = NULL;
	size_t i;

	if (hyfw_map_from_json(array, &pairs) < 0) {
		hyfw_pairs_finish(&pairs);
		return -EBADMSG;
	}
	if (pairs.count > 0)
		items = hyfw_arena_alloc(arena, pairs.count * sizeof(*items));
	for (i = 0; i < pairs.count; i++) {
		items[i].key = hyfw_arena_dup(arena, pairs.items[i].key);
		items[i].value = hyfw_arena_dup(arena, pairs.items[i].value);
	}
	ret_map->count = pairs.count;
	ret_map->items = items;
	hyfw_pairs_finish(&pairs);
	return 0;
}
