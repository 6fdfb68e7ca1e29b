/* SPDX-License-Identifier: BSD-3-Clause
 * Files and archives through the descriptors of the operation. */
#include "guestfs_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guestfs_api.h"

/* ---- pumps ---- */

/* All of 'from' to 'to'; the exit status of the pump. */
static int pump(int from, int to)
{
	static char piece[65536];
	ssize_t got, done, at;

	for (;;) {
		got = read(from, piece, sizeof(piece));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? errno : 0;
		for (at = 0; at < got; at += done) {
			done = write(to, piece + at, (size_t)(got - at));
			if (done < 0 && errno == EINTR)
				done = 0;
			else if (done < 0)
				return errno;
		}
	}
}

int gf_pump_begin(struct gf_worker *worker, int fd, bool out, struct gf_pump *ret_pump)
{
	int ends[2];

	if (fd < 0)
		return gf_fail(worker, EINVAL, "nothing is open to %s", out ? "write to" : "read from");
	if (pipe2(ends, O_CLOEXEC) < 0)
		return gf_fail(worker, errno, "a pipe: %s", strerror(errno));
	ret_pump->pid = fork();
	if (ret_pump->pid == 0) {
		signal(SIGTERM, SIG_DFL);
		close(ends[out ? 1 : 0]);
		_exit(out ? pump(ends[0], fd) : pump(fd, ends[1]));
	}
	ret_pump->fd = ends[out ? 1 : 0];
	close(ends[out ? 0 : 1]);
	if (ret_pump->pid < 0) {
		close(ret_pump->fd);
		return gf_fail(worker, errno, "a process: %s", strerror(errno));
	}
	snprintf(ret_pump->path, sizeof(ret_pump->path), "/dev/fd/%d", ret_pump->fd);
	return 0;
}

/* Its end of the pipe goes first, or it would wait for more. */
int gf_pump_end(struct gf_worker *worker, struct gf_pump *pump_)
{
	int status = 0;

	close(pump_->fd);
	while (waitpid(pump_->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFEXITED(status))
		return gf_fail(worker, WEXITSTATUS(status), "%s", strerror(WEXITSTATUS(status)));
	return gf_fail(worker, EIO, "copying was interrupted");
}

/* ---- the verbs ---- */

static const char *path_of(const struct gf_worker *worker)
{
	return hyfw_map_get(&worker->operation->args, "path");
}

typedef int (*transfer_fn)(struct gf_worker *worker, const char *local, const char *path);

static int transfer_out(struct gf_worker *worker, transfer_fn transfer)
{
	struct gf_pump out;
	int result, ended;

	if (gf_mount_all(worker, true) < 0 || gf_pump_begin(worker, worker->operation->output_fd, true, &out) < 0)
		return -1;
	result = transfer(worker, out.path, path_of(worker));
	ended = gf_pump_end(worker, &out);
	return result < 0 ? result : ended;
}

static int transfer_in(struct gf_worker *worker, transfer_fn transfer)
{
	struct gf_pump in;
	int result;

	if (gf_mount_all(worker, false) < 0 || gf_pump_begin(worker, worker->operation->input_fd, false, &in) < 0)
		return -1;
	result = transfer(worker, in.path, path_of(worker));
	if (result < 0)
		kill(in.pid, SIGTERM); /* it may wait for an input that nobody wants any more */
	return gf_pump_end(worker, &in) < 0 ? -1 : result;
}

static int download(struct gf_worker *worker, const char *local, const char *path)
{
	return worker->api->download(worker->g, path, local) < 0 ? gf_guestfs_failed(worker, path) : 0;
}

static int pack(struct gf_worker *worker, const char *local, const char *path)
{
	return worker->api->tar_out_opts(worker->g, path, local, GUESTFS_TAR_OUT_OPTS_NUMERICOWNER, 1, -1) < 0
		       ? gf_guestfs_failed(worker, path) : 0;
}

static int upload(struct gf_worker *worker, const char *local, const char *path)
{
	return worker->api->upload(worker->g, local, path) < 0 ? gf_guestfs_failed(worker, path) : 0;
}

static int unpack(struct gf_worker *worker, const char *local, const char *path)
{
	return worker->api->tar_in_opts(worker->g, local, path, -1) < 0 ? gf_guestfs_failed(worker, path) : 0;
}

static int task_cat(struct gf_worker *worker) { return transfer_out(worker, download); }
static int task_tar_out(struct gf_worker *worker) { return transfer_out(worker, pack); }
static int task_upload(struct gf_worker *worker) { return transfer_in(worker, upload); }
static int task_tar_in(struct gf_worker *worker) { return transfer_in(worker, unpack); }

static int stream(struct qcow2 *qcow2, const struct hyfw_operation *operation, gf_task_fn task,
		  enum qcow2_access access, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct gf_job job = { .appliance = true, .task = task, .timeout_ms = GF_MINUTES(60) };
	const char *path = hyfw_map_get(&operation->args, "path");

	if (!path || path[0] != '/')
		return qcow2->host->fail(err, EINVAL, "%s: the path in the disk must be absolute", operation->verb);
	return gf_on_disk(qcow2, operation, access, &job, ret_result, err);
}

int gf_verb_cat(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		struct hyfw_error **err)
{
	return stream(qcow2, operation, task_cat, QCOW2_READ, ret_result, err);
}

int gf_verb_tar_out(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		    struct hyfw_error **err)
{
	return stream(qcow2, operation, task_tar_out, QCOW2_READ, ret_result, err);
}

int gf_verb_upload(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		   struct hyfw_error **err)
{
	return stream(qcow2, operation, task_upload, QCOW2_WRITE, ret_result, err);
}

int gf_verb_tar_in(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		   struct hyfw_error **err)
{
	return stream(qcow2, operation, task_tar_in, QCOW2_WRITE, ret_result, err);
}
