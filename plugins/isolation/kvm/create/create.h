/* SPDX-License-Identifier: BSD-3-Clause
 * What the files of create() share, in the order of their use:
 *
 *     create.c    the operation
 *     prepare.c   what must be there before
 *     facts.c     what the machine is
 *     domain.c    libvirt makes it
 *     process.c   QEMU is found and confined, its console connected */
#ifndef KVM_CREATE_H
#define KVM_CREATE_H

#include "../run.h"

struct kvm_creation {
	struct kvm_run *run;
	const struct hyfw_host *host;
	struct hyfw_call *call;
	struct hyfw_workload workload;
	struct kvm_facts facts;
	const char *saved; /* the machine that it goes on with; NULL: it boots */
	bool from_template; /* it goes on from there */
	int gate; /* nobody else asks QEMU what it can do meanwhile; -1 */
};

int kvm_creation_prepare(struct kvm_creation *creation, struct hyfw_error **err);
int kvm_creation_facts(struct kvm_creation *creation, struct hyfw_error **err);

/* Notes what undo() needs; run->domain is there, paused, or running when it ran already. */
int kvm_creation_domain(struct kvm_creation *creation, struct hyfw_error **err);

/* Notes the process, and puts it into its control groups. */
int kvm_creation_hold(struct kvm_creation *creation, struct hyfw_error **err);
int kvm_creation_console(struct kvm_creation *creation, int *ret_fd, struct hyfw_error **err);

#endif
