/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of this driver share.  It has two halves:
 *
 *     pure                                  with libvirt
 *     options.c   the keys                  run.h       create, start, wait, ...
 *     check/check.c     what cannot work
 *     plan.c      the steps, as text
 *     domain*.c   the domain XML
 *     libvirt/hosted.c    what of it another host can have
 *
 * The pure half reads settings and facts and writes text; it opens nothing but
 * what check() looks at, and links libxml2 alone.  Its interface is domain.h.
 */
#ifndef KVM_H
#define KVM_H

#include <errno.h>

#include <hyfw/isolation.h>

#include "domain/domain.h"

#define KVM_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define KVM_EMULATOR "/usr/bin/qemu-system-x86_64" /* [plugin kvm] emulator */

struct kvm_run; /* of the half with libvirt */

struct kvm_instance {
	const struct hyfw_host *host;
	char *uri;      /* of a libvirtd; NULL: a libvirt of the machine's own, embedded */
	char *emulator; /* absolute path */
	uint64_t template_space; /* most bytes of disks of templates and what starts from them; 0: no limit */
	struct kvm_run *run; /* NULL until a machine is made or looked at; kvm_run_free() */
};

/* ---- what a libvirtd keeps: libvirt/persist.c --------------------------------------------- */

#define KVM_VERB_DEFINE "define" /* step of lifetime WORKLOAD with persistent = yes; its arguments: */
#define KVM_NOTE_DOMAIN "domain" /* name at a libvirtd */
#define KVM_NOTE_UUID "uuid"

static inline bool kvm_is_persistent(const struct hyfw_map *settings)
{
	return hyfw_map_bool(settings, "persistent", false);
}

/* ---- options.c: the keys of [plugin kvm] and [workload] ---------------------- */

extern const struct hyfw_option kvm_options[];

/* ---- the common operations; comments in plugin.h ----------------------------- */

int kvm_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
	      struct hyfw_error **err);
int kvm_check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err);
int kvm_plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
	     struct hyfw_arena *arena, struct hyfw_error **err);
int kvm_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err);
int kvm_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err);

/* The XML of a planned workload, for readers: what is not known before it is made is
 * told in words, and no password is in it. */
int kvm_planned_xml(struct kvm_instance *kvm, const struct hyfw_subject *subject, struct hyfw_arena *arena,
		    char **ret_xml, struct hyfw_error **err);

/* ---- libvirt/uri.c --------------------------------------------------------------------- */

/* Whether the libvirtd of this URI is reached through something else than a unix socket
 * of this host. */
bool kvm_uri_is_remote(const char *uri);

/* ---- overhead.c -------------------------------------------------------------- */

bool kvm_emulates(void *instance, const struct hyfw_map *settings);

uint64_t kvm_overhead(void *instance, const struct hyfw_map *settings);

/* ---- the half with libvirt: operations of isolation.h ------------------------- */

int kvm_create(void *instance, struct hyfw_call *call, const struct hyfw_workload *workload,
	       struct hyfw_running *ret_running, struct hyfw_error **err);
int kvm_start(void *instance, struct hyfw_call *call, struct hyfw_running *running, struct hyfw_error **err);
int kvm_wait(void *instance, struct hyfw_running *running, struct hyfw_exit *ret_exit, struct hyfw_error **err);
int kvm_signal(void *instance, const struct hyfw_map *record, int signal, bool all, struct hyfw_error **err);
int kvm_pause(void *instance, const struct hyfw_map *record, struct hyfw_error **err);
int kvm_resume(void *instance, const struct hyfw_map *record, struct hyfw_error **err);
int kvm_stats(void *instance, const struct hyfw_map *record, struct hyfw_stats *stats, struct hyfw_error **err);
/* See hyfw_isolation_ops.halted, .lacks. */
const char *kvm_halted(void *instance, const struct hyfw_map *record);
const char *kvm_lacks(void *instance, const struct hyfw_map *record);
int kvm_describe(void *instance, const struct hyfw_map *record, struct hyfw_arena *arena,
		 struct hyfw_map *ret_facts, struct hyfw_error **err);
int kvm_plug(void *instance, const struct hyfw_map *record, const struct hyfw_device *device, bool attach,
	     struct hyfw_error **err);
int kvm_operate(void *instance, const struct hyfw_map *record, const struct hyfw_operation *operation,
		struct hyfw_map *ret_result, struct hyfw_error **err);

/* Which accelerator a workload with these settings gets here; 'accel = kvm' where KVM
 * does not run a guest is -ENOTSUP with the reason.  Used by check(), plan(),
 * overhead() and create(): cheap after its first call. */
int kvm_accel(struct kvm_instance *kvm, const struct hyfw_map *settings, enum kvm_accel *ret_accel,
	      struct hyfw_error **err);

/* Lets go of connections; NULL is accepted. */
void kvm_run_free(struct kvm_run *run);

#endif
