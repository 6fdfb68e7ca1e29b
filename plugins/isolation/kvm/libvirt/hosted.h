/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Machines of a libvirtd on another host.  Disks, networks, kernels and firmware are
 * those of that host, named as it knows them; limits are in the domain, and its
 * libvirtd puts them into effect.  What this host would have to make or do for a
 * machine (images, taps, control groups, sockets, files of snapshots) is refused by
 * name.
 */
#ifndef KVM_HOSTED_H
#define KVM_HOSTED_H

#include "../kvm.h"

static inline bool kvm_is_hosted(const struct kvm_instance *kvm)
{
	return kvm->uri && kvm_uri_is_remote(kvm->uri);
}

/* ---- libvirt/hosted.c; what that host says is in libvirt/hosted_libvirtd.c ---- */

/* Keys that cannot be in effect on another host. */
int kvm_check_hosted(const struct kvm_instance *kvm, const struct hyfw_subject *subject, struct hyfw_error **err);

/* The disks that libvirt_disk names, each "SOURCE[:OPTION=VALUE,...]", in 'arena'; one
 * whose source is no path is "POOL/VOLUME". */
int kvm_hosted_disks(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *settings,
		     struct hyfw_attachment **ret_disks, size_t *ret_count, struct hyfw_error **err);

#endif
