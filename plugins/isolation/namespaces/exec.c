/* SPDX-License-Identifier: BSD-3-Clause
 * exec(): a further command in a running workload, made by a guide (guide.c). */
#include "ns.h"
#include "oci/oci.h"

#include <linux/sched.h>
#include <sched.h>
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
	bool enters;     /* the v2 group too: see ns_is_stillborn() */
	int pidfd, console, null_fd, root, listener;
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
	if (job->process)
		ns_expect(job, NS_GO, NULL, 0, NULL);
	ns_join_cgroups(job);
	if (job->process && !job->process->cpu_affinity_initial)
		oci_affinity_reset();
	umask(0022);
	if (job->terminal) {
		ns_console_open(job, &console);
		if (job->process)
			oci_window_size(job, console.master);
		ns_console_take(job, console.slave);
		job->stdio[0] = job->stdio[1] = job->stdio[2] = console.slave;
	}
	ns_child_become(job, console.master);
}

static void join_workload(struct ns_job *job, void *context)
{
	const struct executing *executing = context;

	if (executing->namespaces && setns(executing->target, (int)executing->namespaces) < 0)
		ns_die(job, NS_STEP_JOIN, "the namespaces of the workload", errno);
	/* A container without a mount namespace of its own has but a root of its own. */
	if (job->process && (fchdir(executing->root) < 0 || chroot(".") < 0))
		ns_die(job, NS_STEP_ROOT, "of the workload", errno);
	if (job->mapped)
		ns_take_ids(job);
}

static const struct {
	const char *name;
	uint64_t type;
} kinds[] = {
	{ "cgroup", CLONE_NEWCGROUP }, { "ipc", CLONE_NEWIPC }, { "mnt", CLONE_NEWNS }, { "net", CLONE_NEWNET },
	{ "pid", CLONE_NEWPID }, { "time", CLONE_NEWTIME }, { "uts", CLONE_NEWUTS }, { "user", CLONE_NEWUSER },
};

/* Whether the workload has one of its own. */
static int differs(const struct executing *executing, const char *kind)
{
	char own[64], theirs[64];
	struct stat a, b;

	snprintf(own, sizeof(own), "/proc/self/ns/%s", kind);
	snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", (int)executing->target_pid, kind);
	if (stat(own, &a) < 0 || stat(theirs, &b) < 0)
		return -errno;
	return a.st_ino != b.st_ino || a.st_dev != b.st_dev;
}

/* Joining our own user namespace again is an error, and one of the others may belong to
 * a user namespace above us.  All but an OCI container have all but that one. */
static int find_namespaces(struct executing *executing, struct hyfw_error **err)
{
	size_t i = executing->job.process ? 0 : NS_COUNT(kinds) - 1;
	int r;

	executing->namespaces = ALL_NAMESPACES;
	for (; i < NS_COUNT(kinds); i++) {
		r = differs(executing, kinds[i].name);
		if (r == -ENOENT && kinds[i].type == CLONE_NEWTIME)
			r = 0; /* a kernel without it */
		if (r < 0)
			return ns_fail(executing->host, err, -r, "look at", "the namespaces of the workload");
		if (r == 0)
			executing->namespaces &= ~kinds[i].type;
	}
	executing->job.mapped = executing->namespaces & CLONE_NEWUSER;
	return 0;
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
	ns_give_stdio(&executing->job, ns_idmap_outside(executing->target_pid, "uid_map", executing->job.board->uid),
		      ns_idmap_outside(executing->target_pid, "gid_map", executing->job.board->gid));
	return 0;
}

static int find_user(struct executing *executing, const char *user, struct hyfw_error **err)
{
	struct ns_job *job = &executing->job;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/%d/root", (int)executing->target_pid);
	executing->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (executing->root < 0)
		return ns_fail(executing->host, err, errno, "open the root file system of", "the workload");
	if (job->process)
		return oci_process_prepare(executing->host, job->process, executing->root, job, err);
	r = ns_user_find(executing->host, executing->root, user, job->board, err);
	if (r == 0 && job->keep_groups)
		job->board->group_count = 0;
	return r;
}

