/* SPDX-License-Identifier: BSD-3-Clause
 * A disk is never opened for writing while anything can still go wrong: all is done
 * to an overlay in a directory of its own, which is committed into the disk at the end,
 * or thrown away.  Reading goes through an overlay too, so that not even the journal of a
 * file system is replayed on the disk. */
#include "guestfs_disk.h"

#include <errno.h>
#include <json-c/json.h>
#include <sys/stat.h>

/* The name of the disk that takes no locks: "json:{...}" for QEMU's block layer. */
static char *unlocked_name(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_disk *disk)
{
	struct json_object *object = json_object_new_object(), *file = json_object_new_object();
	char *name;

	json_object_object_add(object, "driver", json_object_new_string(disk->format));
	json_object_object_add(object, "force-share", json_object_new_boolean(1));
	json_object_object_add(file, "driver", json_object_new_string(S_ISBLK(disk->st.st_mode) ? "host_device" : "file"));
	json_object_object_add(file, "filename", json_object_new_string(disk->path));
	json_object_object_add(object, "file", file);
	name = qcow2->host->format(arena, "json:%s", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	json_object_put(object);
	return name;
}

static int make_overlay(struct qcow2 *qcow2, const struct hyfw_operation *operation, bool live,
			struct gf_change *change, struct hyfw_error **err)
{
	const char *backing = live ? unlocked_name(qcow2, operation->arena, &change->disk) : change->disk.path;
	const char *const argv[] = { "qemu-img", "create", "-q", "-f", "qcow2", "-F", change->disk.format,
				     "-b", backing, change->overlay, NULL };
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv };

	return qcow2->host->run(operation->arena, &program, NULL, err);
}

int gf_change_begin(struct qcow2 *qcow2, const struct hyfw_operation *operation, enum qcow2_access access,
		    struct gf_change *ret_change, struct hyfw_error **err)
{
	const bool live = access == QCOW2_READ && hyfw_map_bool(&operation->args, "live", false);
	int result;

	*ret_change = (struct gf_change){ .disk.fd = -1, .work = QCOW2_NO_WORK };
	result = qcow2_disk_open(qcow2, operation, operation->object, live ? QCOW2_LOOK : access, &ret_change->disk,
				 err);
	if (result < 0)
		return result;
	result = qcow2_work_begin(qcow2, operation->arena, &ret_change->work, err);
	if (result == 0) {
		ret_change->overlay = qcow2->host->format(operation->arena, "%s/overlay.qcow2", ret_change->work.path);
		result = make_overlay(qcow2, operation, live, ret_change, err);
	}
	if (result < 0)
		gf_change_end(qcow2, ret_change);
	return result;
}

struct gf_disk gf_change_disk(const struct gf_change *change)
{
	return (struct gf_disk){ .path = change->overlay, .format = "qcow2" };
}

int gf_change_commit(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct gf_change *change,
		     struct hyfw_error **err)
{
	const struct qcow2_redo redo = { .disk = change->disk.path, .format = change->disk.format, .overlay = change->overlay,
					 .shrink = change->shrink };
	int result = qcow2_disk_unchanged(qcow2, &change->disk, err);

	return result < 0 ? result : qcow2_redo_commit(qcow2, operation, &change->work, &redo, &change->disk, err);
}

void gf_change_end(struct qcow2 *qcow2, struct gf_change *change)
{
	qcow2_work_end(&change->work);
	qcow2_disk_close(qcow2, &change->disk);
}

int gf_on_disk(struct qcow2 *qcow2, const struct hyfw_operation *operation, enum qcow2_access access,
	       struct gf_job *job, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct hyfw_map reported = { 0 };
	struct gf_change change;
	int result = gf_change_begin(qcow2, operation, access, &change, err);

	if (result < 0)
		return result;
	job->disks[0] = gf_change_disk(&change);
	if (job->disk_count == 0)
		job->disk_count = 1;
	job->work = change.work.path;
	result = gf_run(qcow2, operation, job, &reported, err);
	if (result == 0 && access == QCOW2_WRITE)
		result = gf_change_commit(qcow2, operation, &change, err);
	gf_change_end(qcow2, &change);
	if (result == 0)
		*ret_result = reported;
	return result;
}
