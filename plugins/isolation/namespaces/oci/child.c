/* SPDX-License-Identifier: BSD-3-Clause
 * The child of an OCI container, from the clone to where it is as all others.  Only
 * async-signal-safe calls. */
#include "oci.h"

#include <sched.h>
#include <sys/stat.h>

const char *oci_digits(uint64_t value, unsigned base, char room[24])
{
	char *at = room + 23;

	*at = '\0';
	do
		*--at = (char)('0' + value % base);
	while (value /= base);
	return at;
}

static bool needs_proc(const struct ns_job *job)
{
	return job->confinement->process_label ||
	       (job->process->apparmor_profile && *job->process->apparmor_profile);
}

/* All in the root that still is to be entered. */
static void furnish(struct ns_job *job, struct oci_room *room)
{
	int cwd;

	oci_mounts_attach(job, room);
	oci_devices_make(job, room);
	if (job->workdir && *job->workdir) { /* a missing one is made, as the runtimes do */
		cwd = ns_target_open(room->root, job->workdir, true);
		if (cwd >= 0)
			close(cwd);
	}
	oci_paths_cover(job, room);
}

static void stop_for_hooks(const struct ns_job *job, const struct oci_room *room)
{
	if (room->stops) {
		if (ns_channel_send(job->channel, NS_MADE, NULL, 0) < 0)
			_exit(127);
		ns_expect(job, NS_GO, NULL, 0, NULL);
		ns_phase(job, "hooks: prestart, createRuntime");
	}
	oci_hooks_run(job, room, HYFW_OCI_CREATE_CONTAINER);
	if (room->config->hooks[HYFW_OCI_CREATE_CONTAINER].count)
		ns_phase(job, "hooks: createContainer");
}

static int open_dev(const struct ns_job *job)
{
	int dev = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dev < 0)
		ns_die(job, NS_STEP_TERMINAL, "/dev", errno);
	return dev;
}

/* In the container's own devpts: without one there is no terminal, as for the other runtimes. */
static void take_console(struct ns_job *job, const struct oci_room *room, struct ns_console *console)
{
	NS_AUTO_CLOSE int dev = oci_fresh(room, CLONE_NEWNS) ? open_dev(job) : -1;

	ns_console_open(job, console);
	oci_window_size(job, console->master);
	if (dev >= 0)
		ns_console_bind(job, console, dev);
	ns_console_take(job, console->slave);
	job->stdio[0] = job->stdio[1] = job->stdio[2] = console->slave;
}

void oci_child_create(struct ns_job *job)
{
	struct oci_room *room = job->oci;
	bool mounts = (room->namespaces.fresh | room->namespaces.taken) & CLONE_NEWNS;
	struct ns_console console = { -1, -1 };

	close(job->peer);
	ns_die_with_creator(job);
	if (!room->late) /* else when the ids are mapped: before, an ordinary user could not do that */
		ns_become_private(job);
	ns_join_cgroups(job);
	oci_affinity_reset();
	umask(0022);
	if (oci_fresh(room, CLONE_NEWUSER))
		ns_become_root(job);
	oci_namespaces_enter(job, room);
	oci_namespaces_finish(job, room);
	if (room->late)
		ns_become_private(job);
	oci_sources_take(job, room);
	oci_root_attach(job, room);
	oci_sysctl_write(job, room);
	ns_phase(job, "namespaces");
	ns_expect(job, NS_GO, NULL, 0, NULL);
	ns_phase(job, "root and volumes");
	job->proc_fd = needs_proc(job) ? open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (mounts)
		furnish(job, room);
	ns_phase(job, "mounts");
	stop_for_hooks(job, room);
	if (mounts)
		oci_mounts_seal(job, room);
	oci_root_enter(job, room);
	ns_phase(job, "pivot_root");
	if (job->terminal)
		take_console(job, room, &console);
	ns_child_become(job, console.master);
}
