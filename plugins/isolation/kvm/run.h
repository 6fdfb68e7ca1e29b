/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the files of the half with libvirt share.
 *
 *     trial.c      whether /dev/kvm runs a guest
 *     accel.c      what follows from that; probe()
 *     libvirt/loop.c       the thread that runs libvirt's events
 *     libvirt/reap.c       QEMU processes whose parent has left them to us
 *     libvirt/root.c       the directory of an embedded libvirt
 *     libvirt/connect.c    connections, embedded and to a libvirtd
 *     libvirt/ask.c        calls that a libvirtd answers in time or not at all
 *     run.c        this half itself
 *     create/      create(): the domain, paused, in its control groups (create.h)
 *     life.c       start(), wait(), signal(), pause(), resume()
 *     libvirt/events.c     what libvirt tells about the domain
 *     undo.c       undo() in any process, gc()
 *     libvirt/stale.c      control groups that a libvirtd forgets
 *     label.c      its SELinux label
 *     process.c    QEMU's process, named so that no stranger is meant
 *     libvirt/live.c       the domain as libvirt has it now
 *     libvirt/persist.c    what a libvirtd keeps of a machine
 *     libvirt/hosted_libvirtd.c  what a libvirtd on another host tells about itself
 *     console.c    the serial console of a machine there
 *     migrate/     moving to other hosts, and coming from them (migrate.h)
 *     stats.c describe.c operate.c plug.c
 *     template/    saved machines that others start from (template.h)
 *
 * Threads: the core calls from the monitor's main thread, operate() from a second;
 * events come in the thread of libvirt/loop.c.  libvirt's API takes them all.  What they
 * share in struct kvm_run is under its lock.
 */
#ifndef KVM_RUN_H
#define KVM_RUN_H

#include "cleanup.h"
#include "kvm.h"
#include "../common/process.h"

#include <pthread.h>
#include <sys/types.h>

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

/* ---- accel.c ---------------------------------------------------------- */

/* Why KVM is of no use here, from the cache when it was found out before; NULL: it
 * works. */
const char *kvm_trouble(const struct hyfw_host *host, struct hyfw_arena *arena);

/* "on", "off", or that the host has no KVM. */
const char *kvm_nested(void);

/* ---- the instance's running half ------------------------------------------------ */

#define KVM_NOTE_ROOT "root"     /* directory of the embedded libvirt */
#define KVM_NVRAM "nvram" /* below the data directory: WORKLOAD.fd, EFI variables */
#define KVM_NOTE_TPM "tpm"       /* its socket, when it has one */
#define KVM_NOTE_ACCEL "accel"   /* "kvm", "tcg" */

struct kvm_console; /* console.h */

struct kvm_run {
	struct kvm_instance *kvm;
	pthread_mutex_t lock;  /* of all that follows, once the machine runs */
	virConnectPtr connection;
	virDomainPtr domain;   /* the machine, while it is there */
	char *root;            /* of the embedded libvirt: stays the same in this process */
	char uuid[VIR_UUID_STRING_BUFLEN];
	int end_fd;            /* eventfd that tells the core of the end; -1 */
	int changed_fd;        /* and one that tells it that the guest stands still, or goes on; -1 */
	bool halted, disk_full; /* it stands still for a disk; because that is full */
	int pidfd;             /* QEMU; -1 */
	int tpm_pidfd;         /* swtpm; -1 */
	int pid_watch, late;   /* of the event loop; -1 */
	int tpm_watch, tpm_late;
	bool tpm_gone;         /* swtpm has ended, and QEMU has not */
	int callbacks[3];      /* of libvirt; -1 */
	bool lost;             /* its libvirtd is gone */
	char *nic_model;       /* of interfaces that come later, too; NULL: the default */
	bool adopted;          /* it ran before it was ours: see migrate/adopted.c */
	bool adopting;         /* and is not ours yet: its end is not for us to bring */
	struct kvm_console *console; /* of a machine on another host; stays to the end of the process */
	bool ended;
	int exit_status, exit_signal;
	int qemu_signal;       /* that ended QEMU, 0 for none */
	pthread_cond_t removed; /* a device has left, or the machine has ended */
	char *removed_alias;
	char *hardware, *disks; /* what a template made of it fixes, and its disks, as JSON */
	bool held;             /* stands still for one that is being made */
	bool templated;        /* it has a template */
	char *label, *file_label; /* SELinux labels of QEMU and its files; NULL: none */
	char *begins;          /* the workload, when it goes on from one and has its own disks then */
};

