/* SPDX-License-Identifier: BSD-3-Clause
 * How a failing step of the child becomes one sentence of the parent. */
#include "ns.h"

#include <sys/mman.h>
#include <sys/socket.h>

static const char *const steps[] = {
	[NS_STEP_NONE] = "set up",
	[NS_STEP_PARENT] = "hear from the creator",
	[NS_STEP_CGROUP] = "join the control group of",
	[NS_STEP_NAMESPACE] = "make the namespace",
	[NS_STEP_JOIN] = "join",
	[NS_STEP_IDS] = "become root of the user namespace",
	[NS_STEP_LOOPBACK] = "bring up the loopback interface",
	[NS_STEP_HOSTNAME] = "set the host name",
	[NS_STEP_ROOT] = "change to the root file system:",
	[NS_STEP_MOUNT] = "mount",
	[NS_STEP_TARGET] = "find or make the mount point",
	[NS_STEP_DEVICE] = "make the device",
	[NS_STEP_MASK] = "mask",
	[NS_STEP_TERMINAL] = "make the terminal:",
	[NS_STEP_STDIO] = "connect",
	[NS_STEP_WORKDIR] = "change to the working directory",
	[NS_STEP_OUTSIDE] = "refuse the working directory outside of the root file system",
	[NS_STEP_KEYRING] = "make a session keyring",
	[NS_STEP_USER] = "set",
	[NS_STEP_CAPABILITIES] = "set the capabilities:",
	[NS_STEP_LABEL] = "set the process label",
	[NS_STEP_LANDLOCK] = "enforce the Landlock rules:",
	[NS_STEP_SECCOMP] = "load the system call filter:",
	[NS_STEP_INTERPRETER] = "execute",
	[NS_STEP_PROC] = "refuse to mount on the kernel's files of processes:",
	[NS_STEP_EXEC] = "execute",
	[NS_STEP_SETTING] = "set the kernel setting",
	[NS_STEP_PERSONALITY] = "set the personality",
	[NS_STEP_READ_ONLY] = "make read-only",
	[NS_STEP_PROPAGATION] = "set the mount propagation of",
	[NS_STEP_COPY] = "copy to the tmpfs what it covers:",
	[NS_STEP_HOOK] = "error running hook: error running", /* words of two generations of runc */
	[NS_STEP_PROFILE] = "set the AppArmor profile",
	[NS_STEP_TIME] = "set the offset of the clock",
	[NS_STEP_LIMIT] = "set the limit",
	[NS_STEP_SOURCE] = "bind",
	/* Words that others look for. */
	[NS_STEP_ORDINARY] = "a file system of the kernel must be mounted on ordinary directory, no link:",
};

struct ns_board *ns_board_new(void)
{
	void *memory = mmap(NULL, sizeof(struct ns_board), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void ns_board_free(struct ns_board *board)
{
	if (board)
		munmap(board, sizeof(*board));
}

int ns_fail(const struct hyfw_host *host, struct hyfw_error **err, int errnum, const char *what,
	    const char *object)
{
	int told = errnum == ENOENT ? ENXIO : errnum == EACCES ? EPERM : errnum;

	return host->fail(err, told, "%s %s: %s", what, object ? object : "", strerror(errnum));
}

/* Callers of OCI runtimes look for "executable file not found in $PATH" and "no such
 * file or directory". */
static int command_error(const struct hyfw_host *host, const char *command, int errnum,
			 struct hyfw_error **err)
{
	switch (errnum) {
	case ENOENT:
	case ENOTDIR:
		if (strchr(command, '/'))
			return host->fail(err, ENOENT, "%s: executable file not found: no such file or directory",
					  command);
		return host->fail(err, ENOENT, "%s: executable file not found in $PATH", command);
	case EACCES:
	case EPERM:
	case ENOEXEC:
	case EISDIR:
	case ELOOP:
		return host->fail(err, EACCES, "%s: cannot be executed: %s", command, strerror(errnum));
	default:
		return host->fail(err, errnum, "%s: cannot be executed: %s", command, strerror(errnum));
	}
}

static int step_error(const struct hyfw_host *host, enum ns_step step, const char *object, int errnum,
		      struct hyfw_error **err)
{
	if (errnum <= 0)
		errnum = EIO;
	if (step == NS_STEP_INTERPRETER)
		return host->fail(err, ENOENT, "exec %s: no such file or directory: the interpreter in its first "
				  "line, or its loader, is not in the root file system", object);
	if (step == NS_STEP_EXEC)
		return command_error(host, object, errnum, err);
	/* It ran, and 'object' tells its end. */
	if (step == NS_STEP_HOOK && (errnum == ECANCELED || errnum == ETIMEDOUT))
		return host->fail(err, errnum, "%s %s", steps[step], object);
	if ((size_t)step >= NS_COUNT(steps))
		return host->fail(err, EPROTO, "the new process reported nonsense");
	return ns_fail(host, err, errnum, steps[step], object);
}

int ns_board_error(const struct hyfw_host *host, const struct ns_board *board, struct hyfw_error **err)
{
	if (!board->failed)
		return host->fail(err, ECHILD, "the new process was ended before it was ready "
				  "(killed, or its memory limit is too low to start)");
	return step_error(host, board->step, board->object ? board->object : "", board->errnum, err);
}

int ns_report_error(const struct hyfw_host *host, const struct ns_report *report, struct hyfw_error **err)
{
	return step_error(host, report->step, report->object, report->errnum, err);
}

/* To another process that starts it, which has neither our board nor our memory. */
static void report(int connection, enum ns_step step, const char *object, int errnum)
{
	struct ns_report report = { .message = NS_FAILED, .errnum = errnum, .step = step };
	size_t length = strlen(object);

	if (length >= sizeof(report.object))
		length = sizeof(report.object) - 1;
	memcpy(report.object, object, length);
	(void)!send(connection, &report, sizeof(report), MSG_NOSIGNAL);
}

void ns_die(const struct ns_job *job, enum ns_step step, const char *object, int errnum)
{
	job->board->errnum = errnum;
	job->board->step = step;
	job->board->object = object;
	__atomic_store_n(&job->board->failed, 1, __ATOMIC_RELEASE);
	if (job->started_by)
		report(job->started_by, step, object, errnum);
	else
		ns_channel_send(job->channel, NS_FAILED, NULL, 0);
	_exit(127);
}
