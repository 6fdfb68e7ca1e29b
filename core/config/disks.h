/* SPDX-License-Identifier: BSD-3-Clause
 * Disks of a workload: what disk = and cdrom = come to. */
#ifndef HYFW_CONFIG_DISKS_H
#define HYFW_CONFIG_DISKS_H

#include "base/alloc.h"

/* The driver of disks that are files of the host, and of volumes that nothing
 * else is said about but that they are disks. */
#define HYFW_DISK_DRIVER "qcow2"

/* The pairs of hyfw_subject.disk from the normal form "SOURCE|OPTION=VALUE|...". */
void hyfw_disk_pairs(const char *normal, struct hyfw_pairs *ret_pairs);

/* The normal form of the disk that cdrom = PATH stands for; free(). */
char *hyfw_disk_of_cdrom(const char *path);

/* The volume that disk = TEXT names, before or after it was normalised; NULL for
 * a path; free(). */
char *hyfw_disk_volume(const char *text);

#endif
