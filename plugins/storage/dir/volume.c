/* SPDX-License-Identifier: BSD-3-Clause
 * Three sorts of volumes:
 *     named      <data>/volumes/NAME, made on first use
 *     placed     [volume NAME] path = /DIR, made on first use; its parent exists
 *     host path  `/DIR:/target`, no section of its own: never made or removed */
#include "dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../common/tree.h"

#define NOTE_MADE "made"
#define TRASH_PREFIX ".removing-"

/* A name as a section may have it; the host path of a volume without a section
 * is none. */
static bool is_name(const char *name)
{
	size_t length = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-") : 0;

	return length > 0 && length <= 200 && name[length] == '\0' && name[0] != '.' && name[0] != '-';
}

static char *volumes_directory(struct dir *dir, struct hyfw_arena *arena)
{
	return dir->host->format(arena, "%s/volumes", dir_data(dir));
}

/* Descriptor of <data>/volumes.  Nobody but its owner may walk through: a
 * workload can leave set-user-id files of the real root in its volume. */
static int open_volumes(struct dir *dir, bool make, struct hyfw_error **err)
{
	const char *data = dir_data(dir);
	int parent = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	if (parent < 0)
		return dir->host->fail(err, errno, "%s: %s", data, strerror(errno));
	if (make && mkdirat(parent, "volumes", 0700) < 0 && errno != EEXIST) {
		close(parent);
		return dir->host->fail(err, errno, "make %s/volumes: %s", data, strerror(errno));
	}
	fd = openat(parent, "volumes", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	close(parent);
	if (fd < 0)
		return dir->host->fail(err, errno, "%s/volumes: %s", data, strerror(errno));
	return fd;
}

int dir_volume_check(struct dir *dir, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const char *path = hyfw_map_get(&subject->settings, "path");
	int fd;

	if (is_name(subject->name)) {
		struct stat st;

		if (!path || stat(path, &st) < 0 || S_ISDIR(st.st_mode))
			return 0;
		return dir->host->fail(err, ENOTDIR, "volume %s: %s is not a directory", subject->name, path);
	}
	if (!path)
		return dir->host->fail(err, EINVAL, "volume '%s': not a usable name",
				       subject->name ? subject->name : "");
	fd = dir_source_open_volume(dir, path, err);
	if (fd < 0)
		return dir->host->wrap(err, "volume");
	close(fd);
	return 0;
}

int dir_volume_plan(struct dir *dir, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		    struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = dir->host;
	const char *placed = hyfw_map_get(&subject->settings, "path");
	struct hyfw_pair args[2] = { { "volume", subject->name } };
	struct hyfw_step step = { .size = sizeof(step), .verb = "volume", .lifetime = HYFW_LIFETIME_SHARED };
	const char *path;

	if (!is_name(subject->name))
		return 0;
	path = placed ? placed : host->format(arena, "%s/%s", volumes_directory(dir, arena), subject->name);
	args[1].key = "path";
	args[1].value = placed;
	step.args.items = args;
	step.args.count = placed ? 2 : 1;
	step.object = host->format(arena, "volume %s", subject->name);
	step.summary = host->format(arena, "make directory %s when it is missing", path);
	step.commands = host->format(arena, "mkdir -p %s", path);
	return host->plan_step(plan, &step, err);
}

/* Makes 'name' in 'dirfd'; '*ret_made' is not set when it was there before. */
static int make_noted(struct dir *dir, struct hyfw_call *call, int dirfd, const char *name,
		      struct hyfw_error **err)
{
	struct stat st;
	int result;

	if (fstatat(dirfd, name, &st, 0) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		return dir->host->fail(err, ENOTDIR, "%s: not a directory", name);
	}
	if (errno != ENOENT)
		return dir->host->fail(err, errno, "%s: %s", name, strerror(errno));
	result = dir->host->note(call, NOTE_MADE, "true", err);
	if (result < 0)
		return result;
	if (mkdirat(dirfd, name, 0755) == 0) {
		/* whatever the umask of the caller is */
		return fchmodat(dirfd, name, 0755, 0) < 0 ?
			       dir->host->fail(err, errno, "%s: set mode: %s", name, strerror(errno)) :
			       0;
	}
	if (errno != EEXIST)
		return dir->host->fail(err, errno, "make directory %s: %s%s", name, strerror(errno),
				       errno == ENOENT ? "; its parent must exist" : "");
	return dir->host->note(call, NOTE_MADE, "false", err);
}

int dir_volume_apply(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	struct dir *dir = instance;
	const char *name = hyfw_map_get(&call->step->args, "volume");
	const char *placed = hyfw_map_get(&call->step->args, "path");
	int fd, result;

	if (placed)
		return make_noted(dir, call, AT_FDCWD, placed, err);
	if (!is_name(name))
		return dir->host->fail(err, EINVAL, "volume '%s': not a usable name", name ? name : "");
	fd = open_volumes(dir, true, err);
	if (fd < 0)
		return fd;
	result = make_noted(dir, call, fd, name, err);
	close(fd);
	return result;
}

/* Only a directory that we made and that is empty: data is never undone. */
int dir_volume_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	struct dir *dir = instance;
	const char *name = hyfw_map_get(&call->step->args, "volume");
	const char *placed = hyfw_map_get(&call->step->args, "path");
	struct hyfw_error *missing = NULL;
	int fd = AT_FDCWD, result = 0;

	if (!hyfw_map_bool(&call->record, NOTE_MADE, false) || (!placed && !is_name(name)))
		return 0;
	if (!placed) {
		fd = open_volumes(dir, false, &missing);
		if (fd < 0) {
			dir->host->forget(&missing);
			return 0;
		}
	}
	if (unlinkat(fd, placed ? placed : name, AT_REMOVEDIR) < 0 && errno != ENOENT && errno != ENOTEMPTY &&
	    errno != EEXIST && errno != ENOTDIR && errno != EBUSY)
		result = dir->host->fail(err, errno, "remove volume %s: %s", name, strerror(errno));
	if (fd >= 0)
		close(fd);
	return result;
}

