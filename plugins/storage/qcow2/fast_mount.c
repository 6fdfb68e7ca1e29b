/* SPDX-License-Identifier: BSD-3-Clause
 * A disk seen on this machine.  A file system of ours: qemu-storage-daemon shows
 * the disk as a file (FUSE), which is mounted over a loop device.  Any other: guestmount.
 *
 * Each mount has a directory below the driver's runtime directory, mounts/X:
 *     state   where, which disk, how: a line each; written before anything is done
 *     disk    what qemu-storage-daemon mounts its file on
 *     pid     of the daemon that must go with the mount
 *     done    all is in place
 * and it is locked with flock(2) while something is done to it.  Whoever finds one that is
 * neither locked nor done undoes it; one whose mount somebody else took away, too. */
#include "fast_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/tree.h"

#define END_MS 15000
#define LOOK_US 50000

struct mount {
	char directory[PATH_MAX / 2]; /* mounts/X */
	char at[PATH_MAX], disk[PATH_MAX], how[16];
	int lock;
};

static void file_of(const struct mount *mount, const char *name, char ret_path[static PATH_MAX])
{
	snprintf(ret_path, PATH_MAX, "%s/%s", mount->directory, name);
}

/* ---- state ---- */

static void room_path(struct qcow2 *qcow2, char ret_path[static PATH_MAX / 4])
{
	snprintf(ret_path, PATH_MAX / 4, "%s/mounts", qcow2->host->directory("qcow2", HYFW_DIRECTORY_RUNTIME));
}

static int state_write(const struct mount *mount)
{
	char path[PATH_MAX];
	FILE *file;

	file_of(mount, "state", path);
	file = fopen(path, "wxe");
	if (!file)
		return -errno;
	fprintf(file, "%s\n%s\n%s\n", mount->at, mount->disk, mount->how);
	return fclose(file) == 0 ? 0 : -EIO;
}

static bool read_line(FILE *file, char *ret_line, size_t room)
{
	size_t length;

	if (!fgets(ret_line, (int)room, file))
		return false;
	length = strlen(ret_line);
	if (length == 0 || ret_line[length - 1] != '\n')
		return false;
	ret_line[length - 1] = '\0';
	return true;
}

static bool state_read(struct mount *mount)
{
	char path[PATH_MAX];
	bool whole;
	FILE *file;

	file_of(mount, "state", path);
	file = fopen(path, "re");
	whole = file && read_line(file, mount->at, sizeof(mount->at)) &&
		read_line(file, mount->disk, sizeof(mount->disk)) && read_line(file, mount->how, sizeof(mount->how));
	if (file)
		fclose(file);
	return whole;
}

static bool is_done(const struct mount *mount)
{
	char path[PATH_MAX];

	file_of(mount, "done", path);
	return access(path, F_OK) == 0;
}

/* Whether something is mounted on 'path': it is on another device than its parent. */
static bool is_mount_point(const char *path)
{
	char parent[PATH_MAX];
	struct stat here, above;

	if (snprintf(parent, sizeof(parent), "%s/..", path) >= (int)sizeof(parent))
		return false;
	if (lstat(path, &here) < 0)
		return errno == ENOTCONN; /* a FUSE mount whose process is gone */
	return stat(parent, &above) == 0 && (here.st_dev != above.st_dev || here.st_ino == above.st_ino);
}

/* ---- undoing ---- */

static void run_quietly(struct qcow2 *qcow2, const char *const *argv)
{
	struct hyfw_arena *arena = qcow2->host->arena_new();
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv };
	struct hyfw_error *why = NULL;

	if (qcow2->host->run(arena, &program, NULL, &why) < 0)
		qcow2->host->forget(&why);
	qcow2->host->arena_free(arena);
}

/* The daemon, when the process of that number still is ours: it has our directory among
 * its arguments. */
static pid_t daemon_of(const struct mount *mount)
{
	char path[PATH_MAX], arguments[16384];
	int pid = 0, fd;
	ssize_t got;
	FILE *file;

	file_of(mount, "pid", path);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%d", &pid) != 1)
		pid = 0;
	fclose(file);
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	fd = pid > 1 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return 0;
	got = read(fd, arguments, sizeof(arguments));
	close(fd);
	return got > 0 && memmem(arguments, (size_t)got, mount->directory, strlen(mount->directory)) ? pid : 0;
}

