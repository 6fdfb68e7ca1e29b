/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Machines that have come to this host.  A migration leaves in the metadata of the domain
 * what the machine is (KVM_MOVE_DEFINITION); as long as it is there nobody has the machine,
 * and gc() leaves it alone.  Whoever adopts it takes that away: of one that runs from its
 * live description, one that stands is undefined, since each start makes its domain.
 */
#ifndef KVM_ADOPT_H
#define KVM_ADOPT_H

#include "../operate.h"

/* The verb "adopt" of isolation.h. */
int kvm_adopt(struct kvm_operation *operation, struct hyfw_error **err);

/* Whether it has come here and nobody has it yet. */
bool kvm_adopt_waits(virDomainPtr domain);

/* ---- migrate/adopted.c: the first run here of one that runs already ---- */

/* create(): watched, its console open, in our control groups.  Nothing that undo() ends
 * it by is noted, so it goes on whatever fails. */
int kvm_adopted_create(struct kvm_run *run, struct hyfw_call *call, const struct hyfw_workload *workload,
		       struct hyfw_running *ret_running, struct hyfw_error **err);

/* start(): it is ours from now on, as any machine that was started here. */
int kvm_adopted_start(struct kvm_run *run, struct hyfw_call *call, virDomainPtr domain, struct hyfw_error **err);

#endif
