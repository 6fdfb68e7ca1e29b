/* SPDX-License-Identifier: BSD-3-Clause
 * Storage driver `qcow2`: disks of machines.
 *
 *     qcow2.c       the descriptor; which operation goes where; what takes a
 *                   void *instance is one itself
 *     header.c, foreign.c   what an image file says of itself
 *     chain.c       which files an image may be based on
 *     use.c         who uses a disk just now
 *     pool.c        directories of volumes, and how much they may hold
 *     room.c        room in them for disks that grow
 *     redo.c        what must not stay half done
 *     image.c, import.c, config.c   the image store
 *     root.c        writable overlays on images
 *     roots.c       all of them
 *     volume.c      named disks
 *     handover.c    a disk's file as the machine's user may use it, and back
 *     operate.c     the table of verbs; verb_*.c are the verbs
 *     disk.c        what an operation's object means
 *     target.c      the disk that it makes
 *     result.c      what it gives
 *     qemu_img.c    running qemu-img
 *
 * On disk, below the driver's data directory:
 *     images/NAME/disk.qcow2, config.json    "name:tag" is stored as "name@tag"
 *     pool/NAME.FORMAT                       volumes of the pool `default`
 *     pool/.NAME.base                        what such a volume may be based on
 *     roots/WORKLOAD+NAME.qcow2              overlays on images; NAME is that of the image
 * Other pools hold volumes in the same way in the directory of their section.  The
 * format of a disk that we keep is its suffix, and what it is based on stands beside it:
 * the file itself belongs to a guest's hypervisor and is not asked. */
#ifndef HYFW_STORAGE_QCOW2_H
#define HYFW_STORAGE_QCOW2_H

#include <hyfw/storage.h>

#include <sys/stat.h>

#include "../common/store.h"
#include "header.h"

#define QCOW2_POOL_DEFAULT "default"

struct qcow2_pool {
	char *name, *path;
	uint64_t size; /* most virtual bytes of all disks in it; 0 for no limit */
	bool shared;   /* other hosts use it too */
};

/* A promise of room; see room.c. */
struct qcow2_room {
	int directory, lock; /* descriptors: the pool, the promise in it */
	char name[32];
};

#define QCOW2_NO_ROOM ((struct qcow2_room){ .directory = -1, .lock = -1 })

struct qcow2 {
	const struct hyfw_host *host;
	const char *data;         /* the driver's data directory, once it was needed */
	char *real_data;          /* what 'data' points to when it was reached over links */
	struct qcow2_pool *pools; /* the default one first */
	size_t pool_count;
	char **allowed;           /* backing_allowed; ends with NULL */
	uint64_t max_bytes;       /* of an imported image */
	struct qcow2_room *rooms; /* what "reserve" promised */
	size_t room_count;
};

const char *qcow2_data(struct qcow2 *qcow2);

/* Descriptor of 'which' ("images", "roots") below the data directory, which users of
 * machines may walk through and not list.  Without 'make' a missing one is -ENOENT. */
int qcow2_data_open(struct qcow2 *qcow2, const char *which, bool make, struct hyfw_error **err);

/* ---- qemu_img.c ---- */

#define QCOW2_ARGUMENTS 32

/* Runs qemu-img with 'argv' behind it (NULL-terminated), with as little memory as it
 * needs.  'operation' (may be NULL) is told the progress where argv has "-p", and may
 * cancel.  '*ret_output' may be NULL. */
int qcow2_run(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct hyfw_operation *operation,
	      const char *const *argv, char **ret_output, struct hyfw_error **err);

/* As qcow2_run() without progress; the exit status, when it is not 0, is no failure. */
int qcow2_run_status(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct hyfw_operation *operation,
		     const char *const *argv, int32_t *ret_status, char **ret_output, struct hyfw_error **err);

/* ---- chain.c ---- */

struct qcow2_link {
	const char *path;   /* without links in it */
	int fd;             /* open for reading */
	struct stat st;
	struct qcow2_header header;
};

