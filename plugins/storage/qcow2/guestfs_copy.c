/* SPDX-License-Identifier: BSD-3-Clause
 * Copying files and trees in and out, with the meaning that cp(1) gives to an existing
 * directory as target: into it; else the target is the new name. */
#include "guestfs_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guestfs_api.h"

#define PATH_MOST 4096

static const char *argument(const struct gf_worker *worker, const char *key)
{
	return hyfw_map_get(&worker->operation->args, key);
}

static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : NULL;
}

/* DIRECTORY/NAME of SOURCE; -1 when that is none. */
static int join(struct gf_worker *worker, const char *directory, const char *source, char ret_path[static PATH_MOST])
{
	const char *name = last_name(source), *slash = directory[strlen(directory) - 1] == '/' ? "" : "/";

	if (!name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    snprintf(ret_path, PATH_MOST, "%s%s%s", directory, slash, name) >= PATH_MOST)
		return gf_fail(worker, EINVAL, "%s: cannot be copied to %s", source, directory);
	return 0;
}

static bool is_directory_inside(struct gf_worker *worker, const char *path)
{
	return worker->api->is_dir_opts(worker->g, path, GUESTFS_IS_DIR_OPTS_FOLLOWSYMLINKS, 1, -1) > 0;
}

/* ---- in ---- */

/* tar(1) of 'source' into a pipe, out of which the appliance unpacks. */
static int pack_here(struct gf_worker *worker, const char *source, struct gf_pump *ret_pump)
{
	const char *const argv[] = { "tar", "--create", "--numeric-owner", "--one-file-system", "--file=-",
				     "--directory", source, ".", NULL };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return gf_fail(worker, errno, "a pipe: %s", strerror(errno));
	ret_pump->pid = fork();
	if (ret_pump->pid == 0) {
		signal(SIGTERM, SIG_DFL);
		dup2(open("/dev/null", O_RDWR), 0);
		dup2(ends[1], 1);
		dup2(0, 2);
		close_range(3, ~0u, 0);
		execvp(argv[0], (char *const *)(uintptr_t)argv);
		_exit(ENOENT);
	}
	close(ends[1]);
	ret_pump->fd = ends[0];
	snprintf(ret_pump->path, sizeof(ret_pump->path), "/dev/fd/%d", ret_pump->fd);
	return ret_pump->pid < 0 ? gf_fail(worker, errno, "tar: cannot be started") : 0;
}

int gf_tree_in(struct gf_worker *worker, const char *source, const char *path)
{
	struct gf_pump pump;
	int result;

	if (worker->api->mkdir_p(worker->g, path) < 0)
		return gf_guestfs_failed(worker, path);
	if (pack_here(worker, source, &pump) < 0)
		return -1;
	result = worker->api->tar_in_opts(worker->g, pump.path, path, -1);
	if (result < 0)
		gf_guestfs_failed(worker, path);
	return gf_pump_end(worker, &pump) < 0 ? -1 : result;
}

static int copy_in(struct gf_worker *worker)
{
	const char *source = argument(worker, "source"), *path = argument(worker, "path");
	char joined[PATH_MOST];
	struct stat st;

	if (stat(source, &st) < 0)
		return gf_fail(worker, errno, "%s: %s", source, strerror(errno));
	if (gf_mount_all(worker, false) < 0)
		return -1;
	if (is_directory_inside(worker, path)) {
		if (join(worker, path, source, joined) < 0)
			return -1;
		path = joined;
	}
	if (S_ISDIR(st.st_mode))
		return gf_tree_in(worker, source, path);
	if (!S_ISREG(st.st_mode))
		return gf_fail(worker, EINVAL, "%s: neither a file nor a directory", source);
	if (worker->api->upload(worker->g, source, path) < 0 ||
	    worker->api->chmod(worker->g, (int)(st.st_mode & 0777), path) < 0)
		return gf_guestfs_failed(worker, path);
	return 0;
}

/* ---- out ---- */

/* Owners, set-id bits and devices of a stranger's disk stay there. */
static int tree_out(struct gf_worker *worker, const char *path, const char *to)
{
	char archive[PATH_MOST];
	const char *const argv[] = { "tar", "--extract", "--no-same-owner", "--no-same-permissions", "--file",
				     archive, "--directory", to, NULL };

	if (snprintf(archive, sizeof(archive), "%s/out.tar", worker->job->work) >= (int)sizeof(archive))
		return gf_fail(worker, ENAMETOOLONG, "%s: too long", worker->job->work);
	if (worker->api->tar_out_opts(worker->g, path, archive, -1) < 0)
		return gf_guestfs_failed(worker, path);
	if (mkdir(to, 0755) < 0 && errno != EEXIST)
		return gf_fail(worker, errno, "%s: %s", to, strerror(errno));
	return gf_program(worker, argv);
}

/* Under another name until it is whole. */
static int file_out(struct gf_worker *worker, const char *path, const char *to)
{
	char temporary[PATH_MOST], source[32];
	int fd, result = 0;

	if (snprintf(temporary, sizeof(temporary), "%s.XXXXXX", to) >= (int)sizeof(temporary))
		return gf_fail(worker, ENAMETOOLONG, "%s: too long", to);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return gf_fail(worker, errno, "%s: %s", to, strerror(errno));
	snprintf(source, sizeof(source), "/dev/fd/%d", fd);
	if (worker->api->download(worker->g, path, source) < 0)
		result = gf_guestfs_failed(worker, path);
	else if (fchmod(fd, 0644) < 0 || rename(temporary, to) < 0)
		result = gf_fail(worker, errno, "%s: %s", to, strerror(errno));
	if (result < 0)
		unlink(temporary);
	close(fd);
	return result;
}

static int copy_out(struct gf_worker *worker)
{
	const char *path = argument(worker, "path"), *to = argument(worker, "to");
	char joined[PATH_MOST];
	struct stat st;

	if (gf_mount_all(worker, true) < 0)
		return -1;
	if (stat(to, &st) == 0 && S_ISDIR(st.st_mode) && last_name(path)) {
		if (join(worker, to, path, joined) < 0)
			return -1;
		to = joined;
	}
	return is_directory_inside(worker, path) ? tree_out(worker, path, to) : file_out(worker, path, to);
}

/* ---- the verbs ---- */

static int copy(struct qcow2 *qcow2, const struct hyfw_operation *operation, gf_task_fn task, const char *key,
		enum qcow2_access access, struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct gf_job job = { .appliance = true, .task = task, .timeout_ms = GF_MINUTES(60) };
	const char *path = hyfw_map_get(&operation->args, "path"), *other = hyfw_map_get(&operation->args, key);

	if (!path || path[0] != '/' || !other || other[0] != '/')
		return qcow2->host->fail(err, EINVAL, "%s: both paths must be absolute", operation->verb);
	return gf_on_disk(qcow2, operation, access, &job, ret_result, err);
}

int gf_verb_copy_in(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		    struct hyfw_error **err)
{
	return copy(qcow2, operation, copy_in, "source", QCOW2_WRITE, ret_result, err);
}

int gf_verb_copy_out(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		     struct hyfw_error **err)
{
	return copy(qcow2, operation, copy_out, "to", QCOW2_READ, ret_result, err);
}
