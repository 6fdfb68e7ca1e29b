/* SPDX-License-Identifier: BSD-3-Clause
 * Snapshots: states of a machine's disks, with its memory when it ran, under names.
 * Internal ones are in the disks (snapshot/disk.c), external ones in files beside them
 * (snapshot/external.c); what they are called and which came from which is in the machine's file
 * (keep.h).  A machine has those of one kind: what QEMU keeps inside of a file that an
 * overlay lies on could not be deleted any more. */
#include "layer.h"
#include "../libvirt/live.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#define NAME_LONGEST 63
#define MOST 200

/* ---- one among many ---- */

static size_t find(struct json_object *kept, const char *name, struct json_object **ret_snapshot)
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

static bool is_asked(const struct kvm_operation *operation, const char *key)
{
	return hyfw_map_bool(&operation->asked->args, key, false);
}

static int load(struct kvm_operation *operation, const char **ret_name, struct json_object **ret_kept,
		struct hyfw_error **err)
{
	int r = read_name(operation, ret_name, err);

	return r < 0 ? r : kvm_keep_load(operation->kvm->host, operation->asked->arena, operation->asked->object,
					 ret_kept, err);
}

static int store(struct kvm_operation *operation, struct json_object *kept, struct hyfw_error **err)
{
	return kvm_keep_store(operation->kvm->host, operation->asked->arena, operation->asked->object, kept, err);
}

static int get(struct kvm_operation *operation, const char **ret_name, struct json_object **ret_kept,
	       struct json_object **ret_snapshot, struct hyfw_error **err)
{
	int r = load(operation, ret_name, ret_kept, err);

	if (r < 0)
		return r;
	find(*ret_kept, *ret_name, ret_snapshot);
	return *ret_snapshot ? 0 : operation->kvm->host->fail(err, ENOENT, "there is no snapshot %s", *ret_name);
}

/* ---- what memory fits ---- */

/* The devices that the memory knows of, and its size: "524288 1 ua-root ua-eth0 ...". */
static int describe(struct kvm_operation *operation, const char **ret_text, struct hyfw_error **err)
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

/* ---- create ---- */

static bool is_external(struct json_object *snapshot)
{
	return strcmp(kvm_keep_text(snapshot, "type"), KVM_EXTERNAL) == 0;
}

/* Files without a name that lie on its disks still. */
static int check_layers(struct kvm_operation *operation, struct json_object *kept, struct hyfw_error **err)
{
	struct kvm_layers layers = { .host = operation->kvm->host, .arena = operation->asked->arena,
				     .workload = operation->asked->object, .kept = kept, .operation = operation };
	const int r = kvm_layer_any(kept) ? kvm_layers_settle(&layers, err) : 0;

	return r < 0 ? layers.host->wrap(err, "merge what external snapshots have left") : 0;
}

static int check_kind(struct kvm_operation *operation, struct json_object *kept, struct hyfw_error **err)
{
	const bool external = is_asked(operation, "external");
	struct json_object *snapshots = kvm_keep_array(kept, "snapshots");
	size_t i, count = json_object_array_length(snapshots);

	for (i = 0; i < count; i++) {
		struct json_object *other = json_object_array_get_idx(snapshots, i);
		const char *name = kvm_keep_text(other, "name"), *machine = operation->asked->object;

		if (is_external(other) != external)
			return operation->kvm->host->fail(
				err, EBUSY, "the machine has %s snapshots (%s), and %s ones beside them could not be "
				"deleted any more; %s, or `hyfw snapshot delete %s %s` and the others first",
				external ? "internal" : "external", name, external ? "external" : "internal",
				external ? "leave --external out" : "add --external", machine, name);
	}
	return external ? 0 : check_layers(operation, kept, err);
}

static int check_create(struct kvm_operation *operation, struct json_object *kept, const char *name,
			struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	struct json_object *there;

	find(kept, name, &there);
	if (there)
		return host->fail(err, EEXIST, "there is a snapshot %s already", name);
	if (json_object_array_length(kvm_keep_array(kept, "snapshots")) >= MOST)
		return host->fail(err, E2BIG, "it has %d snapshots, which is the most", MOST);
	if (is_asked(operation, "memory") && is_asked(operation, "disk_only"))
		return host->fail(err, EINVAL, "--memory and --disk-only exclude each other");
	if (is_asked(operation, "memory") && !operation->domain)
		return host->fail(err, EINVAL, "--memory: it does not run");
	return check_kind(operation, kept, err);
}

static int make(struct kvm_operation *operation, struct json_object *disks, const char *name, bool memory,
		struct hyfw_error **err)
{
	if (!operation->domain)
		return kvm_idle_snapshot(operation, disks, "-c", name, err);
	return memory ? kvm_live_snapshot(operation, "savevm", name, err)
		      : kvm_live_disk_snapshot(operation, name, err);
}

