/* SPDX-License-Identifier: BSD-3-Clause
 * What happens to the machine while it runs.  libvirt says how it ended; QEMU's
 * process says that it did, also when there is no libvirt to say so: after LATE_MS
 * that alone counts.  A libvirtd that goes away takes no machine with it: a thread
 * looks for its return. */
#include "../console.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define LATE_MS 5000
#define TPM_LATE_MS 2000 /* in which QEMU ends, when it is that which ended its TPM */
#define RETURN_S 1

void kvm_events_ended(struct kvm_run *run, int status, int signal)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&run->lock);
	if (!run->ended) {
		run->ended = true;
		run->exit_status = status;
		run->exit_signal = signal;
		/* What is not known is what became of QEMU itself. */
		if (status == 125 && run->qemu_signal) {
			run->exit_signal = run->qemu_signal;
			run->exit_status = 128 + run->qemu_signal;
		}
		if (run->end_fd >= 0 && write(run->end_fd, &one, sizeof(one)) < 0)
			run->kvm->host->log(HYFW_LOG_ERROR, "a machine ended: %s", strerror(errno));
		pthread_cond_broadcast(&run->removed);
	}
	pthread_mutex_unlock(&run->lock);
}

/* ---- standing still ---------------------------------------------------------------- */

static void tell_changed(struct kvm_run *run)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&run->lock);
	if (run->changed_fd >= 0 && write(run->changed_fd, &one, sizeof(one)) < 0)
		run->kvm->host->log(HYFW_LOG_ERROR, "a machine stands still: %s", strerror(errno));
	pthread_mutex_unlock(&run->lock);
}

static void set_halted(struct kvm_run *run, bool halted)
{
	pthread_mutex_lock(&run->lock);
	run->halted = halted;
	pthread_mutex_unlock(&run->lock);
}

/* QEMU stops a guest whose disk cannot take more (werror=enospc): nobody asked for it.
 * libvirtd may hang, so it is not asked: it has told (on_lifecycle()). */
const char *kvm_halted(void *instance, const struct hyfw_map *record)
{
	struct kvm_instance *kvm = instance;
	struct kvm_run *run = kvm->run;
	bool halted, full;

	(void)record;
	if (!run)
		return NULL;
	pthread_mutex_lock(&run->lock);
	halted = run->domain && !run->ended && run->halted;
	full = run->disk_full;
	pthread_mutex_unlock(&run->lock);
	return !halted ? NULL : full ? "disk full" : "disk error";
}

/* ---- the end ------------------------------------------------------------------------ */

/* virDomainEventStoppedDetailType */
static int on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail, void *data)
{
	char uuid[VIR_UUID_STRING_BUFLEN];
	struct kvm_run *run = data;

	(void)connection;
	if (virDomainGetUUIDString(domain, uuid) < 0 || strcmp(uuid, run->uuid) != 0)
		return 0;
	if (event == VIR_DOMAIN_EVENT_SUSPENDED || event == VIR_DOMAIN_EVENT_RESUMED) {
		set_halted(run, event == VIR_DOMAIN_EVENT_SUSPENDED && detail == VIR_DOMAIN_EVENT_SUSPENDED_IOERROR);
		tell_changed(run);
	}
	if (event != VIR_DOMAIN_EVENT_STOPPED)
		return 0;
	switch (detail) {
	case VIR_DOMAIN_EVENT_STOPPED_SHUTDOWN:
	case VIR_DOMAIN_EVENT_STOPPED_MIGRATED:
	case VIR_DOMAIN_EVENT_STOPPED_SAVED:
		kvm_events_ended(run, 0, 0);
		break;
	case VIR_DOMAIN_EVENT_STOPPED_DESTROYED:
		kvm_events_ended(run, 128 + SIGKILL, SIGKILL);
		break;
	case VIR_DOMAIN_EVENT_STOPPED_CRASHED:
		kvm_events_ended(run, 128 + SIGABRT, SIGABRT);
		break;
	default:
		kvm_events_ended(run, 125, 0);
	}
	return 0;
}

static void on_removed(virConnectPtr connection, virDomainPtr domain, const char *alias, void *data)
{
	struct kvm_run *run = data;

	(void)connection;
	(void)domain;
	pthread_mutex_lock(&run->lock);
	free(run->removed_alias);
	run->removed_alias = strdup(alias);
	pthread_cond_broadcast(&run->removed);
	pthread_mutex_unlock(&run->lock);
}

