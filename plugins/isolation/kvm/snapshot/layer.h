/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The files of external snapshots.  A disk as the storage driver gives it is a base.  A
 * snapshot freezes the file that the machine writes to (the top of that base) and puts
 * an overlay of ours on it, which is the top from then on:
 *
 *     base  <-  1.qcow2  <-  3.qcow2 (active)
 *           <-  2.qcow2
 *
 * Here base and 1.qcow2 hold the states of snapshots, 2.qcow2 may hold one that was left
 * by going back.  In the machine's file (keep.h):
 *
 *     layers     {path, on, format (of 'on'), base, active}: our overlays
 *     snapshots  their "disks" {name, path, format, base}: 'path' holds the state, and
 *                nobody writes to it as long as the snapshot is there
 *     serial     of the last file that was made
 *
 * Overlays lie in the directory .OWNER-WORKLOAD-ID beside their base when only root
 * writes there, else in the driver's own; ID is made of this host and its directories.
 * The record is written whole or not at all, and in an order that leaves the machine a
 * chain with all that it has written, whatever is killed: an overlay is in the record
 * before anything is written to it, and out of it when what it is based on holds the
 * same.  A file that the record does not mention is of no use and removed by the next
 * command.
 *
 * A file that no snapshot needs any more goes when nothing, or one other file, is based
 * on it: that one is merged into it.  With more it stays, without a name.
 */
#ifndef KVM_LAYER_H
#define KVM_LAYER_H

#include "../keep.h"

#define KVM_EXTERNAL "external" /* "type" of a snapshot */
#define KVM_LAYERS_DEEPEST 32   /* files on each other */

struct kvm_layers {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const char *workload;
	struct json_object *kept;
	struct kvm_operation *operation; /* NULL: none, and the machine does not run */
};

/* ---- snapshot/layer.c: the record alone ------------------------------------------------- */

/* NULL when there is none. */
struct json_object *kvm_layer_find(struct json_object *kept, const char *path);
struct json_object *kvm_layer_disk(struct json_object *kept, const char *base); /* of "disks" */

/* The file that the machine writes to, and the base below a file of either kind. */
const char *kvm_layer_top(struct json_object *kept, const char *base);
const char *kvm_layer_base(struct json_object *kept, const char *path);

/* "qcow2" for ours, that of the disk for a base. */
const char *kvm_layer_format(struct json_object *kept, const char *path);

/* How many files 'path' lies on, and whether 'path' is at or below the top of its base. */
size_t kvm_layer_depth(struct json_object *kept, const char *path);
bool kvm_layer_in_use(struct json_object *kept, const char *path);

bool kvm_layer_any(struct json_object *kept);
bool kvm_layer_of_base(struct json_object *kept, const char *base);

/* Is there a snapshot whose state it holds? */
bool kvm_layer_is_named(struct json_object *kept, const char *path);

/* A file that can go: '*ret_dependent' is what has to be merged into it before, NULL
 * when nothing has.  NULL: there is none. */
const char *kvm_layer_unneeded(struct json_object *kept, struct json_object **ret_dependent);

/* A new top of 'base', on 'on'. */
void kvm_layer_add(struct json_object *kept, const char *path, const char *on, const char *base);
void kvm_layer_remove(struct json_object *kept, const char *path);

/* 'from' has been merged into 'into', which takes its place; neither is text of 'kept'. */
void kvm_layer_fold(struct json_object *kept, const char *from, const char *into);

/* ---- snapshot/layer_file.c ---------------------------------------------------------------- */

/* An empty overlay on 'on', for the owner of 'on'; '*ret_path' in the arena.  Not in the
 * record yet. */
int kvm_layer_make(struct kvm_layers *layers, const char *on, const char *base, const char **ret_path,
		   struct hyfw_error **err);

/* Compares the headers from 'path' down to its base with the record: -EPERM. */
int kvm_layer_check(struct kvm_layers *layers, const char *path, struct hyfw_error **err);

