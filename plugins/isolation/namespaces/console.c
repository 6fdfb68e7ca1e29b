/* SPDX-License-Identifier: BSD-3-Clause
 * The terminal, made in the workload's own devpts.  In exec() the file system
 * belongs to a running workload: what is opened there is checked. */
#include "ns.h"

#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>

static void copy_window_size(const struct ns_job *job, int master)
{
	struct winsize size;
	size_t i;

	for (i = 0; i < NS_COUNT(job->stdio); i++)
		if (job->stdio[i] >= 0 && ioctl(job->stdio[i], TIOCGWINSZ, &size) == 0) {
			ioctl(master, TIOCSWINSZ, &size);
			return;
		}
}

/* A terminal of our own root: "/dev/pts/ptmx" of a devpts, else a node "/dev/ptmx", which
 * leads to the devpts beside it. */
static int open_master(void)
{
	struct open_how how = { .flags = O_RDWR | O_NOCTTY | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS };
	NS_AUTO_CLOSE int fd = (int)syscall(SYS_openat2, AT_FDCWD, "/dev/pts/ptmx", &how, sizeof(how));
	struct stat status;
	struct statfs fs;
	int errnum = errno;

	if (fd >= 0)
		return fstatfs(fd, &fs) == 0 && fs.f_type == DEVPTS_SUPER_MAGIC ? ns_steal_fd(&fd) : -ENOTTY;
	if (fstatat(AT_FDCWD, "/dev/ptmx", &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISCHR(status.st_mode) ||
	    status.st_rdev != makedev(5, 2))
		return -errnum;
	fd = (int)syscall(SYS_openat2, AT_FDCWD, "/dev/ptmx", &how, sizeof(how));
	return fd < 0 ? -errno : ns_steal_fd(&fd);
}

static void set_plain_lines(const struct ns_job *job, int slave)
{
	struct termios settings;

	if (tcgetattr(slave, &settings) < 0)
		ns_die(job, NS_STEP_TERMINAL, "its settings", errno);
	settings.c_oflag &= ~(tcflag_t)ONLCR;
	if (tcsetattr(slave, TCSANOW, &settings) < 0)
		ns_die(job, NS_STEP_TERMINAL, "its settings", errno);
}

void ns_console_open(const struct ns_job *job, struct ns_console *console)
{
	int unlock = 0;

	console->master = open_master();
	if (console->master < 0)
		ns_die(job, NS_STEP_TERMINAL, "/dev/pts/ptmx", -console->master);
	if (ioctl(console->master, TIOCSPTLCK, &unlock) < 0)
		ns_die(job, NS_STEP_TERMINAL, "/dev/pts/ptmx", errno);
	console->slave = ioctl(console->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (console->slave < 0)
		ns_die(job, NS_STEP_TERMINAL, "/dev/pts", errno);
	copy_window_size(job, console->master);
	if (job->plain_lines)
		set_plain_lines(job, console->slave);
	/* One of the host's has a group that a user namespace may not know. */
	if (job->board->uid != 0 && fchown(console->slave, job->board->uid, (gid_t)-1) < 0 &&
	    !(job->process && job->mapped && errno == EPERM))
		ns_die(job, NS_STEP_TERMINAL, "its owner", errno);
}

/* Others may have a hand in a /dev that is bound, and put a link there. */
static bool is_same(int fd, int other)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A tree of it by its number below 'dev_fd'. */
static int open_slave(const struct ns_job *job, const struct ns_console *console, int dev_fd)
{
	char path[] = "pts/0000000000";
	unsigned number = 0, divisor = 1;
	char *at = path + 4;
	int fd;

	if (ioctl(console->master, TIOCGPTN, &number) < 0)
		ns_die(job, NS_STEP_TERMINAL, "its number", errno);
	while (number / divisor >= 10)
		divisor *= 10;
	for (; divisor > 0; divisor /= 10)
		*at++ = (char)('0' + number / divisor % 10);
	*at = '\0';
	fd = open_tree(dev_fd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0)
		ns_die(job, NS_STEP_TERMINAL, "/dev/pts", errno);
	if (!is_same(fd, console->slave))
		ns_die(job, NS_STEP_TERMINAL, "/dev/pts", ENOTTY);
	return fd;
}

void ns_console_bind(const struct ns_job *job, const struct ns_console *console, int dev_fd)
{
	NS_AUTO_CLOSE int tree = open_slave(job, console, dev_fd);

	if (move_mount(tree, "", dev_fd, "console", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		ns_die(job, NS_STEP_TERMINAL, "/dev/console", errno);
}

void ns_console_take(const struct ns_job *job, int slave)
{
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		ns_die(job, NS_STEP_TERMINAL, "controlling terminal", errno);
}
