/* SPDX-License-Identifier: BSD-3-Clause
 * resize and check.  qemu-img changes the file itself, in an order that leaves a whole
 * image whenever it is killed; the rest is done by who uses it next (redo.h). */
#include "redo.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <unistd.h>

/* ---- resize ---- */

static int resize_file(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *disk,
		       uint64_t size, struct hyfw_error **err)
{
	const char *bytes = qcow2->host->format(operation->arena, "%" PRIu64, size);
	const char *const grow[] = { "resize", "-q", "-f", disk->format, disk->path, bytes, NULL };
	struct qcow2_work work = QCOW2_NO_WORK;
	int result = qcow2_redo_begin(qcow2, operation, disk, false, &work, err);

	if (result == 0)
		result = qcow2_run(qcow2, operation->arena, NULL, grow, NULL, err);
	if (result == 0 && fsync(disk->fd) < 0)
		result = qcow2->host->fail(err, errno, "disk %s: sync: %s", disk->path, strerror(errno));
	qcow2_redo_end(qcow2, operation, disk, false, result < 0, &work);
	return result;
}

/* What is behind the new end is given up before the size is written. */
static int shrink_file(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct qcow2_disk *disk,
		       uint64_t size, struct hyfw_error **err)
{
	const struct qcow2_redo redo = { .disk = disk->path, .format = disk->format, .shrink = size };
	struct qcow2_work work = QCOW2_NO_WORK;
	int result = qcow2_work_begin(qcow2, operation->arena, &work, err);

	if (result == 0)
		result = qcow2_redo_commit(qcow2, operation, &work, &redo, disk, err);
	qcow2_work_end(&work);
	return result;
}

static int check_resize(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *disk,
			uint64_t size, struct hyfw_error **err)
{
	if (!S_ISREG(disk->st.st_mode))
		return qcow2->host->fail(err, ENOTSUP, "disk %s: a device cannot be resized here", operation->object);
	if (strcmp(disk->format, "qcow2") != 0 && strcmp(disk->format, "raw") != 0)
		return qcow2->host->fail(err, ENOTSUP, "disk %s: format %s cannot be resized; convert it first",
					 operation->object, disk->format);
	if (size >= disk->header.virtual_size || hyfw_map_bool(&operation->args, "shrink", false))
		return 0;
	return qcow2->host->fail(err, EINVAL, "disk %s: %" PRIu64 " bytes are less than the %" PRIu64
				 " that it has, and what is behind them would be lost; --shrink permits it",
				 operation->object, size, disk->header.virtual_size);
}

static int resize_disk(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct qcow2_disk *disk,
		       uint64_t size, struct hyfw_error **err)
{
	int result = check_resize(qcow2, operation, disk, size, err);
	struct qcow2_room room = QCOW2_NO_ROOM;

	if (result == 0 && size > disk->header.virtual_size)
		result = qcow2_room_take(qcow2, operation->arena, disk->path, size - disk->header.virtual_size, &room, err);
	if (result == 0)
		result = size < disk->header.virtual_size ? shrink_file(qcow2, operation, disk, size, err) :
							    resize_file(qcow2, operation, disk, size, err);
	qcow2_room_give_back(&room);
	return result;
}

int qcow2_verb_resize(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		      struct hyfw_error **err)
{
	int64_t size = hyfw_map_int(&operation->args, "size", 0);
	struct qcow2_disk disk;
	int result;

	(void)ret_result;
	if (size <= 0)
		return qcow2->host->fail(err, EINVAL, "disk %s: its new size is missing", operation->object);
	result = qcow2_disk_open(qcow2, operation, operation->object, QCOW2_WRITE, &disk, err);
	if (result < 0)
		return result;
	result = resize_disk(qcow2, operation, &disk, ((uint64_t)size + 511) & ~UINT64_C(511), err);
	qcow2_disk_close(qcow2, &disk);
	return result;
}

/* ---- check ---- */

#define CHECK_CORRUPT 2 /* exit statuses, qemu-img(1) */
#define CHECK_LEAKS 3
#define CHECK_NONE 63

static int take_report(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *text,
		       struct hyfw_map *ret_result, struct hyfw_error **err)
{
	static const struct { const char *from, *to; } keys[] = {
		{ "corruptions", "errors" },         { "leaks", "leaks" },
		{ "corruptions-fixed", "errors_fixed" }, { "leaks-fixed", "leaks_fixed" },
		{ "check-errors", "check_errors" },
	};
	struct json_object *report = json_tokener_parse(text), *value;
	struct qcow2_result out = { 0 };
	size_t i;

	if (!json_object_is_type(report, json_type_object)) {
		json_object_put(report);
		return qcow2->host->fail(err, EPROTO, "disk %s: qemu-img check gave no report", operation->object);
	}
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		qcow2_result_number(qcow2, operation->arena, &out, keys[i].to,
				    json_object_object_get_ex(report, keys[i].from, &value) ?
					    json_object_get_uint64(value) :
					    0);
	json_object_put(report);
	ret_result->items = out.items;
	ret_result->count = out.count;
	return 0;
}

int qcow2_verb_check(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		     struct hyfw_error **err)
{
	bool repair = hyfw_map_bool(&operation->args, "repair", false);
	struct qcow2_disk disk;
	int result = qcow2_disk_open(qcow2, operation, operation->object, repair ? QCOW2_WRITE : QCOW2_READ, &disk, err);
	char *report = NULL;
	int32_t status = 0;

	if (result < 0)
		return result;
	{
		const char *const argv[] = { "check", "--output=json", "-f", disk.format, disk.path, repair ? "-r" : NULL,
					     "all", NULL };

		result = qcow2_run_status(qcow2, operation->arena, operation, argv, &status, &report, err);
	}
	qcow2_disk_close(qcow2, &disk);
	if (result < 0)
		return result;
	if (status == CHECK_NONE)
		return qcow2->host->fail(err, ENOTSUP, "disk %s: format %s cannot be checked", operation->object, disk.format);
	if (status != 0 && status != CHECK_CORRUPT && status != CHECK_LEAKS)
		return qcow2->host->fail(err, EBADMSG, "disk %s: it is too damaged to be checked", operation->object);
	return take_report(qcow2, operation, report, ret_result, err);
}
