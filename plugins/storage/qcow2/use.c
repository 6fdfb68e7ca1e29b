/* SPDX-License-Identifier: BSD-3-Clause
 * Who uses a disk.
 *
 * Hypervisors lock bytes of the file (block/file-posix.c of QEMU): 100 and up, a byte for
 * each right that they have, 200 and up, one for each that nobody else may have.
 * Workloads that were given a disk are links RUNTIME/users/MAJOR.MINOR.INODE -> WORKLOAD:
 * made with their content in one step. */
#include "qcow2.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define LOCK_HELD 100
#define LOCK_DENIED 200
#define LOCK_RIGHTS 64
#define RIGHT_WRITE 1  /* BLK_PERM_WRITE is the bit 1, include/block/block-common.h */
#define RIGHT_RESIZE 3
#define KEY_SIZE 64
#define WORKLOAD_SIZE 256
#define MARK_SIZE 512
#define MACHINE_ID_LENGTH 32

static bool is_locked(int fd, off_t start, off_t length)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = start, .l_len = length };

	return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static void make_key(dev_t device, ino_t inode, char ret_key[static KEY_SIZE])
{
	snprintf(ret_key, KEY_SIZE, "%u.%u.%" PRIuMAX, major(device), minor(device), (uintmax_t)inode);
}

