/* SPDX-License-Identifier: BSD-3-Clause
 * External snapshots: making them and going back (layer.h says what is what). */
#include "layer.h"
#include "../libvirt/live.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A disk that takes part. */
struct part {
	const char *name, *target, *base, *top; /* in the arena; 'target' while it runs */
	const char *overlay;                    /* the new top; NULL: not made yet */
};

struct external {
	struct kvm_operation *operation;
	const struct hyfw_host *host;
	struct kvm_layers layers;
	struct part *parts;
	size_t count;
	const char *memory; /* NULL: without */
};

static struct external begin(struct kvm_operation *operation, struct json_object *kept)
{
	return (struct external){
		.operation = operation,
		.host = operation->kvm->host,
		.layers = { .host = operation->kvm->host, .arena = operation->asked->arena,
			    .workload = operation->asked->object, .kept = kept, .operation = operation },
	};
}

static const char *dup_text(struct external *external, const char *text)
{
	return external->host->format(external->layers.arena, "%s", text);
}

/* ---- which disks ---- */

static int check_part(struct external *external, struct json_object *disk, const struct part *part,
		      struct hyfw_error **err)
{
	struct json_object *kept = external->layers.kept, *noted = kvm_layer_disk(kept, part->base);
	const char *format = kvm_keep_text(noted, "format");

	if (strcmp(kvm_keep_text(disk, "device"), "floppy") == 0)
		return external->host->fail(err, ENOTSUP, "%s (%s) is a floppy, which keeps no snapshots; make it "
					    "read-only", part->name, part->base);
	if (!noted)
		return external->host->fail(err, EBUSY, "%s (%s) was plugged in while the machine runs; start it anew first",
					    part->name, part->base);
	if (strcmp(format, "qcow2") != 0 && strcmp(format, "raw") != 0)
		return external->host->fail(err, ENOTSUP, "%s (%s) is in format %s, which keeps no snapshots; `hyfw disk "
					    "convert` makes qcow2 of it, or make it read-only", part->name, part->base,
					    format);
	if (external->operation->domain && strcmp(part->top, kvm_layer_top(kept, part->base)) != 0)
		return external->host->fail(err, EIO, "%s: the machine uses %s, which is not known as its file", part->name,
					    part->top);
	if (kvm_layer_depth(kept, part->top) >= KVM_LAYERS_DEEPEST)
		return external->host->fail(err, E2BIG, "%s: %d files lie on each other already; delete a snapshot",
					    part->name, KVM_LAYERS_DEEPEST);
	/* While it runs, its QEMU has the files open that it was started with. */
	return external->operation->domain ? 0 : kvm_layer_check(&external->layers, part->top, err);
}

static int collect(struct external *external, struct hyfw_error **err)
{
	KVM_AUTO_PUT struct json_object *disks = NULL;
	struct json_object *kept = external->layers.kept;
	size_t i, count;
	int r = kvm_disks_of(external->operation, kept, &disks, err);

	if (r < 0)
		return r;
	count = json_object_array_length(disks);
	external->parts = external->host->alloc(external->layers.arena, (count + 1) * sizeof(*external->parts));
	for (i = 0; r == 0 && i < count; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);
		const char *path = kvm_keep_text(disk, "path");
		struct part *part = &external->parts[external->count];

		if (kvm_keep_bool(disk, "read_only"))
			continue;
		part->name = dup_text(external, kvm_disk_name(disk));
		part->target = dup_text(external, kvm_keep_text(disk, "target"));
		part->base = dup_text(external, kvm_layer_base(kept, path));
		part->top = dup_text(external, external->operation->domain ? path : kvm_layer_top(kept, path));
		r = check_part(external, disk, part, err);
		external->count++;
	}
	if (r == 0 && external->count == 0)
		r = external->host->fail(err, ENOTSUP, "the machine has no writable disk that could keep a snapshot");
	return r;
}

