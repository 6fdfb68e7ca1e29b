/* SPDX-License-Identifier: BSD-3-Clause
 * Storage driver `qcow2`: disks of machines.
 *
 *     qcow2.c       the descriptor; which operation goes where
 *     operate.c     the table of verbs
 *     disk.c        what an operation's object means: its file, format, who uses it
 *
 * On disk, below the driver's data directory:
 *     images/NAME/disk.qcow2, config.json    "name:tag" is stored as "name@tag"
 *     pool/NAME.FORMAT                       volumes of the pool `default`
 *     roots/WORKLOAD+NAME.qcow2              overlays on images; NAME is that of the image
 * Other pools hold volumes as NAME.FORMAT in the directory of their section.  The
 * format of a disk that we keep is its suffix: content that a guest wrote is never
 * asked for it. */
#ifndef HYFW_STORAGE_QCOW2_H
#define HYFW_STORAGE_QCOW2_H

#include <hyfw/storage.h>

struct qcow2 {
	const struct hyfw_host *host;
	const char *data; /* the driver's data directory, once it was needed */
};

const char *qcow2_data(struct qcow2 *qcow2);

/* ---- operate.c ---- */

typedef int (*qcow2_verb_fn)(struct qcow2 *qcow2, const struct hyfw_operation *operation,
			     struct hyfw_map *ret_result, struct hyfw_error **err);

int qcow2_operate(struct qcow2 *qcow2, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		  struct hyfw_error **err);

/* ---- disk.c ---- */

enum qcow2_access {
	QCOW2_READ = 1,  /* nobody may write meanwhile */
	QCOW2_WRITE = 2, /* nobody may use it meanwhile */
	QCOW2_LOOK = 3,  /* whoever uses it: its header only */
};

/* A disk that an operation is done to. */
struct qcow2_disk {
	const char *path;   /* absolute; in the arena it was opened with */
	const char *format; /* "raw", "qcow2", "vmdk", "vdi", "vhdx", "vpc" */
	int fd;             /* the file, open for reading; -1 for none */
};

/* Finds what 'object' means ("image/NAME", an absolute path, a volume or workload) and
 * checks it with the files it is based on: -ENOENT, -EBUSY when 'access' cannot be had
 * now (with who uses it), -EPERM for files it must not be based on.  What it returns is
 * given back with qcow2_disk_close(), also before a change of the file's name. */
int qcow2_disk_open(struct qcow2 *qcow2, const struct hyfw_operation *operation, const char *object,
		    enum qcow2_access access, struct qcow2_disk *ret_disk, struct hyfw_error **err);

/* -ESTALE when the file was changed by somebody else since it was opened for READ: what
 * was made of it is thrown away then. */
int qcow2_disk_unchanged(struct qcow2 *qcow2, const struct qcow2_disk *disk, struct hyfw_error **err);

void qcow2_disk_close(struct qcow2 *qcow2, struct qcow2_disk *disk);

#endif
