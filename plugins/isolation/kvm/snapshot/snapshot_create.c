/* SPDX-License-Identifier: BSD-3-Clause
 * Making snapshots. */
#include "snapshot.h"
#include "../libvirt/live.h"

#include <stdio.h>
#include <time.h>

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
	const bool external = kvm_snapshot_asked(operation, "external");
	struct json_object *snapshots = kvm_keep_array(kept, "snapshots");
	size_t i, count = json_object_array_length(snapshots);

	for (i = 0; i < count; i++) {
		struct json_object *other = json_object_array_get_idx(snapshots, i);
		const char *name = kvm_keep_text(other, "name"), *machine = operation->asked->object;

		if (kvm_snapshot_is_external(other) != external)
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

	kvm_snapshot_find(kept, name, &there);
	if (there)
		return host->fail(err, EEXIST, "there is a snapshot %s already", name);
	if (json_object_array_length(kvm_keep_array(kept, "snapshots")) >= KVM_SNAPSHOTS_MOST)
		return host->fail(err, E2BIG, "it has %d snapshots, which is the most", KVM_SNAPSHOTS_MOST);
	if (kvm_snapshot_asked(operation, "memory") && kvm_snapshot_asked(operation, "disk_only"))
		return host->fail(err, EINVAL, "--memory and --disk-only exclude each other");
	if (kvm_snapshot_asked(operation, "memory") && !operation->domain)
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
		r = kvm_snapshot_devices(operation, &devices, err);
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
		kvm_snapshot_asked(operation, "external") ? KVM_EXTERNAL : "internal"));
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
	return kvm_snapshot_store(operation, kept, err);
}

int kvm_snapshot_create(struct kvm_operation *operation, struct hyfw_error **err)
{
	const bool memory = operation->domain && !kvm_snapshot_asked(operation, "disk_only");
	const bool external = kvm_snapshot_asked(operation, "external");
	KVM_AUTO_PUT struct json_object *kept = NULL;
	KVM_AUTO_PUT struct json_object *disks = NULL;
	KVM_AUTO_PUT struct json_object *snapshot = NULL;
	const char *name;
	int r = kvm_snapshot_load(operation, &name, &kept, err);

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