static void on_disk_error(virConnectPtr connection, virDomainPtr domain, const char *path, const char *alias,
			  int action, const char *reason, void *data)
{
	struct kvm_run *run = data;

	(void)connection;
	(void)domain;
	(void)alias;
	if (action != VIR_DOMAIN_EVENT_IO_ERROR_PAUSE)
		return;
	run->disk_full = strcmp(reason, "enospc") == 0;
	run->kvm->host->log(HYFW_LOG_ERROR, "disk %s: %s: the machine stands still until it is unpaused", path,
			    run->disk_full ? "no space left" : "input/output error");
	tell_changed(run);
}

/* ---- the process ------------------------------------------------------------------- */

static void on_late(int timer, void *data)
{
	virEventRemoveTimeout(timer);
	kvm_events_ended(data, 125, 0);
}

static void on_process(int watch, int fd, int events, void *data)
{
	struct kvm_run *run = data;
	siginfo_t info = { 0 };

	(void)events;
	virEventRemoveHandle(watch);
	waitid((idtype_t)P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG);
	pthread_mutex_lock(&run->lock);
	run->pid_watch = -1;
	if (info.si_pid && info.si_code != CLD_EXITED)
		run->qemu_signal = info.si_status;
	run->late = virEventAddTimeout(LATE_MS, on_late, run, NULL);
	pthread_mutex_unlock(&run->lock);
}

/* ---- its TPM --------------------------------------------------------------------------- */

const char *kvm_lacks(void *instance, const struct hyfw_map *record)
{
	struct kvm_instance *kvm = instance;

	(void)record;
	return kvm->run && kvm->run->tpm_gone ? "TPM" : NULL;
}

static void on_tpm_late(int timer, void *data)
{
	struct kvm_run *run = data;
	struct pollfd qemu = { .fd = run->pidfd, .events = POLLIN };

	virEventRemoveTimeout(timer);
	pthread_mutex_lock(&run->lock);
	run->tpm_late = -1;
	run->tpm_gone = !run->ended && run->domain && poll(&qemu, 1, 0) == 0;
	pthread_mutex_unlock(&run->lock);
	if (!run->tpm_gone)
		return;
	run->kvm->host->log(HYFW_LOG_ERROR, "the TPM: swtpm has ended, and the machine runs on without it until it is "
			    "started anew");
	tell_changed(run);
}

/* With QEMU, or alone.  kvm_tpm_end() reaps it. */
static void on_tpm(int watch, int fd, int events, void *data)
{
	struct kvm_run *run = data;

	(void)fd;
	(void)events;
	virEventRemoveHandle(watch);
	pthread_mutex_lock(&run->lock);
	run->tpm_watch = -1;
	run->tpm_late = virEventAddTimeout(TPM_LATE_MS, on_tpm_late, run, NULL);
	pthread_mutex_unlock(&run->lock);
}

/* ---- a libvirtd that goes away --------------------------------------------------------- */

static void forget_callbacks(struct kvm_run *run)
{
	size_t i;

	for (i = 0; i < KVM_COUNT(run->callbacks); i++) {
		if (run->callbacks[i] >= 0)
			virConnectDomainEventDeregisterAny(run->connection, run->callbacks[i]);
		run->callbacks[i] = -1;
	}
}

/* The machine, which runs, or is not there any more: NULL. */
static virDomainPtr find_there(struct kvm_run *run, virConnectPtr connection)
{
	virDomainPtr domain;

	virConnectSetKeepAlive(connection, KVM_KEEPALIVE_S, KVM_KEEPALIVES);
	domain = virDomainLookupByUUIDString(connection, run->uuid);
	if (domain && virDomainIsActive(domain) == 0) { /* one that is persistent */
		virDomainFree(domain);
		domain = NULL;
	}
	return domain;
}

/* Under the lock. */
static void take_again(struct kvm_run *run, virConnectPtr connection, virDomainPtr domain)
{
	if (run->domain)
		virDomainFree(run->domain);
	virConnectClose(run->connection);
	run->connection = connection;
	run->domain = domain;
	memset(run->callbacks, -1, sizeof(run->callbacks));
}

/* What asks may take minutes where a host does not answer, so it is not done under the
 * lock.  Whether there is nothing more to look for. */
