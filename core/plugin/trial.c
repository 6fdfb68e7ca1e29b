/* SPDX-License-Identifier: BSD-3-Clause
 * A trial: the plugin is loaded in a child that may crash or hang. */
#include "plugin/module.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "plugin/driver.h"

#define TRIAL_MS 5000
#define REFUSAL_LONGEST 4095

/* Whatever the constructors print is not ours; a crash leaves no core file. */
static void calm_down(pid_t parent)
{
	static const struct rlimit none = { 0, 0 };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	setrlimit(RLIMIT_CORE, &none);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0)
		_exit(1);
}

/* In the child: a refusal goes through the pipe; so does PROBING as soon as the
 * plugin is loaded and its probe() is called, whose failures are told later. */
#define PROBING "\n"

__attribute__((noreturn)) static void try_it(int report, int directory_fd, const char *directory, const char *name)
{
	struct hyfw_driver *driver;
	struct hyfw_error *err = NULL;
	struct hyfw_probe probe;

	if (hyfw_loader_load(directory_fd, directory, name, 0, &driver, &err) == 0) {
		hyfw_write_all(report, PROBING, strlen(PROBING));
		hyfw_driver_probe(driver, hyfw_arena_new(), &probe, NULL);
		_exit(0);
	}
	hyfw_write_all(report, err->message, strnlen(err->message, REFUSAL_LONGEST));
	_exit(2);
}

static char *signal_name(int number)
{
	const char *name = sigabbrev_np(number);

	return name ? hyfw_format("SIG%s", name) : hyfw_format("signal %d", number);
}

static int judge(int report, bool late, const siginfo_t *info, struct hyfw_error **err)
{
	char refusal[REFUSAL_LONGEST + 1];
	ssize_t got = read(report, refusal, REFUSAL_LONGEST);
	bool probing = got == (ssize_t)strlen(PROBING) && memcmp(refusal, PROBING, strlen(PROBING)) == 0;
	const char *culprit = probing ? "probe()" : "constructor";

	if (late)
		return hyfw_fail(err, ELIBBAD, "its %s did not return within %d seconds", culprit, TRIAL_MS / 1000);
	if (info->si_code != CLD_EXITED) {
		HYFW_AUTO_FREE char *name = signal_name(info->si_status);

		return hyfw_fail(err, ELIBBAD, "its %s crashed with %s", culprit, name);
	}
	if (probing && info->si_status == 0)
		return 0;
	if (probing || got <= 0)
		return hyfw_fail(err, ELIBBAD, "its %s ended the process with status %d", culprit, info->si_status);
	refusal[got] = '\0';
	return hyfw_fail(err, ELIBBAD, "%s", refusal);
}

static int await(pid_t child, int report, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int pidfd = pidfd_open(child, 0);
	struct pollfd fds = { pidfd, POLLIN, 0 };
	siginfo_t info = { 0 };
	int ready;

	do
		ready = pidfd < 0 ? 1 : poll(&fds, 1, TRIAL_MS);
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		kill(child, SIGKILL);
	while (waitid(P_PID, (id_t)child, &info, WEXITED) < 0)
		if (errno != EINTR)
			return hyfw_fail_errno(err, errno, "trial");
	return judge(report, ready == 0, &info, err);
}

int hyfw_trial_load(int directory_fd, const char *directory, const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int report = -1;
	HYFW_AUTO_CLOSE int theirs = -1;
	pid_t parent = getpid(), child;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return hyfw_fail_errno(err, errno, "trial");
	report = ends[0];
	theirs = ends[1];
	fflush(NULL);
	child = fork();
	if (child < 0)
		return hyfw_fail_errno(err, errno, "trial");
	if (child == 0) {
		calm_down(parent);
		try_it(theirs, directory_fd, directory, name);
	}
	close(theirs);
	theirs = -1;
	return await(child, report, err);
}
