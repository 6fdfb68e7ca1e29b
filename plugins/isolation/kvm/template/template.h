/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Templates: machines that were saved while they ran, for others to start from.  Each
 * is a directory of the data directory, made under another name and then renamed:
 *
 *     templates/NAME/template.json   what it is: settings, disks, programs, sizes
 *     templates/NAME/memory          libvirt's saved machine
 *     templates/NAME/DISK.qcow2      its disks of that moment ("root", "disk1"), whole
 *     templates/NAME/nvram.fd        its EFI variables
 *     clones/WORKLOAD/DISK.qcow2     what a machine that started from it has written
 *     machines/WORKLOAD.template.json   that it uses the template (keep.h)
 *
 *     template/settings.c   what a machine from a template may say of itself; pure
 *     template/template.c   one, opened, and who uses it
 *     template/store.c      what there is: list, inspect, rm, gc
 *     template/disks.c      the disks in its header
 *     template/make.c       a running machine becomes one
 *     template/copy.c       its disks, while it stands still
 *     template/image.c      libvirt's file, for a machine of another name
 *     template/clone.c      the disks of a machine that starts from it
 *     template/access.c     which users may read the template's
 *     template/space.c      how much all of them may come to
 *     template/start.c      the part of create() that goes on from there
 */
#ifndef KVM_TEMPLATE_H
#define KVM_TEMPLATE_H

#include "../keep.h"

#define KVM_TEMPLATES "templates" /* below the data directory */
#define KVM_TEMPLATE_VERSION 2
#define KVM_TEMPLATE_VERSION_BARE 1 /* the same, of machines without disks */
#define KVM_TEMPLATE_NVRAM "nvram.fd"
#define KVM_CLONES "clones"       /* below the data directory */

/* ---- template/settings.c ---- */

/* Whether a template fixes the key for those that start from it. */
bool kvm_template_has_key(const char *key);

/* The settings of a template that is made of a machine with these: what it fixes, with
 * the memory, CPUs and accelerator that it really had. */
struct hyfw_map kvm_template_take(const struct hyfw_host *host, struct hyfw_arena *arena,
				  const struct hyfw_map *settings, enum kvm_accel accel);

/* The settings of a machine from template 'name': its own and the template's.  -EINVAL
 * for a key that says something else than the template. */
int kvm_template_merge(const struct hyfw_host *host, struct hyfw_arena *arena, const char *name,
		       const struct hyfw_map *fixed, const struct hyfw_map *own, struct hyfw_map *ret_settings,
		       struct hyfw_error **err);

/* ---- template/template.c ---- */

struct kvm_template {
	const char *name, *directory, *memory; /* paths, in the arena */
	struct json_object *header, *disks; /* 'disks' is in 'header' */
	struct hyfw_map settings; /* that it fixes, in the arena */
	const char *nvram; /* NULL: it has no EFI variables */
	bool genid;        /* its machine has a number of its generation (vmgenid) */
};

/* -ENOENT with the name when there is none; kvm_template_close() in any case. */
int kvm_template_open(const struct hyfw_host *host, struct hyfw_arena *arena, const char *name,
		      struct kvm_template *ret_template, struct hyfw_error **err);
void kvm_template_close(struct kvm_template *template);
#define KVM_AUTO_TEMPLATE __attribute__((cleanup(kvm_template_close)))

int kvm_template_check_name(const struct hyfw_host *host, const char *name, struct hyfw_error **err);

/* '*settings' with what its template fixes, in 'arena'; as they are without one. */
int kvm_template_apply(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_map *settings,
		       struct hyfw_error **err);

/* Notes that 'workload' starts from the template, which cannot be removed as long as
 * the workload is there; whole or not at all. */
int kvm_template_use(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		     const struct kvm_template *template, struct hyfw_error **err);
/* And, then, that it has disks of its own from now on. */
int kvm_template_has_disks(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
			   struct hyfw_error **err);
void kvm_template_leave(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload);

/* Whether 'workload' has gone on from this template (its name is enough) already and has
 * disks of its own: it boots them from then on.  Never of a template without disks. */
bool kvm_template_has_begun(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
			    const struct kvm_template *template);

/* Another template that its disks lie on; NULL for none. */
const char *kvm_template_other(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
			       const struct kvm_template *template);

/* "a b", "" when there are none. */
const char *kvm_template_users(const struct hyfw_host *host, struct hyfw_arena *arena, const char *template);

/* Where they are. */
const char *kvm_template_store(const struct hyfw_host *host, struct hyfw_arena *arena);

/* A number of an object, -1 where there is none. */
int64_t kvm_template_number(struct json_object *object, const char *key);

/* ---- template/store.c ---- */

int kvm_template_list(struct kvm_operation *operation, struct hyfw_error **err);
int kvm_template_inspect(struct kvm_operation *operation, struct hyfw_error **err);
int kvm_template_remove(struct kvm_operation *operation, struct hyfw_error **err);

/* What was being made by a process that is gone. */
void kvm_template_gc(const struct hyfw_host *host, struct hyfw_arena *arena);

/* ---- template/disks.c ---- */

const char *kvm_template_disk_path(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory,
				   struct json_object *disk);

/* Those of a machine that starts, without what is in them; json_object_put(). */
struct json_object *kvm_template_disks_of(const struct hyfw_host *host, struct hyfw_arena *arena,
					  const struct hyfw_workload *workload);

