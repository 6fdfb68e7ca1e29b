/* SPDX-License-Identifier: BSD-3-Clause
 * The first run of a machine that has come here running.  Its QEMU, disks and interfaces
 * are as the libvirtd made them; hyfw watches it, reads its console and limits it.  It
 * stays the user that it was on the other host until its next start. */
#include "adopt.h"
#include "../domain/xml.h"
#include "../libvirt/live.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <unistd.h>

struct adopting {
	struct kvm_run *run;
	const struct hyfw_host *host;
	struct hyfw_call *call;
	const struct hyfw_workload *workload;
	pid_t pid;
};

/* ---- create() -------------------------------------------------------------------- */

static int make_root(struct adopting *adopting, struct hyfw_error **err)
{
	struct kvm_run *run = adopting->run;
	int r = run->root ? 0 : kvm_root_choose(adopting->host, &run->root, err);

	if (r == 0)
		r = adopting->host->note(adopting->call, KVM_NOTE_ROOT, run->root, err);
	return r < 0 ? r : kvm_root_make(run->kvm, run->root, adopting->workload->name, &adopting->workload->idmap, NULL, err);
}

static int find_domain(struct adopting *adopting, struct hyfw_error **err)
{
	struct kvm_run *run = adopting->run;
	const char *uuid = kvm_uuid(adopting->host, adopting->call->arena, adopting->workload->name,
				    &adopting->workload->settings);
	char *mark;

	snprintf(run->uuid, sizeof(run->uuid), "%s", uuid);
	run->domain = virDomainLookupByUUIDString(run->connection, uuid);
	if (!run->domain)
		return kvm_fail_libvirt(adopting->host, err, "the machine that runs already");
	mark = virDomainGetMetadata(run->domain, VIR_DOMAIN_METADATA_ELEMENT, KVM_OWN_NAMESPACE, 0);
	free(mark);
	if (!mark || virDomainIsActive(run->domain) != 1)
		return adopting->host->fail(err, ESRCH, "the machine %s at %s does not run any more", uuid, run->kvm->uri);
	return 0;
}

/* The user that libvirtd runs it as, as its label says: "+100000:+100000". */
static int process_of(struct kvm_run *run, struct hyfw_arena *arena, virDomainPtr domain, pid_t *ret_pid,
		      struct hyfw_error **err)
{
	xmlDoc *document = NULL;
	const char *label;
	int r = kvm_live_open(run->kvm, domain, &document, err);

	if (r < 0)
		return r;
	label = kvm_live_text(run->kvm->host, arena, document, "/domain/seclabel[@model='dac']/label");
	*ret_pid = kvm_process_find(run->uuid, label ? (uid_t)strtoul(label, NULL, 10) : 0);
	xmlFreeDoc(document);
	return 0;
}

static int find_process(struct adopting *adopting, struct hyfw_error **err)
{
	struct kvm_run *run = adopting->run;
	int r = process_of(run, adopting->call->arena, run->domain, &adopting->pid, err);

	if (r < 0)
		return r;
	run->pidfd = adopting->pid > 0 ? pidfd_open(adopting->pid, 0) : -1;
	if (run->pidfd < 0)
		return adopting->host->fail(err, ESRCH, "QEMU's process is not on this host");
	kvm_events_watch_process(run);
	return 0;
}

/* libvirtd has made a pseudo terminal of it, raw and without an echo. */
static int open_console(struct adopting *adopting, int *ret_fd, struct hyfw_error **err)
{
	const struct hyfw_host *host = adopting->host;
	xmlDoc *document = NULL;
	const char *path;
	int r = kvm_live_open(adopting->run->kvm, adopting->run->domain, &document, err);

	if (r < 0)
		return r;
	path = kvm_live_text(host, adopting->call->arena, document, "/domain/devices/serial/source/@path");
	if (!path)
		path = kvm_live_text(host, adopting->call->arena, document, "/domain/devices/console/@tty");
	xmlFreeDoc(document);
	*ret_fd = path ? open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC) : -1;
	if (*ret_fd < 0)
		return host->fail(err, path ? errno : ENOENT, "the serial console %s: %s", path ? path : "",
				  path ? strerror(errno) : "it has none");
	return 0;
}

/* Undone without its end: let go of what was found. */
static void leave(struct kvm_run *run)
{
	pthread_mutex_lock(&run->lock);
	if (run->domain)
		virDomainFree(run->domain);
	run->domain = NULL;
	pthread_mutex_unlock(&run->lock);
}

/* The control groups last: what is in them ends with them. */
static int adopt(struct adopting *adopting, struct hyfw_running *ret_running, struct hyfw_error **err)
{
	struct kvm_run *run = adopting->run;
	int console = -1, r = make_root(adopting, err);

	if (r == 0)
		r = kvm_connect(run, err);
	if (r == 0)
		r = kvm_events_watch(run, err);
	if (r == 0)
		r = find_domain(adopting, err);
	if (r == 0)
		r = find_process(adopting, err);
	if (r == 0)
		r = open_console(adopting, &console, err);
	if (r < 0)
		return r;
	ret_running->console_fd = console;
	r = kvm_run_eventfds(run, ret_running);
	if (r < 0)
		return adopting->host->fail(err, -r, "eventfd: %s", strerror(-r));
	return kvm_groups_join(adopting->host, adopting->pid, &adopting->workload->confinement, err);
}

int kvm_adopted_create(struct kvm_run *run, struct hyfw_call *call, const struct hyfw_workload *workload,
		       struct hyfw_running *ret_running, struct hyfw_error **err)
{
	struct adopting adopting = { .run = run, .host = run->kvm->host, .call = call, .workload = workload };
	int r;

	if (!run->kvm->uri || kvm_uri_is_remote(run->kvm->uri))
		return adopting.host->fail(err, ENOTSUP, "only a machine at a libvirtd of this host can be adopted");
	r = adopt(&adopting, ret_running, err);
	if (r < 0) {
		leave(run);
		return r;
	}
	ret_running->pid = (int32_t)adopting.pid;
	ret_running->handle = run;
	return 0;
}

/* ---- start() --------------------------------------------------------------------- */

/* The process last: by it alone undo() would end the machine. */
int kvm_adopted_start(struct kvm_run *run, struct hyfw_call *call, virDomainPtr domain, struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	uint64_t start = 0;
	pid_t pid = 0;
	int r = process_of(run, call->arena, domain, &pid, err);

	if (r < 0)
		return r;
	r = pid > 0 ? process_start_time(pid, &start) : -ESRCH;
	if (r < 0)
		return host->fail(err, ESRCH, "QEMU's process: %s", strerror(-r));
	r = host->note(call, KVM_NOTE_UUID, run->uuid, err);
	if (r == 0)
		r = host->note(call, HYFW_NOTE_PID_START, host->format(call->arena, "%llu", (unsigned long long)start), err);
	if (r == 0)
		r = host->note(call, KVM_NOTE_DOMAIN, virDomainGetName(domain), err);
	if (r == 0)
		r = host->note(call, HYFW_NOTE_PID, host->format(call->arena, "%d", (int)pid), err);
	if (r == 0)
		run->adopting = false;
	return r;
}
