/* SPDX-License-Identifier: BSD-3-Clause
 * create() of an OCI bundle: the parent's half; see oci.h for the picture. */
#include "oci.h"

#include <linux/sched.h>

struct making {
	struct oci_room room;
	struct hyfw_call *call;
	struct ns_job job;
	struct ns_handle *handle;
	int *cgroup_fds, cgroup_unified;
	bool enters; /* the v2 group too: see ns_is_stillborn() */
	int pidfd, console, listener;
	pid_t pid;
};

static int check(struct oci_room *room, struct hyfw_error **err)
{
	const struct hyfw_oci_config *config = room->config;
	int r = oci_process_check(room->host, &config->process, config->preserve_fds, err);

	if (r == 0)
		r = oci_namespaces_open(room, err);
	return r < 0 ? r : oci_sysctl_check(room, err);
}

/* All that has to be there before the clone. */
static int open_all(struct oci_room *room, struct hyfw_call *call, struct hyfw_error **err)
{
	int r = oci_sources_open(room, err);

	if (r == 0)
		r = oci_nodes_make(room, err);
	if (r == 0)
		r = oci_cgroups_prepare(room, err);
	if (r == 0)
		r = oci_hooks_prepare(room, err);
	return r < 0 ? r : oci_gate_open(room, call, err);
}