/* Adds to 'disks' the files that they have in 'live' (kvm_disks_of()).  -EBUSY, by name,
 * when there are others now than at its start. */
int kvm_template_disks_match(const struct hyfw_host *host, struct json_object *disks, struct json_object *live,
			     struct hyfw_error **err);

/* The file is finished: what it looks like takes the place of where it came from. */
int kvm_template_disk_note(const struct hyfw_host *host, struct json_object *disk, const char *path, int fd,
			   struct hyfw_error **err);

/* Whether the files are as they were made: -EBADMSG. */
int kvm_template_disks_check(const struct hyfw_host *host, struct hyfw_arena *arena, const char *template,
			     const char *directory, struct json_object *disks, struct hyfw_error **err);

/* Gives 'workload' the disks of the template, those that are written to from 'directory'. */
void kvm_template_attach(const struct hyfw_host *host, struct hyfw_arena *arena, const struct kvm_template *template,
			 const char *directory, struct hyfw_workload *workload);

/* ---- template/make.c ---- */

/* Keeps in 'run' what a template that is made of it would fix. */
void kvm_template_remember(struct kvm_run *run, const struct hyfw_workload *workload, enum kvm_accel accel);

int kvm_template_create(struct kvm_operation *operation, struct hyfw_error **err);

/* ---- template/copy.c: of a machine that stands still ---- */

/* All of 'disks' to 'directory', or a failure, which may leave some there. */
int kvm_template_copy_disks(struct kvm_operation *operation, struct json_object *disks, const char *directory,
			    struct hyfw_error **err);
/* '*fd' (of 'path', and for reading afterwards) belongs to us alone again.  -EBUSY: somebody can still
 * write to it. */
int kvm_template_disk_own(const struct hyfw_host *host, const char *path, int *fd, struct hyfw_error **err);
int kvm_template_copy_file(const struct hyfw_host *host, const char *from, const char *to, struct hyfw_error **err);

/* ---- template/image.c ---- */

/* The saved machine with another name, uuid and (unless NULL) number of its generation:
 * a file without a name, for this process and its children, as long as the descriptor is
 * open. */
int kvm_template_image(const struct hyfw_host *host, struct hyfw_arena *arena, const struct kvm_template *template,
		       const char *domain, const char *uuid, const char *genid, int *ret_fd, struct hyfw_error **err);

/* The versions of the programs, "QEMU 7.2.22, libvirt 9.0.0", in 'arena'. */
const char *kvm_template_programs(const struct hyfw_host *host, struct hyfw_arena *arena, virConnectPtr connection);

/* ---- template/clone.c ---- */

struct kvm_clone {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const struct kvm_template *template;
	struct hyfw_workload *workload; /* gets its disks */
	bool begun;                     /* kvm_template_has_begun() */
	uint64_t limit;                 /* kvm_template_space_take() */
};

/* The disks of a machine that is about to start: fresh ones, or, when it has begun, its
 * own as it left them. */
int kvm_clone_prepare(struct kvm_clone *clone, struct hyfw_error **err);

/* The same for a plan: nothing is made.  '*ret_begun': it boots; '*ret_genid': as in
 * struct kvm_template. */
int kvm_clone_plan(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_workload *workload,
		   bool *ret_begun, bool *ret_genid, struct hyfw_error **err);

void kvm_clone_remove(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload);
void kvm_clone_gc(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_alive *alive);

/* Where they are. */
const char *kvm_clone_store(const struct hyfw_host *host, struct hyfw_arena *arena);

/* ---- template/space.c ---- */

/* What the disks count, as the header has them. */
uint64_t kvm_template_bytes_of(struct json_object *disks, bool writable_only);

/* -EDQUOT when 'bytes' more of disks are more than 'limit' (0: none).  '*ret_lock' is to be
 * closed when they are there; -1 when nobody has to wait. */
int kvm_template_space_take(const struct hyfw_host *host, struct hyfw_arena *arena, uint64_t limit, uint64_t bytes,
			    int *ret_lock, struct hyfw_error **err);

/* ---- template/access.c ---- */

/* Lets one more user read a file of ours. */
int kvm_template_let_read(const struct hyfw_host *host, const char *path, uid_t uid, struct hyfw_error **err);

/* ---- template/start.c ---- */

#define KVM_NOTE_CLONE "clone" /* a workload that goes when it ends: what it has of a template goes with it */

/* What a machine that is about to start needs of its template before it is defined: its
 * disks and EFI variables.  '*ret_goes_on': it goes on from there; else it has no
 * template, or boots with disks of its own. */
int kvm_template_prepare(struct kvm_run *run, struct hyfw_call *call, struct hyfw_workload *workload,
			 const struct kvm_facts *facts, bool *ret_goes_on, struct hyfw_error **err);

/* Makes run->domain, paused, its memory the template's; its network interfaces are
 * plugged in. */
int kvm_template_start(struct kvm_run *run, struct hyfw_call *call, const struct hyfw_workload *workload,
		       const struct kvm_facts *facts, struct hyfw_error **err);

/* Before its first instruction: it has begun. */
int kvm_template_begin(struct kvm_run *run, struct hyfw_arena *arena, struct hyfw_error **err);

#endif