/* ---- new tops ---- */

static void remove_overlays(struct external *external)
{
	size_t i;

	for (i = 0; i < external->count; i++)
		if (external->parts[i].overlay)
			unlink(external->parts[i].overlay);
}

/* They are in the record afterwards, though not yet stored. */
static int make_overlays(struct external *external, struct hyfw_error **err)
{
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < external->count; i++) {
		struct part *part = &external->parts[i];

		r = kvm_layer_make(&external->layers, part->top, part->base, &part->overlay, err);
		if (r < 0)
			part->overlay = NULL;
	}
	if (r < 0) {
		remove_overlays(external);
		return r;
	}
	for (i = 0; i < external->count; i++) {
		kvm_layer_add(external->layers.kept, external->parts[i].overlay, external->parts[i].top,
			      external->parts[i].base);
		kvm_layer_mark(&external->layers, external->parts[i].base);
	}
	return 0;
}

/* The former tops are the tops again. */
static void take_back(struct external *external)
{
	struct json_object *kept = external->layers.kept, *below;
	struct hyfw_error *ignored = NULL;
	size_t i;

	for (i = 0; i < external->count; i++) {
		kvm_layer_remove(kept, external->parts[i].overlay);
		below = kvm_layer_find(kept, external->parts[i].top);
		if (below)
			json_object_object_add(below, "active", json_object_new_boolean(true));
	}
	if (kvm_layers_store(&external->layers, &ignored) < 0) {
		external->host->forget(&ignored); /* empty overlays are as good as none */
		return;
	}
	remove_overlays(external);
	for (i = 0; i < external->count; i++)
		kvm_layer_mark(&external->layers, external->parts[i].base);
}

/* ---- by libvirt ---- */

static xmlNode *add_node(xmlNode *parent, const char *name, const char *key, const char *value)
{
	xmlNode *node = xmlNewChild(parent, NULL, BAD_CAST name, NULL);

	if (node)
		xmlNewProp(node, BAD_CAST key, BAD_CAST value);
	return node;
}

/* domainsnapshot of libvirt, formatsnapshot.html; disks that are not named are left out. */
static int write_xml(struct external *external, struct json_object *disks, char **ret_xml, struct hyfw_error **err)
{
	xmlDoc *document = xmlNewDoc(BAD_CAST "1.0");
	xmlNode *root = document ? xmlNewDocNode(document, NULL, BAD_CAST "domainsnapshot", NULL) : NULL;
	xmlNode *node, *list = root ? xmlNewChild(root, NULL, BAD_CAST "disks", NULL) : NULL;
	xmlBuffer *buffer = xmlBufferCreate();
	size_t i;
	int r = 0;

	if (root)
		xmlDocSetRootElement(document, root);
	if (root && external->memory) {
		node = add_node(root, "memory", "snapshot", "external");
		xmlNewProp(node, BAD_CAST "file", BAD_CAST external->memory);
	}
	for (i = 0; list && i < json_object_array_length(disks); i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		if (kvm_keep_bool(disk, "read_only")) {
			node = add_node(list, "disk", "name", kvm_keep_text(disk, "target"));
			xmlNewProp(node, BAD_CAST "snapshot", BAD_CAST "no");
		}
	}
	for (i = 0; list && i < external->count; i++) {
		node = add_node(list, "disk", "name", external->parts[i].target);
		xmlNewProp(node, BAD_CAST "snapshot", BAD_CAST "external");
		add_node(node, "driver", "type", "qcow2");
		add_node(node, "source", "file", external->parts[i].overlay);
	}
	if (!list || !buffer || xmlNodeDump(buffer, document, root, 0, 0) < 0)
		r = external->host->fail(err, ENOMEM, "out of memory");
	else
		*ret_xml = external->host->format(external->layers.arena, "%s", (const char *)xmlBufferContent(buffer));
	xmlBufferFree(buffer);
	xmlFreeDoc(document);
	return r;
}