static int add_facts(struct kvm_operation *operation, struct json_object *snapshot, bool memory,
		     struct hyfw_error **err)
{
	const char *devices = NULL;
	int state = 0, r = 0;

	if (operation->domain && virDomainGetState(operation->domain, &state, NULL, 0) < 0)
		return kvm_fail_libvirt(operation->kvm->host, err, "the machine's state");
	json_object_object_add(snapshot, "state", json_object_new_string(
		!operation->domain ? "shutoff" : !memory ? "disk-snapshot" :
		state == VIR_DOMAIN_PAUSED ? "paused" : "running"));
	if (memory)
		r = describe(operation, &devices, err);
	if (devices)
		json_object_object_add(snapshot, "devices", json_object_new_string(devices));
	return r;
}

static struct json_object *new_snapshot(const struct kvm_operation *operation, struct json_object *kept,
					const char *name)
{
	const char *description = hyfw_map_get(&operation->asked->args, "description");
	struct json_object *snapshot = json_object_new_object();

	json_object_object_add(snapshot, "name", json_object_new_string(name));
	json_object_object_add(snapshot, "created", json_object_new_int64(time(NULL)));
	json_object_object_add(snapshot, "type", json_object_new_string(
		is_asked(operation, "external") ? KVM_EXTERNAL : "internal"));
	json_object_object_add(snapshot, "parent", json_object_new_string(kvm_keep_text(kept, "current")));
	if (description)
		json_object_object_add(snapshot, "description", json_object_new_string(description));
	return snapshot;
}

static int create_internal(struct kvm_operation *operation, struct json_object *kept, struct json_object *snapshot,
			   struct json_object *disks, bool memory, struct hyfw_error **err)
{
	const char *name = kvm_keep_text(snapshot, "name");
	int64_t before = kvm_disks_bytes(disks);
	int r = make(operation, disks, name, memory, err);

	if (r < 0)
		return r;
	before = kvm_disks_bytes(disks) - before;
	json_object_object_add(snapshot, "bytes", json_object_new_int64(before > 0 ? before : 0));
	json_object_object_add(snapshot, "disks", json_object_get(disks));
	json_object_array_add(kvm_keep_array(kept, "snapshots"), json_object_get(snapshot));
	json_object_object_add(kept, "current", json_object_new_string(name));
	return store(operation, kept, err);
}

int kvm_snapshot_create(struct kvm_operation *operation, struct hyfw_error **err)
{
	const bool memory = operation->domain && !is_asked(operation, "disk_only");
	const bool external = is_asked(operation, "external");
	KVM_AUTO_PUT struct json_object *kept = NULL;
	KVM_AUTO_PUT struct json_object *disks = NULL;
	KVM_AUTO_PUT struct json_object *snapshot = NULL;
	const char *name;
	int r = load(operation, &name, &kept, err);

	if (r == 0)
		r = check_create(operation, kept, name, err);
	if (r == 0)
		r = kvm_disks_of(operation, kept, &disks, err);
	if (r == 0 && !external)
		r = kvm_disks_check(operation, disks, err);
	if (r < 0)
		return r;
	snapshot = new_snapshot(operation, kept, name);
	r = add_facts(operation, snapshot, memory, err);
	if (r < 0)
		return r;
	return external ? kvm_external_create(operation, kept, snapshot, err)
			: create_internal(operation, kept, snapshot, disks, memory, err);
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

	if (is_external(snapshot))
		json_object_object_add(snapshot, "bytes",
				       json_object_new_int64(kvm_external_bytes(kept, snapshot)));
	add_pair(operation, items, "row", name);
	for (i = 0; i < KVM_COUNT(words); i++)
		if (json_object_object_get_ex(snapshot, words[i], &value))
			add_pair(operation, items, words[i], json_object_get_string(value));
	add_pair(operation, items, "memory", *kvm_keep_text(snapshot, "devices") ? "true" : "false");
	add_pair(operation, items, "current", strcmp(kvm_keep_text(kept, "current"), name) == 0 ? "true" : "false");
}

#define ROW_MOST 10 /* pairs */

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
	items = host->alloc(operation->asked->arena, (count * ROW_MOST + 1) * sizeof(*items));
	*operation->ret_result = (struct hyfw_map){ 0, items };
	for (i = 0; i < count; i++)
		add_row(operation, kept, json_object_array_get_idx(snapshots, i), items);
	return 0;
}

/* ---- revert ---- */

