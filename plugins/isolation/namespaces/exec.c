/* SPDX-License-Identifier: BSD-3-Clause
 * exec(): a further command in a running workload, made by a guide (guide.c). */
#include "ns.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define ALL_NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | \
			CLONE_NEWNET | CLONE_NEWCGROUP | CLONE_NEWTIME)

struct executing {
	const struct hyfw_host *host;
	struct ns_job job;
	struct ns_handle *handle;
	int target;      /* pidfd of the workload */
	pid_t target_pid;
	uint64_t namespaces;
	int *cgroup_fds, cgroup_unified;
	int pidfd, console, null_fd;
	pid_t pid;
};

/* The command, in the workload's namespaces. */
static void be_command(struct ns_job *job, void *context)
{
	struct ns_console console = { -1, -1 };

	(void)context;
	if (!job->outlives)
		ns_die_with_creator(job);
	close(job->peer);
	setsid();
	ns_join_cgroups(job);
	umask(0022);
	if (job->terminal) {
		ns_console_open(job, &console);
		ns_console_take(job, console.slave);
		job->stdio[0] = job->stdio[1] = job->stdio[2] = console.slave;
	}
	ns_child_become(job, console.master);
}

static void join_workload(struct ns_job *job, void *context)
{
	const struct executing *executing = context;

	if (setns(executing->target, (int)executing->namespaces) < 0)
		ns_die(job, NS_STEP_JOIN, "the namespaces of the workload", errno);
	if (job->mapped && (syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0 ||
			    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0))
		ns_die(job, NS_STEP_IDS, "", errno);
}

/* The workload has a user namespace when it is not in ours; joining ours again is
 * an error. */
static int find_namespaces(struct executing *executing, struct hyfw_error **err)
{
	char path[64];
	struct stat own, theirs;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)executing->target_pid);
	if (stat("/proc/self/ns/user", &own) < 0 || stat(path, &theirs) < 0)
		return ns_fail(executing->host, err, errno, "look at", "the user namespace of the workload");
	executing->namespaces = ALL_NAMESPACES;
	executing->job.mapped = own.st_ino != theirs.st_ino || own.st_dev != theirs.st_dev;
	if (!executing->job.mapped)
		executing->namespaces &= ~(uint64_t)CLONE_NEWUSER;
	return 0;
}

/* The host's id of root inside: the second number of the first range. */
static uint32_t first_id(const struct executing *executing, const char *file)
{
	char path[64], text[64] = "", *at;
	NS_AUTO_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)executing->target_pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return 0;
	strtoul(text, &at, 10);
	return (uint32_t)strtoul(at, NULL, 10);
}

/* What is not given is /dev/null of the host: that of the workload may be a trap. */
static int open_stdio(struct executing *executing, const struct hyfw_exec *exec, struct hyfw_error **err)
{
	size_t i;

	executing->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (executing->null_fd < 0)
		return ns_fail(executing->host, err, errno, "open", "/dev/null");
	for (i = 0; i < NS_COUNT(exec->stdio); i++)
		executing->job.stdio[i] = exec->stdio[i] >= 0 ? exec->stdio[i] : executing->null_fd;
	ns_give_stdio(&executing->job, first_id(executing, "uid_map"), first_id(executing, "gid_map"));
	return 0;
}

static int find_user(struct executing *executing, const char *user, struct hyfw_error **err)
{
	NS_AUTO_CLOSE int root = -1;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/root", (int)executing->target_pid);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return ns_fail(executing->host, err, errno, "open the root file system of", "the workload");
	return ns_user_find(executing->host, root, user, executing->job.board, err);
}

static int prepare(struct executing *executing, const struct hyfw_map *record, const struct hyfw_exec *exec,
		   struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = executing->host;
	struct ns_job *job = &executing->job;
	int ends[2], r;

	r = ns_command_prepare(host, arena, exec->argv, exec->envp, job, err);
	if (r < 0)
		return r;
	executing->cgroup_fds = host->alloc(arena, (exec->confinement.cgroup_count + 1) * sizeof(int));
	job->workdir = exec->workdir ? exec->workdir : hyfw_map_get(record, NS_NOTE_WORKDIR);
	job->terminal = exec->terminal;
	job->confinement = &exec->confinement;
	job->cgroup_fds = executing->cgroup_fds;
	r = ns_cgroups_open(host, job->confinement, executing->cgroup_fds, &job->cgroup_count,
			    &executing->cgroup_unified, err);
	if (r < 0)
		return r;
	executing->handle = ns_handle_new(exec->argv[0]);
	if (!executing->handle)
		return ns_fail(host, err, errno, "prepare", exec->argv[0]);
	job->board = executing->handle->board;
	r = find_namespaces(executing, err);
	if (r == 0)
		r = find_user(executing, exec->user, err);
	if (r == 0)
		r = open_stdio(executing, exec, err);
	if (r < 0)
		return r;
	job->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	r = ns_channel_open(ends);
	if (r < 0)
		return ns_fail(host, err, -r, "make a channel to", "the new process");
	executing->handle->channel = job->peer = ends[0];
	job->channel = ends[1];
	return 0;
}

static int launch(struct executing *executing, struct hyfw_error **err)
{
	const struct ns_guide guide = {
		.join = join_workload, .child = be_command, .context = executing,
		.cgroup_fd = executing->cgroup_unified,
	};
	int r = ns_guide_run(&executing->job, &guide, &executing->pid, &executing->pidfd);

	if (r == -ECHILD)
		return ns_board_error(executing->host, executing->handle->board, err);
	return r < 0 ? ns_fail(executing->host, err, -r, "make", "a process") : 0;
}

static void finish(struct executing *executing)
{
	int fds[] = { executing->target, executing->cgroup_unified, executing->console,
		      executing->job.channel, executing->job.proc_fd, executing->null_fd };
	size_t i;

	for (i = 0; i < NS_COUNT(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	for (i = 0; i < executing->job.cgroup_count; i++)
		close(executing->cgroup_fds[i]);
	if (executing->pidfd >= 0) {
		process_end(executing->pidfd);
		close(executing->pidfd);
	}
	ns_handle_free(executing->handle);
}

int ns_exec(void *instance, const struct hyfw_map *record, const struct hyfw_exec *exec,
	    struct hyfw_arena *arena, struct hyfw_running *ret_running, struct hyfw_error **err)
{
	struct executing executing = {
		.host = ((struct ns_instance *)instance)->host, .cgroup_unified = -1, .pidfd = -1,
		.console = -1, .null_fd = -1,
		.job = { .channel = -1, .proc_fd = -1, .peer = -1 },
	};
	int r = 0;

	executing.target = process_open(record, &executing.target_pid);
	if (executing.target == -ESRCH)
		return executing.host->fail(err, ESRCH, "it does not run");
	if (executing.target < 0)
		return ns_fail(executing.host, err, -executing.target, "open", "the process");
	r = prepare(&executing, record, exec, arena, err);
	if (r == 0)
		r = launch(&executing, err);
	if (r == 0)
		r = ns_await_ready(executing.host, executing.handle, &executing.console, err);
	if (r == 0)
		r = ns_let_go(executing.host, executing.handle, err);
	if (r == 0) {
		ret_running->pid = executing.pid;
		ret_running->wait_fd = ns_steal_fd(&executing.pidfd);
		ret_running->netns_fd = -1;
		ret_running->console_fd = ns_steal_fd(&executing.console);
		ret_running->handle = executing.handle;
		executing.handle = NULL;
	}
	finish(&executing);
	return r;
}