/* An image and the files it is based on, from the top. */
struct qcow2_chain {
	size_t count;
	struct qcow2_link *links; /* in the arena */
};

/* Opens 'path', whose format is 'format', and all that it is based on; 'named' when
 * somebody has said the format, else it was seen in the content and the image may be
 * based on nothing.  -EPERM when a file is none that it may be based on. */
int qcow2_chain_open(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path, const char *format,
		     bool named, struct qcow2_chain *ret_chain, struct hyfw_error **err);
void qcow2_chain_close(struct qcow2_chain *chain);
/* What hyfw_attachment.lower is for it, in 'arena'. */
const char *const *qcow2_chain_lower(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_chain *chain);

/* The file at 'path' without links in it, opened for reading when it is a regular file
 * or a block device. */
int qcow2_file_open(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path, const char **ret_path,
		    struct stat *ret_st, struct hyfw_error **err);

/* Does 'path' lie in 'directory'? */
bool qcow2_is_below(const char *path, const char *directory);

/* May 'path' be based on the file 'real', which is called 'name' in messages?  -EPERM. */
int qcow2_may_be_based(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path, const char *name,
		       const char *real, struct hyfw_error **err);

/* The format of the administrator's file: 'given', or that of its suffix, or what the
 * content shows; '*ret_named' false in the last case. */
int qcow2_format_of(struct qcow2 *qcow2, const char *path, int fd, const char *given, const char **ret_format,
		    bool *ret_named, struct hyfw_error **err);

/* That of a block device of which nobody has said it: raw, since a guest writes what
 * stands in it; -EINVAL when it shows another. */
int qcow2_device_format(struct qcow2 *qcow2, const char *name, int fd, const char **ret_format,
			struct hyfw_error **err);

/* The name of a volume in file 'name' of a pool, NAME.FORMAT; NULL when it is none. */
const char *qcow2_volume_format(const char *name, size_t *ret_length);

/* ---- use.c ---- */

/* -EBUSY when the file cannot be had for 'write' (else for reading, while nobody else
 * writes), by what hypervisors have locked, by the workloads that were given it, and, of
 * a device, by what the host has mounted;
 * 'but' (may be NULL) is a workload that does not count.  'what' names it in messages. */
int qcow2_use_check(struct qcow2 *qcow2, int fd, const struct stat *st, const char *what, bool write,
		    const char *but, struct hyfw_error **err);

/* That 'workload' uses the file now; -EBUSY when another does. */
int qcow2_use_add(struct qcow2 *qcow2, const struct stat *st, const char *workload, const char *what,
		  struct hyfw_error **err);
void qcow2_use_remove(struct qcow2 *qcow2, dev_t device, ino_t inode, const char *workload);
/* The workload that uses the file; NULL for none. */
const char *qcow2_use_by(struct qcow2 *qcow2, const struct stat *st, struct hyfw_arena *arena);
/* Has the kernel refuse to mount a block device, or to give it to somebody else alone, until
 * qcow2_device_release() or the end of this process, whichever instance is closed; -EBUSY. */
int qcow2_device_claim(struct qcow2 *qcow2, int fd, const struct stat *st, const char *what, struct hyfw_error **err);
void qcow2_device_release(dev_t device);
void qcow2_use_gc(struct qcow2 *qcow2, const char *const *running);

/* ---- pool.c ---- */

int qcow2_pools_read(struct qcow2 *qcow2, const struct hyfw_map *settings, struct hyfw_error **err);
void qcow2_pools_free(struct qcow2 *qcow2);
int qcow2_pool_find(struct qcow2 *qcow2, const char *name, const struct qcow2_pool **ret_pool,
		    struct hyfw_error **err);
const char *qcow2_pool_path(struct qcow2 *qcow2, const struct qcow2_pool *pool, struct hyfw_arena *arena);

/* Descriptor of the pool's directory, which is made when it is missing and 'make'. */
int qcow2_pool_open(struct qcow2 *qcow2, const struct qcow2_pool *pool, bool make, struct hyfw_error **err);

