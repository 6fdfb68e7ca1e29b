/* SPDX-License-Identifier: BSD-3-Clause */
#include "plugin/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/userns.h"
#include "build_config.h"

#define NAME_LONGEST 64

void hyfw_trust_trail_finish(struct hyfw_trust_trail *trail)
{
	size_t i;

	for (i = 0; i < trail->count; i++) {
		free(trail->steps[i].path);
		free(trail->steps[i].refusal);
	}
	free(trail->steps);
	memset(trail, 0, sizeof(*trail));
}

static void record(struct hyfw_trust_trail *trail, const char *path, const struct stat *st, const char *refusal)
{
	struct hyfw_trust_step *step;

	if (!trail)
		return;
	if (trail->count == trail->room) {
		trail->room = trail->room ? trail->room * 2 : 8;
		trail->steps = hyfw_grow(trail->steps, trail->room, sizeof(*trail->steps));
	}
	step = &trail->steps[trail->count++];
	step->path = hyfw_dup(path);
	step->uid = st->st_uid;
	step->mode = st->st_mode & 07777;
	step->refusal = hyfw_dup(refusal);
}

/* In a user namespace root of the machine has no number, and neither has any other user
 * outside.  Below the directory that this hyfw was built for it can be no other than who
 * installed hyfw itself; everywhere else nobody can tell. */
static bool is_installers(int fd, const struct stat *st, const char *path)
{
	const size_t length = strlen(path);
	const char *built = HYFW_PLUGIN_DIRECTORY;

	if (strncmp(path, built, strlen(built)) == 0)
		return (!path[strlen(built)] || path[strlen(built)] == '/') && hyfw_owner_is_outside(fd, st);
	return strncmp(built, path, length) == 0 && (length == 1 || built[length] == '/') &&
	       hyfw_owner_is_outside(fd, st);
}

/* Why 'st' is not trusted (free()), NULL when it is.  A directory like /tmp, that
 * everybody may write but only owners may delete from, is not: what is missing
 * there can be put there. */
static char *refusal_of(int fd, const struct stat *st, const char *path, mode_t type)
{
	if (S_ISLNK(st->st_mode))
		return hyfw_dup("is a symbolic link");
	if ((st->st_mode & S_IFMT) != type)
		return hyfw_dup(type == S_IFDIR ? "is not a directory" : "is not a regular file");
	if (st->st_uid != 0 && st->st_uid != geteuid() && !is_installers(fd, st, path))
		return hyfw_format("is owned by user %u, not by root", (unsigned)st->st_uid);
	if (st->st_mode & S_IWOTH)
		return hyfw_dup("is writable by everybody");
	if (st->st_mode & S_IWGRP)
		return hyfw_format("is writable by group %u", (unsigned)st->st_gid);
	return NULL;
}

/* Judges what 'fd' is; 'path' is how it was reached. */
static int judge(int fd, const char *path, mode_t type, struct hyfw_trust_trail *trail, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *refusal = NULL;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return hyfw_fail_errno(err, errno, "%s", path);
	refusal = refusal_of(fd, &st, path, type);
	record(trail, path, &st, refusal);
	return refusal ? hyfw_fail(err, EPERM, "not trusted: %s %s", path, refusal) : 0;
}

static int step_down(int *fd, const char *name, const char *path, struct hyfw_trust_trail *trail,
		     struct hyfw_error **err)
{
	/* O_PATH without O_DIRECTORY also opens a link itself, to tell of it. */
	int next = openat(*fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (next < 0)
		return hyfw_fail_errno(err, errno, "%s", path);
	close(*fd);
	*fd = next;
	return judge(next, path, S_IFDIR, trail, err);
}

int hyfw_trust_directory(const char *path, struct hyfw_trust_trail *trail, int *ret_fd,
			 struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *reached = hyfw_dup(path);
	HYFW_AUTO_CLOSE int fd = -1;
	char *at = reached;
	int result;

	if (path[0] != '/')
		return hyfw_fail(err, EINVAL, "%s: must be an absolute path", path);
	fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return hyfw_fail_errno(err, errno, "/");
	result = judge(fd, "/", S_IFDIR, trail, err);
	while (result == 0) {
		char *name, *end, kept;

		at += strspn(at, "/");
		if (!*at)
			break;
		name = at;
		end = at + strcspn(at, "/");
		kept = *end;
		*end = '\0';
		if (strcmp(name, "..") == 0)
			return hyfw_fail(err, EINVAL, "%s: must not contain '..'", path);
		result = step_down(&fd, name, reached, trail, err);
		*end = kept;
		at = end;
	}
	if (result == 0)
		*ret_fd = hyfw_steal_fd(&fd);
	return result;
}

int hyfw_trust_file(int directory_fd, const char *directory, const char *name,
		    struct hyfw_trust_trail *trail, int *ret_fd, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_format("%s/%s", directory, name);
	HYFW_AUTO_CLOSE int fd = -1;
	struct stat st;
	int result;

	if (fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return hyfw_fail_errno(err, errno, "%s", path);
	if (!S_ISREG(st.st_mode)) {
		record(trail, path, &st, S_ISLNK(st.st_mode) ? "is a symbolic link" : "is not a regular file");
		return hyfw_fail(err, EPERM, "not trusted: %s is %s", path,
				 S_ISLNK(st.st_mode) ? "a symbolic link" : "not a regular file");
	}
	fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return hyfw_fail_errno(err, errno, "%s", path);
	result = judge(fd, path, S_IFREG, trail, err);
	if (result == 0)
		*ret_fd = hyfw_steal_fd(&fd);
	return result;
}

bool hyfw_trust_name_ok(const char *name)
{
	size_t length = strlen(name);

	return length > 0 && length <= NAME_LONGEST &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == length;
}
