/* SPDX-License-Identifier: BSD-3-Clause
 * What well-kept programs of guestfs-tools do: virt-customize, virt-sysprep,
 * virt-sparsify.  They run in a worker, by argument vector, on the overlay. */
#include "guestfs_disk.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGUMENTS_MOST 512
#define PACKAGES "/var/tmp/hyfw-packages"

struct arguments {
	struct gf_worker *worker;
	const char *items[ARGUMENTS_MOST];
	size_t count;
	bool full;
};

static void add(struct arguments *arguments, const char *item)
{
	if (arguments->count + 1 < ARGUMENTS_MOST)
		arguments->items[arguments->count++] = item;
	else
		arguments->full = true;
}

__attribute__((format(printf, 3, 4)))
static void add_flag(struct arguments *arguments, const char *flag, const char *format, ...)
{
	struct gf_worker *worker = arguments->worker;
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	add(arguments, flag);
	add(arguments, text ? worker->qcow2->host->format(worker->operation->arena, "%s", text) : "");
	free(text);
}

static int run_arguments(struct arguments *arguments)
{
	if (arguments->full)
		return gf_fail(arguments->worker, E2BIG, "too many settings at once");
	return gf_program(arguments->worker, arguments->items);
}

static void begin(struct arguments *arguments, struct gf_worker *worker, const char *program)
{
	*arguments = (struct arguments){ .worker = worker };
	add(arguments, program);
	add(arguments, "--quiet");
	add_flag(arguments, "--format", "%s", worker->job->disks[0].format);
	add_flag(arguments, "--add", "%s", worker->job->disks[0].path);
}

/* ---- customize ---- */

/* These become part of a command of the guest's shell. */
static bool good_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

	return length > 0 && length <= 32 && name[length] == '\0' && (islower((unsigned char)name[0]) || name[0] == '_');
}

static bool good_hostname(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-");

	return length > 0 && length <= 253 && name[length] == '\0' && name[0] != '-' && name[0] != '.';
}

static int check_files(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *key, bool directory,
		       struct hyfw_error **err)
{
	const char *path;
	size_t cursor = 0;
	struct stat st;

