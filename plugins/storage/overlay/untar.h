/* SPDX-License-Identifier: BSD-3-Clause
 * Unpacking a tar archive: import_tar.c reads it, untar.c writes its entries. */
#ifndef HYFW_STORAGE_UNTAR_H
#define HYFW_STORAGE_UNTAR_H

#include <limits.h>

#include "archive.h"
#include "writer.h"

/* A directory gets its metadata when all is written: its times would change, and
 * it may not be writable. */
struct directory {
	struct layer_meta meta;
	char *path;
};

struct untar {
	struct layer_writer *writer;
	const struct archive_library *library;
	struct archive *archive;
	uint64_t size;              /* of the archive, 0: unknown */
	struct directory *directories;
	size_t count, room;
	int parent;                 /* directory of the last entry, -1 for none */
	char parent_path[PATH_MAX];
	char path[PATH_MAX];        /* the entry in hand, relative, "" for the root */
	char target[PATH_MAX];      /* of a hard link, the same way */
};

/* Writes the entry whose path is untar->path. */
int untar_entry(struct untar *untar, struct archive_entry *entry, struct hyfw_error **err);

/* Gives all directories their metadata. */
int untar_directories(const struct untar *untar, struct hyfw_error **err);

/* Fail with "SOURCE: refused: it holds 'PATH', WHY", or with what libarchive says
 * about an unreadable archive. */
int untar_refuse(const struct untar *untar, const char *path, const char *why, struct hyfw_error **err);
int untar_damaged(const struct untar *untar, struct hyfw_error **err);

/* Tells how far the archive was read. */
void untar_tell(const struct untar *untar);

#endif
