/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Templates: machines that were saved while they ran, for others to start from.  Each
 * is a directory of the data directory, made under another name and then renamed:
 *
 *     templates/NAME/template.json   what it is: settings, programs, sizes
 *     templates/NAME/memory          libvirt's saved machine
 *
 *     template/settings.c   what a machine from a template may say of itself; pure
 *     template/template.c   what there is, and what of it is used
 *     template/make.c       a running machine becomes one
 *     template/image.c      libvirt's file, for a machine of another name
 *     template/start.c      the part of create() that goes on from there
 */
#ifndef KVM_TEMPLATE_H
#define KVM_TEMPLATE_H

#include "../keep.h"

#define KVM_TEMPLATES "templates" /* below the data directory */
#define KVM_TEMPLATE_VERSION 1

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
	struct json_object *header;
	struct hyfw_map settings; /* that it fixes, in the arena */
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

int kvm_template_list(struct kvm_operation *operation, struct hyfw_error **err);
int kvm_template_inspect(struct kvm_operation *operation, struct hyfw_error **err);
int kvm_template_remove(struct kvm_operation *operation, struct hyfw_error **err);

/* What was being made by a process that is gone. */
void kvm_template_gc(const struct hyfw_host *host, struct hyfw_arena *arena);

/* Notes that 'workload' starts from the template, which cannot be removed as long as
 * the workload is there; whole or not at all.  Those that are gone when they end need
 * no note: they have all of it when they run. */
int kvm_template_use(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		     const struct kvm_template *template, struct hyfw_error **err);

/* ---- template/make.c ---- */

/* Keeps in 'run' what a template that is made of it would fix. */
void kvm_template_remember(struct kvm_run *run, const struct hyfw_workload *workload, enum kvm_accel accel);

int kvm_template_create(struct kvm_operation *operation, struct hyfw_error **err);

/* ---- template/image.c ---- */

/* The saved machine with another name and uuid: a file without a name, for this process
 * and its children, as long as the descriptor is open. */
int kvm_template_image(const struct hyfw_host *host, struct hyfw_arena *arena, const struct kvm_template *template,
		       const char *domain, const char *uuid, int *ret_fd, struct hyfw_error **err);

/* The versions of the programs, "QEMU 7.2.22, libvirt 9.0.0", in 'arena'. */
const char *kvm_template_programs(const struct hyfw_host *host, struct hyfw_arena *arena, virConnectPtr connection);

/* ---- template/start.c ---- */

/* Makes run->domain, paused, its memory the template's; its network interfaces are
 * plugged in. */
int kvm_template_start(struct kvm_run *run, struct hyfw_call *call, const struct hyfw_workload *workload,
		       const struct kvm_facts *facts, struct hyfw_error **err);

#endif
