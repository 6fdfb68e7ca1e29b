/* SPDX-License-Identifier: BSD-3-Clause
 * The record of layers: which file is based on which, and what can go. */
#include "layer.h"

#include <string.h>

static struct json_object *layers_of(struct json_object *kept)
{
	return kvm_keep_array(kept, "layers");
}

static bool has_text(struct json_object *object, const char *key, const char *text)
{
	return strcmp(kvm_keep_text(object, key), text) == 0;
}

static void set_text(struct json_object *object, const char *key, const char *text)
{
	struct json_object *value = json_object_new_string(text); /* 'text' may be the old value */

	json_object_object_add(object, key, value);
}

/* The first of 'array' whose 'key' is 'text'. */
static struct json_object *first_with(struct json_object *array, const char *key, const char *text)
{
	size_t i, count = json_object_array_length(array);

	for (i = 0; i < count; i++)
		if (has_text(json_object_array_get_idx(array, i), key, text))
			return json_object_array_get_idx(array, i);
	return NULL;
}

struct json_object *kvm_layer_find(struct json_object *kept, const char *path)
{
	return first_with(layers_of(kept), "path", path);
}

struct json_object *kvm_layer_disk(struct json_object *kept, const char *base)
{
	return first_with(kvm_keep_array(kept, "disks"), "path", base);
}

static struct json_object *active_of(struct json_object *kept, const char *base)
{
	struct json_object *layers = layers_of(kept), *layer;
	size_t i, count = json_object_array_length(layers);

	for (i = 0; i < count; i++) {
		layer = json_object_array_get_idx(layers, i);
		if (kvm_keep_bool(layer, "active") && has_text(layer, "base", base))
			return layer;
	}
	return NULL;
}

const char *kvm_layer_top(struct json_object *kept, const char *base)
{
	struct json_object *active = active_of(kept, base);

	return active ? kvm_keep_text(active, "path") : base;
}

const char *kvm_layer_base(struct json_object *kept, const char *path)
{
	struct json_object *layer = kvm_layer_find(kept, path);

	return layer ? kvm_keep_text(layer, "base") : path;
}

const char *kvm_layer_format(struct json_object *kept, const char *path)
{
	return kvm_layer_find(kept, path) ? "qcow2" : kvm_keep_text(kvm_layer_disk(kept, path), "format");
}

/* A damaged record may go in circles. */
size_t kvm_layer_depth(struct json_object *kept, const char *path)
{
	const size_t most = json_object_array_length(layers_of(kept)) + 1;
	struct json_object *layer;
	size_t depth = 0;

	while (depth < most && (layer = kvm_layer_find(kept, path))) {
		path = kvm_keep_text(layer, "on");
		depth++;
	}
	return depth;
}

bool kvm_layer_in_use(struct json_object *kept, const char *path)
{
	const char *at = kvm_layer_top(kept, kvm_layer_base(kept, path));
	size_t left = json_object_array_length(layers_of(kept)) + 1;
	struct json_object *layer;

	while (strcmp(at, path) != 0 && left-- > 0 && (layer = kvm_layer_find(kept, at)))
		at = kvm_keep_text(layer, "on");
	return strcmp(at, path) == 0;
}

bool kvm_layer_any(struct json_object *kept)
{
	return json_object_array_length(layers_of(kept)) > 0;
}

bool kvm_layer_of_base(struct json_object *kept, const char *base)
{
	return first_with(layers_of(kept), "base", base) != NULL;
}

bool kvm_layer_is_named(struct json_object *kept, const char *path)
{
	struct json_object *snapshots = kvm_keep_array(kept, "snapshots"), *snapshot;
	size_t i, count = json_object_array_length(snapshots);

	for (i = 0; i < count; i++) {
		snapshot = json_object_array_get_idx(snapshots, i);
		if (has_text(snapshot, "type", KVM_EXTERNAL) &&
		    first_with(kvm_keep_array(snapshot, "disks"), "path", path))
			return true;
	}
	return false;
}

/* ---- what can go ---- */

static size_t dependents_of(struct json_object *kept, const char *path, struct json_object **ret_last)
{
	struct json_object *layers = layers_of(kept), *layer;
	size_t i, count = json_object_array_length(layers), found = 0;

	*ret_last = NULL;
	for (i = 0; i < count; i++) {
		layer = json_object_array_get_idx(layers, i);
		if (!has_text(layer, "on", path))
			continue;
		*ret_last = layer;
		found++;
	}
	return found;
}

static bool can_go(struct json_object *kept, const char *path, struct json_object **ret_dependent)
{
	return !kvm_layer_is_named(kept, path) && dependents_of(kept, path, ret_dependent) <= 1;
}

const char *kvm_layer_unneeded(struct json_object *kept, struct json_object **ret_dependent)
{
	struct json_object *layers = layers_of(kept);
	size_t i, count = json_object_array_length(layers);

	for (i = 0; i < count; i++) {
		struct json_object *layer = json_object_array_get_idx(layers, i);
		const char *base = kvm_keep_text(layer, "base");

		if (!kvm_keep_bool(layer, "active") && can_go(kept, kvm_keep_text(layer, "path"), ret_dependent))
			return kvm_keep_text(layer, "path");
		if (can_go(kept, base, ret_dependent) && *ret_dependent)
			return base;
	}
	return NULL;
}

/* ---- changes ---- */

void kvm_layer_add(struct json_object *kept, const char *path, const char *on, const char *base)
{
	struct json_object *active = active_of(kept, base), *layer = json_object_new_object();

	if (active)
		json_object_object_del(active, "active");
	set_text(layer, "path", path);
	set_text(layer, "on", on);
	set_text(layer, "format", kvm_layer_format(kept, on));
	set_text(layer, "base", base);
	json_object_object_add(layer, "active", json_object_new_boolean(true));
	json_object_array_add(layers_of(kept), layer);
}

void kvm_layer_remove(struct json_object *kept, const char *path)
{
	struct json_object *layers = layers_of(kept);
	size_t i;

	for (i = 0; i < json_object_array_length(layers); i++)
		if (has_text(json_object_array_get_idx(layers, i), "path", path)) {
			json_object_array_del_idx(layers, i, 1);
			return;
		}
}

/* Those whose 'key' is 'from' get 'to', with its format. */
static void rename_all(struct json_object *array, const char *key, const char *from, const char *to,
		       const char *format)
{
	size_t i, count = json_object_array_length(array);

	for (i = 0; i < count; i++) {
		struct json_object *object = json_object_array_get_idx(array, i);

		if (!has_text(object, key, from))
			continue;
		set_text(object, key, to);
		set_text(object, "format", format);
	}
}

void kvm_layer_fold(struct json_object *kept, const char *from, const char *into)
{
	struct json_object *snapshots = kvm_keep_array(kept, "snapshots"), *layer = kvm_layer_find(kept, from);
	struct json_object *lower = kvm_layer_find(kept, into);
	const char *format = kvm_layer_format(kept, into);
	size_t i, count = json_object_array_length(snapshots);

	if (!layer)
		return;
	if (kvm_keep_bool(layer, "active") && lower)
		json_object_object_add(lower, "active", json_object_new_boolean(true));
	for (i = 0; i < count; i++) {
		struct json_object *snapshot = json_object_array_get_idx(snapshots, i);

		if (has_text(snapshot, "type", KVM_EXTERNAL))
			rename_all(kvm_keep_array(snapshot, "disks"), "path", from, into, format);
	}
	rename_all(layers_of(kept), "on", from, into, format);
	kvm_layer_remove(kept, from);
}
