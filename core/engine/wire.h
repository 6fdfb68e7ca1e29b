/* SPDX-License-Identifier: BSD-3-Clause
 * The control socket of a monitor: RUNTIME/workloads/NAME/control, SOCK_SEQPACKET,
 * for root and the user that it belongs to alone.  Each packet is one JSON object,
 * some with descriptors (SCM_RIGHTS, unix(7)).
 *
 *     {"request": WORD, "args": {...}}       client; the words stand in requests.c
 *     {"progress": [DONE, TOTAL]}            monitor, any number of times
 *     {"result": {...}}                      monitor: the request's end, or
 *     {"error": {"errnum", "status", "message"}}
 *     {"exit": STATUS}                       monitor, to those who are attached
 *
 * Any number of requests may follow each other on one connection; its end cancels
 * what it asked for. */
#ifndef HYFW_ENGINE_WIRE_H
#define HYFW_ENGINE_WIRE_H

#include <hyfw/workload.h>
#include <json-c/json.h>

#include "base/alloc.h"
#include "base/error.h"

#define HYFW_WIRE_LIMIT (128u << 10) /* bytes of a packet */
#define HYFW_WIRE_FDS 4u

struct hyfw_wire_packet {
	struct json_object *body;
	int fds[HYFW_WIRE_FDS]; /* -1 where there is none; a receiver that keeps one puts -1 here */
};
void hyfw_wire_finish(struct hyfw_wire_packet *packet);

/* The socket of workload 'name': to be listened on, or connected to (-ESRCH when
 * nobody listens). */
int hyfw_wire_listen(const char *name, struct hyfw_error **err);
int hyfw_wire_connect(const char *name, struct hyfw_error **err);

/* Only root and our own user are let in. */
bool hyfw_wire_trusted(int socket);

/* Neither takes 'body' or descriptors over.  Waits at most 'timeout_ms' for room;
 * negative errno without a text. */
int hyfw_wire_send(int socket, struct json_object *body, const int *fds, size_t fd_count, int timeout_ms);

/* 1, 0 when the other end is gone, -EAGAIN after 'timeout_ms' (-1: none), -EINTR,
 * -EBADMSG for what is no packet of ours. */
int hyfw_wire_receive(int socket, struct hyfw_wire_packet *ret_packet, int timeout_ms);

/* Parts of bodies. */
struct json_object *hyfw_wire_error(const struct hyfw_error *error);
int hyfw_wire_to_error(struct json_object *object, struct hyfw_error **err); /* its negative errno */
struct json_object *hyfw_wire_stats(const struct hyfw_stats *stats);
void hyfw_wire_to_stats(struct json_object *array, struct hyfw_stats *stats); /* members not known yet */
struct json_object *hyfw_wire_map(const struct hyfw_map *map);
/* In 'arena'; -EBADMSG. */
int hyfw_wire_to_map(struct json_object *array, struct hyfw_arena *arena, struct hyfw_map *ret_map);

static inline void hyfw_cleanup_packet(struct hyfw_wire_packet *packet)
{
	hyfw_wire_finish(packet);
}
#define HYFW_AUTO_PACKET __attribute__((cleanup(hyfw_cleanup_packet)))
#define HYFW_PACKET_NONE { .fds = { -1, -1, -1, -1 } }

#endif
