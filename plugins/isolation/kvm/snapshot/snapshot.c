/* SPDX-License-Identifier: BSD-3-Clause
 * Snapshots: states of a machine's disks, with its memory when it ran, under names.
 * Internal ones are in the disks (snapshot/disk.c), external ones in files beside them
 * (snapshot/external.c); what they are called and which came from which is in the machine's file
 * (keep.h).  A machine has those of one kind: what QEMU keeps inside of a file that an
 * overlay lies on could not be deleted any more. */
#include "snapshot.h"
#include "../libvirt/live.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#define NAME_LONGEST 63

/* ---- one among many ---- */

size_t kvm_snapshot_find(struct json_object *kept, const char *name, struct json_object **ret_snapshot)
{
	struct json_object *snapshots = kvm_keep_array(kept, "snapshots");
	size_t i, count = json_object_array_length(snapshots);

	*ret_snapshot = NULL;
	for (i = 0; i < count && !*ret_snapshot; i++)
		if (strcmp(kvm_keep_text(json_object_array_get_idx(snapshots, i), "name"), name) == 0)
			*ret_snapshot = json_object_array_get_idx(snapshots, i);
	return *ret_snapshot ? i - 1 : count;
}

static int read_name(struct kvm_operation *operation, const char **ret_name, struct hyfw_error **err)
{
	const char *name = hyfw_map_get(&operation->asked->args, "name"), *at;

	for (at = name; at && (isalnum((unsigned char)*at) || (*at && strchr("._-", *at))); at++)
		;
	if (!name || !isalnum((unsigned char)*name) || *at || strlen(name) > NAME_LONGEST)
		return operation->kvm->host->fail(err, EINVAL, "the name of a snapshot is of letters, digits, '.', '_' "
						  "and '-', at most %d, and begins with one of the first two",
						  NAME_LONGEST);
	*ret_name = name;
	return 0;
}

bool kvm_snapshot_asked(const struct kvm_operation *operation, const char *key)
{
	return hyfw_map_bool(&operation->asked->args, key, false);
}

int kvm_snapshot_load(struct kvm_operation *operation, const char **ret_name, struct json_object **ret_kept,
		struct hyfw_error **err)
{
	int r = read_name(operation, ret_name, err);

	return r < 0 ? r : kvm_keep_load(operation->kvm->host, operation->asked->arena, operation->asked->object,
					 ret_kept, err);
}

int kvm_snapshot_store(struct kvm_operation *operation, struct json_object *kept, struct hyfw_error **err)
{
	return kvm_keep_store(operation->kvm->host, operation->asked->arena, operation->asked->object, kept, err);
}

int kvm_snapshot_get(struct kvm_operation *operation, const char **ret_name, struct json_object **ret_kept,
	       struct json_object **ret_snapshot, struct hyfw_error **err)
{
	int r = kvm_snapshot_load(operation, ret_name, ret_kept, err);

	if (r < 0)
		return r;
	kvm_snapshot_find(*ret_kept, *ret_name, ret_snapshot);
	return *ret_snapshot ? 0 : operation->kvm->host->fail(err, ENOENT, "there is no snapshot %s", *ret_name);
}

bool kvm_snapshot_is_external(struct json_object *snapshot)
{
	return strcmp(kvm_keep_text(snapshot, "type"), KVM_EXTERNAL) == 0;
}

/* ---- what memory fits ---- */

int kvm_snapshot_devices(struct kvm_operation *operation, const char **ret_text, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	struct hyfw_arena *arena = operation->asked->arena;
	const char *memory, *vcpus, *text;
	xmlDoc *document = NULL;
	xmlNode *node, *inner;
	int r = kvm_live_open(operation->kvm, operation->domain, &document, err);

	if (r < 0)
		return r;
	memory = kvm_live_text(host, arena, document, "/domain/memory");
	vcpus = kvm_live_text(host, arena, document, "/domain/vcpu");
	text = host->format(arena, "%s %s", memory ? memory : "?", vcpus ? vcpus : "?");
	node = kvm_live_node(document, "/domain/devices");
	for (node = node ? node->children : NULL; node; node = node->next)
		for (inner = node->children; inner; inner = inner->next) {
			xmlChar *name = inner->type == XML_ELEMENT_NODE &&
						strcmp((const char *)inner->name, "alias") == 0
						? xmlGetProp(inner, BAD_CAST "name") : NULL;

			if (name)
				text = host->format(arena, "%s %s", text, (const char *)name);
			xmlFree(name);
		}
	xmlFreeDoc(document);
	*ret_text = text;
	return 0;
}

/* ---- list ---- */

static void add_pair(struct kvm_operation *operation, struct hyfw_pair *items, const char *key, const char *value)
{
	if (*value)
		items[operation->ret_result->count++] =
			(struct hyfw_pair){ key, operation->kvm->host->format(operation->asked->arena, "%s", value) };
}

static void add_row(struct kvm_operation *operation, struct json_object *kept, struct json_object *snapshot,
		    struct hyfw_pair *items)
{
	static const char *const words[] = { "name", "created", "state", "type", "parent", "bytes", "description" };
	const char *name = kvm_keep_text(snapshot, "name");
	struct json_object *value;
	size_t i;

	if (kvm_snapshot_is_external(snapshot))
		json_object_object_add(snapshot, "bytes",
				       json_object_new_int64(kvm_external_bytes(kept, snapshot)));
	add_pair(operation, items, "row", name);
	for (i = 0; i < KVM_COUNT(words); i++)
		if (json_object_object_get_ex(snapshot, words[i], &value))
			add_pair(operation, items, words[i], json_object_get_string(value));
	add_pair(operation, items, "memory", *kvm_keep_text(snapshot, "devices") ? "true" : "false");
	add_pair(operation, items, "current", strcmp(kvm_keep_text(kept, "current"), name) == 0 ? "true" : "false");
}

#define ROW_KVM_SNAPSHOTS_MOST 10 /* pairs */

int kvm_snapshot_list(struct kvm_operation *operation, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	KVM_AUTO_PUT struct json_object *kept = NULL;
	struct json_object *snapshots;
	struct hyfw_pair *items;
	size_t i, count;
	int r = kvm_keep_load(host, operation->asked->arena, operation->asked->object, &kept, err);

	if (r < 0)
		return r;
	snapshots = kvm_keep_array(kept, "snapshots");
	count = json_object_array_length(snapshots);
	items = host->alloc(operation->asked->arena, (count * ROW_KVM_SNAPSHOTS_MOST + 1) * sizeof(*items));
	*operation->ret_result = (struct hyfw_map){ 0, items };
	for (i = 0; i < count; i++)
		add_row(operation, kept, json_object_array_get_idx(snapshots, i), items);
	return 0;
}
