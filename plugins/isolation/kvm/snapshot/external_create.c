/* SPDX-License-Identifier: BSD-3-Clause
 * Making external snapshots. */
#include "external.h"
#include "../libvirt/live.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- which disks ---- */

static int check_part(struct kvm_external *external, struct json_object *disk, const struct kvm_part *part,
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
	if (kvm_keep_bool(noted, "shared"))
		return external->host->fail(err, ENOTSUP, "%s (%s) is in a pool that other hosts have, too (shared = yes), and "
					    "they would not know of files that lie on it; leave --external out", part->name,
					    part->base);
	if (kvm_layer_foreign(&external->layers, part->base, err) < 0)
		return -EBUSY;
	if (kvm_layer_depth(kept, part->top) >= KVM_LAYERS_DEEPEST)
		return external->host->fail(err, E2BIG, "%s: %d files lie on each other already; delete a snapshot",
					    part->name, KVM_LAYERS_DEEPEST);
	/* While it runs, its QEMU has the files open that it was started with. */
	return external->operation->domain ? 0 : kvm_layer_check(&external->layers, part->top, err);
}

static int collect(struct kvm_external *external, struct hyfw_error **err)
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
		struct kvm_part *part = &external->parts[external->count];

		if (kvm_keep_bool(disk, "read_only"))
			continue;
		part->name = kvm_external_text(external, kvm_disk_name(disk));
		part->target = kvm_external_text(external, kvm_keep_text(disk, "target"));
		part->base = kvm_external_text(external, kvm_layer_base(kept, path));
		part->top = kvm_external_text(external, external->operation->domain ? path : kvm_layer_top(kept, path));
		r = check_part(external, disk, part, err);
		external->count++;
	}
	if (r == 0 && external->count == 0)
		r = external->host->fail(err, ENOTSUP, "the machine has no writable disk that could keep a snapshot");
	return r;
}

/* ---- new tops ---- */

static bool is_recorded(struct kvm_external *external)
{
	KVM_AUTO_PUT struct json_object *kept = NULL;
	struct hyfw_error *ignored = NULL;
	bool found;
	size_t i;

	found = kvm_keep_load(external->host, external->layers.arena, external->layers.workload, &kept, &ignored) < 0;
	for (i = 0; !found && i < external->count; i++)
		found = kvm_layer_find(kept, external->parts[i].overlay) != NULL;
	external->host->forget(&ignored);
	return found;
}

/* The former tops are the tops again.  'store': the record has the new ones; when it still
 * has them afterwards they stay, since empty overlays are as good as none. */
static void take_back(struct kvm_external *external, bool store)
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
	if (store && kvm_layers_store(&external->layers, &ignored) < 0)
		external->host->forget(&ignored);
	if (is_recorded(external))
		return;
	kvm_external_remove(external);
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
static int write_xml(struct kvm_external *external, struct json_object *disks, char **ret_xml, struct hyfw_error **err)
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
static bool has_changed(struct kvm_external *external)
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

static int change_live(struct kvm_external *external, struct hyfw_error **err)
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
	if (external->memory)
		r = kvm_label_file(external->host, external->memory, external->operation->run->file_label, err);
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
static int finish_memory(struct kvm_external *external, struct hyfw_error **err)
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
static void add_disks(struct kvm_external *external, struct json_object *snapshot)
{
	struct json_object *disks = json_object_new_array();
	size_t i;

	for (i = 0; i < external->count; i++) {
		const struct kvm_part *part = &external->parts[i];
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

static void add_snapshot(struct kvm_external *external, struct json_object *snapshot)
{
	struct json_object *kept = external->layers.kept;

	add_disks(external, snapshot);
	json_object_array_add(kvm_keep_array(kept, "snapshots"), json_object_get(snapshot));
	json_object_object_add(kept, "current", json_object_new_string(kvm_keep_text(snapshot, "name")));
}

/* The new tops are stored before QEMU writes to them. */
static int create_live(struct kvm_external *external, struct json_object *snapshot, struct hyfw_error **err)
{
	int r = kvm_layers_store(&external->layers, err);

	if (r < 0) {
		take_back(external, false);
		return r;
	}
	r = change_live(external, err);
	if (r < 0) {
		if (!has_changed(external))
			take_back(external, true);
		return r;
	}
	if (external->memory)
		r = finish_memory(external, err);
	if (r < 0)
		return r;
	add_snapshot(external, snapshot);
	return kvm_layers_store(&external->layers, err);
}

static int create_idle(struct kvm_external *external, struct json_object *snapshot, struct hyfw_error **err)
{
	int r;

	add_snapshot(external, snapshot);
	r = kvm_layers_store(&external->layers, err);
	if (r < 0)
		take_back(external, false);
	return r;
}

int kvm_external_create(struct kvm_operation *operation, struct json_object *kept, struct json_object *snapshot,
			struct hyfw_error **err)
{
	struct kvm_external external = kvm_external_begin(operation, kept);
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
		r = kvm_external_make(&external, err);
	if (r == 0)
		r = operation->domain ? create_live(&external, snapshot, err) : create_idle(&external, snapshot, err);
	if (r < 0 && external.memory)
		kvm_layer_memory_remove(&external.layers, external.memory);
	return r;
}