/* Whether QEMU writes to the new tops; all of them change or none. */
static bool has_changed(struct external *external)
{
	KVM_AUTO_PUT struct json_object *disks = NULL;
	struct hyfw_error *ignored = NULL;
	size_t i;

	if (kvm_disks_of(external->operation, NULL, &disks, &ignored) < 0) {
		external->host->forget(&ignored);
		return true; /* not known: the new ones are right in either case */
	}
	for (i = 0; i < json_object_array_length(disks); i++)
		if (strcmp(kvm_keep_text(json_object_array_get_idx(disks, i), "path"), external->parts[0].overlay) == 0)
			return true;
	return false;
}

static int change_live(struct external *external, struct hyfw_error **err)
{
	const unsigned flags = VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA | VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT |
			       VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC |
			       (external->memory ? 0 : VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY);
	KVM_AUTO_PUT struct json_object *disks = NULL;
	virDomainSnapshotPtr snapshot;
	char *xml = NULL;
	int r = kvm_disks_of(external->operation, NULL, &disks, err);

	if (r == 0)
		r = write_xml(external, disks, &xml, err);
	if (r < 0)
		return r;
	snapshot = virDomainSnapshotCreateXML(external->operation->domain, xml, flags);
	if (!snapshot)
		return kvm_fail_libvirt(external->host, err, "snapshot");
	virDomainSnapshotFree(snapshot);
	return 0;
}

/* ---- create ---- */

/* What kvm_saved_take() looks for beside memory; which disks it fits is in the record. */
static int finish_memory(struct external *external, struct hyfw_error **err)
{
	KVM_AUTO_PUT struct json_object *header = json_object_new_object();
	const char *path = external->memory;
	int r;

	json_object_object_add(header, "workload", json_object_new_string(external->layers.workload));
	json_object_object_add(header, "disks", json_object_new_array());
	r = kvm_keep_write(external->host, external->layers.arena,
			   external->host->format(external->layers.arena, "%s.json", path), header, err);
	return r < 0 ? r : kvm_layer_sync(&external->layers, path, err);
}

/* The file that each disk had then. */
static void add_disks(struct external *external, struct json_object *snapshot)
{
	struct json_object *disks = json_object_new_array();
	size_t i;

	for (i = 0; i < external->count; i++) {
		const struct part *part = &external->parts[i];
		struct json_object *disk = json_object_new_object();

		json_object_object_add(disk, "name", json_object_new_string(part->name));
		json_object_object_add(disk, "base", json_object_new_string(part->base));
		json_object_object_add(disk, "path", json_object_new_string(part->top));
		json_object_object_add(disk, "format", json_object_new_string(
			kvm_layer_format(external->layers.kept, part->top)));
		json_object_array_add(disks, disk);
	}
	json_object_object_add(snapshot, "disks", disks);
	if (external->memory)
		json_object_object_add(snapshot, "memory", json_object_new_string(external->memory));
}

static void add_snapshot(struct external *external, struct json_object *snapshot)
{
	struct json_object *kept = external->layers.kept;

	add_disks(external, snapshot);
	json_object_array_add(kvm_keep_array(kept, "snapshots"), json_object_get(snapshot));
	json_object_object_add(kept, "current", json_object_new_string(kvm_keep_text(snapshot, "name")));
}

/* The new tops are stored before QEMU writes to them. */
static int create_live(struct external *external, struct json_object *snapshot, struct hyfw_error **err)
{
	int r = kvm_layers_store(&external->layers, err);

	if (r == 0)
		r = change_live(external, err);
	if (r < 0) {
		if (!has_changed(external))
			take_back(external);
		return r;
	}
	if (external->memory)
		r = finish_memory(external, err);
	if (r < 0)
		return r;
	add_snapshot(external, snapshot);
	return kvm_layers_store(&external->layers, err);
}

