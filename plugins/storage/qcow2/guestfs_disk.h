/* SPDX-License-Identifier: BSD-3-Clause
 * What is in a disk, through libguestfs: a stranger's file system is opened by a
 * small virtual machine (the appliance), never by this machine's kernel.
 *
 *     guestfs_worker.c    a child process in which all of it happens
 *     guestfs_watch.c     its parent: takes its report, ends it
 *     guestfs_api.c       libguestfs, opened in that child and nowhere else
 *     guestfs_kvm.c       whether the appliance is emulated
 *     guestfs_session.c   the appliance: start, find and mount file systems
 *     guestfs_overlay.c   changes are made to an overlay, and committed when all went well
 *     guestfs_look.c      filesystems, inspect, ls
 *     guestfs_stream.c    cat, upload, tar-in, tar-out: through pipes
 *     guestfs_copy.c      copy-in, copy-out
 *     guestfs_diff.c      diff
 *     guestfs_resize.c    resize with the file system
 *     guestfs_tools.c     customize, sysprep, sparsify: programs of guestfs-tools
 *     guestfs_mount.c     mount through guestmount
 *
 * Why a child: a machine's start never loads libguestfs (59 libraries), a crash
 * of it is an error and no more, ^C and time limits end all of it with certainty, and
 * the environment that libguestfs and its programs go by is ours. */
#ifndef HYFW_STORAGE_GUESTFS_DISK_H
#define HYFW_STORAGE_GUESTFS_DISK_H

#include <stdarg.h>

#include "qcow2.h"
#include "redo.h"

struct guestfs_api;
struct guestfs_h;

/* ---- guestfs_worker.c ---- */

#define GF_DISKS_MOST 2
#define GF_MINUTES(n) ((uint64_t)(n) * 60000u)

struct gf_disk {
	const char *path;
	const char *format;
	bool read_only;
};

struct gf_worker;
typedef int (*gf_task_fn)(struct gf_worker *worker); /* 0, or -1 after gf_report_error() */

/* What a child is to do. */
struct gf_job {
	struct gf_disk disks[GF_DISKS_MOST];
	size_t disk_count;
	gf_task_fn task;
	const void *data;     /* the task's own */
	const char *work;     /* a directory for temporary files */
	uint64_t timeout_ms;  /* 0: ten minutes */
	bool appliance;       /* start it first: 'g' is there then */
};

/* The child's side. */
struct gf_worker {
	struct qcow2 *qcow2;
	const struct hyfw_operation *operation;
	const struct gf_job *job;
	const struct guestfs_api *api;
	struct guestfs_h *g;
	int report;
};

/* Runs 'job' in a child; its result is what it reported with gf_report(). */
int gf_run(struct qcow2 *qcow2, const struct hyfw_operation *operation, const struct gf_job *job,
	   struct hyfw_map *ret_result, struct hyfw_error **err);

/* In the child.  The errors return -1. */
void gf_report(struct gf_worker *worker, const char *key, const char *value);
void gf_report_number(struct gf_worker *worker, const char *key, int64_t number);
void gf_report_progress(struct gf_worker *worker, uint64_t done, uint64_t total);
int gf_fail(struct gf_worker *worker, int errnum, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
bool gf_stopped(void); /* asked to stop */

/* Runs a program with its output thrown away but for complaints, which become
 * the error; environment and time limit are the child's. */
int gf_program(struct gf_worker *worker, const char *const *argv);

/* ---- guestfs_kvm.c ---- */

/* Whether the appliance is to be emulated. */
bool gf_force_tcg(void);

/* ---- guestfs_session.c ---- */

int gf_session_begin(struct gf_worker *worker); /* the appliance with the job's disks */
int gf_session_end(struct gf_worker *worker);   /* everything written; -1 when that failed */
void gf_session_abandon(struct gf_worker *worker);
int gf_guestfs_failed(struct gf_worker *worker, const char *what); /* with libguestfs's own words */

/* Mounts what is in the disk at "/": the system in it with all its file systems,
 * or the only file system there is, or the one that the operation's "device" says. */
int gf_mount_all(struct gf_worker *worker, bool read_only);

/* The file systems that can be mounted: "device", "type", ... NULL-terminated; gf_free_list(). */
char **gf_filesystems(struct gf_worker *worker);
void gf_free_list(char **list);
bool gf_mountable(const char *type);
/* The device in it that is encrypted, free(); NULL for none. */
char *gf_encrypted(struct gf_worker *worker);

/* ---- guestfs_overlay.c ---- */

struct gf_change {
	struct qcow2_disk disk;
	struct qcow2_work work;
	char *overlay;       /* on the disk; all changes go there */
	uint64_t shrink;     /* the size that the disk gets after that; 0: that of the overlay */
};

/* Opens 'object'; READ for looking (with the key "live" also while it is in use),
 * WRITE for changing. */
int gf_change_begin(struct qcow2 *qcow2, const struct hyfw_operation *operation, enum qcow2_access access,
		    struct gf_change *ret_change, struct hyfw_error **err);
/* The overlay's content becomes the disk's. */
int gf_change_commit(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct gf_change *change,
		     struct hyfw_error **err);
void gf_change_end(struct qcow2 *qcow2, struct gf_change *change); /* cleans up, in any case */
/* The disk as gf_run() takes it. */
struct gf_disk gf_change_disk(const struct gf_change *change);

/* One job on a disk: begin, run, commit, end. */
int gf_on_disk(struct qcow2 *qcow2, const struct hyfw_operation *operation, enum qcow2_access access,
	       struct gf_job *job, struct hyfw_map *ret_result, struct hyfw_error **err);

/* ---- guestfs_stream.c ---- */

/* A child that copies between a pipe and 'fd', since libguestfs opens files anew by
 * their names, which would lose the place in them.  '*ret_path' names the pipe's other end. */
struct gf_pump {
	int pid, fd;
	char path[32];
};
int gf_pump_begin(struct gf_worker *worker, int fd, bool out, struct gf_pump *ret_pump);
int gf_pump_end(struct gf_worker *worker, struct gf_pump *pump);

/* ---- guestfs_copy.c ---- */

/* The directory 'source' of this machine into 'path' of what is mounted. */
int gf_tree_in(struct gf_worker *worker, const char *source, const char *path);

/* ---- the verbs ---- */

int gf_verb_filesystems(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int gf_verb_inspect(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int gf_verb_ls(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int gf_verb_cat(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int gf_verb_upload(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int gf_verb_tar_in(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int gf_verb_tar_out(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int gf_verb_copy_in(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int gf_verb_copy_out(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int gf_verb_diff(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int gf_verb_customize(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int gf_verb_sysprep(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int gf_verb_sparsify(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
/* resize with filesystem=true; the plain one is the driver's own. */
int gf_verb_resize(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);

#endif
