/* SPDX-License-Identifier: BSD-3-Clause
 * A disk and the file system in it get another size together.  Growing: the
 * overlay is larger than the disk, and so is the disk once it is committed.  Shrinking:
 * first the file system, then the partition, and when both are committed the disk. */
#include "guestfs_disk.h"

#include <errno.h>
#include <stdio.h>

#include "guestfs_api.h"

#define DISK "/dev/sda"
#define SECTOR 512
#define GPT_TAIL 34 /* sectors at the end that the second partition table takes; the last usable is before */
#define ALIGN 2048  /* sectors; a file system ends at whole MiB when it shrinks */

struct resize {
	int64_t bytes;
	int64_t partition; /* 0: the last */
	bool shrink;
};

static int grow_mounted(struct gf_worker *worker, const char *device, const char *type)
{
	const struct guestfs_api *api = worker->api;
	int result;

	if (api->mount(worker->g, device, "/") < 0)
		return gf_guestfs_failed(worker, device);
	result = strcmp(type, "xfs") == 0 ? api->xfs_growfs(worker->g, "/", GUESTFS_XFS_GROWFS_DATASEC, 1, -1)
					  : api->btrfs_filesystem_resize(worker->g, "/", -1);
	if (result < 0)
		return gf_guestfs_failed(worker, device);
	return api->umount_all(worker->g) < 0 ? gf_guestfs_failed(worker, device) : 0;
}

/* To 'bytes', 0 for all of its device. */
static int resize_ext(struct gf_worker *worker, const char *device, int64_t bytes)
{
	const struct guestfs_api *api = worker->api;

	if (api->e2fsck(worker->g, device, GUESTFS_E2FSCK_CORRECT, 1, GUESTFS_E2FSCK_FORCEALL, 0, -1) < 0)
		return gf_guestfs_failed(worker, device);
	if ((bytes ? api->resize2fs_size(worker->g, device, bytes) : api->resize2fs(worker->g, device)) < 0)
		return gf_guestfs_failed(worker, device);
	return 0;
}

static int resize_filesystem(struct gf_worker *worker, const char *device, int64_t bytes);

/* The one volume on it takes what came free. */
static int resize_lvm(struct gf_worker *worker, const char *device)
{
	char **volumes;
	int result = 0;

	if (worker->api->pvresize(worker->g, device) < 0)
		return gf_guestfs_failed(worker, device);
	volumes = worker->api->lvs(worker->g);
	if (!volumes)
		return gf_guestfs_failed(worker, device);
	if (volumes[0] && volumes[1])
		result = gf_fail(worker, ENOTSUP, "several LVM volumes in it: their sizes are to be set inside");
	else if (volumes[0] && worker->api->lvresize_free(worker->g, volumes[0], 100) < 0)
		result = gf_guestfs_failed(worker, volumes[0]);
	else if (volumes[0])
		result = resize_filesystem(worker, volumes[0], 0);
	gf_free_list(volumes);
	return result;
}

static int resize_filesystem(struct gf_worker *worker, const char *device, int64_t bytes)
{
	char *type = worker->api->vfs_type(worker->g, device);
	int result;

	if (!type)
		return gf_guestfs_failed(worker, device);
	if (strncmp(type, "ext", 3) == 0)
		result = resize_ext(worker, device, bytes);
	else if (bytes)
		result = gf_fail(worker, ENOTSUP, "a file system of type %s cannot be made smaller; only ext2, ext3, ext4", type);
	else if (strcmp(type, "xfs") == 0 || strcmp(type, "btrfs") == 0)
		result = grow_mounted(worker, device, type);
	else if (strcmp(type, "ntfs") == 0)
		result = worker->api->ntfsresize_opts(worker->g, device, GUESTFS_NTFSRESIZE_OPTS_FORCE, 1, -1) < 0
				 ? gf_guestfs_failed(worker, device) : 0;
	else if (strcmp(type, "LVM2_member") == 0)
		result = resize_lvm(worker, device);
	else
		result = gf_fail(worker, ENOTSUP, "a file system of type '%s' cannot change its size", type);
	free(type);
	return result;
}

/* The wanted partition, which must be the last on the disk. */
static int find_partition(struct gf_worker *worker, const struct guestfs_partition_list *list, int64_t wanted,
			  struct guestfs_partition *ret_partition)
{
	const struct guestfs_partition *last = &list->val[0];
	uint32_t i;

	for (i = 1; i < list->len; i++)
		if (list->val[i].part_start > last->part_start)
			last = &list->val[i];
	if (wanted && wanted != last->part_num)
		return gf_fail(worker, EINVAL, "partition %lld is not the last on the disk, that is %d",
			       (long long)wanted, last->part_num);
	*ret_partition = *last;
	return 0;
}

static int move_end(struct gf_worker *worker, const struct guestfs_partition *partition, bool gpt,
		    const struct resize *resize)
{
	int64_t sectors = resize->shrink ? resize->bytes / SECTOR : worker->api->blockdev_getsz(worker->g, DISK);
	int64_t start = (int64_t)(partition->part_start / SECTOR), end = sectors - (gpt ? GPT_TAIL : 1);
	char device[32];

	snprintf(device, sizeof(device), DISK "%d", partition->part_num);
	if (!resize->shrink) {
		if (gpt && worker->api->part_expand_gpt(worker->g, DISK) < 0)
			return gf_guestfs_failed(worker, "partition table");
		if (worker->api->part_resize(worker->g, DISK, partition->part_num, end) < 0)
			return gf_guestfs_failed(worker, device);
		return resize_filesystem(worker, device, 0);
	}
	end -= (end + 1) % ALIGN;
	if (end <= start)
		return gf_fail(worker, EINVAL, "partition %d begins behind that", partition->part_num);
	if (resize_filesystem(worker, device, (end + 1 - start) * SECTOR) < 0)
		return -1;
	return worker->api->part_resize(worker->g, DISK, partition->part_num, end) < 0
		       ? gf_guestfs_failed(worker, device) : 0;
}

