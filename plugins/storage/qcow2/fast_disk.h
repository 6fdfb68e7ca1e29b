/* SPDX-License-Identifier: BSD-3-Clause
 * File systems that hyfw makes itself, without the appliance.
 *
 *     fast_tree.c    a directory or archive as a directory; how much room it takes
 *     fast_mkfs.c    create with a file system: mke2fs -d
 *     fast_mark.c    which disks hold nothing but what we put there
 *     fast_mount.c   mount and unmount: by the kernel for those, by guestmount for others
 *     fast_prepare.c host name, key, password and /etc/fstab in a tree, before it is a disk
 *     fast_boot.c    boot sector and boot loader of a disk, from this machine's GRUB
 *     fast_build.c   build-disk: a bootable image of a tree
 *
 * Why only those: a file system driver in the kernel trusts what is on the disk, and a
 * crafted one attacks the kernel.  Of what we made just now with mke2fs we know who wrote
 * it; a mark outside of the disk says so, and is void as soon as anybody else, a guest
 * above all, has written to the file (fast_mark.c).  Making one reads a tree of files and
 * needs no mark. */
#ifndef HYFW_STORAGE_FAST_DISK_H
#define HYFW_STORAGE_FAST_DISK_H

#include "guestfs_disk.h"

#define FAST_MIB (INT64_C(1) << 20)

/* ---- fast_tree.c ---- */

/* 'source' itself when it is a directory, else what the archive holds, unpacked below
 * 'work'. */
int fast_tree_open(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *source,
		   const char *work, const char **ret_directory, struct hyfw_error **err);

/* Bytes that an ext4 must have for the tree, with some room; a negative errno when it
 * cannot be read. */
int fast_tree_size(const char *directory, int64_t *ret_bytes);

/* ---- fast_mkfs.c ---- */

struct fast_filesystem {
	const char *type;      /* ext2, ext3, ext4 */
	const char *label;     /* NULL: none */
	const char *uuid;      /* NULL: any */
	const char *directory; /* NULL: empty */
	const char *image;     /* raw file, as large as it is to be */
	int64_t offset, bytes; /* where in it */
};

#define FAST_MKE2FS_ARGUMENTS 24
/* The argument vector that makes it. */
void fast_mke2fs(const struct hyfw_host *host, struct hyfw_arena *arena, const struct fast_filesystem *filesystem,
		 const char *ret_argv[static FAST_MKE2FS_ARGUMENTS]);
int fast_file_make(struct qcow2 *qcow2, const char *path, int64_t bytes, struct hyfw_error **err);

/* ---- fast_mark.c ---- */

/* The file at 'path' holds one file system over its whole length, ours as of now. */
void fast_mark_set(struct qcow2 *qcow2, const char *path);
bool fast_mark_valid(struct qcow2 *qcow2, const char *path);
/* Forgets marks that are void. */
void fast_marks_sweep(struct qcow2 *qcow2);

/* ---- fast_mount.c ---- */

/* Undoes mounts whose making was interrupted, and those that somebody else took away. */
void fast_mounts_sweep(struct qcow2 *qcow2);

/* ---- fast_prepare.c ---- */

/* What a tree needs to be a machine's root file system, by the operation's arguments: in
 * a worker, with all paths resolved below 'root'. */
int fast_prepare(struct gf_worker *worker, const char *root, const char *uuid);

/* ---- fast_boot.c ---- */

/* What is in front of the file system: 'room' bytes of boot sector and loader, written
 * to 'image', with one partition from there to 'bytes'. */
int fast_boot_write(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *work,
		    const char *image, const char *uuid, int64_t room, int64_t bytes, struct hyfw_error **err);

/* ---- the verbs ---- */

int fast_verb_create(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int fast_verb_mount(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int fast_verb_unmount(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);
int fast_verb_build(struct qcow2 *, const struct hyfw_operation *, struct hyfw_map *, struct hyfw_error **);

#endif
