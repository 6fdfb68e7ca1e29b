/* SPDX-License-Identifier: BSD-3-Clause
 * Where the command is and with which environment it runs.  The candidates are
 * composed in the parent and tried in the child, inside the root file system and
 * with the credentials of the command. */
#include "ns.h"

#include <linux/openat2.h>
#include <sys/stat.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *env_get(const char *const *envp, const char *name)
{
	size_t length = strlen(name);

	for (; envp && *envp; envp++)
		if (strncmp(*envp, name, length) == 0 && (*envp)[length] == '=')
			return *envp + length + 1;
	return NULL;
}

static void copy_environment(const struct hyfw_host *host, struct hyfw_arena *arena,
			     const char *const *envp, struct ns_job *job)
{
	size_t count = 0, i;

	while (envp && envp[count])
		count++;
	job->envp = host->alloc(arena, (count + 2) * sizeof(*job->envp));
	for (i = 0; i < count; i++)
		job->envp[i] = envp[i];
	job->home_slot = env_get(envp, "HOME") ? SIZE_MAX : count;
}

static const char *const *search(const struct hyfw_host *host, struct hyfw_arena *arena,
				 const char *path, const char *command)
{
	size_t count = 1, used = 0, length;
	const char *at, **candidates;

	for (at = path; *at; at++)
		count += *at == ':';
	candidates = host->alloc(arena, (count + 1) * sizeof(*candidates));
	for (at = path; used < count; at += length + 1) {
		length = strcspn(at, ":");
		candidates[used++] = length ? host->format(arena, "%.*s/%s", (int)length, at, command)
					    : host->format(arena, "./%s", command);
		if (!at[length])
			break;
	}
	return candidates;
}

int ns_command_prepare(const struct hyfw_host *host, struct hyfw_arena *arena, const char *const *argv,
		       const char *const *envp, struct ns_job *job, struct hyfw_error **err)
{
	const char *path = env_get(envp, "PATH");
	const char **one;

	if (!argv || !argv[0] || !argv[0][0])
		return host->fail(err, EINVAL, "no command to run: the image has none and none was given");
	job->argv = argv;
	copy_environment(host, arena, envp, job);
	if (strchr(argv[0], '/')) {
		one = host->alloc(arena, 2 * sizeof(*one));
		one[0] = argv[0];
		job->candidates = one;
	} else {
		job->candidates = search(host, arena, path && *path ? path : DEFAULT_PATH, argv[0]);
	}
	return 0;
}

/* 0 when 'path' can be executed, else a negative errno.  Magic links are refused:
 * /proc/self/exe is hyfw. */
static int try_candidate(const char *path)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
	NS_AUTO_CLOSE int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EACCES;
	/* The call without the C library: that one emulates AT_EACCESS on old kernels
	 * by reading ids. */
	return syscall(SYS_faccessat2, fd, "", X_OK, AT_EACCESS | AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* As execvp(3): the first that can be executed; a forbidden one is remembered. */
const char *ns_command_find(const struct ns_job *job)
{
	const char *const *candidate;
	int errnum = ENOENT, r;

	for (candidate = job->candidates; *candidate; candidate++) {
		r = try_candidate(*candidate);
		if (r == 0)
			return *candidate;
		if (r != -ENOENT && r != -ENOTDIR)
			errnum = -r;
	}
	ns_die(job, NS_STEP_EXEC, job->argv[0], errnum);
}
