/* SPDX-License-Identifier: BSD-3-Clause
 * A private /dev: a small tmpfs with the devices that every program expects,
 * bound from the host because a user namespace cannot make device nodes. */
#include "ns.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

static const char *const names[NS_DEVICES] = { "null", "zero", "full", "random", "urandom", "tty" };
static const char *const paths[NS_DEVICES] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random",
					       "/dev/urandom", "/dev/tty" };
static const unsigned minors[NS_DEVICES] = { 3, 5, 7, 8, 9, 0 };

static const char *const links[][2] = {
	{ "/proc/self/fd", "fd" },      { "/proc/self/fd/0", "stdin" }, { "/proc/self/fd/1", "stdout" },
	{ "/proc/self/fd/2", "stderr" }, { "pts/ptmx", "ptmx" },        { "/proc/kcore", "core" },
};

void ns_devices_take(const struct ns_job *job, int fds[NS_DEVICES])
{
	struct stat status;
	size_t i;

	for (i = 0; i < NS_DEVICES; i++) {
		fds[i] = open_tree(AT_FDCWD, paths[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
		if (fds[i] < 0 || fstat(fds[i], &status) < 0)
			ns_die(job, NS_STEP_DEVICE, paths[i], errno);
		/* memory devices are 1:N, /dev/tty is 5:0; anything else is a trap */
		if (!S_ISCHR(status.st_mode) ||
		    status.st_rdev != makedev(i == NS_DEVICES - 1 ? 5 : 1, minors[i]))
			ns_die(job, NS_STEP_DEVICE, paths[i], ENODEV);
	}
}

static void make_entries(const struct ns_job *job, int dev)
{
	static const char *const directories[] = { "pts", "shm", "mqueue" };
	size_t i;
	int fd;

	for (i = 0; i < NS_COUNT(directories); i++)
		if (mkdirat(dev, directories[i], 0755) < 0)
			ns_die(job, NS_STEP_DEVICE, directories[i], errno);
	for (i = 0; i < NS_COUNT(links); i++)
		if (symlinkat(links[i][0], dev, links[i][1]) < 0)
			ns_die(job, NS_STEP_DEVICE, links[i][1], errno);
	for (i = 0; i < NS_DEVICES + (job->terminal ? 1 : 0); i++) {
		fd = openat(dev, i < NS_DEVICES ? names[i] : "console",
			    O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
		if (fd < 0)
			ns_die(job, NS_STEP_DEVICE, i < NS_DEVICES ? names[i] : "console", errno);
		close(fd);
	}
}

/* Mounts a new file system of the kernel on 'name' in /dev. */
static void mount_special(const struct ns_job *job, int dev, const char *type, const char *const *options,
			  uint64_t attributes, const char *name)
{
	NS_AUTO_CLOSE int fd = ns_filesystem(type, options, attributes);

	if (fd == -ENODEV && strcmp(type, "mqueue") == 0)
		return; /* a kernel without message queues */
	if (fd < 0)
		ns_die(job, NS_STEP_MOUNT, type, -fd);
	if (move_mount(fd, "", dev, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		ns_die(job, NS_STEP_MOUNT, name, errno);
}

static void mount_specials(const struct ns_job *job, int dev)
{
	const char *label = job->confinement->mount_label;
	const char *pts[12] = { "source", "devpts", "ptmxmode", "0666", "mode", "0620" };
	const char *const shm[] = { "source", "shm", "mode", "1777", "size", "65536k",
				    label ? "context" : NULL, label, NULL };
	const char *const mqueue[] = { "source", "mqueue", NULL }; /* takes no context= in a user namespace */
	size_t count = 6;

	if (job->tty_group) {
		pts[count++] = "gid";
		pts[count++] = "5";
	}
	if (label) {
		pts[count++] = "context";
		pts[count++] = label;
	}
	mount_special(job, dev, "devpts", pts, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, "pts");
	mount_special(job, dev, "tmpfs", shm, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV, "shm");
	mount_special(job, dev, "mqueue", mqueue,
		      MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NODEV, "mqueue");
}

int ns_devices_make(const struct ns_job *job, int root_fd, int fds[NS_DEVICES])
{
	const char *label = job->confinement->mount_label;
	const char *const options[] = { "source", "tmpfs", "mode", "755", "size", "65536k",
					label ? "context" : NULL, label, NULL };
	/* nodev does not reach the devices, which are mounts of their own; it makes those
	 * useless that a workload with CAP_MKNOD and no user namespace makes itself. */
	int dev = ns_filesystem("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
				MOUNT_ATTR_STRICTATIME);
	mode_t mask = umask(0);
	size_t i;

	if (dev < 0)
		ns_die(job, NS_STEP_MOUNT, "/dev", -dev);
	make_entries(job, dev);
	umask(mask);
	ns_attach(job, dev, root_fd, "/dev", true);
	for (i = 0; i < NS_DEVICES; i++)
		if (move_mount(fds[i], "", dev, names[i], MOVE_MOUNT_F_EMPTY_PATH) < 0)
			ns_die(job, NS_STEP_DEVICE, paths[i], errno);
	mount_specials(job, dev);
	return dev;
}