/* Whether the file at 'path', without links in it, lies in a pool that other hosts use too. */
bool qcow2_is_shared(struct qcow2 *qcow2, const char *path, struct hyfw_arena *arena);

/* Virtual bytes of all disks in it, and what the files of those hold that keep snapshots:
 * a guest may write its disk anew, and the snapshots keep what was. */
uint64_t qcow2_pool_used(struct qcow2 *qcow2, const struct qcow2_pool *pool);

/* The lock under which disks are added to a pool or grow; -EDQUOT when 'bytes' more are
 * more than the pool may hold. */
int qcow2_pool_reserve(struct qcow2 *qcow2, const struct qcow2_pool *pool, uint64_t bytes,
		       struct hyfw_error **err);

/* That a disk of 'bytes' is being made in the directory 'staging' of a pool: until it is
 * there, the promise counts. */
int qcow2_pool_promise(struct qcow2 *qcow2, int staging, uint64_t bytes, struct hyfw_error **err);

/* ---- image.c, import.c, config.c ---- */

/* Path of the image's disk and its header; -ENOENT. */
int qcow2_image_disk(struct qcow2 *qcow2, const char *name, struct hyfw_arena *arena, const char **ret_path,
		     struct qcow2_header *ret_header, struct hyfw_error **err);
int qcow2_image_list(void *instance, struct hyfw_arena *arena, struct hyfw_image **ret_images,
		     size_t *ret_count, struct hyfw_error **err);
int qcow2_image_get(void *instance, const char *name, struct hyfw_arena *arena, struct hyfw_image *ret_image,
		    struct hyfw_error **err);
int qcow2_image_remove(void *instance, const char *name, struct hyfw_error **err);
int qcow2_image_accepts(void *instance, const char *source, bool *ret_accepts, struct hyfw_error **err);
int qcow2_import(void *instance, const char *name, const char *source, const struct hyfw_map *config,
		 bool replace, void (*progress)(uint64_t, uint64_t), struct hyfw_error **err);
int qcow2_config_write(struct qcow2 *qcow2, int dirfd, const struct hyfw_image *image, struct hyfw_error **err);
int qcow2_config_read(struct qcow2 *qcow2, int dirfd, struct hyfw_image *ret_image, struct hyfw_error **err);

/* ---- root.c ---- */

int qcow2_root_check(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_error **err);
int qcow2_root_plan(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		    struct hyfw_arena *arena, struct hyfw_error **err);
int qcow2_root_apply(struct qcow2 *qcow2, struct hyfw_call *call, struct hyfw_error **err);
int qcow2_root_undo(struct qcow2 *qcow2, struct hyfw_call *call, struct hyfw_error **err);
int qcow2_root_rename(void *instance, const struct hyfw_subject *subject, const char *to,
		      struct hyfw_arena *arena, struct hyfw_map *ret_notes, struct hyfw_error **err);
int qcow2_root_attachment(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_arena *arena,
			  struct hyfw_attachment *ret_attachment, struct hyfw_error **err);
/* roots/WORKLOAD+IMAGE.qcow2 */
#define QCOW2_ROOT_SEPARATOR '+'
#define QCOW2_ROOT_SUFFIX ".qcow2"
bool qcow2_root_is(const char *name);
/* What roots/NAME may be based on; NULL when the name is none of ours. */
const char *qcow2_root_base(struct qcow2 *qcow2, const char *name, struct hyfw_arena *arena);

/* ---- roots.c ---- */

/* The path of the root disk of 'workload', whatever its image; NULL when there is none. */
const char *qcow2_root_path(struct qcow2 *qcow2, const char *workload, struct hyfw_arena *arena);
int qcow2_roots_gc(struct qcow2 *qcow2, const struct hyfw_alive *alive, struct hyfw_error **err);

/* -EBUSY, naming the workload, when one has an overlay on image 'key'; the one at path
 * 'but' (may be NULL) does not count. */
int qcow2_image_unused(struct qcow2 *qcow2, const char *key, const char *but, struct hyfw_error **err);