	while ((path = hyfw_map_next(&operation->args, key, &cursor))) {
		if (path[0] != '/' || strchr(path, ':'))
			return qcow2->host->fail(err, EINVAL, "%s %s: must be an absolute path without a colon", key, path);
		if (stat(path, &st) < 0)
			return qcow2->host->fail(err, errno, "%s %s: %s", key, path, strerror(errno));
		if (directory ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
			return qcow2->host->fail(err, EINVAL, "%s %s: must be a %s", key, path, directory ? "directory" : "file");
	}
	return 0;
}

static int check_customize(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_error **err)
{
	const char *value;
	size_t cursor = 0;
	int result;

	value = hyfw_map_get(&operation->args, "hostname");
	if (value && !good_hostname(value))
		return qcow2->host->fail(err, EINVAL, "'%s' is no host name", value);
	while ((value = hyfw_map_next(&operation->args, "user", &cursor)))
		if (!good_name(value))
			return qcow2->host->fail(err, EINVAL, "'%s' is no name for a user", value);
	result = check_files(qcow2, operation, "root_password_file", false, err);
	if (result == 0)
		result = check_files(qcow2, operation, "ssh_key_file", false, err);
	return result < 0 ? result : check_files(qcow2, operation, "install", true, err);
}

/* The packages of a directory, by whichever package manager there is. */
static void add_packages(struct arguments *arguments, const char *directory, unsigned index)
{
	add_flag(arguments, "--mkdir", PACKAGES "-%u", index);
	add_flag(arguments, "--copy-in", "%s:" PACKAGES "-%u", directory, index);
	add_flag(arguments, "--run-command",
		 "cd " PACKAGES "-%u/* && if command -v dpkg >/dev/null; then DEBIAN_FRONTEND=noninteractive dpkg -i *.deb; "
		 "else rpm -U --replacepkgs *.rpm; fi", index);
	add_flag(arguments, "--run-command", "rm -rf " PACKAGES "-%u", index);
}

static int customize(struct gf_worker *worker)
{
	const struct hyfw_map *args = &worker->operation->args;
	struct arguments arguments;
	const char *value;
	unsigned index = 0;
	size_t cursor;

	begin(&arguments, worker, "virt-customize");
	add(&arguments, "--no-network");
	if ((value = hyfw_map_get(args, "hostname")))
		add_flag(&arguments, "--hostname", "%s", value);
	if ((value = hyfw_map_get(args, "root_password_file")))
		add_flag(&arguments, "--root-password", "file:%s", value);
	for (cursor = 0; (value = hyfw_map_next(args, "user", &cursor));)
		add_flag(&arguments, "--run-command", "useradd --create-home --shell /bin/sh %s", value);
	for (cursor = 0; (value = hyfw_map_next(args, "ssh_key_file", &cursor));)
		add_flag(&arguments, "--ssh-inject", "root:file:%s", value);
	for (cursor = 0; (value = hyfw_map_next(args, "install", &cursor));)
		add_packages(&arguments, value, index++);
	for (cursor = 0; (value = hyfw_map_next(args, "run", &cursor));)
		add_flag(&arguments, "--run-command", "%s", value);
	return run_arguments(&arguments);
}

int gf_verb_customize(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		      struct hyfw_error **err)
{
	struct gf_job job = { .task = customize, .timeout_ms = GF_MINUTES(60) };
	int result = check_customize(qcow2, operation, err);

	return result < 0 ? result : gf_on_disk(qcow2, operation, QCOW2_WRITE, &job, ret_result, err);
}

/* ---- sysprep ---- */

static int sysprep(struct gf_worker *worker)
{
	const char *operations = hyfw_map_get(&worker->operation->args, "operations");
	struct arguments arguments;

	begin(&arguments, worker, "virt-sysprep");
	if (operations)
		add_flag(&arguments, "--operations", "%s", operations);
	return run_arguments(&arguments);
}

int gf_verb_sysprep(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		    struct hyfw_error **err)
{
	struct gf_job job = { .task = sysprep, .timeout_ms = GF_MINUTES(60) };
	const char *operations = hyfw_map_get(&operation->args, "operations");

	if (operations && operations[strspn(operations, "abcdefghijklmnopqrstuvwxyz0123456789-,")])
		return qcow2->host->fail(err, EINVAL, "operations '%s': names of virt-sysprep(1) with commas between them",
					 operations);
	return gf_on_disk(qcow2, operation, QCOW2_WRITE, &job, ret_result, err);
}

/* ---- sparsify ---- */

/* In place: the appliance tells the disk which blocks no file has; an overlay could
 * not pass that on.  Interrupted, the disk holds the same files. */
static int sparsify_in_place(struct gf_worker *worker)
{
	const char *const argv[] = { "virt-sparsify", "--quiet", "--in-place", "--format", worker->job->disks[0].format,
				     worker->job->disks[0].path, NULL };

	return gf_program(worker, argv);
}

static int sparsify_copy(struct gf_worker *worker)
{
	const char *to = worker->job->data;
	const char *const argv[] = { "virt-sparsify", "--quiet", "--format", worker->job->disks[0].format, "--convert",
				     "qcow2", worker->job->disks[0].path, to, NULL };

	return gf_program(worker, argv);
}

static int to_another(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *to,
		      struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct gf_job job = { .task = sparsify_copy, .timeout_ms = GF_MINUTES(60) };
	struct qcow2_target target;
	struct qcow2_disk disk;
	int result = qcow2_disk_open(qcow2, operation, operation->object, QCOW2_READ, &disk, err);

	if (result < 0)
		return result;
	qcow2_disk_close(qcow2, &disk);
	result = qcow2_target_open(qcow2, operation, to, "qcow2", disk.header.virtual_size, &target, err);
	if (result < 0)
		return result;
	job.data = target.temporary;
	result = gf_on_disk(qcow2, operation, QCOW2_READ, &job, ret_result, err);
	if (result == 0)
		result = qcow2_target_commit(qcow2, &target, NULL, err);
	qcow2_target_close(qcow2, &target);
	return result;
}

int gf_verb_sparsify(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		     struct hyfw_error **err)
{
	struct gf_job job = { .task = sparsify_in_place, .timeout_ms = GF_MINUTES(60), .disk_count = 1 };
	const char *to = hyfw_map_get(&operation->args, "to");
	struct qcow2_disk disk = { .fd = -1 };
	struct qcow2_work work = QCOW2_NO_WORK;
	int result;

	if (to)
		return to_another(qcow2, operation, to, ret_result, err);
	result = qcow2_disk_open(qcow2, operation, operation->object, QCOW2_WRITE, &disk, err);
	if (result < 0)
		return result;
	job.disks[0] = (struct gf_disk){ .path = disk.path, .format = disk.format };
	qcow2_disk_close(qcow2, &disk);
	result = qcow2_work_begin(qcow2, operation->arena, &work, err);
	job.work = work.path;
	if (result == 0)
		result = gf_run(qcow2, operation, &job, NULL, err);
	qcow2_work_end(&work);
	if (result == 0)
		*ret_result = (struct hyfw_map){ 0 };
	return result;
}
