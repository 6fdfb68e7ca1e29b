/* SPDX-License-Identifier: BSD-3-Clause
 * Mounts of an OCI bundle, attached in their order below the root, which is not
 * pivoted to yet: file systems can still be given paths of the host.  Targets are
 * resolved as in ../mounts.c. */
#include "oci.h"

#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/vfs.h>

int oci_mount_change(int fd, uint64_t set, uint64_t clear, uint64_t propagation, bool all)
{
	struct mount_attr change = { .attr_set = set, .attr_clr = clear, .propagation = propagation };

	if (!set && !clear && !propagation)
		return 0;
	/* One of several: the kernel wants all of its bits cleared. */
	if ((set | clear) & MOUNT_ATTR__ATIME)
		change.attr_clr |= MOUNT_ATTR__ATIME;
	return mount_setattr(fd, "", AT_EMPTY_PATH | (all ? AT_RECURSIVE : 0), &change, sizeof(change)) < 0 ?
		-errno : 0;
}

static bool is_proc(int fd)
{
	struct statfs status;

	return fstatfs(fd, &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

/* What else hides a part of /proc takes its masks away; these files say how large the
 * machine is, and LXCFS has them for containers. */
static bool may_cover_proc(const char *target)
{
	static const char *const files[] = {
		"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/slabinfo", "/proc/stat",
		"/proc/swaps", "/proc/uptime", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
	};
	size_t i;

	for (i = 0; i < NS_COUNT(files); i++)
		if (strcmp(target, files[i]) == 0)
			return true;
	return false;
}

/* move_mount(2) has EINVAL for much; clients know the word that mount(2) has for this. */
static int attach_error(int fd, int target, int errnum)
{
	struct stat source, place;

	if (errnum != EINVAL || fstat(fd, &source) < 0 || fstat(target, &place) < 0)
		return errnum;
	return S_ISDIR(source.st_mode) != S_ISDIR(place.st_mode) ? ENOTDIR : errnum;
}

void oci_attach(const struct ns_job *job, int fd, int target, const char *name)
{
	if (is_proc(target) && !is_proc(fd) && !may_cover_proc(name))
		ns_die(job, NS_STEP_PROC, name, EPERM);
	if (move_mount(fd, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		ns_die(job, NS_STEP_MOUNT, name, attach_error(fd, target, errno));
}

/* proc and sysfs go to the very directory: by a link of the image they would be somewhere
 * else, and what the masks are for with them. */
static bool is_kernels(const struct hyfw_oci_mount *mount)
{
	return !mount->bind && mount->type && (strcmp(mount->type, "proc") == 0 || strcmp(mount->type, "sysfs") == 0);
}

static int open_ordinary(const struct ns_job *job, const struct oci_room *room, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | O_DIRECTORY,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS,
	};
	int fd = (int)syscall(SYS_openat2, room->root, path, &how, sizeof(how));

	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		ns_die(job, NS_STEP_ORDINARY, path, errno);
	return fd < 0 ? -errno : fd;
}

static int open_target(const struct ns_job *job, const struct oci_room *room, size_t index)
{
	const struct hyfw_oci_mount *mount = &room->config->mounts[index];
	struct oci_mount *made = &room->mounts[index];
	int target = is_kernels(mount) ? open_ordinary(job, room, made->target) :
		     ns_open_inside(room->root, made->target, made->target_link ? O_NOFOLLOW : 0);

	if (target == -ENOENT) {
		made->covers_nothing = true;
		target = ns_target_open(room->root, made->target, !made->bind || made->directory);
		if (target >= 0 && is_kernels(mount)) { /* a link may lead there by now */
			close(target);
			target = open_ordinary(job, room, made->target);
		}
	}
	if (target < 0)
		ns_die(job, NS_STEP_TARGET, mount->target, -target);
	return target;
}

/* The same link as the source, in place of a mount. */
static void copy_link(const struct ns_job *job, const struct oci_room *room, const struct oci_mount *made)
{
	const char *name = strrchr(made->target, '/') + 1;
	char parent[PATH_MAX], there[PATH_MAX];
	size_t length = (size_t)(name - made->target);
	NS_AUTO_CLOSE int fd = -1;
	ssize_t found;

	if (length >= sizeof(parent) || !*name)
		ns_die(job, NS_STEP_TARGET, made->target, EINVAL);
	memcpy(parent, made->target, length);
	parent[length] = '\0';
	fd = ns_target_open(room->root, parent, true);
	if (fd < 0)
		ns_die(job, NS_STEP_TARGET, made->target, -fd);
	if (symlinkat(made->link, fd, name) == 0)
		return;
	found = errno == EEXIST ? readlinkat(fd, name, there, sizeof(there)) : -1;
	if (found < 0 || (size_t)found != strlen(made->link) || memcmp(there, made->link, (size_t)found) != 0)
		ns_die(job, NS_STEP_TARGET, made->target, EEXIST);
}

bool oci_is_at(const struct oci_mount *made, const char *path)
{
	size_t length = strlen(path);

	return strncmp(made->target, path, length) == 0 && !made->target[length + strspn(made->target + length, "/")];
}

/* On top of all of the root: that is the root from now on. */
static bool is_top(const char *path)
{
	return !path[strspn(path, "/")];
}

static void attach(const struct ns_job *job, struct oci_room *room, size_t index)
{
	const struct hyfw_oci_mount *mount = &room->config->mounts[index];
	struct oci_mount *made = &room->mounts[index];
	int target;

	if (made->link) {
		copy_link(job, room, made);
		return;
	}
	if (made->inner)
		oci_inner_take(job, room, index);
	oci_source_copy(job, room, index);
	target = open_target(job, room, index);
	if (!made->bind && mount->type && strcmp(mount->type, "cgroup") == 0) {
		oci_cgroups_attach(job, room, mount, target);
	} else {
		if (made->fd < 0 && !made->bind)
			made->fd = oci_filesystem(job, room, index, target);
		if (made->fd < 0)
			ns_die(job, NS_STEP_MOUNT, mount->target, EBADF);
		oci_attach(job, made->fd, target, made->target);
		if (is_top(made->target))
			room->root = made->fd;
	}
	close(target);
}

void oci_mounts_attach(const struct ns_job *job, struct oci_room *room)
{
	size_t i;

	for (i = 0; i < room->config->mount_count; i++)
		attach(job, room, i);
}

/* Mount points, devices and links had to be made in them first. */
void oci_mounts_seal(const struct ns_job *job, const struct oci_room *room)
{
	const struct hyfw_oci_config *config = room->config;
	size_t i;
	int r;

	for (i = 0; i < config->mount_count; i++) {
		if (room->mounts[i].bind || room->mounts[i].fd < 0 ||
		    !((config->mounts[i].set | config->mounts[i].set_all) & MOUNT_ATTR_RDONLY))
			continue;
		r = oci_mount_change(room->mounts[i].fd, MOUNT_ATTR_RDONLY, 0, 0, false);
		if (r < 0)
			ns_die(job, NS_STEP_READ_ONLY, config->mounts[i].target, -r);
	}
	if (!config->root_read_only)
		return;
	r = oci_mount_change(room->root, MOUNT_ATTR_RDONLY, 0, 0, false);
	if (r < 0)
		ns_die(job, NS_STEP_READ_ONLY, "the root file system", -r);
}
