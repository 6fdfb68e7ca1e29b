/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What is kept of a machine as long as its workload is there, in one JSON file of the
 * data directory:
 *
 *     disks      those of its last start, so that they are known while it stands, with
 *                where that is mounted which they lie on ("mount") and whether other hosts have that ("shared")
 *     snapshots  what there is, and which of them it came from ("current")
 *     restore    the saved machine that its next start goes on with
 *     failover   whether another host may start it
 *     layers, serial, fold   files of external snapshots: layer.h
 *
 * and, of one that starts from a template, in another (WORKLOAD.template.json):
 *
 *     template   its name
 *     begun      whether it has disks of its own by now: template/clone.c
 *
 * and what its migrations were making on other hosts (WORKLOAD.sent): migrate/sent.c.
 *
 * The states themselves are in the disks; gc() removes the files of workloads that are
 * gone.
 */
#ifndef KVM_KEEP_H
#define KVM_KEEP_H

#include <json-c/json.h>

#include "operate.h"

#define KVM_KEPT "machines" /* below the data directory */

const char *kvm_keep_path(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
			  const char *suffix);

/* An empty object where nothing is kept yet; json_object_put(). */
int kvm_keep_load(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		  struct json_object **ret_kept, struct hyfw_error **err);

/* Whole or not at all, whatever happens. */
int kvm_keep_store(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		   struct json_object *kept, struct hyfw_error **err);
int kvm_keep_write(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path,
		   struct json_object *object, struct hyfw_error **err);
/* What a directory of ours has outlives a reboot: 0 or a negative errno. */
int kvm_sync_directory(const char *path);
int kvm_keep_read(const struct hyfw_host *host, const char *path, struct json_object **ret_object,
		  struct hyfw_error **err);

/* mounts.c: where that is mounted what has 'path' in it, in 'arena'; and whether 'path' is
 * not to be reached because 'mount' ("" when it is not known) is not. */
const char *kvm_mount_of(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path);
bool kvm_mount_is_absent(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path, const char *mount);

/* Notes the disks of a machine that is about to start. */
int kvm_keep_disks(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_workload *workload,
		   struct hyfw_error **err);

/* "" where there is none. */
const char *kvm_keep_text(struct json_object *object, const char *key);
bool kvm_keep_bool(struct json_object *object, const char *key);
struct json_object *kvm_keep_array(struct json_object *object, const char *key); /* made when it is not there */

static inline void kvm_auto_put(struct json_object **object)
{
	json_object_put(*object);
}
#define KVM_AUTO_PUT __attribute__((cleanup(kvm_auto_put)))

/* ---- snapshot/save.c ---- */

/* A saved machine that the start of 'workload' shall go on with, in 'arena'; NULL for
 * none.  It is forgotten then: a start that fails is not tried again from it. */
int kvm_saved_take(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		   const char **ret_path, struct hyfw_error **err);
/* '*genid' becomes that of the saved machine 'path', NULL when it has none; stays when
 * 'path' is NULL. */
int kvm_saved_genid(struct kvm_run *run, struct hyfw_arena *arena, const char *path, const char **genid,
		    struct hyfw_error **err);
void kvm_saved_used(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload, const char *path);

int kvm_save(struct kvm_operation *operation, struct hyfw_error **err);
int kvm_restore(struct kvm_operation *operation, struct hyfw_error **err);

/* ---- snapshot/snapshot*.c: verbs of isolation.h; 'domain' is NULL when the machine stands ---- */

int kvm_snapshot_create(struct kvm_operation *operation, struct hyfw_error **err);
int kvm_snapshot_list(struct kvm_operation *operation, struct hyfw_error **err);
int kvm_snapshot_revert(struct kvm_operation *operation, struct hyfw_error **err);
int kvm_snapshot_delete(struct kvm_operation *operation, struct hyfw_error **err);

/* ---- snapshot/disk.c: the states inside of qcow2 disks ---- */

#define KVM_SNAPSHOT_MARK "hyfw-" /* before the name: no number of QEMU's is meant */

/* What the machine has now, or had: [{name, path, format, read_only, device}], and
 * "target" while it runs. */
int kvm_disks_of(struct kvm_operation *operation, struct json_object *kept, struct json_object **ret_disks,
		 struct hyfw_error **err);

/* As its owner knows it: "root", "disk1". */
const char *kvm_disk_name(struct json_object *disk);

/* Refuses disks that cannot keep a state, by name. */
int kvm_disks_check(struct kvm_operation *operation, struct json_object *disks, struct hyfw_error **err);

/* Bytes that the disks take. */
int64_t kvm_disks_bytes(struct json_object *disks);

/* Of a machine that runs. */
int kvm_live_snapshot(struct kvm_operation *operation, const char *word, const char *name, struct hyfw_error **err);
int kvm_live_disk_snapshot(struct kvm_operation *operation, const char *name, struct hyfw_error **err);

/* Of one that stands: 'flag' is qemu-img's, "-c", "-a" or "-d". */
int kvm_idle_snapshot(struct kvm_operation *operation, struct json_object *disks, const char *flag,
		      const char *name, struct hyfw_error **err);

#endif