/* ---- volume.c ---- */

int qcow2_volume_check(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_error **err);
int qcow2_volume_plan(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		      struct hyfw_arena *arena, struct hyfw_error **err);
int qcow2_volume_apply(struct qcow2 *qcow2, struct hyfw_call *call, struct hyfw_error **err);
int qcow2_volume_undo(struct qcow2 *qcow2, struct hyfw_call *call, struct hyfw_error **err);
int qcow2_volume_remove(void *instance, const char *name, struct hyfw_error **err);

/* The file of volume 'name', in 'pool' or (NULL) the one pool that has it. */
int qcow2_volume_find(struct qcow2 *qcow2, const char *name, const char *pool, struct hyfw_arena *arena,
		      const char **ret_path, const char **ret_format, struct hyfw_error **err);

/* What the disk 'name' in the directory 'dirfd' may be based on: lines of paths; NULL
 * when that is nothing. */
char *qcow2_bases_read(struct qcow2 *qcow2, int dirfd, const char *name, struct hyfw_arena *arena);
int qcow2_bases_write(struct qcow2 *qcow2, int dirfd, const char *name, const char *bases,
		      struct hyfw_error **err);

/* -EBUSY when a volume other than that at path 'but' (may be NULL) is based on 'path'. */
int qcow2_no_clones(struct qcow2 *qcow2, const char *path, const char *but, struct hyfw_error **err);

/* ---- handover.c ---- */

int qcow2_disk_check(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_error **err);
int qcow2_disk_plan(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		    struct hyfw_arena *arena, struct hyfw_error **err);
int qcow2_disk_apply(struct qcow2 *qcow2, struct hyfw_call *call, struct hyfw_error **err);
int qcow2_disk_undo(struct qcow2 *qcow2, struct hyfw_call *call, struct hyfw_error **err);
int qcow2_disk_attachment(struct qcow2 *qcow2, const struct hyfw_subject *subject, const struct hyfw_map *record,
			  struct hyfw_arena *arena, struct hyfw_attachment *ret_attachment, struct hyfw_error **err);

/* ---- result.c ---- */

/* A map that grows, in 'arena'; starts zeroed. */
struct qcow2_result {
	struct hyfw_pair *items;
	size_t count, room;
};

void qcow2_result_text(struct qcow2 *qcow2, struct hyfw_arena *arena, struct qcow2_result *result, const char *key,
		       const char *value);
void qcow2_result_number(struct qcow2 *qcow2, struct hyfw_arena *arena, struct qcow2_result *result,
			 const char *key, uint64_t value);
void qcow2_result_flag(struct qcow2 *qcow2, struct hyfw_arena *arena, struct qcow2_result *result, const char *key,
		       bool value);

/* ---- operate.c, verb_*.c ---- */

typedef int (*qcow2_verb_fn)(struct qcow2 *qcow2, const struct hyfw_operation *operation,
			     struct hyfw_map *ret_result, struct hyfw_error **err);

int qcow2_operate(void *instance, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		  struct hyfw_error **err);

