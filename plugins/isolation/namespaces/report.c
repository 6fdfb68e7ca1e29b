/* SPDX-License-Identifier: BSD-3-Clause
 * How a failing step of the child becomes one sentence of the parent. */
#include "ns.h"

#include <sys/mman.h>

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

static int command_error(const struct hyfw_host *host, const char *command, int errnum,
			 struct hyfw_error **err)
{
	switch (errnum) {
	case ENOENT:
	case ENOTDIR:
		return host->fail(err, ENOENT, "%s: executable file not found", command);
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

int ns_board_error(const struct hyfw_host *host, const struct ns_board *board, struct hyfw_error **err)
{
	const char *object = board->object ? board->object : "";
	int errnum = board->errnum > 0 ? board->errnum : EIO;

	if (!board->failed)
		return host->fail(err, ECHILD, "the new process was ended before it was ready "
				  "(killed, or its memory limit is too low to start)");
	if (board->step == NS_STEP_INTERPRETER)
		return host->fail(err, ENOENT, "%s: the interpreter in its first line, or its loader, is not in "
				  "the root file system", object);
	if (board->step == NS_STEP_EXEC)
		return command_error(host, object, errnum, err);
	if (board->step >= NS_COUNT(steps))
		return host->fail(err, EPROTO, "the new process reported nonsense");
	return ns_fail(host, err, errnum, steps[board->step], object);
}

void ns_die(const struct ns_job *job, enum ns_step step, const char *object, int errnum)
{
	job->board->errnum = errnum;
	job->board->step = step;
	job->board->object = object;
	__atomic_store_n(&job->board->failed, 1, __ATOMIC_RELEASE);
	ns_channel_send(job->channel, NS_FAILED, NULL, 0);
	_exit(127);
}
