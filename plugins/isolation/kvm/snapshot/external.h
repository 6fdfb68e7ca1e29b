/* SPDX-License-Identifier: BSD-3-Clause
 * What the files of external snapshots share: external.c, external_create.c,
 * external_revert.c. */
#ifndef KVM_EXTERNAL_H
#define KVM_EXTERNAL_H

#include "layer.h"

/* A disk that takes part. */
struct kvm_part {
	const char *name, *target, *base, *top; /* in the arena; 'target' while it runs */
	const char *overlay;                    /* the new top; NULL: not made yet */
};

struct kvm_external {
	struct kvm_operation *operation;
	const struct hyfw_host *host;
	struct kvm_layers layers;
	struct kvm_part *parts;
	size_t count;
	const char *memory; /* NULL: without */
};

struct kvm_external kvm_external_begin(struct kvm_operation *operation, struct json_object *kept);

/* A copy in the operation's arena. */
const char *kvm_external_text(struct kvm_external *external, const char *text);

/* A new overlay for each part, all or none; they are in the record afterwards, though not
 * yet stored. */
int kvm_external_make(struct kvm_external *external, struct hyfw_error **err);
void kvm_external_remove(struct kvm_external *external); /* the files alone */

#endif
