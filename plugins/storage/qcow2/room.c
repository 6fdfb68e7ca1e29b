/* SPDX-License-Identifier: BSD-3-Clause
 * Room in a pool for disks that grow.  What a disk is going to take is promised before
 * anything changes, as target.c does for new disks: a directory of the pool that says how
 * much, and counts while this process is there. */
#include "qcow2.h"

#include <errno.h>
#include <unistd.h>

#include "../common/tree.h"

/* The pool whose size bounds the file 'path'; NULL for none.  Root disks are of the
 * default one. */
static const struct qcow2_pool *pool_paying(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path)
{
	if (qcow2_is_below(path, qcow2->host->format(arena, "%s/roots", qcow2_data(qcow2))))
		return &qcow2->pools[0];
	return qcow2_pool_of(qcow2, arena, path);
}

int qcow2_room_take(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path, uint64_t bytes,
		    struct qcow2_room *ret_room, struct hyfw_error **err)
{
	const struct qcow2_pool *pool = pool_paying(qcow2, arena, path);
	struct qcow2_room room = QCOW2_NO_ROOM;
	int lock, result = 0;

	*ret_room = room;
	if (!pool || pool->size == 0)
		return 0;
	room.directory = qcow2_pool_open(qcow2, pool, true, err);
	if (room.directory < 0)
		return room.directory;
	storage_sweep(qcow2->host, room.directory);
	lock = qcow2_pool_reserve(qcow2, pool, bytes, err);
	if (lock >= 0)
		room.lock = storage_temporary_make(qcow2->host, room.directory, room.name, err);
	if (lock < 0 || room.lock < 0)
		result = lock < 0 ? lock : room.lock;
	else
		result = qcow2_pool_promise(qcow2, room.lock, bytes, err);
	if (lock >= 0)
		close(lock);
	if (result < 0)
		qcow2_room_give_back(&room);
	else
		*ret_room = room;
	return result;
}

void qcow2_room_give_back(struct qcow2_room *room)
{
	if (room->lock >= 0) {
		storage_tree_remove(room->directory, room->name);
		close(room->lock);
	}
	if (room->directory >= 0)
		close(room->directory);
	*room = QCOW2_NO_ROOM;
}

int qcow2_room_for_snapshot(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_disk *disk,
			    uint64_t memory, struct qcow2_room *ret_room, struct hyfw_error **err)
{
	uint64_t held = disk->header.snapshots ? 0 : (uint64_t)disk->st.st_blocks * 512; /* else counted already */

	return qcow2_room_take(qcow2, arena, disk->path, held + memory, ret_room, err);
}

/* ---- verbs ---- */

static int keep(struct qcow2 *qcow2, const struct qcow2_room *room, struct hyfw_error **err)
{
	struct qcow2_room *rooms = reallocarray(qcow2->rooms, qcow2->room_count + 1, sizeof(*rooms));

	if (!rooms)
		return qcow2->host->fail(err, ENOMEM, "out of memory");
	qcow2->rooms = rooms;
	qcow2->rooms[qcow2->room_count++] = *room;
	return 0;
}

/* A running machine's disk is only looked at. */
int qcow2_verb_reserve(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		       struct hyfw_error **err)
{
	uint64_t memory = (uint64_t)hyfw_map_int(&operation->args, "memory", 0);
	bool overlay = hyfw_map_bool(&operation->args, "overlay", false);
	struct qcow2_room room = QCOW2_NO_ROOM;
	struct qcow2_disk disk;
	int result = qcow2_disk_open(qcow2, operation, operation->object, QCOW2_LOOK, &disk, err);

	(void)ret_result;
	if (result < 0)
		return result;
	result = overlay ? qcow2_room_take(qcow2, operation->arena, disk.path, disk.header.virtual_size + memory, &room,
					   err) :
			   qcow2_room_for_snapshot(qcow2, operation->arena, &disk, memory, &room, err);
	qcow2_disk_close(qcow2, &disk);
	if (result == 0 && room.lock >= 0)
		result = keep(qcow2, &room, err);
	if (result < 0)
		qcow2_room_give_back(&room);
	return result;
}

int qcow2_verb_release(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		       struct hyfw_error **err)
{
	(void)operation;
	(void)ret_result;
	(void)err;
	qcow2_rooms_free(qcow2);
	return 0;
}

void qcow2_rooms_free(struct qcow2 *qcow2)
{
	while (qcow2->room_count > 0)
		qcow2_room_give_back(&qcow2->rooms[--qcow2->room_count]);
	free(qcow2->rooms);
	qcow2->rooms = NULL;
}
