/* SPDX-License-Identifier: BSD-3-Clause
 * Machines by what a libvirtd keeps of them; see libvirt/persist.c. */
#ifndef KVM_PERSIST_H
#define KVM_PERSIST_H

#include "../run.h"

#define KVM_NOTE_KEPT "persistent" /* at "create": its end leaves the definition */

/* 1: 'ret_domain' is the machine with this uuid, and ours; 0: there is none. */
int kvm_libvirtd_find(struct kvm_run *run, const char *uuid, const char *name, virDomainPtr *ret_domain,
		      struct hyfw_error **err);

/* Powers it off, and undefines it unless 'keep'; a stranger's is left alone, and none
 * is success. */
int kvm_libvirtd_end(struct kvm_instance *kvm, const char *uuid, const char *name, bool keep,
		     struct hyfw_error **err);

/* Defines it, or defines it anew. */
int kvm_persist_define(struct kvm_run *run, const struct hyfw_map *settings, const char *xml,
		       virDomainPtr *ret_domain, struct hyfw_error **err);

/* Takes the definition away, where there is one. */
int kvm_persist_undefine(struct kvm_run *run, virDomainPtr domain, struct hyfw_error **err);

/* Undefines those of ours whose workload is gone.  Best effort.  False when there may be
 * machines that have come from other hosts and that nobody has yet: files of names that
 * are not known here may be theirs. */
bool kvm_persist_gc(struct kvm_instance *kvm, const struct hyfw_alive *alive);

#endif
