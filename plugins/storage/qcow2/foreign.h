/* SPDX-License-Identifier: BSD-3-Clause
 * Headers of the formats of other hypervisors: the size, and whether another file
 * belongs to the image, which is refused. */
#ifndef HYFW_STORAGE_QCOW2_FOREIGN_H
#define HYFW_STORAGE_QCOW2_FOREIGN_H

#include <sys/types.h>

#include "header.h"

/* Up to 'size' bytes at 'offset'; how many there were, or a negative errno.  In header.c. */
ssize_t header_bytes(int fd, void *buffer, size_t size, uint64_t offset);

int foreign_read_vmdk(int fd, struct qcow2_header *header, const char **ret_why);
int foreign_read_vdi(int fd, struct qcow2_header *header, const char **ret_why);
int foreign_read_vhdx(int fd, struct qcow2_header *header, const char **ret_why);
int foreign_read_vpc(int fd, struct qcow2_header *header, const char **ret_why);

#endif
