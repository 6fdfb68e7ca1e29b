/* SPDX-License-Identifier: BSD-3-Clause
 * Whether /dev/kvm runs a guest.  By itself: linux/kvm.h has names of its own. */
#ifndef KVM_TRIAL_H
#define KVM_TRIAL_H

#include <stdbool.h>

/* Runs the small guest; '*ret_reason' says why KVM is of no use, NULL when it is.
 * False when that may be different next time.  At most 200 ms. */
bool kvm_trial(const char **ret_reason);

#endif