/* The running half of 'kvm', made on first use. */
int kvm_run_get(struct kvm_instance *kvm, struct kvm_run **ret_run, struct hyfw_error **err);

/* The descriptors that tell the core of the end and of standing still, and our own of both. */
int kvm_run_eventfds(struct kvm_run *run, struct hyfw_running *ret_running);

/* The domain, to be given back with kvm_domain_put() when the call is done.  -ESRCH
 * when there is none. */
int kvm_domain_get(struct kvm_instance *kvm, struct kvm_run **ret_run, virDomainPtr *ret_domain,
		   struct hyfw_error **err);

void kvm_domain_put(virDomainPtr domain);

/* Sets '*err' to "WHAT: what libvirt said last"; a negative errno. */
int kvm_fail_libvirt(const struct hyfw_host *host, struct hyfw_error **err, const char *what);

/* ---- label.c ------------------------------------------------------------------- */

/* Notes the labels that a confinement has for QEMU. */
int kvm_label_take(struct kvm_run *run, const struct hyfw_confinement *confinement, struct hyfw_error **err);

/* What the calling thread runs and makes between them has those labels, if there are any. */
int kvm_label_begin(const struct kvm_run *run, struct hyfw_error **err);
void kvm_label_end(const struct kvm_run *run);

/* 'label' NULL: it keeps the one it has. */
int kvm_label_file(const struct hyfw_host *host, const char *path, const char *label, struct hyfw_error **err);

int kvm_label_fd(const struct hyfw_host *host, int fd, const char *label, struct hyfw_error **err);

/* That for what all machines with labels like 'label' may read, in 'arena'; NULL for NULL. */
const char *kvm_label_shared(const struct hyfw_host *host, struct hyfw_arena *arena, const char *label);

/* Gives the file at 'path' the label of another, where that has one. */
void kvm_label_like(const char *path, const char *other);

/* The label of a process, in 'arena'; NULL where there are none. */
const char *kvm_label_of(const struct hyfw_host *host, struct hyfw_arena *arena, pid_t pid);

/* ---- libvirt/loop.c, libvirt/reap.c -------------------------------------------------------------- */

/* Starts the thread of libvirt's events, once for the process. */
int kvm_loop_start(const struct hyfw_host *host, struct hyfw_error **err);

/* While calls of libvirt are under way, from the first begin to the last end: takes
 * the exit status of QEMU processes that were left to us.  libvirt waits to see them
 * gone, also those that it starts to ask what they can do. */
void kvm_reap_begin(void);
void kvm_reap_end(void);

/* ---- libvirt/root.c ------------------------------------------------------------------------ */

/* Chooses a directory for an embedded libvirt, short enough for its sockets. */
int kvm_root_choose(const struct hyfw_host *host, char **ret_path, struct hyfw_error **err);

/* Makes it, with libvirt's configuration; 'ids': QEMU's user, 'label': that of its directories
 * in there, NULL for none. */
int kvm_root_make(struct kvm_instance *kvm, const char *root, const char *workload, const struct hyfw_idmap *ids,
		  const char *label, struct hyfw_error **err);

/* Where QEMU's user may make files. */
#define KVM_ROOT_SOCKETS "io"

/* Keeps what libvirt found out about QEMU for other machines. */
void kvm_root_keep_capabilities(struct kvm_instance *kvm, const char *root);
bool kvm_root_has_capabilities(struct kvm_instance *kvm);