static void end_daemon(struct qcow2 *qcow2, const struct mount *mount)
{
	uint64_t until = qcow2->host->clock() + END_MS * UINT64_C(1000000);
	pid_t pid = daemon_of(mount);

	/* guestmount ends by itself once it is unmounted, and must, to have all written. */
	if (pid && strcmp(mount->how, "guestmount") != 0)
		kill(pid, SIGTERM);
	while (daemon_of(mount) && qcow2->host->clock() < until)
		usleep(LOOK_US);
	pid = daemon_of(mount);
	if (pid)
		kill(pid, SIGKILL);
}

static int undo(struct qcow2 *qcow2, const struct mount *mount, struct hyfw_error **err)
{
	struct hyfw_arena *arena;
	const char *const argv[] = { "umount", mount->at, NULL };
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv, .timeout_ms = 120000 };
	char shown[PATH_MAX];
	int result = 0;

	if (is_mount_point(mount->at)) {
		arena = qcow2->host->arena_new();
		result = qcow2->host->run(arena, &program, NULL, err);
		qcow2->host->arena_free(arena);
	}
	if (result < 0)
		return result;
	end_daemon(qcow2, mount);
	file_of(mount, "disk", shown);
	if (is_mount_point(shown)) {
		const char *const lazily[] = { "umount", "--lazy", shown, NULL };

		run_quietly(qcow2, lazily);
	}
	storage_tree_remove(AT_FDCWD, mount->directory);
	return 0;
}

/* ---- all there are ---- */

