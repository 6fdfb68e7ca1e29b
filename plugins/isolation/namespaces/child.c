/* SPDX-License-Identifier: BSD-3-Clause
 * What runs in the new process, from the clone to the exec of the command.  Only
 * async-signal-safe calls: the parent may have had threads and locks. */
#include "ns.h"
#include "oci/oci.h"

#include <linux/keyctl.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* Ends with the creator.  Has to be said again after each change of credentials,
 * which clears it (prctl(2)).  A creator that is gone by now is noticed at the
 * channel: the next message is its end. */
void ns_die_with_creator(const struct ns_job *job)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		ns_die(job, NS_STEP_PARENT, "", errno);
}

void ns_expect(const struct ns_job *job, char message, int *fds, size_t room, size_t *ret_count)
{
	char got = 0;
	int r = ns_channel_receive(job->channel, &got, fds, room, ret_count);

	if (r < 0 || got != message)
		ns_die(job, NS_STEP_PARENT, "", r < 0 ? -r : EPROTO);
}

void ns_reset_signals(void)
{
	struct sigaction normal = { .sa_handler = SIG_DFL };
	sigset_t none;
	int number;

	for (number = 1; number < NSIG; number++)
		sigaction(number, &normal, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Nobody inside may look into this copy of hyfw (/proc/PID/exe and friends). */
void ns_become_private(const struct ns_job *job)
{
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		ns_die(job, NS_STEP_NONE, "", errno);
	ns_reset_signals();
	setsid();
}

/* "0" is the writing process.  "tasks", not "cgroup.procs": see struct hyfw_cgroup. */
void ns_join_cgroups(const struct ns_job *job)
{
	size_t i;

	for (i = 0; i < job->cgroup_count; i++)
		if (write(job->cgroup_fds[i], "0", 1) != 1)
			ns_die(job, NS_STEP_CGROUP, "the workload", errno);
	if (job->cgroup_count > 0)
		ns_phase(job, "join groups");
}

void ns_become_root(const struct ns_job *job)
{
	if (!job->mapped)
		return;
	ns_expect(job, NS_MAPPED, NULL, 0, NULL);
	ns_take_ids(job);
	if (!job->keep_groups && syscall(SYS_setgroups, (size_t)0, NULL) < 0 && !(job->process && errno == EPERM))
		ns_die(job, NS_STEP_IDS, "", errno);
	ns_die_with_creator(job);
	ns_phase(job, "id maps");
}

void ns_take_ids(const struct ns_job *job)
{
	const struct ns_board *board = job->board;

	if (syscall(SYS_setresgid, 0, 0, 0) < 0 &&
	    (errno != EINVAL || syscall(SYS_setresgid, board->gid, board->gid, board->gid) < 0))
		ns_die(job, NS_STEP_IDS, "", errno);
	if (syscall(SYS_setresuid, 0, 0, 0) < 0 &&
	    (errno != EINVAL || syscall(SYS_setresuid, board->uid, board->uid, board->uid) < 0))
		ns_die(job, NS_STEP_IDS, "", errno);
	/* Changed ids made the files below /proc/self root's again. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		ns_die(job, NS_STEP_IDS, "", errno);
}

/* Now owned by the user namespace, and with its root as the owner of what is in
 * them.  The control group namespace begins at the groups that were joined. */
static void make_namespaces(const struct ns_job *job)
{
	if (unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWCGROUP) < 0)
		ns_die(job, NS_STEP_NAMESPACE, "network, ipc, cgroup", errno);
}

/* Here, because nobody else is inside the namespace without entering it. */
void ns_bring_up_loopback(const struct ns_job *job)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_LOOPBACK };
	NS_AUTO_CLOSE int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 && errno == EAFNOSUPPORT) /* a kernel without IPv4 */
		return;
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		ns_die(job, NS_STEP_LOOPBACK, "", errno);
}

static void set_hostname(const struct ns_job *job)
{
	const char *name = job->workload->hostname;

	if (!name || !*name)
		name = job->workload->name;
	if (sethostname(name, strlen(name)) < 0)
		ns_die(job, NS_STEP_HOSTNAME, name, errno);
}

/* pivot_root(2): with "." twice the old root ends on top of the new one, and is
 * what gets unmounted there. */
void ns_pivot(const struct ns_job *job, int root)
{
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		ns_die(job, NS_STEP_ROOT, "pivot_root", errno);
	if (umount2(".", MNT_DETACH) < 0)
		ns_die(job, NS_STEP_ROOT, "detach the old one", errno);
	if (chdir("/") < 0)
		ns_die(job, NS_STEP_ROOT, "/", errno);
}

