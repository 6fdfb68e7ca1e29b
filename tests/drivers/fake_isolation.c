/* SPDX-License-Identifier: BSD-3-Clause
 * An isolation driver that isolates nothing: the command runs as a plain child
 * that dies with its creator.  See fake.h.
 *
 * Built a second time with FAKE_MACHINE as fake-machine, which takes what a
 * hypervisor takes: disks, taps, and workloads without a command.
 *
 * And a third time with FAKE_HELD as fake-held, which is held by the monitor: all
 * that is about the running thing fails on any instance but the one that made it.
 *
 * What is asked of it while it runs is in fake_running.c. */
#include <errno.h>
#include <fcntl.h>
#include <hyfw/isolation.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fake_isolation.h"

#ifdef FAKE_MACHINE
#define NAME "fake-machine"
#define OVERHEAD ((uint64_t)64 << 20)
#elif defined(FAKE_HELD)
#define NAME "fake-held"
#define OVERHEAD 0
#else
#define NAME "fake-isolation"
#define OVERHEAD 0
#endif

static bool made_here; /* the one instance of this process */

/* Between create() and start(): the child waits for a byte, and closes 'failed'
 * by its exec. */
struct child {
	struct child *next;
	pid_t pid;
	int go, failed;
};

/* Those of this process that nobody has waited for. */
static struct child *children;

static int open_isolation(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
			  struct hyfw_error **err)
{
	return fake_open(host, NAME, settings, ret_instance, err);
}

static int plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *the_plan,
		struct hyfw_arena *arena, struct hyfw_error **err)
{
	int result = fake_step(instance, the_plan, HYFW_VERB_CREATE, subject->name, HYFW_LIFETIME_RUN, err);

	(void)arena;
	if (result < 0)
		return result;
	return fake_step(instance, the_plan, HYFW_VERB_START, subject->name, HYFW_LIFETIME_RUN, err);
}

/* Field 22 of /proc/PID/stat; 0 when there is no such process. */
static unsigned long long start_time(int pid)
{
	unsigned long long start = 0;
	char path[64], line[2048], *at;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	at = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
	if (at)
		sscanf(at, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &start);
	fclose(file);
	return start;
}

static int note_process(struct fake *fake, struct hyfw_call *call, int pid, struct hyfw_error **err)
{
	char text[32];
	int result;

	snprintf(text, sizeof(text), "%d", pid);
	result = fake->host->note(call, HYFW_NOTE_PID, text, err);
	if (result < 0)
		return result;
	snprintf(text, sizeof(text), "%llu", start_time(pid));
	return fake->host->note(call, HYFW_NOTE_PID_START, text, err);
}

/* "disk=/a,ro tap=hyt0": for tests to see what it was given. */
static int note_devices(struct fake *fake, struct hyfw_call *call, const struct hyfw_workload *workload,
			struct hyfw_error **err)
{
	const char *text = workload->root.kind ? "root" : "";
	size_t i;

	for (i = 0; i < workload->disk_count; i++)
		text = fake->host->format(call->arena, "%s disk=%s:%s%s", text, workload->disks[i].source,
					  workload->disks[i].format,
					  workload->disks[i].flags & HYFW_ATTACH_READ_ONLY ? ",ro" : "");
	for (i = 0; i < workload->endpoint_count; i++) {
		const char *tap = hyfw_map_get(&workload->endpoints[i].notes, HYFW_NOTE_TAP);

		text = fake->host->format(call->arena, "%s tap=%s", text, tap ? tap : "none");
	}
	return fake->host->note(call, "devices", text, err);
}

static void run_child(const struct hyfw_workload *workload, int go, int failed, pid_t parent)
{
	char byte;
	int i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || read(go, &byte, 1) != 1)
		_exit(1);
	for (i = 0; i < 3; i++)
		if (workload->stdio[i] >= 0 && workload->stdio[i] != i)
			dup2(workload->stdio[i], i);
	while (!workload->argv[0]) {
		close(failed);
		pause();
	}
	execve(workload->argv[0], (char *const *)(uintptr_t)workload->argv, (char *const *)(uintptr_t)workload->envp);
	i = errno;
	(void)!write(failed, &i, sizeof(i));
	_exit(127);
}

static void forget_child(pid_t pid)
{
	struct child **at = &children, *child;

	while (*at && (*at)->pid != pid)
		at = &(*at)->next;
	child = *at;
	if (!child)
		return;
	*at = child->next;
	close(child->go);
	close(child->failed);
	free(child);
}

static int create(void *instance, struct hyfw_call *call, const struct hyfw_workload *workload,
		  struct hyfw_running *ret_running, struct hyfw_error **err)
{
	struct fake *fake = instance;
	struct child *child = calloc(1, sizeof(*child));
	int go[2], failed[2], result;
	pid_t pid, parent = getpid();

	if (!child || pipe2(go, O_CLOEXEC) < 0 || pipe2(failed, O_CLOEXEC) < 0) {
		free(child);
		return fake->host->fail(err, errno, "pipe: %s", strerror(errno));
	}
	pid = fork();
	if (pid < 0) {
		free(child);
		return fake->host->fail(err, errno, "fork: %s", strerror(errno));
	}
	if (pid == 0) {
		close(go[1]);
		run_child(workload, go[0], failed[1], parent);
	}
	close(go[0]);
	close(failed[1]);
	*child = (struct child){ children, pid, go[1], failed[0] };
	children = child;
	result = note_process(fake, call, pid, err);
	if (result == 0)
		result = note_devices(fake, call, workload, err);
	if (result == 0)
		result = fake_apply(instance, call, err);
	if (result < 0) {
		forget_child(pid);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return result;
	}
	ret_running->pid = pid;
	ret_running->wait_fd = pidfd_open(pid, 0);
	ret_running->handle = child;
	made_here = true;
	return 0;
}