/* Calls 'visit' with each that can be locked; it closes nothing. */
static void each(struct qcow2 *qcow2, bool (*visit)(struct qcow2 *, struct mount *, void *), void *data)
{
	char room[PATH_MAX / 4];
	struct dirent *entry;
	bool stop = false;
	DIR *list;

	room_path(qcow2, room);
	list = opendir(room);
	while (list && !stop && (entry = readdir(list))) {
		struct mount mount = { .lock = -1 };

		if (entry->d_name[0] == '.')
			continue;
		snprintf(mount.directory, sizeof(mount.directory), "%s/%s", room, entry->d_name);
		mount.lock = open(mount.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (mount.lock >= 0 && flock(mount.lock, LOCK_EX | LOCK_NB) == 0)
			stop = visit(qcow2, &mount, data);
		if (mount.lock >= 0)
			close(mount.lock);
	}
	if (list)
		closedir(list);
}

static bool sweep_one(struct qcow2 *qcow2, struct mount *mount, void *data)
{
	struct hyfw_error *why = NULL;

	(void)data;
	if (!state_read(mount))
		storage_tree_remove(AT_FDCWD, mount->directory); /* died before it did anything */
	else if ((!is_done(mount) || !is_mount_point(mount->at)) && undo(qcow2, mount, &why) < 0)
		qcow2->host->forget(&why);
	return false;
}

void fast_mounts_sweep(struct qcow2 *qcow2)
{
	each(qcow2, sweep_one, NULL);
}

/* ---- mount ---- */

static int begin(struct qcow2 *qcow2, struct mount *mount, struct hyfw_error **err)
{
	char room[PATH_MAX / 4];
	int result;

	room_path(qcow2, room);
	if (mkdir(room, 0700) < 0 && errno != EEXIST)
		return qcow2->host->fail(err, errno, "%s: %s", room, strerror(errno));
	snprintf(mount->directory, sizeof(mount->directory), "%s/XXXXXX", room);
	if (!mkdtemp(mount->directory))
		return qcow2->host->fail(err, errno, "%s: %s", mount->directory, strerror(errno));
	mount->lock = open(mount->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mount->lock < 0 || flock(mount->lock, LOCK_EX | LOCK_NB) < 0)
		return qcow2->host->fail(err, errno, "%s: %s", mount->directory, strerror(errno));
	result = state_write(mount);
	return result < 0 ? qcow2->host->fail(err, -result, "%s: %s", mount->directory, strerror(-result)) : 0;
}

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

static int mount_ours(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct mount *mount,
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

	file_of(mount, "disk", shown);
	file_of(mount, "pid", pid);
	fd = open(shown, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return host->fail(err, errno, "%s: %s", shown, strerror(errno));
	close(fd);
	result = host->run(arena, &start, NULL, err);
	return result < 0 ? result : host->run(arena, &mounting, NULL, err);
}

struct guest_mount {
	const struct mount *mount;
	const struct qcow2_disk *disk;
	bool read_only, system;
};

/* It goes on in the background when it has mounted. */
static int run_guestmount(struct gf_worker *worker)
{
	const struct guest_mount *wanted = worker->job->data;
	char pid[PATH_MAX], format[32];
	const char *argv[16] = { "guestmount", format, "--add", wanted->disk->path,
				 "--pid-file", pid };
	size_t count = 6;

	file_of(wanted->mount, "pid", pid);
	snprintf(format, sizeof(format), "--format=%s", wanted->disk->format);
	if (wanted->read_only)
		argv[count++] = "--ro";
	if (wanted->system) {
		argv[count++] = "--inspector";
	} else {
		argv[count++] = "--mount";
		argv[count++] = "/dev/sda";
	}
	argv[count++] = wanted->mount->at;
	argv[count] = NULL;
	return gf_program(worker, argv);
}

/* A disk with a system in it, or with nothing but a file system. */
static int mount_strange(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct mount *mount,
			 const struct qcow2_disk *disk, bool read_only, struct hyfw_error **err)
{
	struct guest_mount wanted = { mount, disk, read_only, true };
	const struct gf_job job = { .task = run_guestmount, .data = &wanted };
	struct hyfw_error *why = NULL;
	int result = gf_run(qcow2, operation, &job, NULL, &why);

	if (result == 0)
		return 0;
	if (result == -ECANCELED) {
		*err = why;
		return result;
	}
	qcow2->host->forget(&why);
	wanted.system = false;
	return gf_run(qcow2, operation, &job, NULL, err);
}

static int finish(struct qcow2 *qcow2, struct mount *mount, int result, struct hyfw_error **err)
{
	struct hyfw_error *why = NULL;
	char done[PATH_MAX];
	int fd;

	file_of(mount, "done", done);
	if (result == 0) {
		fd = open(done, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			result = qcow2->host->fail(err, errno, "%s: %s", done, strerror(errno));
		else
			close(fd);
	}
	if (result < 0 && undo(qcow2, mount, &why) < 0)
		qcow2->host->forget(&why);
	if (mount->lock >= 0)
		close(mount->lock);
	return result;
}

static int check_place(struct qcow2 *qcow2, const char *at, struct mount *ret_mount, struct hyfw_error **err)
{
	struct stat st;

	if (!at || at[0] != '/' || !realpath(at, ret_mount->at) || strchr(ret_mount->at, '\n'))
		return qcow2->host->fail(err, at && at[0] == '/' ? errno : EINVAL, "%s: must be an existing directory",
					 at ? at : "mount");
	if (stat(ret_mount->at, &st) < 0 || !S_ISDIR(st.st_mode))
		return qcow2->host->fail(err, ENOTDIR, "%s: not a directory", at);
	if (is_mount_point(ret_mount->at))
		return qcow2->host->fail(err, EBUSY, "%s: something is mounted there already", at);
	return 0;
}

int fast_verb_mount(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		    struct hyfw_error **err)
{
	const bool read_only = hyfw_map_bool(&operation->args, "read_only", false);
	struct mount mount = { .lock = -1 };
	struct qcow2_disk disk = { .fd = -1 };
	int result = check_place(qcow2, hyfw_map_get(&operation->args, "at"), &mount, err);
	bool ours;

	if (result < 0)
		return result;
	fast_mounts_sweep(qcow2);
	result = qcow2_disk_open(qcow2, operation, operation->object, read_only ? QCOW2_READ : QCOW2_WRITE, &disk, err);
	if (result < 0)
		return result;
	ours = fast_mark_valid(qcow2, disk.path);
	snprintf(mount.how, sizeof(mount.how), "%s", ours ? (read_only ? "read-only" : "kernel") : "guestmount");
	snprintf(mount.disk, sizeof(mount.disk), "%s", disk.path);
	result = strchr(disk.path, '\n') ? qcow2->host->fail(err, EINVAL, "the path has a newline in it")
					  : begin(qcow2, &mount, err);
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
static bool unmount_one(struct qcow2 *qcow2, struct mount *mount, void *data)
{
	struct wanted *wanted = data;

	if (!state_read(mount) || strcmp(mount->at, wanted->at) != 0)
		return false;
	wanted->found = true;
	wanted->result = undo(qcow2, mount, wanted->err);
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
	each(qcow2, unmount_one, &wanted);
	if (!wanted.found)
		return qcow2->host->fail(err, ENOENT, "%s: no disk that hyfw has mounted", operation->object);
	if (wanted.result == 0)
		*ret_result = (struct hyfw_map){ 0 };
	return wanted.result;
}