int dir_volume_open(struct dir *dir, const struct hyfw_subject *subject,
		    const struct hyfw_map *record, struct hyfw_arena *arena, const char **ret_path,
		    struct hyfw_error **err)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	const char *placed = hyfw_map_get(record, "path");
	int parent, fd;

	if (!placed)
		placed = hyfw_map_get(&subject->settings, "path");
	if (placed) {
		fd = dir_source_open_volume(dir, placed, err);
		if (fd >= 0)
			*ret_path = dir->host->format(arena, "%s", placed);
		return fd;
	}
	if (!is_name(subject->name))
		return dir->host->fail(err, EINVAL, "volume '%s': not a usable name",
				       subject->name ? subject->name : "");
	parent = open_volumes(dir, false, err);
	if (parent < 0)
		return parent;
	fd = (int)syscall(SYS_openat2, parent, subject->name, &how, sizeof(how));
	if (fd < 0)
		fd = dir->host->fail(err, errno, "volume %s: %s", subject->name, strerror(errno));
	else
		*ret_path = dir->host->format(arena, "%s/%s", volumes_directory(dir, arena), subject->name);
	close(parent);
	return fd;
}

/* Out of the way first, so that a removal that is interrupted leaves no volume
 * with half of its data; gc() finishes it. */
int dir_volume_remove(void *instance, const char *name, struct hyfw_error **err)
{
	struct dir *dir = instance;
	struct timespec now;
	char trash[64];
	int fd, result;

	if (!is_name(name))
		return dir->host->fail(err, EINVAL, "volume '%s': not a usable name", name);
	fd = open_volumes(dir, true, err);
	if (fd < 0)
		return fd;
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(trash, sizeof(trash), TRASH_PREFIX "%d-%lld%09ld", (int)getpid(), (long long)now.tv_sec,
		 now.tv_nsec);
	if (renameat2(fd, name, fd, trash, RENAME_NOREPLACE) < 0) {
		result = errno == ENOENT ?
				 dir->host->fail(err, ENOENT, "volume %s: not found; `hyfw volume list` shows what there is",
						 name) :
				 dir->host->fail(err, errno, "remove volume %s: %s", name, strerror(errno));
	} else {
		result = storage_tree_remove(fd, trash);
		if (result < 0)
			result = dir->host->fail(err, -result, "remove volume %s: %s", name, strerror(-result));
	}
	close(fd);
	return result;
}

int dir_volume_gc(struct dir *dir, struct hyfw_error **err)
{
	struct hyfw_error *missing = NULL;
	int fd = open_volumes(dir, false, &missing);
	struct dirent *entry;
	int result = 0;
	DIR *listing;

	if (fd < 0) {
		dir->host->forget(&missing);
		return 0;
	}
	listing = fdopendir(fd);
	if (!listing) {
		close(fd);
		return dir->host->fail(err, errno, "list volumes: %s", strerror(errno));
	}
	while ((entry = readdir(listing))) {
		int removed;

		if (strncmp(entry->d_name, TRASH_PREFIX, strlen(TRASH_PREFIX)) != 0)
			continue;
		removed = storage_tree_remove(fd, entry->d_name);
		if (removed < 0 && result == 0)
			result = dir->host->fail(err, -removed, "remove %s: %s", entry->d_name, strerror(-removed));
	}
	closedir(listing);
	return result;
}
