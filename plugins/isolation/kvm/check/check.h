/* SPDX-License-Identifier: BSD-3-Clause
 * The parts of check(), a file each.  Messages begin with the key and end with what
 * to do. */
#ifndef KVM_CHECK_H
#define KVM_CHECK_H

#include "../kvm.h"

struct kvm_checked {
	const struct hyfw_host *host;
	const struct hyfw_map *settings;
	bool hosted; /* on another host */
	enum kvm_accel accel;
	struct hyfw_error **err;
};

int kvm_check_cpu(const struct kvm_checked *checked);
int kvm_check_memory(const struct kvm_checked *checked);
int kvm_check_boot(const struct kvm_checked *checked);
int kvm_check_disks(const struct kvm_checked *checked);
int kvm_check_display(const struct kvm_checked *checked);
int kvm_check_extras(const struct kvm_checked *checked);

/* The value of a key; NULL when it is not set or empty. */
static inline const char *kvm_checked_get(const struct kvm_checked *checked, const char *key)
{
	const char *value = hyfw_map_get(checked->settings, key);

	return value && *value ? value : NULL;
}

static inline bool kvm_checked_is(const struct kvm_checked *checked, const char *key, const char *value)
{
	const char *found = kvm_checked_get(checked, key);

	return found && strcmp(found, value) == 0;
}

#endif
