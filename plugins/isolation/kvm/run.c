/* SPDX-License-Identifier: BSD-3-Clause
 * The running half of an instance. */
#include "run.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

int kvm_run_get(struct kvm_instance *kvm, struct kvm_run **ret_run, struct hyfw_error **err)
{
	struct kvm_run *run = kvm->run ? kvm->run : calloc(1, sizeof(*run));

	if (!run)
		return kvm->host->fail(err, ENOMEM, "out of memory");
	if (!kvm->run) {
		run->kvm = kvm;
		run->end_fd = run->changed_fd = run->pidfd = run->tpm_pidfd = -1;
		run->pid_watch = run->late = run->tpm_watch = run->tpm_late = -1;
		memset(run->callbacks, -1, sizeof(run->callbacks));
		pthread_mutex_init(&run->lock, NULL);
		pthread_cond_init(&run->removed, NULL);
		kvm->run = run;
	}
	*ret_run = run;
	return 0;
}

/* Ours are written to from another thread. */
int kvm_run_eventfds(struct kvm_run *run, struct hyfw_running *ret_running)
{
	ret_running->wait_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret_running->changed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ret_running->wait_fd < 0 || ret_running->changed_fd < 0)
		return -errno;
	run->end_fd = fcntl(ret_running->wait_fd, F_DUPFD_CLOEXEC, 3);
	run->changed_fd = fcntl(ret_running->changed_fd, F_DUPFD_CLOEXEC, 3);
	return run->end_fd < 0 || run->changed_fd < 0 ? -errno : 0;
}

void kvm_run_free(struct kvm_run *run)
{
	if (!run)
		return;
	kvm_events_forget(run);
	if (run->domain)
		virDomainFree(run->domain);
	/* An embedded connection stays with its process: closing it stops nothing. */
	if (run->connection && run->kvm->uri)
		virConnectClose(run->connection);
	if (run->pidfd >= 0)
		close(run->pidfd);
	if (run->end_fd >= 0)
		close(run->end_fd);
	if (run->tpm_pidfd >= 0)
		close(run->tpm_pidfd);
	if (run->changed_fd >= 0)
		close(run->changed_fd);
	free(run->removed_alias);
	free(run->hardware);
	free(run->disks);
	free(run->begins);
	free(run->nic_model);
	free(run->label);
	free(run->file_label);
	free(run->root);
	free(run);
}
