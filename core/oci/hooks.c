/* SPDX-License-Identifier: BSD-3-Clause
 * Hooks that the runtime runs in its own namespaces: one after the other, the state on
 * standard input, with exactly the environment that was asked for, and with ours where
 * none was. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "oci/private.h"
#include "plugin/host.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static const char *phase_name(enum hyfw_oci_phase phase)
{
	static const char *const names[] = { "prestart",       "createRuntime", "createContainer",
					     "startContainer", "poststart",     "poststop" };

	return names[phase];
}

/* A file in memory, so that a hook that does not read it holds up nobody. */
static int state_file(const char *state, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int fd = memfd_create("state", MFD_CLOEXEC);

	if (fd < 0 || hyfw_write_all(fd, state, strlen(state)) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return hyfw_fail_errno(err, errno, "write the state for it");
	return hyfw_steal_fd(&fd);
}

/* Standard files of hooks; -1: the caller's. */
struct streams {
	int input, output, error;
};

/* Where crun's annotations say that hooks' output goes; -1 for the caller's own. */
static int output_of(const struct hyfw_oci_config *config, const char *annotation)
{
	const char *path = hyfw_map_get(&config->annotations, annotation);
	int fd;

	if (!path || *path != '/')
		return -1;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0700);
	if (fd < 0)
		hyfw_host_table()->log(HYFW_LOG_WARNING, "annotation %s: %s: %s", annotation, path, strerror(errno));
	return fd;
}

__attribute__((noreturn))
static void be_hook(const struct hyfw_oci_hook *hook, const char *bundle, const struct streams *streams, int failed)
{
	const char *const *envp = hook->envp ? hook->envp : (const char *const *)(uintptr_t)environ;
	sigset_t none;
	int why;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The bundle may be gone at the end. */
	if (chdir(bundle) < 0 && chdir("/") < 0)
		_exit(127);
	if (dup2(streams->input, STDIN_FILENO) >= 0 &&
	    (streams->output < 0 || dup2(streams->output, STDOUT_FILENO) >= 0) &&
	    (streams->error < 0 || dup2(streams->error, STDERR_FILENO) >= 0) &&
	    close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC) >= 0)
		execve(hook->path, (char *const *)(uintptr_t)hook->argv, (char *const *)(uintptr_t)envp);
	why = errno;
	if (write(failed, &why, sizeof(why)) < 0)
		_exit(126);
	_exit(127);
}

/* Its end, or -ETIMEDOUT and it is killed. */
static int await(pid_t pid, uint32_t timeout, int *ret_status)
{
	HYFW_AUTO_CLOSE int pidfd = pidfd_open(pid, 0);
	struct pollfd end = { .fd = pidfd, .events = POLLIN };
	int ready = 1, late = 0;

	if (pidfd >= 0 && timeout > 0)
		while ((ready = poll(&end, 1, (int)timeout * 1000)) < 0 && errno == EINTR)
			continue;
	if (ready == 0) {
		pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
		late = -ETIMEDOUT;
	}
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return late;
}

static int run(const struct hyfw_oci_hook *hook, const char *bundle, const struct streams *streams,
	       struct hyfw_error **err)
{
	int failed[2], status = 0, why = 0, result;
	pid_t pid;

	if (pipe2(failed, O_CLOEXEC) < 0)
		return hyfw_fail_errno(err, errno, "run %s", hook->path);
	pid = fork();
	if (pid == 0)
		be_hook(hook, bundle, streams, failed[1]);
	close(failed[1]);
	if (pid < 0)
		result = -errno;
	else if (read(failed[0], &why, sizeof(why)) == (ssize_t)sizeof(why))
		result = -why;
	else
		result = 0;
	close(failed[0]);
	if (pid > 0) {
		const int ended = await(pid, hook->timeout, &status);

		result = result < 0 ? result : ended;
	}
	if (result == -ETIMEDOUT)
		return hyfw_fail(err, ETIMEDOUT, "%s did not end within %u s", hook->path, hook->timeout);
	/* -ENOENT and -EACCES would be about the container's command. */
	if (result < 0)
		return hyfw_fail(err, result == -ENOENT ? ENXIO : result == -EACCES ? EPERM : -result, "run %s: %s",
				 hook->path, strerror(-result));
	if (WIFSIGNALED(status))
		return hyfw_fail(err, EIO, "%s was ended by signal %d", hook->path, WTERMSIG(status));
	return WEXITSTATUS(status) ? hyfw_fail(err, EIO, "%s: hook failed with exit code %d", hook->path,
					       WEXITSTATUS(status)) : 0;
}

static int run_with(const struct hyfw_oci_hook *hook, const struct hyfw_oci_config *config, const char *state,
		    struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int input = state_file(state, err);
	HYFW_AUTO_CLOSE int output = output_of(config, "run.oci.hooks.stdout");
	HYFW_AUTO_CLOSE int error = output_of(config, "run.oci.hooks.stderr");
	const struct streams streams = { input, output, error };

	return input < 0 ? -EIO : run(hook, config->bundle, &streams, err);
}

int oci_run_hooks(const struct hyfw_oci_config *config, enum hyfw_oci_phase phase, int32_t pid,
		  const char *status, struct hyfw_error **err)
{
	const struct hyfw_oci_hooks *hooks = &config->hooks[phase];
	HYFW_AUTO_FREE char *state = hooks->count ? oci_config_state(config, pid, status) : NULL;
	size_t i;

	/* Words of two generations of runc. */
	for (i = 0; i < hooks->count; i++)
		if (run_with(&hooks->hooks[i], config, state, err) < 0)
			return hyfw_wrap(err, "error running hook: error running %s hook #%zu", phase_name(phase), i);
	return 0;
}

void oci_run_last_hooks(const struct hyfw_oci_config *config)
{
	const struct hyfw_oci_hooks *hooks = &config->hooks[HYFW_OCI_POSTSTOP];
	HYFW_AUTO_FREE char *state = hooks->count ? oci_config_state(config, 0, "stopped") : NULL;
	size_t i;

	for (i = 0; i < hooks->count; i++) {
		HYFW_AUTO_ERROR struct hyfw_error *failure = NULL;

		if (run_with(&hooks->hooks[i], config, state, &failure) < 0)
			hyfw_host_table()->log(HYFW_LOG_WARNING, "error running poststop hook #%zu: %s", i,
					       failure->message);
	}
}

int oci_run_early_hooks(const struct hyfw_oci_config *config, int32_t pid, struct hyfw_error **err)
{
	struct oci_hooks_run *run_once = config->core;
	int result;

	if (run_once->done)
		return 0;
	run_once->done = true;
	result = oci_net_devices_move(run_once->net_devices, pid, err);
	/* The runtime environment is there, so that the state is "created", runtime.md. */
	if (result == 0)
		result = oci_run_hooks(config, HYFW_OCI_PRESTART, pid, "created", err);
	return result < 0 ? result : oci_run_hooks(config, HYFW_OCI_CREATE_RUNTIME, pid, "created", err);
}
