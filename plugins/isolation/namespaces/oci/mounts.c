/* SPDX-License-Identifier: BSD-3-Clause
 * Mounts of an OCI bundle, attached in their order below the root, which is not
 * pivoted to yet: file systems can still be given paths of the host.  Targets are
 * resolved as in ../mounts.c. */
#include "oci.h"

#include <linux/magic.h>
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

void oci_attach(const struct ns_job *job, int fd, int target, const char *name)
{
	if (is_proc(target) && !is_proc(fd) && !may_cover_proc(name))
		ns_die(job, NS_STEP_PROC, name, EPERM);
	if (move_mount(fd, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		ns_die(job, NS_STEP_MOUNT, name, errno);
}

static void attach(const struct ns_job *job, struct oci_room *room, size_t index)
{
	const struct hyfw_oci_mount *mount = &room->config->mounts[index];
	struct oci_mount *made = &room->mounts[index];
	int target = ns_target_open(room->root, mount->target, !made->bind || made->directory);

	if (target < 0)
		ns_die(job, NS_STEP_TARGET, mount->target, -target);
	if (!made->bind && mount->type && strcmp(mount->type, "cgroup") == 0) {
		oci_cgroups_attach(job, room, mount, target);
	} else {
		if (!made->bind)
			made->fd = oci_filesystem(job, room, index, target);
		if (made->fd < 0)
			ns_die(job, NS_STEP_MOUNT, mount->target, EBADF);
		oci_attach(job, made->fd, target, mount->target);
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