static int start(void *instance, struct hyfw_call *call, struct hyfw_running *running, struct hyfw_error **err)
{
	struct fake *fake = instance;
	struct child *child = running->handle;
	int result = fake_apply(instance, call, err), errnum = 0;

	if (result < 0)
		return result;
	if (write(child->go, "g", 1) != 1)
		return fake->host->fail(err, EIO, "the child is gone");
	if (read(child->failed, &errnum, sizeof(errnum)) == (ssize_t)sizeof(errnum))
		return fake->host->fail(err, errnum, errnum == ENOENT ? "executable file not found" : "cannot be executed");
	return 0;
}

static int wait_exit(void *instance, struct hyfw_running *running, struct hyfw_exit *ret_exit,
		     struct hyfw_error **err)
{
	struct fake *fake = instance;
	int status;

	if (waitpid(running->pid, &status, WNOHANG) != running->pid)
		return fake->host->fail(err, ECHILD, "no exit status");
	forget_child(running->pid);
	running->handle = NULL;
	ret_exit->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	ret_exit->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + ret_exit->signal;
	return fake_fails(fake, "wait", err);
}

int fake_held(const struct fake *fake, struct hyfw_error **err)
{
#ifdef FAKE_HELD
	if (!made_here)
		return fake->host->fail(err, EPERM, "this process does not hold it");
#endif
	(void)fake;
	(void)err;
	return 0;
}

int fake_kill_it(const struct fake *fake, const struct hyfw_map *record, int signal, struct hyfw_error **err)
{
	int pid = (int)hyfw_map_int(record, HYFW_NOTE_PID, 0);

	if (pid <= 0 || start_time(pid) != (unsigned long long)hyfw_map_int(record, HYFW_NOTE_PID_START, 0) ||
	    kill(pid, signal) < 0)
		return fake->host->fail(err, ESRCH, "it is gone");
	return 0;
}

static int send_signal(void *instance, const struct hyfw_map *record, int signal, bool all, struct hyfw_error **err)
{
	int result = fake_held(instance, err);

	(void)all;
	if (result == 0)
		result = fake_kill_it(instance, record, signal, err);
	return result < 0 ? result : fake_fails(instance, "signal", err);
}

#if defined(FAKE_MACHINE) || defined(FAKE_HELD)
static int freeze(void *instance, const struct hyfw_map *record, struct hyfw_error **err)
{
	int result = fake_held(instance, err);

	if (result == 0)
		result = fake_fails(instance, "pause", err);
	return result < 0 ? result : fake_kill_it(instance, record, SIGSTOP, err);
}

static int thaw(void *instance, const struct hyfw_map *record, struct hyfw_error **err)
{
	return send_signal(instance, record, SIGCONT, true, err);
}
#endif

static uint64_t overhead(void *instance, const struct hyfw_map *settings)
{
	(void)instance;
	(void)settings;
	return OVERHEAD;
}

static int undo(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	struct fake *fake = instance;
	struct hyfw_error *gone = NULL;

	if (strcmp(call->step->verb, HYFW_VERB_CREATE) == 0) {
		fake_kill_it(instance, &call->record, SIGKILL, &gone);
		fake->host->forget(&gone);
		forget_child((pid_t)hyfw_map_int(&call->record, HYFW_NOTE_PID, 0));
	}
	return fake_undo(instance, call, err);
}

static const struct hyfw_common_ops common = {
	.size = sizeof(common),
	.probe = fake_probe,
	.open = open_isolation,
	.check = fake_check,
	.plan = plan,
	.undo = undo,
	.gc = fake_gc,
	.close = fake_close,
};
static const struct hyfw_isolation_ops ops = {
	.size = sizeof(ops),
	.create = create,
	.start = start,
	.wait = wait_exit,
	.signal = send_signal,
	.stats = fake_stats,
	.describe = fake_describe,
#if defined(FAKE_MACHINE) || defined(FAKE_HELD)
	.pause = freeze,
	.resume = thaw,
#endif
	.overhead = overhead,
	.plug = fake_plug,
	.operate = fake_operate,
};
static const struct hyfw_option options[] = { FAKE_OPTIONS };
#ifdef FAKE_MACHINE
static const char *const capabilities[] = { HYFW_TAKES_BLOCK, HYFW_TAKES_TAP, HYFW_TAKES_NO_COMMAND,
					    HYFW_TAKES_RESOURCES, NULL };
#else
static const char *const capabilities[] = { HYFW_TAKES_MOUNTS, HYFW_TAKES_INTERFACE, HYFW_TAKES_RESOURCES,
					    HYFW_TAKES_PRIVILEGES, HYFW_TAKES_SYSCALLS,
#ifdef FAKE_HELD
					    HYFW_HELD_BY_MONITOR,
#endif
					    NULL };
#endif
#ifdef FAKE_MACHINE
static const char *const honours[] = { "workload.network", "workload.restart", NULL };
#else
static const char *const honours[] = { "workload.command", "workload.env", "workload.rootfs", "workload.network",
				       "workload.restart", NULL };
#endif

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_ISOLATION,
	.name = NAME,
	.version = "1",
	.vendor = "hyfw tests",
	.summary = "no isolation at all",
	.capabilities = capabilities,
	.options = options,
	.option_stride = sizeof(options[0]),
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};
HYFW_PLUGIN_EXPORT(HYFW_KIND_ISOLATION, 0, plugin)