static int find_home(struct making *making, struct hyfw_error **err)
{
	const struct oci_room *room = &making->room;
	NS_AUTO_CLOSE int root = -1;

	if (room->late) /* ours is opened later */
		root = open(room->config->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return oci_process_prepare(room->host, making->job.process, room->late ? root : room->root, &making->job, err);
}

/* What Podman asks crun for with --group-add keep-groups. */
static bool keeps_groups(const struct hyfw_oci_config *config)
{
	const char *value = hyfw_map_get(&config->annotations, "run.oci.keep_original_groups");

	return value && strcmp(value, "0") != 0;
}

static int prepare_job(struct making *making, struct hyfw_error **err)
{
	const struct hyfw_workload *workload = making->room.workload;
	const struct hyfw_oci_config *config = making->room.config;
	const struct hyfw_host *host = making->room.host;
	struct ns_job *job = &making->job;
	int ends[2], r;

	r = ns_command_prepare(host, making->room.arena, workload->argv, workload->envp, job, err);
	if (r < 0)
		return r;
	making->cgroup_fds = host->alloc(making->room.arena, (workload->confinement.cgroup_count + 1) * sizeof(int));
	job->workload = workload;
	job->workdir = workload->workdir;
	job->terminal = workload->terminal;
	job->plain_lines = config->plain_lines;
	job->mapped = (making->room.namespaces.fresh | making->room.namespaces.taken) & CLONE_NEWUSER;
	memcpy(job->stdio, workload->stdio, sizeof(job->stdio));
	job->confinement = &workload->confinement;
	job->cgroup_fds = making->cgroup_fds;
	job->process = &config->process;
	job->oci = &making->room;
	job->keep_keyring = config->no_new_keyring;
	job->keep_groups = keeps_groups(config);
	job->has_personality = config->personality.set;
	job->personality = (unsigned long)config->personality.value;
	job->keyring = host->format(making->room.arena, "_ses.%s", config->id ? config->id : workload->name);
	job->preserved = config->preserve_fds;
	r = ns_cgroups_open(host, job->confinement, making->cgroup_fds, &job->cgroup_count,
			    making->enters ? NULL : &making->cgroup_unified, err);
	if (r < 0)
		return r;
	making->handle = ns_handle_new(workload->argv[0]);
	if (!making->handle)
		return ns_fail(host, err, errno, "prepare", workload->name);
	job->board = making->handle->board;
	r = ns_channel_open(ends);
	if (r < 0)
		return ns_fail(host, err, -r, "make a channel to", "the new process");
	making->handle->channel = job->peer = ends[0];
	job->channel = ends[1];
	return find_home(making, err);
}

static void be_child(struct ns_job *job, void *context)
{
	(void)context;
	oci_child_create(job);
}

static int clone_here(struct making *making)
{
	making->pid = ns_clone_job(&making->job, oci_namespaces_of_clone(&making->room), making->cgroup_unified,
				   &making->pidfd);
	if (making->pid == 0)
		oci_child_create(&making->job);
	if (making->pid < 0)
		return -errno;
	close(making->job.channel);
	making->job.channel = -1;
	return 0;
}

static int make_process(struct making *making, struct hyfw_error **err)
{
	const struct ns_guide guide = {
		.join = oci_namespaces_join, .child = be_child, .context = &making->room,
		.flags = oci_namespaces_of_clone(&making->room), .cgroup_fd = making->cgroup_unified,
	};
	const struct hyfw_host *host = making->room.host;
	int r = making->room.namespaces.guided ?
		ns_guide_run(&making->job, &guide, &making->pid, &making->pidfd) : clone_here(making);

	if (r == -ECHILD)
		return ns_board_error(host, making->handle->board, err);
	if (r == -EAGAIN)
		return host->fail(err, EAGAIN, "make a process: the limit of processes is reached");
	if (r == -ENOSPC || r == -EUSERS)
		return host->fail(err, -r, "make namespaces: the limit in /proc/sys/user/max_*_namespaces is reached");
	return r < 0 ? ns_fail(host, err, -r, "make", "a process in new namespaces") : 0;
}

/* The user namespace that mounts are mapped by; '*ret_fd' -1 for none. */
static int map_ids(struct making *making, int *ret_fd, struct hyfw_error **err)
{
	struct oci_room *room = &making->room;
	int r;

	if (!making->job.mapped)
		return 0;
	if (oci_fresh(room, CLONE_NEWUSER)) {
		r = oci_idmap_write(room->host, room->arena, making->pid, &room->config->idmap, err);
		if (r < 0)
			return r;
		ns_channel_send(making->handle->channel, NS_MAPPED, NULL, 0);
	}
	if (room->late)
		return 0; /* nothing can be mapped by it */
	*ret_fd = ns_namespace_open(making->pidfd, making->pid, NS_KIND_USER);
	return *ret_fd < 0 ? ns_fail(room->host, err, -*ret_fd, "open the user namespace of", "the new process") : 0;
}

static int note(struct making *making, struct hyfw_error **err)
{
	int r;

	making->handle->pid = making->pid;
	r = process_start_time(making->pid, &making->handle->start_time);
	if (r < 0)
		return ns_fail(making->room.host, err, -r, "read the start time of", "the new process");
	return ns_note_process(making->room.host, making->call, making->handle, err);
}

/* The runtime's hooks, when all is mounted and nothing is pivoted. */
static int run_hooks(struct making *making, struct hyfw_error **err)
{
	const struct hyfw_oci_config *config = making->room.config;
	char message = 0;
	int r;

	if (!making->room.stops)
		return 0;
	r = ns_channel_receive(making->handle->channel, &message, NULL, 0, NULL);
	if (r < 0 || message != NS_MADE)
		return ns_board_error(making->room.host, making->handle->board, err);
	r = config->run_hooks(config, (int32_t)making->pid, err);
	if (r == 0)
		ns_channel_send(making->handle->channel, NS_GO, NULL, 0);
	return r;
}

/* Gives the child all it waits for. */
static int feed(struct making *making, struct hyfw_error **err)
{
	struct oci_room *room = &making->room;
	const struct hyfw_oci_idmap *idmap = &room->config->idmap;
	NS_AUTO_CLOSE int userns = -1;
	int r = map_ids(making, &userns, err);

	if (r == 0)
		r = note(making, err);
	if (r == 0)
		r = oci_sources_map(room, userns, err);
	if (r == 0)
		r = oci_process_score(room->host, making->job.process, making->pid, err);
	if (r == 0)
		r = oci_limits_raise(room->host, making->job.process, making->pid, err);
	if (r == 0)
		r = oci_hooks_describe(room, making->pid, err);
	if (r < 0)
		return r;
	ns_give_stdio(&making->job, oci_id_outside(idmap->uids, idmap->uid_count, making->job.board->uid),
		      oci_id_outside(idmap->gids, idmap->gid_count, making->job.board->gid));
	/* A child that failed meanwhile tells why in ns_await_ready(). */
	ns_channel_send(making->handle->channel, NS_GO, NULL, 0);
	return run_hooks(making, err);
}

/* It is ready but for what only we may set, and for whoever starts it. */
static int complete(struct making *making, struct hyfw_error **err)
{
	struct oci_room *room = &making->room;
	const char *workdir = room->workload->workdir;
	int r = ns_await_ready(room->host, making->handle, &making->console, err);

	if (r == 0)
		r = oci_listener_take(room->host, &making->job, making->pidfd, &making->listener, err);
	if (r == 0)
		r = oci_process_schedule(room->host, making->job.process, making->pid, err);
	if (r == 0 && workdir)
		r = room->host->note(making->call, NS_NOTE_WORKDIR, workdir, err);
	if (r == 0 && making->job.has_personality)
		r = room->host->note(making->call, OCI_NOTE_PERSONALITY,
				     room->host->format(room->arena, "%lu", making->job.personality), err);
	if (r < 0 || room->gate < 0)
		return r;
	r = ns_channel_send(making->handle->channel, NS_DETACH, NULL, 0);
	/* It hangs up when it no longer ends with us. */
	if (r == 0 && ns_channel_receive(making->handle->channel, &(char){ 0 }, NULL, 0, NULL) != -EPIPE)
		r = -EPROTO;
	close(making->handle->channel);
	making->handle->channel = -1;
	if (r == 0 && making->job.board->failed)
		return ns_board_error(room->host, making->job.board, err);
	hyfw_phase_tell(room->host, "detach", 0);
	return r < 0 ? ns_fail(room->host, err, -r, "let go of", "the new process") : 0;
}

/* The child says which source, not for what. */
static void name_mount(const struct making *making, struct hyfw_error **err)
{
	const struct oci_room *room = &making->room;
	const struct ns_board *board = making->job.board;
	size_t i;

	if (!board || !board->failed || board->step != NS_STEP_SOURCE)
		return;
	for (i = 0; i < room->config->mount_count; i++)
		if (room->mounts[i].source == board->object) {
			room->host->wrap(err, "mount at %s", room->config->mounts[i].target);
			return;
		}
}

static int make(struct making *making, struct hyfw_error **err)
{
	int r = check(&making->room, err);

	if (r == 0)
		r = open_all(&making->room, making->call, err);
	if (r == 0)
		r = prepare_job(making, err);
	hyfw_phase_tell(making->room.host, "prepare", 0);
	if (r == 0)
		r = make_process(making, err);
	hyfw_phase_tell(making->room.host, "clone", 0);
	oci_namespaces_close(&making->room.namespaces);
	if (r == 0)
		r = feed(making, err);
	if (r == 0)
		r = complete(making, err);
	if (r < 0)
		name_mount(making, err);
	return r;
}

static void finish(struct making *making)
{
	const int fds[] = { making->cgroup_unified, making->job.channel, making->console, making->listener,
			    making->room.gate, making->room.nodes, making->room.states[0], making->room.states[1] };
	size_t i;

	for (i = 0; i < making->job.cgroup_count; i++)
		close(making->cgroup_fds[i]);
	for (i = 0; i < NS_COUNT(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (making->pidfd >= 0) {
		process_end(making->pidfd);
		close(making->pidfd);
	}
	oci_sources_close(&making->room);
	ns_handle_free(making->handle);
}

/* '*ret_fd' stays -1 where it is the caller's, and for an ordinary user, who may not look. */
static int open_netns(const struct making *making, int *ret_fd, struct hyfw_error **err)
{
	int fd;

	if (making->room.late || !((making->room.namespaces.fresh | making->room.namespaces.taken) & CLONE_NEWNET))
		return 0;
	fd = ns_namespace_open(making->pidfd, making->pid, NS_KIND_NET);
	if (fd < 0)
		return ns_fail(making->room.host, err, -fd, "open the network namespace of", "the new process");
	*ret_fd = fd;
	return 0;
}

/* '*enters': the v2 group; set when the same is to be tried once more so. */
static int create(struct ns_instance *instance, struct hyfw_call *call, const struct hyfw_workload *workload,
		  bool *enters, struct hyfw_running *ret_running, struct hyfw_error **err)
{
	struct making making = {
		.room = { .host = instance->host, .arena = call->arena, .workload = workload,
			  .config = workload->oci, .root = -1, .nodes = -1, .gate = -1, .states = { -1, -1 },
			  .stops = workload->oci->run_hooks },
		.call = call, .enters = *enters, .job = { .channel = -1, .proc_fd = -1 }, .cgroup_unified = -1, .pidfd = -1,
		.console = -1, .listener = -1,
	};
	int netns = -1, r = make(&making, err);

	*enters = r < 0 && ns_is_stillborn(&making.job, making.cgroup_unified, making.pidfd);
	if (r == 0)
		r = open_netns(&making, &netns, err);
	if (r == 0) {
		ret_running->pid = making.pid;
		ret_running->wait_fd = ns_steal_fd(&making.pidfd);
		ret_running->netns_fd = netns;
		ret_running->console_fd = ns_steal_fd(&making.console);
		ret_running->seccomp_listener_fd = ns_steal_fd(&making.listener);
		ret_running->handle = making.handle;
		ns_handle_keep(instance, making.handle);
		making.handle = NULL;
	}
	finish(&making);
	return r;
}

int oci_create(struct ns_instance *instance, struct hyfw_call *call, const struct hyfw_workload *workload,
	       struct hyfw_running *ret_running, struct hyfw_error **err)
{
	bool enters = false;
	int r = create(instance, call, workload, &enters, ret_running, err);

	if (!enters)
		return r;
	instance->host->forget(err);
	return create(instance, call, workload, &enters, ret_running, err);
}
