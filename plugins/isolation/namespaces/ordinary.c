/* SPDX-License-Identifier: BSD-3-Clause
 * Workloads of an ordinary user: only the child, once it is in its user namespace, may make
 * mounts, so it opens the root file system and the volumes, by the paths that its creator has
 * checked.  It has the user's own access to files and no more, and no ids are mapped by mounts:
 * what belongs to the user belongs to root inside. */
#include "ns.h"

#include <string.h>
#include <sys/stat.h>

/* Nothing can be composed in the child: the board tells the step, its object and the error. */
static int say_nothing(struct hyfw_error **err, int errnum, const char *format, ...)
{
	(void)err;
	(void)format;
	return -errnum;
}

static const struct hyfw_host quiet = { .size = sizeof(quiet), .fail = say_nothing };

/* What the creator opened is in its mount namespace, and cannot be copied in ours. */
static int open_again(const struct hyfw_attachment *attachment)
{
	NS_AUTO_CLOSE int fd = ns_open_source(attachment->source, 0);
	struct stat checked, now;

	if (fd < 0)
		return fd;
	if (fstat(attachment->source_fd, &checked) < 0 || fstat(fd, &now) < 0)
		return -errno;
	return checked.st_dev == now.st_dev && checked.st_ino == now.st_ino ? ns_steal_fd(&fd) : -ESTALE;
}

static int open_mount(const struct ns_job *job, const struct hyfw_attachment *attachment)
{
	const char *label = job->confinement->mount_label;
	struct hyfw_attachment here = *attachment;
	NS_AUTO_CLOSE int source = -1;
	int fd = -1, r;

	if (here.source_fd >= 0) {
		source = open_again(attachment);
		if (source < 0)
			return source;
		here.source_fd = source;
	}
	r = ns_rootfs_open(&quiet, &here, -1, label, &fd, NULL);
	/* Mounts of the host's cannot be taken off what they cover (mount_namespaces(7)). */
	if (r == -EINVAL && here.kind == HYFW_ATTACHMENT_BIND && !(here.flags & HYFW_ATTACH_RECURSIVE)) {
		here.flags |= HYFW_ATTACH_RECURSIVE;
		r = ns_rootfs_open(&quiet, &here, -1, label, &fd, NULL);
	}
	return r < 0 ? r : fd;
}

static void show(const struct ns_job *job, int root)
{
	int fds[NS_OPENED] = { root, open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) };

	if (fds[1] < 0)
		ns_die(job, NS_STEP_NAMESPACE, "network", errno);
	if (ns_channel_send(job->channel, NS_MADE, fds, NS_OPENED) < 0)
		_exit(127);
	close(fds[1]);
	ns_expect(job, NS_GO, NULL, 0, NULL);
}

size_t ns_ordinary_open(const struct ns_job *job, int fds[NS_FDS_MAX])
{
	const struct hyfw_workload *workload = job->workload;
	struct hyfw_attachment root = workload->root;
	size_t count = 0, i;

	root.flags |= HYFW_ATTACH_NODEV;
	if (workload->read_only) /* later, see finish_root() */
		root.flags &= ~(uint32_t)HYFW_ATTACH_READ_ONLY;
	fds[count++] = open_mount(job, &root);
	if (fds[0] < 0)
		ns_die(job, NS_STEP_ROOT, root.source ? root.source : "the layers of the image", -fds[0]);
	for (i = 0; i < workload->mount_count; i++) {
		if (workload->mounts[i].kind == HYFW_ATTACHMENT_TMPFS)
			continue;
		if (count == NS_FDS_MAX)
			ns_die(job, NS_STEP_MOUNT, workload->mounts[i].target, E2BIG);
		fds[count] = open_mount(job, &workload->mounts[i]);
		if (fds[count] < 0)
			ns_die(job, NS_STEP_MOUNT, workload->mounts[i].source, -fds[count]);
		count++;
	}
	show(job, fds[0]);
	return count;
}

/* ---- in the parent --------------------------------------------------------------- */

int ns_ordinary_check(const struct hyfw_host *host, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	if (geteuid() == 0 || subject->oci) /* a bundle says itself what it needs */
		return 0;
	if (subject->idmap.count == 0)
		return host->fail(err, EPERM, "userns = host takes root: a container of an ordinary user is in a user "
				  "namespace");
	return 0;
}

int ns_ordinary_take(const struct hyfw_host *host, const struct ns_handle *handle, int ret_fds[NS_OPENED],
		     struct hyfw_error **err)
{
	char message = 0;
	size_t count = 0;
	int r = ns_channel_receive(handle->channel, &message, ret_fds, NS_OPENED, &count);

	if (r < 0 && r != -EPIPE)
		return ns_fail(host, err, -r, "hear from", "the new process");
	return r < 0 || message != NS_MADE || count != NS_OPENED ? ns_board_error(host, handle->board, err) : 0;
}

bool ns_keeps_groups(pid_t pid)
{
	char path[64], text[8] = "";
	NS_AUTO_CLOSE int fd = -1;

	snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd >= 0 && read(fd, text, sizeof(text) - 1) > 0 && strncmp(text, "deny", 4) == 0;
}