static int create_idle(struct external *external, struct json_object *snapshot, struct hyfw_error **err)
{
	int r;

	add_snapshot(external, snapshot);
	r = kvm_layers_store(&external->layers, err);
	if (r < 0)
		remove_overlays(external);
	return r;
}

int kvm_external_create(struct kvm_operation *operation, struct json_object *kept, struct json_object *snapshot,
			struct hyfw_error **err)
{
	struct external external = begin(operation, kept);
	const bool memory = operation->domain && !hyfw_map_bool(&operation->asked->args, "disk_only", false);
	int r;

	if (operation->domain && !json_object_object_get_ex(kept, "disks", NULL))
		return external.host->fail(err, ENOTSUP, "the machine is removed when it ends (--rm): there would be "
					   "nothing to go back to");
	if (kvm_keep_bool(kept, "failover"))
		return external.host->fail(err, ENOTSUP, "the machine has failover, and another host would not know of "
					   "files that lie on its disks; leave --external out");
	r = kvm_layers_settle(&external.layers, err);
	if (r == 0)
		r = collect(&external, err);
	if (r == 0 && memory)
		r = kvm_layer_memory(&external.layers, &external.memory, err);
	if (r == 0)
		r = make_overlays(&external, err);
	if (r == 0)
		r = operation->domain ? create_live(&external, snapshot, err) : create_idle(&external, snapshot, err);
	if (r < 0 && external.memory)
		kvm_layer_memory_remove(&external.layers, external.memory);
	return r;
}

/* ---- revert ---- */

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
static int check_disks(struct external *external, struct json_object *snapshot, struct hyfw_error **err)
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
static int collect_frozen(struct external *external, struct json_object *snapshot, struct hyfw_error **err)
{
	struct json_object *disks = kvm_keep_array(snapshot, "disks");
	size_t i, count = json_object_array_length(disks);
	int r = check_disks(external, snapshot, err);

	external->parts = external->host->alloc(external->layers.arena, (count + 1) * sizeof(*external->parts));
	for (i = 0; r == 0 && i < count; i++) {
		struct part *part = &external->parts[external->count++];
		struct json_object *disk = json_object_array_get_idx(disks, i);

		part->name = dup_text(external, kvm_keep_text(disk, "name"));
		part->base = dup_text(external, kvm_keep_text(disk, "base"));
		part->top = dup_text(external, kvm_keep_text(disk, "path"));
		r = external->operation->domain ? 0 : kvm_layer_check(&external->layers, part->top, err);
	}
	return r;
}

static void answer(struct external *external, const char *key)
{
	struct hyfw_pair *item = external->host->alloc(external->layers.arena, sizeof(*item));

	*item = (struct hyfw_pair){ key, "true" };
	*external->operation->ret_result = (struct hyfw_map){ 1, item };
}

/* Only the tops that are left; what lies below is kept for other snapshots, or goes when
 * one of those is deleted. */
static int change_idle(struct external *external, struct json_object *snapshot, struct hyfw_error **err)
{
	struct json_object *kept = external->layers.kept;
	const char **left = external->host->alloc(external->layers.arena, (external->count + 1) * sizeof(*left));
	const char *memory = kvm_keep_text(snapshot, "memory");
	size_t i;
	int r;

	for (i = 0; i < external->count; i++)
		left[i] = dup_text(external, kvm_layer_top(kept, external->parts[i].base));
	r = make_overlays(external, err);
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
		remove_overlays(external);
	else
		kvm_layers_sweep(&external->layers);
	return r;
}

int kvm_external_revert(struct kvm_operation *operation, struct json_object *kept, struct json_object *snapshot,
			struct hyfw_error **err)
{
	struct external external = begin(operation, kept);
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

/* ---- delete, list ---- */

int kvm_external_clean(struct kvm_operation *operation, struct json_object *kept, const char *memory,
		       struct hyfw_error **err)
{
	struct external external = begin(operation, kept);
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
