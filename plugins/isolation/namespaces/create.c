/* SPDX-License-Identifier: BSD-3-Clause
 * create(): the parent's half of making a workload; see ns.h for the picture. */
#include "ns.h"
#include "oci/oci.h"

#include <linux/sched.h>

struct making {
	const struct hyfw_host *host;
	struct hyfw_call *call;
	const struct hyfw_workload *workload;
	struct ns_job job;
	struct ns_handle *handle;
	int *cgroup_fds, cgroup_unified;
	bool enters; /* the v2 group too: see ns_is_stillborn() */
	int pidfd;
	pid_t pid;
	int console;
	int netns; /* of an ordinary user's workload, which has sent it */
};

int ns_cgroups_open(const struct hyfw_host *host, const struct hyfw_confinement *confinement, int *tasks,
		    size_t *ret_count, int *ret_unified, struct hyfw_error **err)
{
	size_t i;
	int fd, dir;

	for (i = 0; i < confinement->cgroup_count; i++) {
		const struct hyfw_cgroup *cgroup = &confinement->cgroups[i];

		dir = open(cgroup->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			return ns_fail(host, err, errno, "open control group", cgroup->path);
		if (cgroup->unified && ret_unified) {
			if (*ret_unified >= 0)
				close(*ret_unified);
			*ret_unified = dir;
			continue;
		}
		fd = openat(dir, cgroup->unified ? "cgroup.procs" : "tasks", O_WRONLY | O_CLOEXEC);
		close(dir);
		if (fd < 0)
			return ns_fail(host, err, errno, "open control group", cgroup->path);
		tasks[(*ret_count)++] = fd;
	}
	return 0;
}

static int prepare(struct making *making, struct hyfw_error **err)
{
	const struct hyfw_workload *workload = making->workload;
	const struct hyfw_host *host = making->host;
	struct ns_job *job = &making->job;
	int ends[2], r;

	r = ns_command_prepare(host, making->call->arena, workload->argv, workload->envp, job, err);
	if (r < 0)
		return r;
	making->cgroup_fds = host->alloc(making->call->arena,
					 (workload->confinement.cgroup_count + 1) * sizeof(int));
	job->workload = workload;
	job->workdir = workload->workdir;
	job->terminal = workload->terminal;
	job->mapped = workload->idmap.count > 0;
	job->tty_group = !job->mapped || workload->idmap.count > 5;
	job->ordinary = geteuid() != 0;
	job->keep_groups = job->ordinary; /* see ns_idmap_write() */
	memcpy(job->stdio, workload->stdio, sizeof(job->stdio));
	job->confinement = &workload->confinement;
	job->cgroup_fds = making->cgroup_fds;
	r = ns_cgroups_open(host, job->confinement, making->cgroup_fds, &job->cgroup_count,
			    making->enters ? NULL : &making->cgroup_unified, err);
	if (r < 0)
		return r;
	making->handle = ns_handle_new(workload->argv[0]);
	if (!making->handle)
		return ns_fail(host, err, errno, "prepare", workload->name);
	r = ns_channel_open(ends);
	if (r < 0)
		return ns_fail(host, err, -r, "make a channel to", "the new process");
	making->handle->channel = job->peer = ends[0];
	job->channel = ends[1];
	job->board = making->handle->board;
	return 0;
}

static int make_process(struct making *making, struct hyfw_error **err)
{
	/* The others follow in the child, after the ids are mapped. */
	uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWTIME;
	struct ns_job *job = &making->job;
	int errnum;

	if (job->mapped)
		flags |= CLONE_NEWUSER;
	making->pid = ns_clone_job(job, flags, making->cgroup_unified, &making->pidfd);
	if (making->pid == 0)
		ns_child_create(job);
	errnum = errno;
	close(job->channel);
	job->channel = -1;
	if (making->pid >= 0)
		return 0;
	if (errnum == EAGAIN)
		return making->host->fail(err, EAGAIN, "make a process: the limit of processes is reached");
	if (errnum == ENOSPC || errnum == EUSERS)
		return making->host->fail(err, errnum, "make namespaces: the limit in "
					  "/proc/sys/user/max_*_namespaces is reached");
	return ns_fail(making->host, err, errnum, "make", "a process in new namespaces");
}

static int open_mounts(struct making *making, int userns, int *fds, size_t *count, struct hyfw_error **err)
{
	const struct hyfw_workload *workload = making->workload;
	const char *label = workload->confinement.mount_label;
	struct hyfw_attachment root = workload->root;
	size_t i;
	int r;

	/* Device files in an image are of no use to a workload: it has its own /dev. */
	root.flags |= HYFW_ATTACH_NODEV;
	/* It becomes read-only when the mount points are made (finish_root()). */
	if (workload->read_only)
		root.flags &= ~(uint32_t)HYFW_ATTACH_READ_ONLY;
	r = ns_rootfs_open(making->host, &root, userns, label, &fds[0], err);
	if (r < 0)
		return making->host->wrap(err, "root file system");
	*count = 1;
	for (i = 0; i < workload->mount_count; i++) {
		if (workload->mounts[i].kind == HYFW_ATTACHMENT_TMPFS)
			continue; /* made by the child, in its own user namespace */
		if (*count == NS_FDS_MAX)
			return making->host->fail(err, E2BIG, "more than %d mounts", NS_FDS_MAX - 1);
		r = ns_rootfs_open(making->host, &workload->mounts[i], userns, label, &fds[*count], err);
		if (r < 0)
			return making->host->wrap(err, "volume at %s", workload->mounts[i].target);
		(*count)++;
	}
	return 0;
}

static int find_user(struct making *making, int root, struct hyfw_error **err)
{
	const struct hyfw_workload *workload = making->workload;
	struct ns_board *board = making->job.board;
	int r = ns_user_find(making->host, root, workload->user, board, err);

	if (r < 0)
		return r;
	if (making->job.keep_groups)
		board->group_count = 0;
	ns_give_stdio(&making->job, workload->idmap.host_uid + board->uid, workload->idmap.host_gid + board->gid);
	return 0;
}

/* Where only the child may open the mounts, it has done so. */
static int feed_ordinary(struct making *making, struct hyfw_error **err)
{
	int fds[NS_OPENED] = { -1, -1 };
	int r = ns_ordinary_take(making->host, making->handle, fds, err);

	if (r == 0)
		r = find_user(making, fds[0], err);
	if (r == 0)
		ns_channel_send(making->handle->channel, NS_GO, NULL, 0);
	if (fds[0] >= 0)
		close(fds[0]);
	making->netns = fds[1];
	return r;
}

static int feed_with(struct making *making, int userns, struct hyfw_error **err)
{
	int fds[NS_FDS_MAX], r;
	size_t count = 0;

	r = open_mounts(making, userns, fds, &count, err);
	if (r == 0)
		r = find_user(making, fds[0], err);
	if (r == 0) {
		/* A child that failed meanwhile tells why in ns_await_ready(). */
		r = ns_channel_send(making->handle->channel, NS_GO, fds, count);
		if (r < 0 && r != -EPIPE)
			r = ns_fail(making->host, err, -r, "send the mounts to", "the new process");
		else
			r = 0;
	}
	while (count > 0)
		close(fds[--count]);
	return r;
}

/* Gives the child all it waits for. */
static int feed(struct making *making, struct hyfw_error **err)
{
	NS_AUTO_CLOSE int userns = -1;
	int r;

	if (making->job.mapped) {
		r = ns_idmap_write(making->host, making->pid, &making->workload->idmap, err);
		if (r < 0)
			return r;
		ns_channel_send(making->handle->channel, NS_MAPPED, NULL, 0);
	}
	if (making->job.mapped && !making->job.ordinary) {
		userns = ns_namespace_open(making->pidfd, making->pid, NS_KIND_USER);
		if (userns < 0)
			return ns_fail(making->host, err, -userns, "open the user namespace of",
				       "the new process");
	}
	making->handle->pid = making->pid;
	r = process_start_time(making->pid, &making->handle->start_time);
	if (r < 0)
		return ns_fail(making->host, err, -r, "read the start time of", "the new process");
	r = ns_note_process(making->host, making->call, making->handle, err);
	if (r < 0)
		return r;
	return making->job.ordinary ? feed_ordinary(making, err) : feed_with(making, userns, err);
}

static void finish(struct making *making)
{
	size_t i;

	for (i = 0; i < making->job.cgroup_count; i++)
		close(making->cgroup_fds[i]);
	if (making->cgroup_unified >= 0)
		close(making->cgroup_unified);
	if (making->job.channel >= 0)
		close(making->job.channel);
	if (making->console >= 0)
		close(making->console);
	if (making->netns >= 0)
		close(making->netns);
	if (making->pidfd >= 0) {
		process_end(making->pidfd);
		close(making->pidfd);
	}
	ns_handle_free(making->handle);
}

static int make(struct making *making, int *ret_netns, struct hyfw_error **err)
{
	const struct hyfw_host *host = making->host;
	int r = prepare(making, err);

	hyfw_phase_tell(host, "prepare", 0);
	if (r == 0)
		r = make_process(making, err);
	hyfw_phase_tell(host, "clone", 0);
	if (r == 0)
		r = feed(making, err);
	if (r == 0)
		r = ns_await_ready(host, making->handle, &making->console, err);
	if (r == 0 && making->workload->workdir)
		r = host->note(making->call, NS_NOTE_WORKDIR, making->workload->workdir, err);
	if (r < 0)
		return r;
	*ret_netns = making->job.ordinary ? ns_steal_fd(&making->netns) :
					    ns_namespace_open(making->pidfd, making->pid, NS_KIND_NET);
	if (*ret_netns < 0)
		return ns_fail(host, err, -*ret_netns, "open the network namespace of",
			       "the new process");
	return 0;
}

/* '*enters': the v2 group; set when the same is to be tried once more so. */
static int create(struct ns_instance *instance, struct hyfw_call *call, const struct hyfw_workload *workload,
		  bool *enters, struct hyfw_running *ret_running, struct hyfw_error **err)
{
	struct making making = {
		.host = instance->host, .call = call, .workload = workload, .enters = *enters,
		.job = { .channel = -1 }, .cgroup_unified = -1, .pidfd = -1, .console = -1, .netns = -1,
	};
	int netns = -1, r;

	r = make(&making, &netns, err);
	*enters = r < 0 && ns_is_stillborn(&making.job, making.cgroup_unified, making.pidfd);
	if (r == 0) {
		ret_running->pid = making.pid;
		ret_running->wait_fd = ns_steal_fd(&making.pidfd);
		ret_running->netns_fd = netns;
		ret_running->console_fd = ns_steal_fd(&making.console);
		ret_running->handle = making.handle;
		ns_handle_keep(instance, making.handle);
		making.handle = NULL;
	}
	finish(&making);
	return r;
}

int ns_create(void *instance, struct hyfw_call *call, const struct hyfw_workload *workload,
	      struct hyfw_running *ret_running, struct hyfw_error **err)
{
	bool enters = false;
	int r;

	if (workload->oci)
		return oci_create(instance, call, workload, ret_running, err);
	r = create(instance, call, workload, &enters, ret_running, err);
	if (!enters)
		return r;
	((struct ns_instance *)instance)->host->forget(err);
	return create(instance, call, workload, &enters, ret_running, err);
}