static bool same_disks(struct json_object *a, struct json_object *b)
{
	size_t i, count = json_object_array_length(a);

	if (json_object_array_length(b) != count)
		return false;
	for (i = 0; i < count; i++)
		if (strcmp(kvm_keep_text(json_object_array_get_idx(a, i), "path"),
			   kvm_keep_text(json_object_array_get_idx(b, i), "path")) != 0)
			return false;
	return true;
}

/* Memory fits only what it was made with. */
static int check_devices(struct kvm_operation *operation, struct json_object *snapshot, struct hyfw_error **err)
{
	const char *devices = kvm_keep_text(snapshot, "devices"), *now = NULL;
	int r = operation->domain && *devices ? describe(operation, &now, err) : 0;

	if (now && strcmp(now, devices) != 0)
		r = operation->kvm->host->fail(err, EBUSY, "the machine has other memory or devices than when snapshot %s "
					       "was made", kvm_keep_text(snapshot, "name"));
	return r;
}

static int check_revert(struct kvm_operation *operation, struct json_object *kept, struct json_object *snapshot,
			struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	const char *name = kvm_keep_text(snapshot, "name"), *devices = kvm_keep_text(snapshot, "devices");
	KVM_AUTO_PUT struct json_object *disks = NULL;
	int r = kvm_disks_of(operation, kept, &disks, err);

	if (r < 0)
		return r;
	if (!same_disks(disks, kvm_keep_array(snapshot, "disks")))
		return host->fail(err, EBUSY, "the machine has other disks than when snapshot %s was made", name);
	if (*devices && !operation->domain)
		return host->fail(err, EBUSY, "snapshot %s has the machine's memory: start it, then revert", name);
	if (!*devices && operation->domain)
		return host->fail(err, EBUSY, "snapshot %s is of its disks alone: stop the machine, then revert", name);
	if (!operation->domain && (is_asked(operation, "running") || is_asked(operation, "paused")))
		return host->fail(err, EINVAL, "snapshot %s has no memory that could run: revert, then start it", name);
	return check_devices(operation, snapshot, err);
}

/* Nothing runs between the state that is left and the one that is asked for. */
static int revert_running(struct kvm_operation *operation, struct json_object *snapshot, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	const bool stand = !is_asked(operation, "running") &&
			   (is_asked(operation, "paused") || strcmp(kvm_keep_text(snapshot, "state"), "paused") == 0);
	int state = 0, r;

	if (virDomainGetState(operation->domain, &state, NULL, 0) < 0)
		return kvm_fail_libvirt(host, err, "the machine's state");
	if (state != VIR_DOMAIN_PAUSED && virDomainSuspend(operation->domain) < 0)
		return kvm_fail_libvirt(host, err, "pause");
	r = kvm_live_snapshot(operation, "loadvm", kvm_keep_text(snapshot, "name"), err);
	if (r < 0)
		return host->wrap(err, "the machine stands still");
	if (!stand && virDomainResume(operation->domain) < 0)
		return kvm_fail_libvirt(host, err, "continue");
	return 0;
}

int kvm_snapshot_revert(struct kvm_operation *operation, struct hyfw_error **err)
{
	KVM_AUTO_PUT struct json_object *kept = NULL;
	struct json_object *snapshot;
	const char *name;
	int r = get(operation, &name, &kept, &snapshot, err);

	if (r == 0 && is_external(snapshot)) {
		r = check_devices(operation, snapshot, err);
		return r < 0 ? r : kvm_external_revert(operation, kept, snapshot, err);
	}
	if (r == 0)
		r = check_revert(operation, kept, snapshot, err);
	if (r < 0)
		return r;
	r = operation->domain ? revert_running(operation, snapshot, err)
			      : kvm_idle_snapshot(operation, kvm_keep_array(snapshot, "disks"), "-a", name, err);
	if (r < 0)
		return r;
	json_object_object_add(kept, "current", json_object_new_string(name));
	return store(operation, kept, err);
}

/* ---- delete ---- */

/* Out of the record; those that came from it come from its parent now. */
static void take_out(struct json_object *kept, const char *name, const char *parent)
{
	struct json_object *snapshots = kvm_keep_array(kept, "snapshots"), *snapshot;
	size_t i, at = find(kept, name, &snapshot);

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

	find(kept, name, &snapshot);
	external = is_external(snapshot);
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
	return external ? kvm_external_clean(operation, kept, memory, err) : store(operation, kept, err);
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
	int r = get(operation, &name, &kept, &snapshot, err);

	while (r == 0 && is_asked(operation, "children") && (lowest = child_of(operation, kept, name))) {
		for (depth = 0; depth < MOST && (next = child_of(operation, kept, lowest)); depth++)
			lowest = next;
		r = delete_one(operation, kept, lowest, err);
	}
	return r < 0 ? r : delete_one(operation, kept, name, err);
}
