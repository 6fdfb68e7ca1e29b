/* SPDX-License-Identifier: BSD-3-Clause
 * External snapshots: what making them and going back share, and what they take (layer.h
 * says what is what). */
#include "external.h"

#include <sys/stat.h>
#include <unistd.h>

struct kvm_external kvm_external_begin(struct kvm_operation *operation, struct json_object *kept)
{
	return (struct kvm_external){
		.operation = operation,
		.host = operation->kvm->host,
		.layers = { .host = operation->kvm->host, .arena = operation->asked->arena,
			    .workload = operation->asked->object, .kept = kept, .operation = operation },
	};
}

const char *kvm_external_text(struct kvm_external *external, const char *text)
{
	return external->host->format(external->layers.arena, "%s", text);
}

/* ---- new tops ---- */

void kvm_external_remove(struct kvm_external *external)
{
	size_t i;

	for (i = 0; i < external->count; i++)
		if (external->parts[i].overlay)
			unlink(external->parts[i].overlay);
}

int kvm_external_make(struct kvm_external *external, struct hyfw_error **err)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < external->count; i++) {
		struct kvm_part *part = &external->parts[i];

		r = kvm_layer_make(&external->layers, part->top, part->base, &part->overlay, err);
		if (r < 0)
			part->overlay = NULL;
	}
	if (r < 0) {
		kvm_external_remove(external);
		return r;
	}
	for (i = 0; i < external->count; i++) {
		kvm_layer_add(external->layers.kept, external->parts[i].overlay, external->parts[i].top,
			      external->parts[i].base);
		kvm_layer_mark(&external->layers, external->parts[i].base);
	}
	return 0;
}

/* ---- delete, list ---- */

int kvm_external_clean(struct kvm_operation *operation, struct json_object *kept, const char *memory,
		       struct hyfw_error **err)
{
	struct kvm_external external = kvm_external_begin(operation, kept);
	int r = kvm_layers_store(&external.layers, err);

	if (r < 0)
		return r;
	if (*memory)
		kvm_layer_memory_remove(&external.layers, memory);
	r = kvm_layers_settle(&external.layers, err);
	return r < 0 ? external.host->wrap(err, "the snapshot is gone, what it took is not yet free") : 0;
}

static int64_t bytes_of(const char *path)
{
	struct stat st;

	return *path && stat(path, &st) == 0 ? (int64_t)st.st_blocks * 512 : 0;
}

int64_t kvm_external_bytes(struct json_object *kept, struct json_object *snapshot)
{
	struct json_object *disks = kvm_keep_array(snapshot, "disks");
	int64_t bytes = bytes_of(kvm_keep_text(snapshot, "memory"));
	size_t i;

	for (i = 0; i < json_object_array_length(disks); i++) {
		const char *path = kvm_keep_text(json_object_array_get_idx(disks, i), "path");

		if (kvm_layer_find(kept, path)) /* a base is there without it */
			bytes += bytes_of(path);
	}
	return bytes;
}
