/* SPDX-License-Identifier: BSD-3-Clause
 * The swtpm of a machine with tpm = yes. */
#ifndef KVM_TPM_H
#define KVM_TPM_H

#include "run.h"

/* Starts it; it ends with QEMU, and kvm_process_end_all() of its root ends it too. */
int kvm_tpm_start(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_workload *workload,
		  const struct kvm_facts *facts, int *ret_pidfd, struct hyfw_error **err);

/* QEMU has ended: gives it a moment to write what it keeps, and takes its exit status. */
void kvm_tpm_end(int *pidfd);

/* Removes what the TPM of a workload that is being removed has kept ... */
void kvm_tpm_forget(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload);

/* ... and that of all that are gone. */
void kvm_tpm_gc(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_alive *alive);

/* The directory of what it keeps of a workload, in 'arena'. */
const char *kvm_tpm_state(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload);

#endif
