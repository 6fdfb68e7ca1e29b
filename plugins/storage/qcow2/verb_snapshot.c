/* SPDX-License-Identifier: BSD-3-Clause
 * Snapshots inside of a qcow2 image, of disks that nobody uses. */
#include "redo.h"

#include <errno.h>
#include <json-c/json.h>
#include <unistd.h>

#define NAME_LONGEST 128

static int open_disk(struct qcow2 *qcow2, const struct hyfw_operation *operation, enum qcow2_access access,
		     struct qcow2_disk *ret_disk, struct hyfw_error **err)
{
	int result = qcow2_disk_open(qcow2, operation, operation->object, access, ret_disk, err);

	if (result < 0 || strcmp(ret_disk->format, "qcow2") == 0)
		return result;
	result = qcow2->host->fail(err, ENOTSUP, "disk %s: format %s has no snapshots", operation->object,
				   ret_disk->format);
	qcow2_disk_close(qcow2, ret_disk);
	return result;
}

/* ---- what there is ---- */

/* The snapshots of 'disk' as an array, in 'ret_info' (json_object_put()); NULL for none. */
static int read_snapshots(struct qcow2 *qcow2, const struct hyfw_operation *operation,
			  const struct qcow2_disk *disk, struct json_object **ret_info,
			  struct json_object **ret_list, struct hyfw_error **err)
{
	const char *const argv[] = { "info", "--output=json", "-f", "qcow2", disk->path, NULL };
	struct json_object *list = NULL;
	char *text = NULL;
	int result = qcow2_run(qcow2, operation->arena, operation, argv, &text, err);

	if (result < 0)
		return result;
	*ret_info = json_tokener_parse(text);
	if (!json_object_is_type(*ret_info, json_type_object))
		result = qcow2->host->fail(err, EPROTO, "disk %s: qemu-img info gave no report", operation->object);
	else if (json_object_object_get_ex(*ret_info, "snapshots", &list) && !json_object_is_type(list, json_type_array))
		list = NULL;
	if (result < 0)
		json_object_put(*ret_info);
	else
		*ret_list = list;
	return result;
}

static const char *text_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_string(value) : "";
}

static uint64_t number_of(struct json_object *object, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(object, key, &value) ? json_object_get_uint64(value) : 0;
}

int qcow2_verb_snapshot_list(struct qcow2 *qcow2, const struct hyfw_operation *operation,
			     struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct json_object *info = NULL, *list = NULL;
	struct qcow2_result out = { 0 };
	struct qcow2_disk disk;
	int result = open_disk(qcow2, operation, QCOW2_READ, &disk, err);
	size_t i;

	if (result < 0)
		return result;
	result = read_snapshots(qcow2, operation, &disk, &info, &list, err);
	qcow2_disk_close(qcow2, &disk);
	if (result < 0)
		return result;
	for (i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		qcow2_result_text(qcow2, operation->arena, &out, "row", text_of(item, "name"));
		qcow2_result_text(qcow2, operation->arena, &out, "name", text_of(item, "name"));
		qcow2_result_number(qcow2, operation->arena, &out, "created", number_of(item, "date-sec"));
		qcow2_result_number(qcow2, operation->arena, &out, "bytes", number_of(item, "vm-state-size"));
	}
	json_object_put(info);
	ret_result->items = out.items;
	ret_result->count = out.count;
	return 0;
}

/* How many snapshots are called 'name', or have it for an id, which qemu-img takes as well. */
static int count_named(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct qcow2_disk *disk,
		       const char *name, struct hyfw_error **err)
{
	struct json_object *info = NULL, *list = NULL;
	int result = read_snapshots(qcow2, operation, disk, &info, &list, err);
	size_t i;

	if (result < 0)
		return result;
	for (i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *item = json_object_array_get_idx(list, i);

		result += strcmp(text_of(item, "name"), name) == 0 || strcmp(text_of(item, "id"), name) == 0;
	}
	json_object_put(info);
	return result;
}

/* ---- changes ---- */

static int check_name(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char **ret_name,
		      struct hyfw_error **err)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const char *name = hyfw_map_get(&operation->args, "name");
	size_t length = name ? strspn(name, allowed) : 0;

	*ret_name = name;
	if (length > 0 && length <= NAME_LONGEST && name[length] == '\0' && name[0] != '-' &&
	    name[strspn(name, "0123456789")] != '\0')
		return 0;
	return qcow2->host->fail(err, EINVAL,
				 "snapshot '%.200s': a name is made of letters, digits, . _ and -, and is no number",
				 name ? name : "");
}

static int change(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *flag, bool wanted,
		  struct hyfw_error **err)
{
	struct qcow2_room room = QCOW2_NO_ROOM;
	struct qcow2_work work = QCOW2_NO_WORK;
	struct qcow2_disk disk;
	const char *name;
	int result = check_name(qcow2, operation, &name, err), found;

	if (result == 0)
		result = open_disk(qcow2, operation, QCOW2_WRITE, &disk, err);
	if (result < 0)
		return result;
	found = count_named(qcow2, operation, &disk, name, err);
	if (found < 0) {
		result = found;
	} else if (found == 0 && wanted) {
		result = qcow2->host->fail(err, ENOENT, "disk %s: it has no snapshot %s", operation->object, name);
	} else if (found > 0 && !wanted) {
		result = qcow2->host->fail(err, EEXIST, "disk %s: it has a snapshot %s already", operation->object, name);
	} else if (found > 1) {
		result = qcow2->host->fail(err, EINVAL, "disk %s: it has several snapshots %s", operation->object, name);
	} else {
		const char *const argv[] = { "snapshot", "-q", flag, name, disk.path, NULL };

		if (!wanted)
			result = qcow2_room_for_snapshot(qcow2, operation->arena, &disk, 0, &room, err);
		if (result == 0)
			result = qcow2_redo_begin(qcow2, operation, &disk, false, &work, err);
		if (result == 0)
			result = qcow2_run(qcow2, operation->arena, operation, argv, NULL, err);
		if (result == 0 && fsync(disk.fd) < 0)
			result = qcow2->host->fail(err, errno, "disk %s: sync: %s", disk.path, strerror(errno));
	}
	qcow2_redo_end(qcow2, operation, &disk, false, result < 0, &work);
	qcow2_room_give_back(&room);
	qcow2_disk_close(qcow2, &disk);
	return result;
}

int qcow2_verb_snapshot_create(struct qcow2 *qcow2, const struct hyfw_operation *operation,
			       struct hyfw_map *ret_result, struct hyfw_error **err)
{
	(void)ret_result;
	return change(qcow2, operation, "-c", false, err);
}

int qcow2_verb_snapshot_revert(struct qcow2 *qcow2, const struct hyfw_operation *operation,
			       struct hyfw_map *ret_result, struct hyfw_error **err)
{
	(void)ret_result;
	return change(qcow2, operation, "-a", true, err);
}

int qcow2_verb_snapshot_delete(struct qcow2 *qcow2, const struct hyfw_operation *operation,
			       struct hyfw_map *ret_result, struct hyfw_error **err)
{
	(void)ret_result;
	return change(qcow2, operation, "-d", true, err);
}
