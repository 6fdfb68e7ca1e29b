/* SPDX-License-Identifier: BSD-3-Clause
 * QEMU's process, and the serial console that it listens for. */
#include "create.h"

#include <fcntl.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int kvm_creation_hold(struct kvm_creation *creation, struct hyfw_error **err)
{
	const struct hyfw_host *host = creation->host;
	struct kvm_run *run = creation->run;
	const struct hyfw_idmap *ids = &creation->workload.idmap;
	uint64_t start = 0;
	pid_t pid = kvm_process_find(run->uuid, ids->count ? ids->host_uid : 0);
	int r = pid > 0 ? process_start_time(pid, &start) : -ESRCH;

	if (r == 0)
		run->pidfd = pidfd_open(pid, 0);
	if (r < 0 || run->pidfd < 0)
		return host->fail(err, r < 0 ? -r : errno, "QEMU's process: %s", strerror(r < 0 ? -r : errno));
	r = host->note(creation->call, HYFW_NOTE_PID, host->format(creation->call->arena, "%d", (int)pid), err);
	if (r == 0)
		r = host->note(creation->call, HYFW_NOTE_PID_START,
			       host->format(creation->call->arena, "%llu", (unsigned long long)start), err);
	if (r < 0)
		return r;
	kvm_events_watch_process(run);
	return kvm_groups_join(host, pid, &creation->workload.confinement, err);
}

int kvm_creation_console(struct kvm_creation *creation, int *ret_fd, struct hyfw_error **err)
{
	const struct hyfw_host *host = creation->host;
	const char *path = kvm_console_socket(host, creation->call->arena, &creation->facts);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return host->fail(err, ENAMETOOLONG, "the serial console %s: the path is too long", path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		int errnum = errno;

		if (fd >= 0)
			close(fd);
		return host->fail(err, errnum, "the serial console %s: %s", path, strerror(errnum));
	}
	*ret_fd = fd;
	return 0;
}
