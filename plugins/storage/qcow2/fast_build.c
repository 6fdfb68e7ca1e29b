/* SPDX-License-Identifier: BSD-3-Clause
 * build-disk: an image in the store that a machine boots, of a tree that has a kernel.
 * The tree itself is not touched: what it lacks is written to an overlay on it, in a
 * mount namespace of the worker that goes with the worker. */
#include "fast_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM (FAST_MIB) /* before the partition: boot loader */
#define LAYERS_MOST 64

struct build {
	const char *layers[LAYERS_MOST]; /* uppermost first */
	size_t layer_count;
	const char *image, *uuid;
	int64_t bytes; /* of the disk; 0: what it needs */
};

/* RFC 9562, version 4. */
static int make_uuid(struct qcow2 *qcow2, struct hyfw_arena *arena, const char **ret_uuid, struct hyfw_error **err)
{
	unsigned char b[16];

	if (getrandom(b, sizeof(b), 0) != (ssize_t)sizeof(b))
		return qcow2->host->fail(err, errno, "random numbers: %s", strerror(errno));
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	*ret_uuid = qcow2->host->format(arena, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
					b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
					b[14], b[15]);
	return 0;
}

/* ---- the worker ---- */

/* The layers by short names of links, since colons part them in the mount's options. */
static int mount_tree(struct gf_worker *worker, const struct build *build, const char *merged)
{
	const struct hyfw_host *host = worker->qcow2->host;
	struct hyfw_arena *arena = worker->operation->arena;
	const char *work = worker->job->work, *lower = "";
	size_t i;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return gf_fail(worker, errno, "mount namespace: %s", strerror(errno));
	if (chdir(work) < 0 || mkdir("upper", 0755) < 0 || mkdir("scratch", 0700) < 0 || mkdir(merged, 0755) < 0)
		return gf_fail(worker, errno, "%s: %s", work, strerror(errno));
	for (i = 0; i < build->layer_count; i++) {
		char *name = host->format(arena, "l%zu", i);

		if (symlink(build->layers[i], name) < 0)
			return gf_fail(worker, errno, "%s: %s", name, strerror(errno));
		lower = host->format(arena, "%s%s%s", lower, i ? ":" : "", name);
	}
	if (mount("overlay", merged, "overlay", MS_NODEV | MS_NOSUID,
		  host->format(arena, "lowerdir=%s,upperdir=upper,workdir=scratch", lower)) < 0)
		return gf_fail(worker, errno, "an overlay on %s: %s", build->layers[0], strerror(errno));
	return 0;
}

static int measure(struct gf_worker *worker, const struct build *build, const char *merged, int64_t *ret_bytes)
{
	int64_t needs = 0;
	int result = fast_tree_size(merged, &needs);

	if (result < 0)
		return gf_fail(worker, -result, "reading the tree: %s", strerror(-result));
	*ret_bytes = build->bytes ? build->bytes / FAST_MIB * FAST_MIB : needs + ROOM;
	if (*ret_bytes < FAST_MIB * 16)
		return gf_fail(worker, EINVAL, "the size is too small");
	return 0;
}

static int task_build(struct gf_worker *worker)
{
	const struct build *build = worker->job->data;
	struct fast_filesystem filesystem = { .type = "ext4", .uuid = build->uuid, .image = build->image, .offset = ROOM };
	const char *argv[FAST_MKE2FS_ARGUMENTS];
	int64_t bytes = 0;
	int fd;

	filesystem.directory = worker->qcow2->host->format(worker->operation->arena, "%s/merged", worker->job->work);
	if (mount_tree(worker, build, filesystem.directory) < 0 ||
	    fast_prepare(worker, filesystem.directory, build->uuid) < 0 ||
	    measure(worker, build, filesystem.directory, &bytes) < 0)
		return -1;
	fd = open(build->image, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, bytes) < 0)
		return gf_fail(worker, errno, "%s: %s", build->image, strerror(errno));
	close(fd);
	filesystem.bytes = bytes - ROOM;
	fast_mke2fs(worker->qcow2->host, worker->operation->arena, &filesystem, argv);
	if (gf_program(worker, argv) < 0)
		return -1;
	gf_report_number(worker, "virtual_size", bytes);
	return 0;
}

/* ---- the verb ---- */

static int read_layers(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *work,
		       struct build *build, struct hyfw_error **err)
{
	const char *layer;
	size_t cursor = 0;
	int result = 0;

	while (result == 0 && (layer = hyfw_map_next(&operation->args, "from", &cursor))) {
		if (build->layer_count == LAYERS_MOST)
			return qcow2->host->fail(err, E2BIG, "more than %d layers", LAYERS_MOST);
		result = fast_tree_open(qcow2, operation, layer, work, &build->layers[build->layer_count++], err);
	}
	if (result == 0 && build->layer_count == 0)
		result = qcow2->host->fail(err, EINVAL, "build-disk %s: of what?", operation->object);
	return result;
}

static int build_in(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *work, const char *name,
		    struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct build build = { .bytes = hyfw_map_int(&operation->args, "size", 0) };
	const struct gf_job job = { .task = task_build, .data = &build, .work = work, .timeout_ms = GF_MINUTES(60) };
	const struct hyfw_map config = { 0 };
	struct hyfw_map facts = { 0 };
	int result = read_layers(qcow2, operation, work, &build, err);

	if (result == 0)
		result = make_uuid(qcow2, operation->arena, &build.uuid, err);
	build.image = qcow2->host->format(operation->arena, "%s/disk.raw", work);
	if (result == 0)
		result = gf_run(qcow2, operation, &job, &facts, err);
	if (result == 0)
		result = fast_boot_write(qcow2, operation, work, build.image, build.uuid, ROOM,
					 hyfw_map_int(&facts, "virtual_size", 0), err);
	if (result == 0)
		result = qcow2_import(qcow2, name, build.image, &config,
				      hyfw_map_bool(&operation->args, "replace", false), NULL, err);
	if (result == 0)
		*ret_result = facts;
	return result;
}

int fast_verb_build(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		    struct hyfw_error **err)
{
	const char *name = operation->object;
	const char *hostname = hyfw_map_get(&operation->args, "hostname");
	struct qcow2_work work = QCOW2_NO_WORK;
	int result;

	if (strncmp(name, "image/", 6) != 0)
		return qcow2->host->fail(err, EINVAL, "build-disk makes images, not '%s'", name);
	if (hostname && hostname[strspn(hostname, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")])
		return qcow2->host->fail(err, EINVAL, "'%s' is no host name", hostname);
	result = qcow2_work_begin(qcow2, operation->arena, &work, err);
	if (result == 0)
		result = build_in(qcow2, operation, work.path, name + 6, ret_result, err);
	qcow2_work_end(&work);
	return result;
}
