/* SPDX-License-Identifier: BSD-3-Clause
 * Writing a layer: what both sources of an image need.  Callers give the
 * directory and the name of what they make; nothing is ever followed. */
#ifndef HYFW_STORAGE_WRITER_H
#define HYFW_STORAGE_WRITER_H

#include <sys/types.h>
#include <time.h>

#include "overlay.h"

struct layer_writer {
	struct overlay *overlay;
	int root;                 /* the layer's directory */
	const char *source;       /* named in messages */
	bool chown;               /* false for ordinary users: all belongs to them */
	uint64_t bytes, files;    /* so far; bytes in whole blocks */
	uint64_t looked_at;       /* 'bytes' when free space was last looked at */
	unsigned long devices, xattrs; /* left out */
	void (*progress)(uint64_t done, uint64_t total);
};

struct layer_meta {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec times[2]; /* access, modification */
};

/* Counts a file, or 'bytes' more of data, and refuses what is above the limits. */
int layer_count_file(struct layer_writer *writer, struct hyfw_error **err);
int layer_count_bytes(struct layer_writer *writer, uint64_t bytes, struct hyfw_error **err);

/* A new regular file, open for writing; negative errno. */
int layer_file(int dirfd, const char *name);

/* Removes what has the name of an entry to come; a directory only when empty. */
int layer_make_room(int dirfd, const char *name);

/* Owner, mode and times of an open file or directory, after its content; of a
 * link or pipe by its name.  Negative errno. */
int layer_finish(const struct layer_writer *writer, int fd, const struct layer_meta *meta);
int layer_finish_at(const struct layer_writer *writer, int dirfd, const char *name,
		    const struct layer_meta *meta);

/* Sets an extended attribute of an open file or directory, after its owner.
 * Only file capabilities, ACLs and user.*: overlayfs' own would change what
 * other layers show, labels belong to the host.  Negative errno. */
int layer_xattr(struct layer_writer *writer, int fd, const char *name, const void *value, size_t size);

/* 'text' from an image as it can be shown on a terminal: at most 200 bytes, with
 * '?' for control characters. */
#define LAYER_SHOWN 204
const char *layer_shown(const char *text, char ret_shown[static LAYER_SHOWN]);

/* Fails with "SOURCE: PATH: strerror". */
int layer_fail(const struct layer_writer *writer, int errnum, const char *path, struct hyfw_error **err);

int layer_import_directory(struct layer_writer *writer, int source, struct hyfw_error **err);
int layer_import_tar(struct layer_writer *writer, int source, struct hyfw_error **err);

#endif