static int prepare(struct executing *executing, const struct hyfw_map *record, const struct hyfw_exec *exec,
		   struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = executing->host;
	struct ns_job *job = &executing->job;
	int ends[2], r;

	r = exec->oci ? oci_process_check(host, exec->oci, exec->preserve_fds, err) : 0;
	if (r == 0)
		r = ns_command_prepare(host, arena, exec->argv, exec->envp, job, err);
	if (r < 0)
		return r;
	job->process = exec->oci;
	job->preserved = exec->oci ? exec->preserve_fds : 0;
	job->outlives = exec->detached;
	job->keep_groups = !exec->oci && ns_keeps_groups(executing->target_pid);
	job->has_personality = exec->oci && hyfw_map_get(record, OCI_NOTE_PERSONALITY);
	job->personality = (unsigned long)hyfw_map_int(record, OCI_NOTE_PERSONALITY, 0);
	executing->cgroup_fds = host->alloc(arena, (exec->confinement.cgroup_count + 1) * sizeof(int));
	job->workdir = exec->workdir ? exec->workdir : hyfw_map_get(record, NS_NOTE_WORKDIR);
	job->terminal = exec->terminal;
	job->plain_lines = exec->plain_lines;
	job->confinement = &exec->confinement;
	job->cgroup_fds = executing->cgroup_fds;
	r = ns_cgroups_open(host, job->confinement, executing->cgroup_fds, &job->cgroup_count,
			    executing->enters ? NULL : &executing->cgroup_unified, err);
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

/* What an OCI process needs of us, before it goes on and when it is ready. */
static int supply(struct executing *executing, struct hyfw_error **err)
{
	const struct hyfw_oci_process *process = executing->job.process;
	const struct hyfw_host *host = executing->host;
	int r;

	if (!process)
		return 0;
	r = oci_affinity_set(host, process->cpu_affinity_initial, executing->pid, err);
	if (r == 0)
		r = oci_process_score(host, process, executing->pid, err);
	if (r == 0)
		r = oci_limits_raise(host, process, executing->pid, err);
	if (r == 0)
		ns_channel_send(executing->handle->channel, NS_GO, NULL, 0);
	return r;
}

static int complete(struct executing *executing, struct hyfw_error **err)
{
	int r = ns_await_ready(executing->host, executing->handle, &executing->console, err);

	if (r == 0 && executing->job.process)
		r = oci_listener_take(executing->host, &executing->job, executing->pidfd, &executing->listener, err);
	if (r == 0 && executing->job.process)
		r = oci_process_schedule(executing->host, executing->job.process, executing->pid, err);
	return r < 0 ? r : ns_let_go(executing->host, executing->handle, err);
}

static void finish(struct executing *executing)
{
	int fds[] = { executing->root, executing->listener, executing->target, executing->cgroup_unified, executing->console,
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

/* '*enters': the v2 group; set when the same is to be tried once more so. */
static int execute(const struct ns_instance *instance, const struct hyfw_map *record, const struct hyfw_exec *exec,
		   struct hyfw_arena *arena, bool *enters, struct hyfw_running *ret_running,
		   struct hyfw_error **err)
{
	struct executing executing = {
		.host = instance->host, .enters = *enters, .cgroup_unified = -1, .pidfd = -1,
		.console = -1, .null_fd = -1, .root = -1, .listener = -1,
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
		r = supply(&executing, err);
	if (r == 0)
		r = complete(&executing, err);
	*enters = r < 0 && ns_is_stillborn(&executing.job, executing.cgroup_unified, executing.pidfd);
	if (r == 0) {
		ret_running->pid = executing.pid;
		ret_running->wait_fd = ns_steal_fd(&executing.pidfd);
		ret_running->netns_fd = -1;
		ret_running->console_fd = ns_steal_fd(&executing.console);
		if (exec->oci)
			ret_running->seccomp_listener_fd = ns_steal_fd(&executing.listener);
		ret_running->handle = executing.handle;
		executing.handle = NULL;
	}
	finish(&executing);
	return r;
}

int ns_exec(void *instance, const struct hyfw_map *record, const struct hyfw_exec *exec,
	    struct hyfw_arena *arena, struct hyfw_running *ret_running, struct hyfw_error **err)
{
	bool enters = false;
	int r = execute(instance, record, exec, arena, &enters, ret_running, err);

	if (!enters)
		return r;
	((struct ns_instance *)instance)->host->forget(err);
	return execute(instance, record, exec, arena, &enters, ret_running, err);
}
