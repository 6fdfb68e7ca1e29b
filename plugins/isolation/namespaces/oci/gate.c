/* SPDX-License-Identifier: BSD-3-Clause
 * The gate: a socket in the runtime directory at which a detached container waits for
 * start(), which may come from any process.  Whoever connects takes the place that the
 * creator has for other workloads: it says NS_START, and hears NS_FAILED with the
 * reason, or NS_EXECUTING and then the end; NS_HOOKED before it where there were hooks. */
#include "oci.h"

#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define NAME "gate"
#define HOOKS "hooks: startContainer"

/* A path of any length, by the number of its directory: sockets take 107 bytes. */
static int address_of(const char *path, struct sockaddr_un *ret_address)
{
	const char *name = strrchr(path, '/');
	char directory[PATH_MAX];
	int fd;

	if (!name || (size_t)(name - path) >= sizeof(directory))
		return -EINVAL;
	memcpy(directory, path, (size_t)(name - path));
	directory[name - path] = '\0';
	fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "/proc/self/fd/%d/" NAME, fd);
	return fd;
}

int oci_gate_open(struct oci_room *room, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *path = room->host->format(room->arena, "%s/" NAME, room->workload->runtime_directory);
	NS_AUTO_CLOSE int directory = -1;
	struct sockaddr_un address;

	if (!room->config->detached)
		return 0;
	directory = address_of(path, &address);
	if (directory < 0)
		return ns_fail(room->host, err, -directory, "open", room->workload->runtime_directory);
	unlinkat(directory, NAME, 0); /* of a container of that name that is gone */
	room->gate = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (room->gate < 0 || bind(room->gate, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(room->gate, 1) < 0)
		return ns_fail(room->host, err, errno, "make", path);
	return room->host->note(call, OCI_NOTE_GATE, path, err);
}

static int hear(const struct hyfw_host *host, int connection, struct hyfw_error **err)
{
	struct ns_report report;
	bool executing = false;
	ssize_t size;

	for (;;) {
		size = recv(connection, &report, sizeof(report), 0);
		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0)
			break;
		if (report.message == NS_FAILED && size == sizeof(report)) {
			report.object[sizeof(report.object) - 1] = '\0';
			return ns_report_error(host, &report, err);
		}
		executing = report.message == NS_EXECUTING;
		if (report.message == NS_HOOKED)
			hyfw_phase_tell(host, HOOKS, 0);
	}
	hyfw_phase_tell(host, "exec", 0);
	return executing ? 0 : host->fail(err, ECHILD, "start: it ended, or was started by somebody else");
}

int oci_gate_start(const struct hyfw_host *host, const struct hyfw_map *record, struct hyfw_error **err)
{
	const char *path = hyfw_map_get(record, OCI_NOTE_GATE);
	const char message = NS_START;
	NS_AUTO_CLOSE int connection = -1;
	NS_AUTO_CLOSE int directory = -1;
	struct sockaddr_un address;
	int r;

	if (!path)
		return host->fail(err, EALREADY, "start: it was started before");
	directory = address_of(path, &address);
	if (directory < 0)
		return ns_fail(host, err, -directory, "open the directory of", path);
	connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connection < 0)
		return ns_fail(host, err, errno, "make", "a socket");
	if (connect(connection, (struct sockaddr *)&address, sizeof(address)) < 0)
		return host->fail(err, EALREADY, "start: it does not wait to be started: %s", strerror(errno));
	if (send(connection, &message, 1, MSG_NOSIGNAL) != 1)
		return ns_fail(host, err, errno, "start", "it");
	r = hear(host, connection, err);
	unlinkat(directory, NAME, 0);
	return r;
}

/* ---- in the child ---------------------------------------------------------------- */

void oci_kept(const struct ns_job *job, int kept[OCI_KEPT])
{
	kept[0] = job->oci ? job->oci->gate : -1;
	kept[1] = job->oci ? job->oci->states[1] : -1;
}

/* From NS_DETACH on create() is over, and its process may end. */
static void wait_at_gate(struct ns_job *job)
{
	int connection;
	char message = 0;

	ns_expect(job, NS_DETACH, NULL, 0, NULL);
	if (prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0)
		ns_die(job, NS_STEP_PARENT, "", errno);
	close(job->channel);
	do {
		connection = accept4(job->oci->gate, NULL, NULL, SOCK_CLOEXEC);
		if (connection < 0 && errno != EINTR && errno != ECONNABORTED)
			_exit(127);
		/* Who connects and goes away has started nothing. */
		if (connection >= 0 && (recv(connection, &message, 1, 0) != 1 || message != NS_START)) {
			close(connection);
			connection = -1;
		}
	} while (connection < 0);
	job->started_by = connection;
	close(job->oci->gate);
}

/* For the ledger.  Whoever starts it sees the board only when it is the creator; a filter that
 * is loaded by now may stop any call, also that for the time. */
static void tell_hooked(const struct ns_job *job)
{
	const char message = NS_HOOKED;

	if (job->confinement->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
		return;
	ns_phase(job, HOOKS);
	if (job->started_by && send(job->started_by, &message, 1, MSG_NOSIGNAL) != 1)
		ns_die(job, NS_STEP_PARENT, "", errno);
}

void oci_await_start(struct ns_job *job)
{
	const char message = NS_EXECUTING;

	if (job->oci && job->oci->gate >= 0)
		wait_at_gate(job);
	else
		ns_expect(job, NS_START, NULL, 0, NULL);
	if (!job->oci)
		return;
	oci_hooks_run(job, job->oci, HYFW_OCI_START_CONTAINER);
	if (job->oci->states[1] >= 0) {
		close(job->oci->states[1]);
		tell_hooked(job);
	}
	if (job->started_by && send(job->started_by, &message, 1, MSG_NOSIGNAL) != 1)
		ns_die(job, NS_STEP_PARENT, "", errno);
}
