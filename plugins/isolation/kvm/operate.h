/* SPDX-License-Identifier: BSD-3-Clause
 * One operation on a running machine, as the functions behind its verb get it. */
#ifndef KVM_OPERATE_H
#define KVM_OPERATE_H

#include "run.h"

struct kvm_operation {
	struct kvm_instance *kvm;
	struct kvm_run *run;
	virDomainPtr domain;
	const struct hyfw_map *record;
	const struct hyfw_operation *asked;
	struct hyfw_map *ret_result; /* empty until the function fills it */
};

/* update.c: what is asked for is put into effect as a whole, or nothing. */
int kvm_update(struct kvm_operation *operation, struct hyfw_error **err);

/* undo.c: removes what is kept of a machine whose workload is being removed. */
int kvm_forget(struct kvm_operation *operation, struct hyfw_error **err);

/* rename.c: what is kept of one that does not run goes by another name. */
int kvm_rename(struct kvm_operation *operation, struct hyfw_error **err);

#endif
