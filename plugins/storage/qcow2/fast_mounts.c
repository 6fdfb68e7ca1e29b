/* SPDX-License-Identifier: BSD-3-Clause
 * The mounts that there are: what is written down of them, and undoing them. */
#include "fast_mount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/tree.h"

#define END_MS 15000
#define LOOK_US 50000

void fast_mount_file(const struct fast_mount *mount, const char *name, char ret_path[static PATH_MAX])
{
	snprintf(ret_path, PATH_MAX, "%s/%s", mount->directory, name);
}

/* ---- state ---- */

static void room_path(struct qcow2 *qcow2, char ret_path[static PATH_MAX / 4])
{
	snprintf(ret_path, PATH_MAX / 4, "%s/mounts", qcow2->host->directory("qcow2", HYFW_DIRECTORY_RUNTIME));
}

static int state_write(const struct fast_mount *mount)
{
	char path[PATH_MAX];
	FILE *file;

	fast_mount_file(mount, "state", path);
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

bool fast_mount_read(struct fast_mount *mount)
{
	char path[PATH_MAX];
	bool whole;
	FILE *file;

	fast_mount_file(mount, "state", path);
	file = fopen(path, "re");
	whole = file && read_line(file, mount->at, sizeof(mount->at)) &&
		read_line(file, mount->disk, sizeof(mount->disk)) && read_line(file, mount->how, sizeof(mount->how));
	if (file)
		fclose(file);
	return whole;
}

static bool is_done(const struct fast_mount *mount)
{
	char path[PATH_MAX];

	fast_mount_file(mount, "done", path);
	return access(path, F_OK) == 0;
}

bool fast_is_mount_point(const char *path)
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
static pid_t daemon_of(const struct fast_mount *mount)
{
	char path[PATH_MAX], arguments[16384];
	int pid = 0, fd;
	ssize_t got;
	FILE *file;

	fast_mount_file(mount, "pid", path);
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

static void end_daemon(struct qcow2 *qcow2, const struct fast_mount *mount)
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

int fast_mount_undo(struct qcow2 *qcow2, const struct fast_mount *mount, struct hyfw_error **err)
{
	struct hyfw_arena *arena;
	const char *const argv[] = { "umount", mount->at, NULL };
	const struct hyfw_program program = { .size = sizeof(program), .argv = argv, .timeout_ms = 120000 };
	char shown[PATH_MAX];
	int result = 0;

	if (fast_is_mount_point(mount->at)) {
		arena = qcow2->host->arena_new();
		result = qcow2->host->run(arena, &program, NULL, err);
		qcow2->host->arena_free(arena);
	}
	if (result < 0)
		return result;
	end_daemon(qcow2, mount);
	fast_mount_file(mount, "disk", shown);
	if (fast_is_mount_point(shown)) {
		const char *const lazily[] = { "umount", "--lazy", shown, NULL };

		run_quietly(qcow2, lazily);
	}
	storage_tree_remove(AT_FDCWD, mount->directory);
	return 0;
}

/* ---- all there are ---- */

void fast_mounts_each(struct qcow2 *qcow2, bool (*visit)(struct qcow2 *, struct fast_mount *, void *), void *data)
{
	char room[PATH_MAX / 4];
	struct dirent *entry;
	bool stop = false;
	DIR *list;

	room_path(qcow2, room);
	list = opendir(room);
	while (list && !stop && (entry = readdir(list))) {
		struct fast_mount mount = { .lock = -1 };

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

static bool sweep_one(struct qcow2 *qcow2, struct fast_mount *mount, void *data)
{
	struct hyfw_error *why = NULL;

	(void)data;
	if (!fast_mount_read(mount))
		storage_tree_remove(AT_FDCWD, mount->directory); /* died before it did anything */
	else if ((!is_done(mount) || !fast_is_mount_point(mount->at)) && fast_mount_undo(qcow2, mount, &why) < 0)
		qcow2->host->forget(&why);
	return false;
}

void fast_mounts_sweep(struct qcow2 *qcow2)
{
	fast_mounts_each(qcow2, sweep_one, NULL);
}

/* ---- a new one ---- */

int fast_mount_begin(struct qcow2 *qcow2, struct fast_mount *mount, struct hyfw_error **err)
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
