/* SPDX-License-Identifier: BSD-3-Clause
 * Going back to external snapshots. */
#include "external.h"

#include <string.h>
#include <unistd.h>

static bool has_base(struct json_object *snapshot, const char *base)
{
	struct json_object *disks = kvm_keep_array(snapshot, "disks");
	size_t i;

	for (i = 0; i < json_object_array_length(disks); i++)
		if (strcmp(kvm_keep_text(json_object_array_get_idx(disks, i), "base"), base) == 0)
			return true;
	return false;
}

/* The writable disks of now are those of then. */
static int check_disks(struct kvm_external *external, struct json_object *snapshot, struct hyfw_error **err)
{
	struct json_object *disks = kvm_keep_array(external->layers.kept, "disks");
	size_t i, same = 0;
	bool other = false;

	for (i = 0; i < json_object_array_length(disks); i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		if (kvm_keep_bool(disk, "read_only"))
			continue;
		other = other || !has_base(snapshot, kvm_keep_text(disk, "path"));
		same++;
	}
	if (!other && same == json_object_array_length(kvm_keep_array(snapshot, "disks")))
		return 0;
	return external->host->fail(err, EBUSY, "the machine has other disks than when snapshot %s was made",
				    kvm_keep_text(snapshot, "name"));
}

/* Each disk on the file of the snapshot; 'top' is that, not the one that is left. */
static int collect_frozen(struct kvm_external *external, struct json_object *snapshot, struct hyfw_error **err)
{
	struct json_object *disks = kvm_keep_array(snapshot, "disks");
	size_t i, count = json_object_array_length(disks);
	int r = check_disks(external, snapshot, err);

	external->parts = external->host->alloc(external->layers.arena, (count + 1) * sizeof(*external->parts));
	for (i = 0; r == 0 && i < count; i++) {
		struct kvm_part *part = &external->parts[external->count++];
		struct json_object *disk = json_object_array_get_idx(disks, i);

		part->name = kvm_external_text(external, kvm_keep_text(disk, "name"));
		part->base = kvm_external_text(external, kvm_keep_text(disk, "base"));
		part->top = kvm_external_text(external, kvm_keep_text(disk, "path"));
		r = external->operation->domain ? 0 : kvm_layer_check(&external->layers, part->top, err);
	}
	return r;
}

static void answer(struct kvm_external *external, const char *key)
{
	struct hyfw_pair *item = external->host->alloc(external->layers.arena, sizeof(*item));

	*item = (struct hyfw_pair){ key, "true" };
	*external->operation->ret_result = (struct hyfw_map){ 1, item };
}

/* Only the tops that are left; what lies below is kept for other snapshots, or goes when
 * one of those is deleted. */
static int change_idle(struct kvm_external *external, struct json_object *snapshot, struct hyfw_error **err)
{
	struct json_object *kept = external->layers.kept;
	const char **left = external->host->alloc(external->layers.arena, (external->count + 1) * sizeof(*left));
	const char *memory = kvm_keep_text(snapshot, "memory");
	size_t i;
	int r;

	for (i = 0; i < external->count; i++)
		left[i] = kvm_external_text(external, kvm_layer_top(kept, external->parts[i].base));
	r = kvm_external_make(external, err);
	if (r < 0)
		return r;
	for (i = 0; i < external->count; i++)
		if (!kvm_layer_is_named(kept, left[i]))
			kvm_layer_remove(kept, left[i]);
	json_object_object_add(kept, "current", json_object_new_string(kvm_keep_text(snapshot, "name")));
	json_object_object_del(kept, "restore");
	if (*memory)
		json_object_object_add(kept, "restore", json_object_new_string(memory));
	r = kvm_layers_store(&external->layers, err);
	if (r < 0)
		kvm_external_remove(external);
	else
		kvm_layers_sweep(&external->layers);
	return r;
}

int kvm_external_revert(struct kvm_operation *operation, struct json_object *kept, struct json_object *snapshot,
			struct hyfw_error **err)
{
	struct kvm_external external = kvm_external_begin(operation, kept);
	const char *name = kvm_keep_text(snapshot, "name"), *memory = kvm_keep_text(snapshot, "memory");
	const bool run = hyfw_map_bool(&operation->asked->args, "running", false);
	int r = collect_frozen(&external, snapshot, err);

	if (r < 0)
		return r;
	if (*memory && access(memory, R_OK) < 0)
		return external.host->fail(err, errno, "snapshot %s: its memory, %s: %s", name, memory, strerror(errno));
	if (!*memory && hyfw_map_bool(&operation->asked->args, "paused", false))
		return external.host->fail(err, EINVAL, "snapshot %s has no memory that could stand still", name);
	if (!*memory && operation->domain && !run)
		return external.host->fail(err, EBUSY, "snapshot %s is of its disks alone: stop the machine, then revert, or "
					   "have it boot from them with --running", name);
	if (operation->domain) { /* QEMU 7.2 cannot change to other files */
		answer(&external, "stop");
		return 0;
	}
	r = kvm_layers_finish(&external.layers, err);
	if (r == 0)
		r = change_idle(&external, snapshot, err);
	if (r == 0 && (*memory || run))
		answer(&external, "start");
	return r;
}
