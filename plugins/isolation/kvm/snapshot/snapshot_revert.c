/* SPDX-License-Identifier: BSD-3-Clause
 * Going back to snapshots. */
#include "snapshot.h"
#include "../libvirt/live.h"

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
	int r = operation->domain && *devices ? kvm_snapshot_devices(operation, &now, err) : 0;

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
	if (!operation->domain && (kvm_snapshot_asked(operation, "running") || kvm_snapshot_asked(operation, "paused")))
		return host->fail(err, EINVAL, "snapshot %s has no memory that could run: revert, then start it", name);
	return check_devices(operation, snapshot, err);
}

/* Nothing runs between the state that is left and the one that is asked for. */
static int revert_running(struct kvm_operation *operation, struct json_object *snapshot, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	const bool stand = !kvm_snapshot_asked(operation, "running") &&
			   (kvm_snapshot_asked(operation, "paused") || strcmp(kvm_keep_text(snapshot, "state"), "paused") == 0);
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
	int r = kvm_snapshot_get(operation, &name, &kept, &snapshot, err);

	if (r == 0 && kvm_snapshot_is_external(snapshot)) {
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
	return kvm_snapshot_store(operation, kept, err);
}
