/* SPDX-License-Identifier: BSD-3-Clause
 * /proc and /sys of the workload, and what of them it may not see or change.
 * The lists are those of the OCI runtimes (runtime-spec, maskedPaths and
 * readonlyPaths as Podman and Docker set them). */
#include "ns.h"

struct masked {
	const char *path; /* below /proc or /sys */
	bool directory;
};

static const struct masked proc_masked[] = {
	{ "kcore", false },      { "keys", false },          { "timer_list", false },
	{ "latency_stats", false }, { "sched_debug", false }, { "timer_stats", false },
	{ "interrupts", false }, { "acpi", true },           { "asound", true },
	{ "scsi", true },
};
static const struct masked sys_masked[] = {
	{ "firmware", true }, { "devices/virtual/powercap", true }, { "fs/selinux", true },
	{ "dev/block", true },
};
static const char *const proc_read_only[] = { "bus", "fs", "irq", "sys", "sysrq-trigger" };

#define KERNEL_ATTRIBUTES (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

void ns_kernelfs_take_proc(const struct ns_job *job, struct ns_kernelfs *kernelfs)
{
	static const char *const options[] = { "source", "proc", NULL };

	kernelfs->proc = ns_filesystem("proc", options, KERNEL_ATTRIBUTES);
	if (kernelfs->proc < 0)
		ns_die(job, NS_STEP_MOUNT, "/proc", -kernelfs->proc);
}

void ns_kernelfs_take_sys(const struct ns_job *job, struct ns_kernelfs *kernelfs)
{
	static const char *const options[] = { "source", "sysfs", NULL };

	kernelfs->sys = ns_filesystem("sysfs", options, KERNEL_ATTRIBUTES | MOUNT_ATTR_RDONLY);
	if (kernelfs->sys >= 0)
		return;
	/* Something covers a part of the host's /sys: show that, read-only. */
	kernelfs->sys = open_tree(AT_FDCWD, "/sys", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (kernelfs->sys < 0 ||
	    ns_attributes(kernelfs->sys, KERNEL_ATTRIBUTES | MOUNT_ATTR_RDONLY, true) < 0)
		ns_die(job, NS_STEP_MOUNT, "/sys", errno);
}

/* The workload's own groups, where the kernel has but one tree of them; what v1
 * would take, a file system for each controller, is not worth its time. */
static void attach_cgroups(const struct ns_job *job, int sys)
{
	const struct hyfw_confinement *confinement = job->confinement;
	static const char *const options[] = { "source", "cgroup2", NULL };
	const bool writable = job->mapped && ns_has_systemd(&job->workload->settings);
	int fd;

	if (confinement->cgroup_count != 1 || !confinement->cgroups[0].unified)
		return;
	/* Who may write what in it, the owner of each file says. */
	fd = ns_filesystem("cgroup2", options, KERNEL_ATTRIBUTES | (writable ? 0 : MOUNT_ATTR_RDONLY));
	if (fd < 0 || move_mount(fd, "", sys, "fs/cgroup", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		ns_die(job, NS_STEP_MOUNT, "/sys/fs/cgroup", fd < 0 ? -fd : errno);
	close(fd);
}

void ns_kernelfs_attach(const struct ns_job *job, const struct ns_kernelfs *kernelfs, int root_fd)
{
	ns_attach(job, kernelfs->proc, root_fd, "/proc", true);
	ns_attach(job, kernelfs->sys, root_fd, "/sys", true);
	attach_cgroups(job, kernelfs->sys);
}

/* What covers files and directories: clones of /dev/null and of one empty file
 * system.  That one is attached itself the first time, because only what is
 * attached can be cloned (before Linux 6.15). */
struct covers {
	int null, empty;
	bool empty_attached;
	int spare[2]; /* clones that found nothing to cover yet */
};

static int next_cover(struct covers *covers, bool directory)
{
	if (directory && !covers->empty_attached)
		return covers->empty;
	if (covers->spare[directory] < 0)
		covers->spare[directory] = open_tree(directory ? covers->empty : covers->null, "",
						     AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	return covers->spare[directory];
}

static void cover_used(struct covers *covers, bool directory)
{
	if (directory && !covers->empty_attached) {
		covers->empty_attached = true;
		return;
	}
	close(covers->spare[directory]);
	covers->spare[directory] = -1;
}

static void mask(const struct ns_job *job, struct covers *covers, int base, const struct masked *list,
		 size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		int cover = next_cover(covers, list[i].directory);

		if (cover < 0)
			ns_die(job, NS_STEP_MASK, list[i].path, errno);
		if (move_mount(cover, "", base, list[i].path, MOVE_MOUNT_F_EMPTY_PATH) == 0)
			cover_used(covers, list[i].directory);
		else if (errno != ENOENT && errno != ENOTDIR)
			ns_die(job, NS_STEP_MASK, list[i].path, errno);
	}
}

static void make_read_only(const struct ns_job *job, int proc, const char *path)
{
	NS_AUTO_CLOSE int fd = open_tree(proc, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0 || ns_attributes(fd, MOUNT_ATTR_RDONLY | KERNEL_ATTRIBUTES, true) < 0 ||
	    move_mount(fd, "", proc, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		ns_die(job, NS_STEP_MASK, path, errno);
}

void ns_kernelfs_mask(const struct ns_job *job, const struct ns_kernelfs *kernelfs, int null_fd)
{
	static const char *const options[] = { "source", "tmpfs", "size", "0", "nr_inodes", "1",
					       "mode", "555", NULL };
	struct covers covers = { .null = null_fd, .spare = { -1, -1 } };
	size_t i;

	covers.empty = ns_filesystem("tmpfs", options, KERNEL_ATTRIBUTES | MOUNT_ATTR_RDONLY);
	if (covers.empty < 0)
		ns_die(job, NS_STEP_MASK, "/proc", -covers.empty);
	for (i = 0; i < NS_COUNT(proc_read_only); i++)
		make_read_only(job, kernelfs->proc, proc_read_only[i]);
	mask(job, &covers, kernelfs->proc, proc_masked, NS_COUNT(proc_masked));
	mask(job, &covers, kernelfs->sys, sys_masked, NS_COUNT(sys_masked));
}
