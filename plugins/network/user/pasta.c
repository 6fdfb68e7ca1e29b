/* SPDX-License-Identifier: BSD-3-Clause
 * Starting pasta for a container.  It needs rights over the container's network
 * namespace and shall have none over the host: it is started as root of the
 * container's user namespace, which on the host is an unprivileged user, and opens
 * its sockets in the network namespace of the host. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/nsfs.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user.h"

#define TIMEOUT_MS 10000

static const char *const places[] = { "/usr/bin/pasta", "/usr/local/bin/pasta", "/bin/pasta" };

/* The user namespace that owns 'netns_fd'; refuses the one that we are in. */
static int open_owner(const struct hyfw_host *host, int netns_fd, struct hyfw_error **err)
{
	int fd = ioctl(netns_fd, NS_GET_USERNS);
	struct stat theirs, ours;

	if (fd < 0)
		return host->fail(err, errno, "the workload's user namespace: %s", strerror(errno));
	if (fstat(fd, &theirs) == 0 && stat("/proc/self/ns/user", &ours) == 0 &&
	    (theirs.st_ino != ours.st_ino || theirs.st_dev != ours.st_dev))
		return fd;
	close(fd);
	return host->fail(err, EOPNOTSUPP, "driver user needs a workload with a user namespace: userns = auto");
}

struct launch {
	const char *path;
	const char *const *argv;
	int userns_fd, netns_fd, complaint, none;
};

/* Between fork and exec: system calls only. */
static void run_child(const struct launch *launch)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
	static char *const environment[] = { path, locale, NULL };
	sigset_t none;

	sigemptyset(&none);
	if (setns(launch->userns_fd, CLONE_NEWUSER) < 0)
		_exit(120);
	if (setgroups(0, NULL) < 0 && errno != EPERM)
		_exit(121);
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		_exit(122);
	if (dup2(launch->netns_fd, 0) < 0 || dup2(launch->none, 1) < 0 || dup2(launch->complaint, 2) < 0)
		_exit(123);
	close_range(3, ~0u, 0);
	setpgid(0, 0);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(launch->path, (char *const *)(uintptr_t)launch->argv, environment);
	_exit(errno == ENOENT ? 127 : 126);
}

static int judge(const struct hyfw_host *host, int status, int complaint, struct hyfw_error **err)
{
	char text[512], *line;
	ssize_t size = read(complaint, text, sizeof(text) - 1), i;

	if (status == 0)
		return 0;
	text[size > 0 ? size : 0] = '\0';
	while (size > 0 && text[size - 1] == '\n')
		text[--size] = '\0';
	line = strrchr(text, '\n') ? strrchr(text, '\n') + 1 : text;
	for (i = 0; line[i]; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
	if (status >= 120 && status <= 123)
		return host->fail(err, EPERM, "pasta: cannot become root of the workload's user namespace (step %d)",
				  status - 119);
	return host->fail(err, status == 127 ? ENOENT : EIO, "pasta: %s",
			  *line ? line : "it ended, and does not say why");
}

static int await(const struct hyfw_host *host, pid_t child, int complaint, struct hyfw_error **err)
{
	int pidfd = pidfd_open(child, 0), status = 0;
	struct pollfd gone = { .fd = pidfd, .events = POLLIN };
	bool late = pidfd < 0 || poll(&gone, 1, TIMEOUT_MS) == 0;

	if (late)
		kill(-child, SIGKILL);
	if (late)
		kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (pidfd >= 0)
		close(pidfd);
	if (late)
		return host->fail(err, ETIMEDOUT, "pasta: not ready after %d ms", TIMEOUT_MS);
	return judge(host, WIFEXITED(status) ? WEXITSTATUS(status) : 125, complaint, err);
}

static int launch_run(const struct hyfw_host *host, struct launch *launch, struct hyfw_error **err)
{
	int ends[2], r;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return host->fail(err, errno, "cannot make a pipe: %s", strerror(errno));
	launch->complaint = ends[1];
	child = fork();
	if (child == 0)
		run_child(launch);
	r = errno;
	close(ends[1]);
	r = child < 0 ? host->fail(err, r, "cannot start pasta: %s", strerror(r)) : await(host, child, ends[0], err);
	close(ends[0]);
	return r;
}

int user_pasta_run(const struct user *user, int netns_fd, const char *const *argv, struct hyfw_error **err)
{
	struct launch launch = { .argv = argv, .netns_fd = netns_fd };
	size_t i;
	int r;

	for (i = 0; i < sizeof(places) / sizeof(places[0]) && !launch.path; i++)
		if (access(places[i], X_OK) == 0)
			launch.path = places[i];
	if (!launch.path)
		return user->host->fail(err, ENOENT, "pasta: program not found; is it installed?");
	launch.userns_fd = open_owner(user->host, netns_fd, err);
	if (launch.userns_fd < 0)
		return launch.userns_fd;
	launch.none = open("/dev/null", O_RDWR | O_CLOEXEC);
	r = launch_run(user->host, &launch, err);
	if (launch.none >= 0)
		close(launch.none);
	close(launch.userns_fd);
	return r;
}
