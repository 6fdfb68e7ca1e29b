/* SPDX-License-Identifier: BSD-3-Clause
 * Cleanup attributes of this driver. */
#ifndef KVM_CLEANUP_H
#define KVM_CLEANUP_H

void kvm_auto_close(const int *fd); /* keeps errno; -1 is none */
void kvm_auto_free(void *pointer);
#define KVM_AUTO_CLOSE __attribute__((cleanup(kvm_auto_close)))
#define KVM_AUTO_FREE __attribute__((cleanup(kvm_auto_free)))

#endif
