/* SPDX-License-Identifier: BSD-3-Clause
 * What the files of the verbs share: snapshot.c, snapshot_create.c, snapshot_revert.c,
 * snapshot_delete.c. */
#ifndef KVM_SNAPSHOT_H
#define KVM_SNAPSHOT_H

#include "layer.h"

#define KVM_SNAPSHOTS_MOST 200

/* The place among "snapshots" of 'kept'; their number, and NULL, when it is not there. */
size_t kvm_snapshot_find(struct json_object *kept, const char *name, struct json_object **ret_snapshot);
bool kvm_snapshot_is_external(struct json_object *snapshot);

/* The flag 'key' of the verb. */
bool kvm_snapshot_asked(const struct kvm_operation *operation, const char *key);

/* The name that was asked for, checked, and the machine's file; get: and the snapshot of
 * that name, -ENOENT. */
int kvm_snapshot_load(struct kvm_operation *operation, const char **ret_name, struct json_object **ret_kept,
		      struct hyfw_error **err);
int kvm_snapshot_get(struct kvm_operation *operation, const char **ret_name, struct json_object **ret_kept,
		     struct json_object **ret_snapshot, struct hyfw_error **err);
int kvm_snapshot_store(struct kvm_operation *operation, struct json_object *kept, struct hyfw_error **err);

/* The devices that the memory knows of, and its size: "524288 1 ua-root ua-eth0 ...". */
int kvm_snapshot_devices(struct kvm_operation *operation, const char **ret_text, struct hyfw_error **err);

#endif