int kvm_layer_sync(struct kvm_layers *layers, const char *path, struct hyfw_error **err);
int kvm_layers_store(struct kvm_layers *layers, struct hyfw_error **err);

/* Hands all files from 'path' down to its base to a user; the base itself is the
 * storage driver's. */
int kvm_layer_give(struct kvm_layers *layers, const char *path, uid_t uid, gid_t gid, struct hyfw_error **err);

/* A file for the memory of the machine, empty, and not in the record yet. */
int kvm_layer_memory(struct kvm_layers *layers, const char **ret_path, struct hyfw_error **err);
void kvm_layer_memory_remove(struct kvm_layers *layers, const char *path);

/* Removes what is in our directories and not in the record. */
void kvm_layers_sweep(struct kvm_layers *layers);

/* ---- snapshot/mark.c ---------------------------------------------------------------------- */

/* HYFW_ATTRIBUTE_SNAPSHOTS: notes on the base whose layers it has, or that it has none
 * any more.  Somebody else's mark stays. */
void kvm_layer_mark(struct kvm_layers *layers, const char *base);

/* -EBUSY, by name, when another workload, here or on another host, has layers on it. */
int kvm_layer_foreign(struct kvm_layers *layers, const char *base, struct hyfw_error **err);

/* ---- snapshot/layer_merge.c --------------------------------------------------------------- */

/* Finishes, or forgets, a merge that was cut short. */
int kvm_layers_finish(struct kvm_layers *layers, struct hyfw_error **err);

/* What is in 'from' goes to 'into', on which it lies, and 'from' goes. */
int kvm_layers_merge(struct kvm_layers *layers, const char *from, const char *into, struct hyfw_error **err);

/* ---- snapshot/layer_settle.c -------------------------------------------------------------- */

/* Removes and merges what no snapshot needs any more, in the record too. */
int kvm_layers_settle(struct kvm_layers *layers, struct hyfw_error **err);

/* All layers of a workload that is being removed; what its disks hold stays in them.
 * Its root disk goes itself. */
int kvm_layers_drop(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		    struct hyfw_error **err);

/* ---- snapshot/layer_use.c ------------------------------------------------------------------ */

/* The disks of a machine that starts as they are now: the top instead of the base. */
int kvm_layers_use(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_workload *workload,
		   struct hyfw_error **err);
int kvm_layers_use_disk(const struct hyfw_host *host, struct hyfw_arena *arena, const char *name,
			struct hyfw_attachment *disk, struct hyfw_error **err);

/* Refuses to take a machine with layers to another host, where they are not known. */
int kvm_layers_refuse(struct kvm_operation *operation, struct hyfw_error **err);

/* ---- snapshot/external*.c ------------------------------------------------------------------- */

/* 'snapshot' has what is known of it by now. */
int kvm_external_create(struct kvm_operation *operation, struct json_object *kept, struct json_object *snapshot,
			struct hyfw_error **err);
int kvm_external_revert(struct kvm_operation *operation, struct json_object *kept, struct json_object *snapshot,
			struct hyfw_error **err);
/* After it has left the record: its memory, and what only it needed. */
int kvm_external_clean(struct kvm_operation *operation, struct json_object *kept, const char *memory,
		       struct hyfw_error **err);
/* Bytes that it takes. */
int64_t kvm_external_bytes(struct json_object *kept, struct json_object *snapshot);

/* ---- snapshot/qemu_img.c --------------------------------------------------------------------- */

/* Runs qemu-img as a user, since what it reads comes from a guest.  'operation' may be
 * NULL; else it is told the progress and may cancel. */
int kvm_qemu_img(const struct hyfw_host *host, struct hyfw_arena *arena, uid_t uid, gid_t gid,
		 const char *const *argv, const struct hyfw_operation *operation, struct hyfw_error **err);

#endif
