/* SPDX-License-Identifier: BSD-3-Clause
 * A new disk with a file system in it.  ext2 to ext4 are written by mke2fs on the
 * image file, without mounting anything; other types need the appliance. */
#include "fast_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#ifdef QCOW2_WITH_GUESTFS
#include "guestfs_api.h"
#endif

#define MAKE_MS (30u * 60000u)

int fast_file_make(struct qcow2 *qcow2, const char *path, int64_t bytes, struct hyfw_error **err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), result = 0;

	if (fd < 0 || ftruncate(fd, bytes) < 0)
		result = qcow2->host->fail(err, errno, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return result;
}

/* The boot loaders of this time do not know the two features that are switched off. */
void fast_mke2fs(const struct hyfw_host *host, struct hyfw_arena *arena, const struct fast_filesystem *filesystem,
		 const char *ret_argv[static FAST_MKE2FS_ARGUMENTS])
{
	const char *const begin[] = { "mke2fs", "-q", "-F", "-t", filesystem->type, "-O",
				      "^metadata_csum_seed,^orphan_file", "-m", "1", "-E" };
	size_t count = sizeof(begin) / sizeof(begin[0]);

	memcpy(ret_argv, begin, sizeof(begin));
	ret_argv[count++] = host->format(arena, "offset=%lld,lazy_itable_init=1,root_owner=0:0",
					 (long long)filesystem->offset);
	if (filesystem->label) {
		ret_argv[count++] = "-L";
		ret_argv[count++] = filesystem->label;
	}
	if (filesystem->uuid) {
		ret_argv[count++] = "-U";
		ret_argv[count++] = filesystem->uuid;
	}
	if (filesystem->directory) {
		ret_argv[count++] = "-d";
		ret_argv[count++] = filesystem->directory;
	}
	ret_argv[count++] = filesystem->image;
	ret_argv[count++] = host->format(arena, "%lldk", (long long)filesystem->bytes / 1024);
	ret_argv[count] = NULL;
}

static int run_mke2fs(struct qcow2 *qcow2, const struct hyfw_operation *operation,
		      const struct fast_filesystem *filesystem, struct hyfw_error **err)
{
	const char *argv[FAST_MKE2FS_ARGUMENTS];
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv, .timeout_ms = MAKE_MS };

	fast_mke2fs(qcow2->host, operation->arena, filesystem, argv);
	return qcow2->host->run(operation->arena, &program, NULL, err);
}

static bool is_ext(const char *type)
{
	return strcmp(type, "ext2") == 0 || strcmp(type, "ext3") == 0 || strcmp(type, "ext4") == 0;
}

/* ---- other types: in the appliance ---- */

#ifdef QCOW2_WITH_GUESTFS
static int task_mkfs(struct gf_worker *worker)
{
	const struct fast_filesystem *filesystem = worker->job->data;

	if ((filesystem->label ? worker->api->mkfs_opts(worker->g, filesystem->type, "/dev/sda",
							GUESTFS_MKFS_OPTS_LABEL, filesystem->label, -1)
			       : worker->api->mkfs_opts(worker->g, filesystem->type, "/dev/sda", -1)) < 0)
		return gf_guestfs_failed(worker, filesystem->type);
	if (!filesystem->directory)
		return 0;
	if (worker->api->mount(worker->g, "/dev/sda", "/") < 0)
		return gf_guestfs_failed(worker, filesystem->type);
	return gf_tree_in(worker, filesystem->directory, "/");
}

static int make_in_appliance(struct qcow2 *qcow2, const struct hyfw_operation *operation,
			     const struct fast_filesystem *filesystem, const char *work, struct hyfw_error **err)
{
	const struct gf_job job = { .appliance = true, .task = task_mkfs, .data = filesystem, .disk_count = 1,
				    .disks = { { .path = filesystem->image, .format = "raw" } }, .work = work,
				    .timeout_ms = GF_MINUTES(60) };

	return gf_run(qcow2, operation, &job, NULL, err);
}
#else
static int make_in_appliance(struct qcow2 *qcow2, const struct hyfw_operation *operation,
			     const struct fast_filesystem *filesystem, const char *work, struct hyfw_error **err)
{
	(void)operation;
	(void)work;
	return qcow2->host->fail(err, ENOTSUP, "a file system of type %s needs libguestfs, which hyfw was built without",
				 filesystem->type);
}
#endif

