/* SPDX-License-Identifier: BSD-3-Clause
 * Which layers go: those that no snapshot needs any more, and all of a workload that is
 * removed.  How one is merged is in layer_merge.c. */
#include "layer.h"

#include <string.h>
#include <unistd.h>

/* ---- all ---- */

static int remove_one(struct kvm_layers *layers, const char *path, struct hyfw_error **err)
{
	const char *file = layers->host->format(layers->arena, "%s", path);
	const char *base = layers->host->format(layers->arena, "%s", kvm_layer_base(layers->kept, path));
	int r;

	kvm_layer_remove(layers->kept, file);
	r = kvm_layers_store(layers, err);
	if (r < 0)
		return r;
	unlink(file);
	kvm_layer_mark(layers, base);
	return 0;
}

int kvm_layers_settle(struct kvm_layers *layers, struct hyfw_error **err)
{
	struct json_object *dependent;
	const char *path;
	int r = kvm_layers_finish(layers, err);

	while (r == 0 && (path = kvm_layer_unneeded(layers->kept, &dependent)))
		r = dependent ? kvm_layers_merge(layers, kvm_keep_text(dependent, "path"), path, err)
			      : remove_one(layers, path, err);
	if (r == 0)
		kvm_layers_sweep(layers);
	return r;
}

/* ---- of a workload that goes ---- */

/* A disk that is not to be reached just now is not gone: nothing is done to what lies on
 * it, and the record stays. */
static int check_disks(struct kvm_layers *layers, struct hyfw_error **err)
{
	struct json_object *disks = kvm_keep_array(layers->kept, "disks");
	size_t i, count = json_object_array_length(disks);

	for (i = 0; i < count; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);
		const char *path = kvm_keep_text(disk, "path"), *mount = kvm_keep_text(disk, "mount");

		if (strcmp(kvm_keep_text(disk, "name"), "root") != 0 && kvm_layer_of_base(layers->kept, path) &&
		    kvm_mount_is_absent(layers->host, layers->arena, path, mount))
			return layers->host->fail(err, EBUSY, "%s is not to be reached (%s%s), and what %s wrote since lies on "
						  "it; mount that and `hyfw recover`, or remove %s to give up what it wrote",
						  path, *mount ? "nothing is mounted on " : "its directory is not there",
						  mount, layers->workload,
						  kvm_keep_path(layers->host, layers->arena, layers->workload, "json"));
	}
	return 0;
}

/* The root disk goes with it: so does what lies on it, or on a disk that is gone. */
static void drop_root(struct kvm_layers *layers)
{
	struct json_object *disks = kvm_keep_array(layers->kept, "disks"), *all = kvm_keep_array(layers->kept, "layers");
	size_t i, k, count = json_object_array_length(disks);

	for (i = 0; i < count; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		if (strcmp(kvm_keep_text(disk, "name"), "root") != 0 && access(kvm_keep_text(disk, "path"), F_OK) == 0)
			continue;
		for (k = json_object_array_length(all); k-- > 0;)
			if (strcmp(kvm_keep_text(json_object_array_get_idx(all, k), "base"),
				   kvm_keep_text(disk, "path")) == 0)
				json_object_array_del_idx(all, k, 1);
	}
}

int kvm_layers_drop(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		    struct hyfw_error **err)
{
	struct kvm_layers layers = { .host = host, .arena = arena, .workload = workload };
	KVM_AUTO_PUT struct json_object *kept = NULL;
	int r = kvm_keep_load(host, arena, workload, &kept, err);

	if (r < 0)
		return r;
	layers.kept = kept;
	if (kvm_layer_any(kept)) {
		r = check_disks(&layers, err);
		if (r == 0)
			r = kvm_layers_finish(&layers, err);
		drop_root(&layers);
		json_object_object_del(kept, "snapshots");
		if (r == 0)
			r = kvm_layers_store(&layers, err);
		if (r == 0)
			r = kvm_layers_settle(&layers, err);
		return r;
	}
	json_object_object_del(kept, "snapshots");
	kvm_layers_sweep(&layers);
	return 0;
}
