/* SPDX-License-Identifier: BSD-3-Clause
 * check(): settings that cannot work together. */
#include "kvm.h"

int kvm_check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	enum kvm_accel accel;

	if (subject->kind != HYFW_SUBJECT_WORKLOAD)
		return 0;
	return kvm_accel(instance, &subject->settings, &accel, err);
}
