/* SPDX-License-Identifier: BSD-3-Clause
 * Disks as a machine that starts gets them: with all that lies on them. */
#include "layer.h"

#include <string.h>

/* Also where nothing of this machine lies on it: something of another may. */
static int check_mark(struct kvm_layers *layers, const struct hyfw_attachment *disk, struct hyfw_error **err)
{
	if (disk->kind != HYFW_ATTACHMENT_BLOCK || !disk->source)
		return 0;
	return kvm_layer_foreign(layers, disk->source, err);
}

static int check_marks(struct kvm_layers *layers, const struct hyfw_workload *workload, struct hyfw_error **err)
{
	int r = check_mark(layers, &workload->root, err);
	size_t i;

	for (i = 0; r == 0 && i < workload->disk_count; i++)
		r = check_mark(layers, &workload->disks[i], err);
	return r;
}

/* 'ids' NULL: they are the user's already that has the top. */
static int use(struct kvm_layers *layers, struct hyfw_attachment *disk, const struct hyfw_idmap *ids,
	       struct hyfw_error **err)
{
	const char *top = disk->source ? kvm_layer_top(layers->kept, disk->source) : NULL;
	int r;

	if (disk->kind != HYFW_ATTACHMENT_BLOCK || !top || strcmp(top, disk->source) == 0)
		return 0;
	r = kvm_layer_check(layers, top, err);
	if (r == 0 && ids && ids->count)
		r = kvm_layer_give(layers, top, ids->host_uid, ids->host_gid, err);
	if (r < 0)
		return r;
	disk->source = layers->host->format(layers->arena, "%s", top);
	disk->format = "qcow2";
	return 0;
}

int kvm_layers_use(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_workload *workload,
		   struct hyfw_error **err)
{
	struct kvm_layers layers = { .host = host, .arena = arena, .workload = workload->name };
	KVM_AUTO_PUT struct json_object *kept = NULL;
	struct hyfw_attachment *disks;
	size_t i;
	int r = check_marks(&layers, workload, err);

	if (r < 0 || workload->transient)
		return r;
	r = kvm_keep_load(host, arena, workload->name, &kept, err);
	if (r < 0 || !kvm_layer_any(kept))
		return r;
	if (kvm_keep_bool(kept, "failover"))
		return host->fail(err, EBUSY, "it has external snapshots, which another host would not know of; delete "
				  "them, or leave failover out");
	layers.kept = kept;
	r = kvm_layers_finish(&layers, err);
	disks = host->alloc(arena, (workload->disk_count + 1) * sizeof(*disks));
	if (workload->disk_count)
		memcpy(disks, workload->disks, workload->disk_count * sizeof(*disks));
	if (r == 0)
		r = use(&layers, &workload->root, &workload->idmap, err);
	for (i = 0; r == 0 && i < workload->disk_count; i++)
		r = use(&layers, &disks[i], &workload->idmap, err);
	workload->disks = disks;
	return r < 0 ? host->wrap(err, "external snapshots") : 0;
}

int kvm_layers_use_disk(const struct hyfw_host *host, struct hyfw_arena *arena, const char *name,
			struct hyfw_attachment *disk, struct hyfw_error **err)
{
	struct kvm_layers layers = { .host = host, .arena = arena, .workload = name };
	KVM_AUTO_PUT struct json_object *kept = NULL;
	int r = kvm_keep_load(host, arena, name, &kept, err);

	if (r < 0)
		return r;
	layers.kept = kept;
	r = check_mark(&layers, disk, err);
	return r < 0 ? r : use(&layers, disk, NULL, err);
}

int kvm_layers_refuse(struct kvm_operation *operation, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	const char *name = operation->asked->object;
	KVM_AUTO_PUT struct json_object *kept = NULL;
	int r = kvm_keep_load(host, operation->asked->arena, name, &kept, err);

	if (r == 0 && kvm_layer_any(kept))
		r = host->fail(err, EBUSY, "it has external snapshots, which would stay here with what it wrote since; "
			       "`hyfw snapshot delete %s NAME` merges them", name);
	return r;
}