static int open_users(struct qcow2 *qcow2, bool make)
{
	const char *runtime = qcow2->host->directory("qcow2", HYFW_DIRECTORY_RUNTIME);
	int parent = open(runtime, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	if (parent < 0)
		return -1;
	if (make)
		mkdirat(parent, "users", 0700);
	fd = openat(parent, "users", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	close(parent);
	return fd;
}

/* A device is the same whatever node it is reached by. */
static void key_of(const struct stat *st, char ret_key[static KEY_SIZE])
{
	make_key(S_ISBLK(st->st_mode) ? st->st_rdev : st->st_dev, S_ISBLK(st->st_mode) ? 0 : st->st_ino, ret_key);
}

static bool read_user(int users, const char *key, char ret_workload[static WORKLOAD_SIZE])
{
	ssize_t length = readlinkat(users, key, ret_workload, WORKLOAD_SIZE - 1);

	if (length <= 0)
		return false;
	ret_workload[length] = '\0';
	return true;
}

const char *qcow2_use_by(struct qcow2 *qcow2, const struct stat *st, struct hyfw_arena *arena)
{
	char key[KEY_SIZE], workload[WORKLOAD_SIZE];
	int users = open_users(qcow2, false);
	bool used;

	key_of(st, key);
	used = users >= 0 && read_user(users, key, workload);
	if (users >= 0)
		close(users);
	return used ? qcow2->host->format(arena, "%s", workload) : NULL;
}

/* ---- devices ---- */

/* The kernel gives a device to one holder alone: itself, for what is mounted, or whoever
 * opens it with O_EXCL. */
static int open_alone(int fd)
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	return open(link, O_RDONLY | O_EXCL | O_CLOEXEC);
}

static int fail_device(struct qcow2 *qcow2, const char *what, struct hyfw_error **err)
{
	return qcow2->host->fail(err, errno, "disk %s: %s", what,
				 errno == EBUSY ? "the host itself uses it: it, or a part of it, is mounted" :
						  strerror(errno));
}

static int check_device(struct qcow2 *qcow2, int fd, const char *what, struct hyfw_error **err)
{
	int alone = open_alone(fd);

	if (alone < 0)
		return fail_device(qcow2, what, err);
	close(alone);
	return 0;
}

/* Of the process: a monitor closes its instances while the machine runs. */
static struct claim {
	struct claim *next;
	dev_t device;
	int fd;
} *claims;
static pthread_mutex_t claims_lock = PTHREAD_MUTEX_INITIALIZER;

int qcow2_device_claim(struct qcow2 *qcow2, int fd, const struct stat *st, const char *what, struct hyfw_error **err)
{
	struct claim *claim;

	if (!S_ISBLK(st->st_mode))
		return 0;
	claim = calloc(1, sizeof(*claim));
	if (!claim)
		return qcow2->host->fail(err, ENOMEM, "out of memory");
	claim->device = st->st_rdev;
	claim->fd = open_alone(fd);
	if (claim->fd < 0) {
		int result = fail_device(qcow2, what, err);

		free(claim);
		return result;
	}
	pthread_mutex_lock(&claims_lock);
	claim->next = claims;
	claims = claim;
	pthread_mutex_unlock(&claims_lock);
	return 0;
}

void qcow2_device_release(dev_t device)
{
	struct claim **at = &claims;

	pthread_mutex_lock(&claims_lock);
	while (*at) {
		struct claim *claim = *at;

		if (claim->device != device) {
			at = &claim->next;
			continue;
		}
		*at = claim->next;
		close(claim->fd);
		free(claim);
	}
	pthread_mutex_unlock(&claims_lock);
}

/* ---- who ---- */

/* A machine that has external snapshots writes to files that lie on the disk, and notes
 * its name and its host on it (HYFW_ATTRIBUTE_SNAPSHOTS): what is in the disk itself is
 * old, and must stay as it is. */
struct layered {
	const char *workload; /* NULL: nothing lies on it */
	const char *host;     /* NULL: this one, and this hyfw */
};

/* machine-id(5), "-" when there is none. */
static const char *machine_id(struct qcow2 *qcow2, struct hyfw_arena *arena)
{
	char id[MACHINE_ID_LENGTH + 1];
	const int fd = open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	const ssize_t length = fd < 0 ? -1 : read(fd, id, MACHINE_ID_LENGTH);

	if (fd >= 0)
		close(fd);
	return length == MACHINE_ID_LENGTH ? qcow2->host->format(arena, "%.*s", MACHINE_ID_LENGTH, id) : "-";
}

/* Older marks are the workload's name alone. */
static struct layered layered_by(struct qcow2 *qcow2, struct hyfw_arena *arena, int fd)
{
	char mark[MARK_SIZE];
	const ssize_t length = fgetxattr(fd, HYFW_ATTRIBUTE_SNAPSHOTS, mark, sizeof(mark) - 1);
	struct layered layered = { 0 };
	const char *here, *rest;

	if (length <= 0)
		return layered;
	mark[length] = '\0';
	layered.workload = qcow2->host->format(arena, "%.*s", (int)strcspn(mark, " "), mark);
	rest = mark + strlen(layered.workload);
	here = qcow2->host->format(arena, " %s %s ", qcow2->host->owner, machine_id(qcow2, arena));
	if (*rest && strncmp(rest, here, strlen(here)) != 0)
		layered.host = qcow2->host->format(arena, "%s", strrchr(rest, ' ') + 1);
	return layered;
}

static int fail_layered(struct qcow2 *qcow2, const char *what, const struct layered *by, struct hyfw_error **err)
{
	if (by->host)
		return qcow2->host->fail(err, EBUSY, "disk %s: workload %s of %s has external snapshots of it, and what it wrote "
					 "since is in files that are known there; `hyfw snapshot delete %s NAME` there merges "
					 "them", what, by->workload, by->host, by->workload);
	return qcow2->host->fail(err, EBUSY, "disk %s: workload %s has external snapshots of it, and what it wrote since is in "
				 "files beside it; `hyfw snapshot list %s` shows them, `hyfw snapshot delete %s NAME` merges "
				 "them", what, by->workload, by->workload, by->workload);
}

/* Machines lie on it, here or in future. */
static const char *template_of(struct qcow2 *qcow2, struct hyfw_arena *arena, int fd)
{
	char name[WORKLOAD_SIZE];
	const ssize_t length = fgetxattr(fd, HYFW_ATTRIBUTE_TEMPLATE, name, sizeof(name) - 1);

	if (length <= 0)
		return NULL;
	name[length] = '\0';
	return qcow2->host->format(arena, "%s", name);
}

int qcow2_use_check(struct qcow2 *qcow2, int fd, const struct stat *st, const char *what, bool write,
		    const char *but, struct hyfw_error **err)
{
	struct hyfw_arena *arena = qcow2->host->arena_new();
	const char *workload = qcow2_use_by(qcow2, st, arena);
	const struct layered layered = layered_by(qcow2, arena, fd);
	const char *template = write ? template_of(qcow2, arena, fd) : NULL;
	int result = 0;

	if (template)
		result = qcow2->host->fail(err, EBUSY, "disk %s: it is of template %s, and fits its memory only as it is", what,
					   template);
	else if (layered.workload && (layered.host || !but || strcmp(but, layered.workload) != 0))
		result = fail_layered(qcow2, what, &layered, err);
	else if (workload && (!but || strcmp(but, workload) != 0))
		result = qcow2->host->fail(err, EBUSY, "disk %s: used by workload %s; `hyfw stop %s` first", what, workload,
					   workload);
	else if (is_locked(fd, LOCK_HELD + RIGHT_WRITE, 1) || is_locked(fd, LOCK_HELD + RIGHT_RESIZE, 1))
		result = qcow2->host->fail(err, EBUSY, "disk %s: another program writes to it", what);
	else if (write && (is_locked(fd, LOCK_HELD, LOCK_RIGHTS) || is_locked(fd, LOCK_DENIED, LOCK_RIGHTS)))
		result = qcow2->host->fail(err, EBUSY, "disk %s: another program uses it", what);
	else if (write && S_ISBLK(st->st_mode))
		result = check_device(qcow2, fd, what, err);
	qcow2->host->arena_free(arena);
	return result;
}

int qcow2_use_add(struct qcow2 *qcow2, const struct stat *st, const char *workload, const char *what,
		  struct hyfw_error **err)
{
	char key[KEY_SIZE], holder[WORKLOAD_SIZE];
	int users = open_users(qcow2, true), result = 0;

	if (users < 0)
		return qcow2->host->fail(err, errno, "disk %s: note who uses it: %s", what, strerror(errno));
	key_of(st, key);
	if (symlinkat(workload, users, key) < 0) {
		result = -errno;
		if (result == -EEXIST && read_user(users, key, holder))
			result = strcmp(holder, workload) == 0 ?
					 0 :
					 qcow2->host->fail(err, EBUSY, "disk %s: used by workload %s; `hyfw stop %s` first",
							   what, holder, holder);
		else
			result = qcow2->host->fail(err, -result, "disk %s: note who uses it: %s", what,
						   strerror(-result));
	}
	close(users);
	return result;
}

void qcow2_use_remove(struct qcow2 *qcow2, dev_t device, ino_t inode, const char *workload)
{
	char key[KEY_SIZE], holder[WORKLOAD_SIZE];
	int users = open_users(qcow2, false);

	if (users < 0)
		return;
	make_key(device, inode, key);
	if (read_user(users, key, holder) && strcmp(holder, workload) == 0)
		unlinkat(users, key, 0);
	close(users);
}

void qcow2_use_gc(struct qcow2 *qcow2, const char *const *running)
{
	int users = open_users(qcow2, false);
	DIR *listing = users >= 0 ? fdopendir(users) : NULL;
	struct dirent *entry;

	while (listing && (entry = readdir(listing))) {
		char workload[WORKLOAD_SIZE];

		if (read_user(users, entry->d_name, workload) &&
		    !hyfw_names_have(running, workload, strlen(workload)))
			unlinkat(users, entry->d_name, 0);
	}
	if (listing)
		closedir(listing);
	else if (users >= 0)
		close(users);
}
