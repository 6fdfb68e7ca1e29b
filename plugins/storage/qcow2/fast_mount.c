/* SPDX-License-Identifier: BSD-3-Clause
 * mount and unmount.  A file system of ours: qemu-storage-daemon shows the disk as a file
 * (FUSE), which is mounted over a loop device.  Any other: guestmount. */
#include "fast_mount.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- mount ---- */

static const char *block_device(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_disk *disk,
				bool read_only)
{
	struct json_object *object = json_object_new_object(), *file = json_object_new_object();
	const char *text;

	json_object_object_add(object, "driver", json_object_new_string(disk->format));
	json_object_object_add(object, "node-name", json_object_new_string("disk"));
	json_object_object_add(object, "read-only", json_object_new_boolean(read_only));
	json_object_object_add(file, "driver", json_object_new_string("file"));
	json_object_object_add(file, "filename", json_object_new_string(disk->path));
	json_object_object_add(object, "file", file);
	text = qcow2->host->format(arena, "%s", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	json_object_put(object);
	return text;
}

static int mount_ours(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct fast_mount *mount,
		      const struct qcow2_disk *disk, bool read_only, struct hyfw_error **err)
{
	const struct hyfw_host *host = qcow2->host;
	struct hyfw_arena *arena = operation->arena;
	char shown[PATH_MAX], pid[PATH_MAX];
	const char *const daemon[] = {
		"qemu-storage-daemon", "--daemonize", "--pidfile", pid, "--blockdev",
		block_device(qcow2, arena, disk, read_only), "--export",
		host->format(arena, "type=fuse,id=e,node-name=disk,mountpoint=%s/disk,writable=%s", mount->directory,
			     read_only ? "off" : "on"), NULL };
	const char *const kernel[] = { "mount", "-t", "ext4", "-o", read_only ? "loop,nosuid,nodev,ro" : "loop,nosuid,nodev",
				       shown, mount->at, NULL };
	const struct hyfw_program start = { .size = sizeof(start), .argv = daemon };
	const struct hyfw_program mounting = { .size = sizeof(mounting), .argv = kernel };
	int fd, result;

	fast_mount_file(mount, "disk", shown);
	fast_mount_file(mount, "pid", pid);
	fd = open(shown, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return host->fail(err, errno, "%s: %s", shown, strerror(errno));
	close(fd);
	result = host->run(arena, &start, NULL, err);
	return result < 0 ? result : host->run(arena, &mounting, NULL, err);
}

struct guest_mount {
	const struct fast_mount *mount;
	const struct qcow2_disk *disk;
	bool read_only, system;
	const char *device; /* NULL: the whole disk is one file system */
};

/* It goes on in the background when it has mounted. */
static int run_guestmount(struct gf_worker *worker)
{
	const struct guest_mount *wanted = worker->job->data;
	char pid[PATH_MAX], format[32];
	const char *argv[16] = { "guestmount", format, "--add", wanted->disk->path,
				 "--pid-file", pid };
	size_t count = 6;

	fast_mount_file(wanted->mount, "pid", pid);
	snprintf(format, sizeof(format), "--format=%s", wanted->disk->format);
	if (wanted->read_only)
		argv[count++] = "--ro";
	if (wanted->system) {
		argv[count++] = "--inspector";
	} else {
		argv[count++] = "--mount";
		argv[count++] = wanted->device ? wanted->device : "/dev/sda";
	}
	argv[count++] = wanted->mount->at;
	argv[count] = NULL;
	return gf_program(worker, argv);
}

/* A disk with a system in it, or with nothing but a file system. */
static int mount_strange(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct fast_mount *mount,
			 const struct qcow2_disk *disk, bool read_only, struct hyfw_error **err)
{
	const char *device = hyfw_map_get(&operation->args, "device");
	struct guest_mount wanted = { mount, disk, read_only, device == NULL, device };
	const struct gf_job job = { .task = run_guestmount, .data = &wanted };
	struct hyfw_error *why = NULL;
	int result = gf_run(qcow2, operation, &job, NULL, &why);

	if (result == 0)
		return 0;
	if (result == -ECANCELED || device) {
		*err = why;
		return result;
	}
	qcow2->host->forget(&why);
	wanted.system = false;
	return gf_run(qcow2, operation, &job, NULL, err);
}

static int finish(struct qcow2 *qcow2, struct fast_mount *mount, int result, struct hyfw_error **err)
{
	struct hyfw_error *why = NULL;
	char done[PATH_MAX];
	int fd;

	fast_mount_file(mount, "done", done);
	if (result == 0) {
		fd = open(done, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			result = qcow2->host->fail(err, errno, "%s: %s", done, strerror(errno));
		else
			close(fd);
	}
	if (result < 0 && fast_mount_undo(qcow2, mount, &why) < 0)
		qcow2->host->forget(&why);
	if (mount->lock >= 0)
		close(mount->lock);
	return result;
}

static int check_place(struct qcow2 *qcow2, const char *at, struct fast_mount *ret_mount, struct hyfw_error **err)
{
	struct stat st;

	if (!at || at[0] != '/' || !realpath(at, ret_mount->at) || strchr(ret_mount->at, '\n'))
		return qcow2->host->fail(err, at && at[0] == '/' ? errno : EINVAL, "%s: must be an existing directory",
					 at ? at : "mount");
	if (stat(ret_mount->at, &st) < 0 || !S_ISDIR(st.st_mode))
		return qcow2->host->fail(err, ENOTDIR, "%s: not a directory", at);
	if (fast_is_mount_point(ret_mount->at))
		return qcow2->host->fail(err, EBUSY, "%s: something is mounted there already", at);
	return 0;
}

int fast_verb_mount(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		    struct hyfw_error **err)
{
	const bool read_only = hyfw_map_bool(&operation->args, "read_only", false);
	struct fast_mount mount = { .lock = -1 };
	struct qcow2_disk disk = { .fd = -1 };
	int result = check_place(qcow2, hyfw_map_get(&operation->args, "at"), &mount, err);
	bool ours;

	if (result < 0)
		return result;
	fast_mounts_sweep(qcow2);
	result = qcow2_disk_open(qcow2, operation, operation->object, read_only ? QCOW2_READ : QCOW2_WRITE, &disk, err);
	if (result < 0)
		return result;
	ours = fast_mark_valid(qcow2, disk.path) && !hyfw_map_get(&operation->args, "device");
	snprintf(mount.how, sizeof(mount.how), "%s", ours ? (read_only ? "read-only" : "kernel") : "guestmount");
	snprintf(mount.disk, sizeof(mount.disk), "%s", disk.path);
	result = strchr(disk.path, '\n') ? qcow2->host->fail(err, EINVAL, "the path has a newline in it")
					  : fast_mount_begin(qcow2, &mount, err);
	if (result == 0)
		result = ours ? mount_ours(qcow2, operation, &mount, &disk, read_only, err)
			      : mount_strange(qcow2, operation, &mount, &disk, read_only, err);
	result = finish(qcow2, &mount, result, err);
	qcow2_disk_close(qcow2, &disk);
	if (result == 0)
		*ret_result = (struct hyfw_map){ 0 };
	return result;
}

/* ---- unmount ---- */

struct wanted {
	char at[PATH_MAX];
	bool found;
	int result;
	struct hyfw_error **err;
};

/* What our own kernel wrote there is still ours. */
static bool unmount_one(struct qcow2 *qcow2, struct fast_mount *mount, void *data)
{
	struct wanted *wanted = data;

	if (!fast_mount_read(mount) || strcmp(mount->at, wanted->at) != 0)
		return false;
	wanted->found = true;
	wanted->result = fast_mount_undo(qcow2, mount, wanted->err);
	if (wanted->result == 0 && strcmp(mount->how, "kernel") == 0)
		fast_mark_set(qcow2, mount->disk);
	return true;
}

int fast_verb_unmount(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		      struct hyfw_error **err)
{
	struct wanted wanted = { .err = err };

	if (operation->object[0] != '/' || !realpath(operation->object, wanted.at))
		return qcow2->host->fail(err, ENOENT, "%s: there is no such directory", operation->object);
	fast_mounts_each(qcow2, unmount_one, &wanted);
	if (!wanted.found)
		return qcow2->host->fail(err, ENOENT, "%s: no disk that hyfw has mounted", operation->object);
	if (wanted.result == 0)
		*ret_result = (struct hyfw_map){ 0 };
	return wanted.result;
}
