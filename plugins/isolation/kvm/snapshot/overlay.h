/* SPDX-License-Identifier: BSD-3-Clause
 * What a qcow2 file says of itself, as far as a chain of overlays needs it.  QEMU can
 * write that header, and a guest may have QEMU in its hand: nothing is opened because
 * of it, it is compared with what we have written down. */
#ifndef KVM_OVERLAY_H
#define KVM_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvm_overlay {
	uint64_t size;          /* bytes that a guest sees */
	uint32_t snapshots;     /* states that are kept inside of it */
	bool external_data;     /* what it holds is in a further file */
	char backing[1024];     /* the file it is based on, "" for none; docs/interop/qcow2.txt: at most 1023 */
	char format[32];        /* of that; "" when it does not say */
};

/* From the beginning of a file, 'size' bytes of it; -EBADMSG for what is no qcow2. */
int kvm_overlay_parse(const uint8_t *bytes, size_t size, struct kvm_overlay *ret_overlay);
int kvm_overlay_read(int fd, struct kvm_overlay *ret_overlay);

#endif
