/* SPDX-License-Identifier: BSD-3-Clause
 * Deleting snapshots. */
#include "snapshot.h"
#include "../libvirt/live.h"

/* Out of the record; those that came from it come from its parent now. */
static void take_out(struct json_object *kept, const char *name, const char *parent)
{
	struct json_object *snapshots = kvm_keep_array(kept, "snapshots"), *snapshot;
	size_t i, at = kvm_snapshot_find(kept, name, &snapshot);

	json_object_array_del_idx(snapshots, at, 1);
	for (i = 0; i < json_object_array_length(snapshots); i++) {
		struct json_object *other = json_object_array_get_idx(snapshots, i);

		if (strcmp(kvm_keep_text(other, "parent"), name) == 0)
			json_object_object_add(other, "parent", json_object_new_string(parent));
	}
	if (strcmp(kvm_keep_text(kept, "current"), name) == 0)
		json_object_object_add(kept, "current", json_object_new_string(parent));
}

static int delete_one(struct kvm_operation *operation, struct json_object *kept, const char *name,
		      struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	struct hyfw_arena *arena = operation->asked->arena;
	const char *parent, *memory;
	struct json_object *snapshot;
	bool external;
	int r = 0;

	kvm_snapshot_find(kept, name, &snapshot);
	external = kvm_snapshot_is_external(snapshot);
	parent = host->format(arena, "%s", kvm_keep_text(snapshot, "parent"));
	memory = host->format(arena, "%s", kvm_keep_text(snapshot, "memory"));
	if (!external)
		r = operation->domain ? kvm_live_snapshot(operation, "delvm", name, err)
				      : kvm_idle_snapshot(operation, kvm_keep_array(snapshot, "disks"), "-d", name, err);
	if (r < 0)
		return r;
	take_out(kept, name, parent);
	if (*memory && strcmp(kvm_keep_text(kept, "restore"), memory) == 0)
		json_object_object_del(kept, "restore");
	return external ? kvm_external_clean(operation, kept, memory, err) : kvm_snapshot_store(operation, kept, err);
}

/* One that came from 'name', in the arena; NULL. */
static const char *child_of(struct kvm_operation *operation, struct json_object *kept, const char *name)
{
	struct json_object *snapshots = kvm_keep_array(kept, "snapshots");
	size_t i;

	for (i = 0; i < json_object_array_length(snapshots); i++) {
		struct json_object *other = json_object_array_get_idx(snapshots, i);

		if (strcmp(kvm_keep_text(other, "parent"), name) == 0)
			return operation->kvm->host->format(operation->asked->arena, "%s", kvm_keep_text(other, "name"));
	}
	return NULL;
}

int kvm_snapshot_delete(struct kvm_operation *operation, struct hyfw_error **err)
{
	KVM_AUTO_PUT struct json_object *kept = NULL;
	struct json_object *snapshot;
	const char *name, *lowest, *next;
	size_t depth;
	int r = kvm_snapshot_get(operation, &name, &kept, &snapshot, err);

	while (r == 0 && kvm_snapshot_asked(operation, "children") && (lowest = child_of(operation, kept, name))) {
		for (depth = 0; depth < KVM_SNAPSHOTS_MOST && (next = child_of(operation, kept, lowest)); depth++)
			lowest = next;
		r = delete_one(operation, kept, lowest, err);
	}
	return r < 0 ? r : delete_one(operation, kept, name, err);
}