/* ---- create ---- */

static int measure(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct fast_filesystem *filesystem,
		   struct hyfw_error **err)
{
	int result = 0;

	filesystem->bytes = hyfw_map_int(&operation->args, "size", 0);
	if (filesystem->bytes == 0 && filesystem->directory)
		result = fast_tree_size(filesystem->directory, &filesystem->bytes);
	if (result < 0)
		return qcow2->host->fail(err, -result, "%s: %s", filesystem->directory, strerror(-result));
	if (filesystem->bytes <= 0)
		result = qcow2->host->fail(err, EINVAL, "create %s: the size is not given", operation->object);
	filesystem->bytes = filesystem->bytes / 4096 * 4096;
	return result;
}

static int make(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct fast_filesystem *filesystem,
		const char *work, struct hyfw_error **err)
{
	int result = fast_file_make(qcow2, filesystem->image, filesystem->bytes, err);

	if (result < 0)
		return result;
	return is_ext(filesystem->type) ? run_mke2fs(qcow2, operation, filesystem, err)
					: make_in_appliance(qcow2, operation, filesystem, work, err);
}

/* From the raw file into the place and format that were asked for. */
static int deliver(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct fast_filesystem *filesystem,
		   struct hyfw_error **err)
{
	const char *format = hyfw_map_get(&operation->args, "format");
	struct qcow2_target target;
	int result = qcow2_target_open(qcow2, operation, operation->object, format ? format : "qcow2",
				       (uint64_t)filesystem->bytes, &target, err);
	const char *path;

	if (result < 0)
		return result;
	{
		const char *const argv[] = { "convert", "-p", "-f", "raw", "-O", target.format, filesystem->image,
					     target.temporary, NULL };

		result = qcow2_run(qcow2, operation->arena, operation, argv, NULL, err);
	}
	path = qcow2->host->format(operation->arena, "%s", target.path);
	if (result == 0)
		result = qcow2_target_commit(qcow2, &target, NULL, err);
	qcow2_target_close(qcow2, &target);
	if (result == 0 && is_ext(filesystem->type))
		fast_mark_set(qcow2, path);
	return result;
}

static int create_filled(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *work,
			 struct hyfw_error **err)
{
	const char *source = hyfw_map_get(&operation->args, "from"), *type = hyfw_map_get(&operation->args, "filesystem");
	struct fast_filesystem filesystem = { .type = type ? type : "ext4", .label = hyfw_map_get(&operation->args, "label") };
	int result = 0;

	if (filesystem.type[strspn(filesystem.type, "abcdefghijklmnopqrstuvwxyz0123456789")])
		return qcow2->host->fail(err, EINVAL, "'%s' is no type of file system", filesystem.type);
	filesystem.image = qcow2->host->format(operation->arena, "%s/disk.raw", work);
	if (source)
		result = fast_tree_open(qcow2, operation, source, work, &filesystem.directory, err);
	if (result == 0)
		result = measure(qcow2, operation, &filesystem, err);
	if (result == 0)
		result = make(qcow2, operation, &filesystem, work, err);
	return result < 0 ? result : deliver(qcow2, operation, &filesystem, err);
}

int fast_verb_create(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		     struct hyfw_error **err)
{
	struct qcow2_work work = QCOW2_NO_WORK;
	int result;

	if (!hyfw_map_get(&operation->args, "from") && !hyfw_map_get(&operation->args, "filesystem"))
		return qcow2_verb_create(qcow2, operation, ret_result, err);
	if (hyfw_map_get(&operation->args, "backing"))
		return qcow2->host->fail(err, EINVAL, "create %s: an overlay has the file system of the disk below",
					 operation->object);
	result = qcow2_work_begin(qcow2, operation->arena, &work, err);
	if (result == 0)
		result = create_filled(qcow2, operation, work.path, err);
	qcow2_work_end(&work);
	if (result == 0)
		*ret_result = (struct hyfw_map){ 0 };
	return result;
}
