/* SPDX-License-Identifier: BSD-3-Clause
 * What a disk image says of itself.  Nobody needs to trust it: every field is checked
 * before it is used, and little is read however large the file is.  Nothing here opens
 * a further file. */
#ifndef HYFW_STORAGE_QCOW2_HEADER_H
#define HYFW_STORAGE_QCOW2_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#define QCOW2_BACKING_LONGEST 1023 /* docs/interop/qcow2.txt of QEMU */

struct qcow2_header {
	const char *format; /* "raw", "qcow2", "vmdk", "vdi", "vhdx", "vpc" */
	uint64_t virtual_size;
	char backing[QCOW2_BACKING_LONGEST + 1]; /* as it stands there; "" for none */
	char backing_format[16];                 /* "" where it is not recorded */
	bool external_data;    /* its data is in another file */
	bool encrypted;
	bool dirty, corrupt;   /* was not closed; was found damaged */
	uint32_t cluster_size; /* 0 where there are none */
	uint32_t snapshots;
};

/* The format that the content of 'fd' shows; "raw" where it shows none, so this is for
 * files of which nobody has said it, and never for one that a guest wrote.  Formats that
 * are not read here come by their names too ("qcow", "vmdk-descriptor", ...). */
int qcow2_header_probe(int fd, const char **ret_format);

/* True for the formats of struct qcow2_header. */
bool qcow2_format_known(const char *format);

/* Reads the header of 'fd', which must be of 'format'.  A negative errno, and what is
 * wrong as the end of a sentence in '*ret_why'. */
int qcow2_header_read(int fd, const char *format, struct qcow2_header *ret_header, const char **ret_why);

/* True when the content of 'fd' looks like a disk that is not in any of the formats:
 * partitions, a file system, a CD. */
bool qcow2_header_looks_like_disk(int fd);

#endif