/* The workload whose root it is, in 'arena'; NULL when that was not written (yet). */
const char *kvm_root_workload(const struct hyfw_host *host, struct hyfw_arena *arena, const char *root);

/* tree.c: removes a directory and all in it, links not followed, nothing else mounted
 * entered; gone already is success. */
int kvm_remove_tree(const char *path);

/* Removes it; gone already is success. */
int kvm_root_remove(const struct hyfw_host *host, const char *root, struct hyfw_error **err);

/* The parents of all roots, to look through; NULL-terminated, in 'arena'. */
const char *const *kvm_root_parents(const struct hyfw_host *host, struct hyfw_arena *arena);

/* The last line of QEMU's own log, in 'arena'; NULL when it said nothing. */
const char *kvm_root_last_words(const struct hyfw_host *host, struct hyfw_arena *arena, const char *root);

/* ---- libvirt/connect.c ---------------------------------------------------------------------- */

#define KVM_KEEPALIVE_S 5
#define KVM_KEEPALIVES 3

/* Opens run->connection when it is not: embedded in run->root, or to kvm->uri. */
int kvm_connect(struct kvm_run *run, struct hyfw_error **err);

/* ---- libvirt/hosted_libvirtd.c: a libvirtd on another host --------------------------------------- */

/* The disks of 'workload', each there and of a known format. */
int kvm_hosted_settle(struct kvm_run *run, struct hyfw_arena *arena, struct hyfw_workload *workload,
		      struct hyfw_error **err);

/* Has it limit the memory of QEMU as a whole, and swap: before the machine runs, and in
 * the definition of one that is persistent.  Not in the domain that it is started with:
 * libvirt would let QEMU lock that much too, which not every host allows it. */
int kvm_hosted_limit(struct kvm_run *run, const struct hyfw_map *settings, enum kvm_accel accel,
		     struct hyfw_error **err);

/* As kvm_accel(), asked of that host. */
int kvm_hosted_accel(struct kvm_run *run, const struct hyfw_map *settings, enum kvm_accel *ret_accel,
		     struct hyfw_error **err);

/* ---- libvirt/events.c ------------------------------------------------------------------------ */

int kvm_events_watch(struct kvm_run *run, struct hyfw_error **err);
void kvm_events_watch_process(struct kvm_run *run); /* run->pidfd */
void kvm_events_forget(struct kvm_run *run);

/* The machine has ended: tells the core through end_fd.  Once. */
void kvm_events_ended(struct kvm_run *run, int status, int signal);

/* ---- libvirt/stale.c ----------------------------------------------------------------------------- */

/* Removes the empty control groups that a libvirtd left of this domain. */
void kvm_stale_groups(const struct hyfw_host *host, struct hyfw_arena *arena, const char *domain);

/* ---- process.c ------------------------------------------------------------------------ */

/* QEMU that runs the machine with this uuid as user 'uid', 0 when there is none. */
pid_t kvm_process_find(const char *uuid, uid_t uid);

/* Its arguments, each with its NUL; NULL when it is gone.  To be freed. */
char *kvm_process_arguments(pid_t pid, size_t *ret_size);

/* What follows the argument 'name'; NULL. */
const char *kvm_argument(const char *text, size_t size, const char *name);

/* Gives back the memory of this process that it does not need while a machine runs. */
void kvm_slim(void);

/* The first process of 'uid' whose command line names the file 'path', 0 when there is none. */
pid_t kvm_process_naming(const char *path, uid_t uid);

/* Ends every process, QEMU or the TPM, whose command line names 'root'. */
int kvm_process_end_all(const struct hyfw_host *host, const char *root, struct hyfw_error **err);

/* ---- groups.c ------------------------------------------------------------------------ */

/* Puts all threads of 'pid' into the control groups. */
int kvm_groups_join(const struct hyfw_host *host, pid_t pid, const struct hyfw_confinement *confinement,
			struct hyfw_error **err);

#endif