int qcow2_verb_create(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int qcow2_verb_info(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int qcow2_verb_check(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int qcow2_verb_resize(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int qcow2_verb_clone(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int qcow2_verb_convert(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int qcow2_verb_rebase(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int qcow2_verb_commit(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int qcow2_verb_reserve(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int qcow2_verb_release(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int qcow2_verb_pools(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int qcow2_verb_volumes(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int qcow2_verb_snapshot_create(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *,
			       struct hyfw_error **);
int qcow2_verb_snapshot_list(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *,
			     struct hyfw_error **);
int qcow2_verb_snapshot_revert(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *,
			       struct hyfw_error **);
int qcow2_verb_snapshot_delete(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *,
			       struct hyfw_error **);

/* ---- disk.c ---- */

enum qcow2_access {
	QCOW2_READ = 1,  /* nobody may write meanwhile */
	QCOW2_WRITE = 2, /* nobody may use it meanwhile, and nothing is based on it */
	QCOW2_LOOK = 3,  /* whoever uses it: its header only */
	QCOW2_WRITE_ALONE = 4, /* WRITE, and what it is based on may be anything, or missing */
};

/* A disk that an operation is done to. */
struct qcow2_disk {
	const char *path;   /* absolute, without links in it; in the arena it was opened with */
	const char *format; /* "raw", "qcow2", "vmdk", "vdi", "vhdx", "vpc" */
	int fd;             /* the file, open for reading; holds a flock(2) against other operations */
	struct stat st;
	struct qcow2_header header;
	const struct qcow2_pool *pool; /* that has it; NULL for images, roots, and files elsewhere */
};

/* Finds what 'object' means ("image/NAME", an absolute path, a volume or workload) and
 * checks it with the files it is based on: -ENOENT, -EBUSY when 'access' cannot be had
 * now (with who uses it), -EPERM for files it must not be based on.  The argument
 * "source_format" says the format of an absolute path, "pool" where a volume is. What
 * it returns is given back with qcow2_disk_close(). */
int qcow2_disk_open(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *object,
		    enum qcow2_access access, struct qcow2_disk *ret_disk, struct hyfw_error **err);

/* -ESTALE when the file was changed by somebody else since it was opened for READ: what
 * was made of it is thrown away then. */
int qcow2_disk_unchanged(struct qcow2 *qcow2, const struct qcow2_disk *disk, struct hyfw_error **err);

void qcow2_disk_close(struct qcow2 *qcow2, struct qcow2_disk *disk);

/* As QCOW2_WRITE, for what the open disk 'overlay' is based on. */
int qcow2_disk_open_base(struct qcow2 *qcow2, const struct hyfw_operation *operation,
			 const struct qcow2_disk *overlay, struct qcow2_disk *ret_disk, struct hyfw_error **err);

/* The pool in which 'path' lies; NULL for none. */
const struct qcow2_pool *qcow2_pool_of(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path);

/* ---- room.c ---- */

/* Promises 'bytes' more to the disk at 'path', which may be in a pool or not: -EDQUOT when
 * the pool has no room for them.  The caller gives them back when the disk has grown. */
int qcow2_room_take(struct qcow2 *qcow2, struct hyfw_arena *arena, const char *path, uint64_t bytes,
		    struct qcow2_room *ret_room, struct hyfw_error **err);
/* The same for one more snapshot inside of 'disk', with 'memory' bytes of a machine. */
int qcow2_room_for_snapshot(struct qcow2 *qcow2, struct hyfw_arena *arena, const struct qcow2_disk *disk,
			    uint64_t memory, struct qcow2_room *ret_room, struct hyfw_error **err);
void qcow2_room_give_back(struct qcow2_room *room);
void qcow2_rooms_free(struct qcow2 *qcow2);

/* ---- target.c ---- */

/* Where an operation puts a new disk: beside its place in a directory that only we write
 * in, until it has its name. */
struct qcow2_target {
	const char *name, *path;       /* its last component; absolute */
	const char *format;
	const char *temporary;         /* absolute: what qemu-img writes */
	const struct qcow2_pool *pool; /* NULL for a path */
	int directory, staging_lock;   /* descriptors */
	char *work;                    /* of a path: where it is noted that it is being made; redo.h */
	int work_lock;
	char staging[32];              /* the directory of 'temporary' */
};

/* 'to' is an absolute path or the name of a volume of the operation's "pool", where
 * 'bytes' more must have room. -EEXIST. */
int qcow2_target_open(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *to,
		      const char *format, uint64_t bytes, struct qcow2_target *ret_target, struct hyfw_error **err);

/* Syncs it and gives it its name; 'bases' as for qcow2_bases_write(), NULL for none. */
int qcow2_target_commit(struct qcow2 *qcow2, struct qcow2_target *target, const char *bases,
			struct hyfw_error **err);
void qcow2_target_close(struct qcow2 *qcow2, struct qcow2_target *target);

#endif