static bool look_again(struct kvm_run *run)
{
	virConnectPtr connection = virConnectOpen(run->kvm->uri);
	virDomainPtr domain = connection ? find_there(run, connection) : NULL;
	bool wanted;

	pthread_mutex_lock(&run->lock);
	wanted = !run->ended && run->domain;
	if (wanted && connection)
		take_again(run, connection, domain);
	else if (domain)
		virDomainFree(domain);
	run->lost = wanted && !connection;
	pthread_mutex_unlock(&run->lock);
	if (!wanted && connection)
		virConnectClose(connection);
	return !wanted || connection;
}

static void *find_again(void *data)
{
	struct kvm_run *run = data;
	struct hyfw_error *err = NULL;
	bool found = false;

	while (!found) {
		sleep(RETURN_S);
		found = look_again(run);
	}
	if (run->ended || !run->domain) {
		/* libvirtd does not know it any more; its process tells whether it is there,
		 * where it is one of this host. */
		if (!run->ended && run->pidfd < 0)
			kvm_events_ended(run, 125, 0);
		return NULL;
	}
	run->kvm->host->log(HYFW_LOG_WARNING, "libvirtd at %s is back", run->kvm->uri);
	if (kvm_events_watch(run, &err) < 0)
		run->kvm->host->forget(&err);
	kvm_console_again(run);
	return NULL;
}

static void on_close(virConnectPtr connection, int reason, void *data)
{
	struct kvm_run *run = data;
	pthread_t thread;

	(void)connection;
	(void)reason;
	pthread_mutex_lock(&run->lock);
	if (!run->lost && !run->ended && run->domain) {
		run->lost = true;
		run->kvm->host->log(HYFW_LOG_WARNING, "libvirtd at %s is gone; the machine runs on",
				    run->kvm->uri);
		if (pthread_create(&thread, NULL, find_again, run) == 0)
			pthread_detach(thread);
	}
	pthread_mutex_unlock(&run->lock);
}

/* ---- both ------------------------------------------------------------------------------- */

/* What happened before it is told. */
static void look_at_state(struct kvm_run *run)
{
	int state = 0, reason = 0;

	if (run->domain && virDomainGetState(run->domain, &state, &reason, 0) == 0)
		set_halted(run, state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_IOERROR);
	else
		set_halted(run, false);
}

int kvm_events_watch(struct kvm_run *run, struct hyfw_error **err)
{
	run->callbacks[0] = virConnectDomainEventRegisterAny(run->connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
							     VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), run, NULL);
	run->callbacks[1] = virConnectDomainEventRegisterAny(run->connection, NULL,
							     VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
							     VIR_DOMAIN_EVENT_CALLBACK(on_removed), run, NULL);
	run->callbacks[2] = virConnectDomainEventRegisterAny(run->connection, NULL,
							     VIR_DOMAIN_EVENT_ID_IO_ERROR_REASON,
							     VIR_DOMAIN_EVENT_CALLBACK(on_disk_error), run, NULL);
	if (run->callbacks[0] < 0 || run->callbacks[1] < 0 || run->callbacks[2] < 0)
		return kvm_fail_libvirt(run->kvm->host, err, "events of libvirt");
	if (run->kvm->uri && virConnectRegisterCloseCallback(run->connection, on_close, run, NULL) < 0)
		return kvm_fail_libvirt(run->kvm->host, err, "events of libvirtd");
	look_at_state(run);
	return 0;
}

void kvm_events_watch_process(struct kvm_run *run)
{
	run->pid_watch = virEventAddHandle(run->pidfd, VIR_EVENT_HANDLE_READABLE, on_process, run, NULL);
	if (run->tpm_pidfd >= 0)
		run->tpm_watch = virEventAddHandle(run->tpm_pidfd, VIR_EVENT_HANDLE_READABLE, on_tpm, run, NULL);
}

void kvm_events_forget(struct kvm_run *run)
{
	if (run->pid_watch >= 0)
		virEventRemoveHandle(run->pid_watch);
	if (run->late >= 0)
		virEventRemoveTimeout(run->late);
	if (run->tpm_watch >= 0)
		virEventRemoveHandle(run->tpm_watch);
	if (run->tpm_late >= 0)
		virEventRemoveTimeout(run->tpm_late);
	run->pid_watch = run->late = run->tpm_watch = run->tpm_late = -1;
	if (run->connection) {
		forget_callbacks(run);
		if (run->kvm->uri)
			virConnectUnregisterCloseCallback(run->connection, on_close);
	}
}