static int resize_partitioned(struct gf_worker *worker, const struct guestfs_partition_list *list,
			      const struct resize *resize)
{
	struct guestfs_partition partition = { 0 };
	char *type = worker->api->part_get_parttype(worker->g, DISK);
	const bool gpt = type && strcmp(type, "gpt") == 0;

	free(type);
	if (find_partition(worker, list, resize->partition, &partition) < 0)
		return -1;
	if (!gpt && partition.part_num > 4)
		return gf_fail(worker, ENOTSUP, "partition %d is a logical one", partition.part_num);
	if (gpt && resize->shrink)
		return gf_fail(worker, ENOTSUP, "a disk with a GPT cannot be made smaller with its file system");
	return move_end(worker, &partition, gpt, resize);
}

static int task_resize(struct gf_worker *worker)
{
	const struct resize *resize = worker->job->data;
	struct guestfs_partition_list *list;
	char **filesystems = gf_filesystems(worker);
	bool whole = false;
	int result;

	if (!filesystems)
		return -1;
	whole = filesystems[0] && strcmp(filesystems[0], DISK) == 0;
	gf_free_list(filesystems);
	if (whole)
		return resize_filesystem(worker, DISK, resize->shrink ? resize->bytes : 0);
	list = worker->api->part_list(worker->g, DISK);
	if (!list)
		return gf_guestfs_failed(worker, "partitions");
	result = list->len ? resize_partitioned(worker, list, resize) : gf_fail(worker, ENOENT, "no file system in it");
	worker->api->free_partition_list(list);
	return result;
}

/* ---- around it ---- */

static int image_resize(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *path,
			const char *format, const struct resize *resize, struct hyfw_error **err)
{
	const char *bytes = qcow2->host->format(operation->arena, "%lld", (long long)resize->bytes);
	const char *const argv[] = { "qemu-img", "resize", "-q", "-f", format, path, bytes,
				     resize->shrink ? "--shrink" : NULL, NULL };
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv };

	return qcow2->host->run(operation->arena, &program, NULL, err);
}

static int virtual_size(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct gf_change *change,
			int64_t *ret_bytes, struct hyfw_error **err)
{
	const struct hyfw_operation question = { .size = sizeof(question), .verb = "info", .object = change->disk.path,
						 .input_fd = -1, .output_fd = -1, .arena = operation->arena };
	struct hyfw_map facts = { 0 };
	int result = qcow2_operate(qcow2, &question, &facts, err);

	if (result == 0)
		*ret_bytes = hyfw_map_int(&facts, "virtual_size", 0);
	return result;
}

static int resize_change(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct gf_change *change,
			 struct resize *resize, struct hyfw_error **err)
{
	struct gf_job job = { .appliance = true, .task = task_resize, .data = resize, .disk_count = 1,
			      .disks = { gf_change_disk(change) }, .work = change->work.path,
			      .timeout_ms = GF_MINUTES(60) };
	struct qcow2_room room = QCOW2_NO_ROOM;
	int64_t now = 0;
	int result = virtual_size(qcow2, operation, change, &now, err);

	if (result < 0)
		return result;
	resize->shrink = resize->bytes < now;
	if (resize->shrink && !hyfw_map_bool(&operation->args, "shrink", false))
		return qcow2->host->fail(err, EINVAL, "%s: has %lld bytes already; give shrink to make it smaller",
					 operation->object, (long long)now);
	if (resize->bytes > now)
		result = qcow2_room_take(qcow2, operation->arena, change->disk.path, (uint64_t)(resize->bytes - now), &room,
					 err);
	if (result == 0 && !resize->shrink)
		result = image_resize(qcow2, operation, change->overlay, "qcow2", resize, err);
	if (result == 0)
		result = gf_run(qcow2, operation, &job, NULL, err);
	if (resize->shrink)
		change->shrink = (uint64_t)resize->bytes;
	if (result == 0)
		result = gf_change_commit(qcow2, operation, change, err);
	qcow2_room_give_back(&room);
	return result;
}

int gf_verb_resize(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		   struct hyfw_error **err)
{
	struct resize resize = { .bytes = hyfw_map_int(&operation->args, "size", 0),
				 .partition = hyfw_map_int(&operation->args, "partition", 0) };
	struct gf_change change;
	int result;

	if (resize.bytes <= 0 || resize.bytes % SECTOR)
		return qcow2->host->fail(err, EINVAL, "%s: a size must be a multiple of %d bytes", operation->object,
					 SECTOR);
	result = gf_change_begin(qcow2, operation, QCOW2_WRITE, &change, err);
	if (result < 0)
		return result;
	result = resize_change(qcow2, operation, &change, &resize, err);
	gf_change_end(qcow2, &change);
	if (result == 0)
		*ret_result = (struct hyfw_map){ 0 };
	return result;
}