static void finish_root(const struct ns_job *job, int root)
{
	const struct hyfw_workload *workload = job->workload;
	int r, fd;

	if (workload->workdir && *workload->workdir) { /* a missing one is made, as Podman does */
		fd = ns_target_open(root, workload->workdir, true);
		if (fd >= 0)
			close(fd);
	}
	if (workload->read_only) {
		r = ns_attributes(root, MOUNT_ATTR_RDONLY, false);
		if (r < 0)
			ns_die(job, NS_STEP_ROOT, "make it read-only", -r);
	}
}

static size_t take_mounts(const struct ns_job *job, int fds[NS_FDS_MAX])
{
	size_t count = 0;

	if (job->ordinary)
		return ns_ordinary_open(job, fds);
	ns_expect(job, NS_GO, fds, NS_FDS_MAX, &count);
	if (count == 0)
		ns_die(job, NS_STEP_PARENT, "", EPROTO);
	return count;
}

void ns_child_create(struct ns_job *job)
{
	struct mount_attr slave = { .propagation = MS_SLAVE };
	struct ns_console console = { -1, -1 };
	struct ns_kernelfs kernelfs;
	int devices[NS_DEVICES], fds[NS_FDS_MAX], dev;
	size_t count = 0;

	close(job->peer);
	ns_die_with_creator(job);
	if (!job->ordinary)
		ns_become_private(job);
	ns_join_cgroups(job);
	if (job->ordinary) { /* who made us may map the ids of a process only that is not private yet */
		ns_become_root(job);
		ns_become_private(job);
	}
	/* Nothing that is mounted here may reach the host; root of the host would. */
	if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &slave, sizeof(slave)) < 0)
		ns_die(job, NS_STEP_ROOT, "propagation", errno);
	ns_devices_take(job, devices);
	ns_kernelfs_take_proc(job, &kernelfs);
	if (!job->ordinary)
		ns_become_root(job);
	make_namespaces(job);
	ns_bring_up_loopback(job);
	ns_kernelfs_take_sys(job, &kernelfs);
	set_hostname(job);
	ns_phase(job, "namespaces");
	count = take_mounts(job, fds);
	ns_phase(job, "root and volumes");
	if (move_mount(fds[0], "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		ns_die(job, NS_STEP_ROOT, "attach", errno);
	ns_pivot(job, fds[0]);
	ns_phase(job, "pivot_root");
	umask(0022);
	ns_kernelfs_attach(job, &kernelfs, fds[0]);
	dev = ns_devices_make(job, fds[0], devices);
	if (job->terminal) {
		ns_console_open(job, &console);
		ns_console_bind(job, &console, dev);
	}
	ns_mounts_attach(job, fds[0], fds + 1, count - 1);
	ns_kernelfs_mask(job, &kernelfs, devices[0]);
	finish_root(job, fds[0]);
	ns_phase(job, "mounts");
	job->proc_fd = kernelfs.proc;
	if (job->terminal) {
		ns_console_take(job, console.slave);
		job->stdio[0] = job->stdio[1] = job->stdio[2] = console.slave;
	}
	ns_child_become(job, console.master);
}

/* The container's own, where it is that and nothing else: an image can have anything there. */
static int open_null(void)
{
	NS_AUTO_CLOSE int fd = -1;
	struct stat status;

	if (fstatat(AT_FDCWD, "/dev/null", &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISCHR(status.st_mode) ||
	    status.st_rdev != makedev(1, 3))
		return -1;
	fd = open("/dev/null", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3) ||
	    fcntl(fd, F_SETFL, 0) < 0)
		return -1;
	return ns_steal_fd(&fd);
}

/* What is the host's /dev/null still belongs to the host's file system: security modules
 * see that, and whoever saves the container. */
static void reopen_null(const struct ns_job *job)
{
	NS_AUTO_CLOSE int null = -1;
	int i;

	if (!job->process || !job->board->nulls)
		return;
	null = open_null();
	for (i = 0; null >= 0 && i < 3; i++)
		if (job->board->nulls & 1u << i && dup2(null, i) < 0)
			ns_die(job, NS_STEP_STDIO, "standard files", errno);
}

static void connect_stdio(const struct ns_job *job)
{
	int moved[3], i;

	/* Out of the way first: they may be among 0, 1 and 2 in any order. */
	for (i = 0; i < 3; i++) {
		if (job->stdio[i] >= 0)
			moved[i] = fcntl(job->stdio[i], F_DUPFD_CLOEXEC, 3);
		else
			moved[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (moved[i] < 0)
			ns_die(job, NS_STEP_STDIO, "standard files", errno);
	}
	for (i = 0; i < 3; i++)
		if (dup2(moved[i], i) < 0)
			ns_die(job, NS_STEP_STDIO, "standard files", errno);
	reopen_null(job);
}

/* A directory that was reached through a leaked descriptor is outside of our
 * root, and getcwd(2) says so. */
static int enter_directory(const char *path)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
	NS_AUTO_CLOSE int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	char cwd[PATH_MAX];

	if (fd < 0 || fchdir(fd) < 0 || syscall(SYS_getcwd, cwd, sizeof(cwd)) < 0)
		return -errno;
	return cwd[0] == '/' ? 0 : -EXDEV;
}

static void change_directory(const struct ns_job *job)
{
	const char *path = job->workdir && *job->workdir ? job->workdir : "/";
	int r = enter_directory(path);

	if (r == -EXDEV)
		ns_die(job, NS_STEP_OUTSIDE, path, EPERM);
	if (r < 0)
		ns_die(job, NS_STEP_WORKDIR, path, -r);
}

/* Some may enter it only as root, others only as the command's user: one of the two
 * is enough for OCI runtimes. */
static bool change_directory_early(const struct ns_job *job)
{
	return job->process && enter_directory(job->workdir && *job->workdir ? job->workdir : "/") == 0;
}

/* Whatever the caller had open stays outside.  To be closed by exec is not enough:
 * the kernel opens the interpreter of a script before that, and that may be named
 * "/proc/self/fd/3/../../bin/sh", a way out of the root. */
static void close_others(const struct ns_job *job, int console)
{
	int keep[4 + OCI_KEPT] = { job->channel, console, job->proc_fd, job->confinement->landlock_fd };
	unsigned from = 3 + job->preserved, next;
	size_t i;

	oci_kept(job, keep + 4);
	do {
		next = ~0u;
		for (i = 0; i < NS_COUNT(keep); i++)
			if (keep[i] >= 0 && (unsigned)keep[i] >= from && (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (from < next && syscall(SYS_close_range, from, next - (next != ~0u), 0) < 0)
			ns_die(job, NS_STEP_STDIO, "the standard files alone", errno);
		from = next + 1;
	} while (next != ~0u);
}

/* It would have our label, and be of no use to the command.  Who may not give it another one
 * goes on with that. */
static void label_keyring(const struct ns_job *job, const char *label)
{
	NS_AUTO_CLOSE int fd = openat(job->proc_fd, "thread-self/attr/keycreate", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, label, strlen(label));
}

/* Not the caller's keys.  A kernel without keyrings has none to give away. */
static void join_keyring(const struct ns_job *job)
{
	if (job->keep_keyring)
		return;
	if (job->process && job->confinement->process_label)
		label_keyring(job, job->confinement->process_label);
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, job->keyring) < 0 && errno != ENOSYS)
		ns_die(job, NS_STEP_KEYRING, "", errno);
}

/* A filter with a listener is loaded now, as create() is to return the listener; the
 * parent fetches it, because the filter may stop any call that would send it. */
static bool load_early(struct ns_job *job)
{
	if (!job->process || !(job->confinement->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return false;
	ns_confine_last(job);
	return true;
}

void ns_child_become(struct ns_job *job, int console)
{
	const char *path;
	bool entered, confined;

	connect_stdio(job);
	join_keyring(job);
	if (job->home_slot != SIZE_MAX && job->board->home[0])
		job->envp[job->home_slot] = job->board->home;
	entered = change_directory_early(job);
	if (job->process)
		oci_process_before(job);
	ns_confine_before(job);
	if (!job->outlives)
		ns_die_with_creator(job);
	if (!entered)
		change_directory(job);
	path = ns_command_find(job);
	close_others(job, console);
	if (job->process)
		oci_limits_set(job);
	ns_phase(job, "credentials");
	if (ns_channel_send(job->channel, NS_READY, &console, console >= 0 ? 1 : 0) < 0)
		_exit(127);
	if (console >= 0)
		close(console);
	confined = load_early(job);
	oci_await_start(job);
	if (!confined)
		ns_confine_last(job);
	job->board->executing = 1;
	execve(path, (char *const *)(uintptr_t)job->argv, (char *const *)(uintptr_t)job->envp);
	/* The file itself was there a moment ago. */
	ns_die(job, errno == ENOENT ? NS_STEP_INTERPRETER : NS_STEP_EXEC, job->argv[0], errno);
}
