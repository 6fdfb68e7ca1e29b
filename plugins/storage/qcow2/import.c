/* SPDX-License-Identifier: BSD-3-Clause
 * A new image: the source, in any format, as one qcow2 file without a backing file.  It
 * is written into a temporary directory of the store, synced, and gets its name by
 * rename(2): it is there whole or not at all. */
#include "qcow2.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "../common/tree.h"

struct import {
	struct qcow2 *qcow2;
	struct hyfw_arena *arena;
	const char *name;
	char key[STORAGE_KEY_SIZE];
	struct qcow2_chain source;
	int images;          /* the store */
	int temporary;       /* descriptor that holds the lock of ... */
	char temporary_name[32];
	void (*progress)(uint64_t, uint64_t);
};

static void pass_progress(const struct hyfw_operation *operation, uint64_t done, uint64_t total)
{
	const struct import *import = operation->core;
	uint64_t bytes = import->source.links[0].header.virtual_size;

	import->progress(bytes / 10000 * (total ? done * 10000 / total : 0), bytes);
}

int qcow2_image_accepts(void *instance, const char *source, bool *ret_accepts, struct hyfw_error **err)
{
	struct qcow2 *qcow2 = instance;
	const char *format = NULL;
	struct stat st;
	int fd, result;

	if (stat(source, &st) < 0)
		return qcow2->host->fail(err, errno, "%s: %s", source, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
		*ret_accepts = false;
		return 0;
	}
	fd = open(source, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return qcow2->host->fail(err, errno, "%s: %s", source, strerror(errno));
	result = qcow2_header_probe(fd, &format);
	if (result < 0)
		qcow2->host->fail(err, -result, "%s: %s", source, strerror(-result));
	else
		*ret_accepts = strcmp(format, "raw") != 0 || qcow2_header_looks_like_disk(fd);
	close(fd);
	return result;
}

/* The source with all that it is based on, which must be what it is until the end. */
static int open_source(struct import *import, const char *source, struct hyfw_error **err)
{
	struct qcow2 *qcow2 = import->qcow2;
	const char *format, *path;
	struct stat st;
	bool named;
	int fd, result;

	if (stat(source, &st) == 0 && S_ISDIR(st.st_mode))
		return qcow2->host->fail(err, EISDIR,
					 "%s: a directory is no disk; `hyfw image build-disk` makes a disk of one", source);
	fd = qcow2_file_open(qcow2, import->arena, source, &path, &st, err);
	if (fd < 0)
		return fd;
	result = qcow2_format_of(qcow2, path, fd, NULL, &format, &named, err);
	close(fd);
	if (result == 0)
		result = qcow2_chain_open(qcow2, import->arena, path, format, named, &import->source, err);
	if (result < 0)
		return result;
	if (import->source.links[0].header.virtual_size <= qcow2->max_bytes)
		return 0;
	return qcow2->host->fail(err, EFBIG, "%s: a disk of %" PRIu64 " MiB is more than image_max_size of [plugin qcow2]",
				 source, import->source.links[0].header.virtual_size >> 20);
}

/* Whoever may write to a file could have put another backing file into it after it was
 * looked at. */
static int check_unchanged(const struct import *import, struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < import->source.count; i++) {
		const struct qcow2_link *link = &import->source.links[i];
		struct stat now;

		if (fstat(link->fd, &now) < 0 || now.st_ctim.tv_sec != link->st.st_ctim.tv_sec ||
		    now.st_ctim.tv_nsec != link->st.st_ctim.tv_nsec)
			return import->qcow2->host->fail(err, ESTALE, "%s: was changed meanwhile; import it again",
							 link->path);
	}
	return 0;
}

static int write_disk(const struct import *import, struct hyfw_error **err)
{
	struct qcow2 *qcow2 = import->qcow2;
	const struct qcow2_link *source = &import->source.links[0];
	const char *to = qcow2->host->format(import->arena, "%s/images/%s/disk.qcow2", qcow2_data(qcow2),
					     import->temporary_name);
	const char *const argv[] = { "convert", "-p", "-f", source->header.format, "-O", "qcow2", source->path, to,
				     NULL };
	const struct hyfw_operation operation = {
		.size = sizeof(operation),
		.arena = import->arena,
		.progress = import->progress ? pass_progress : NULL,
		.core = (void *)(uintptr_t)import,
	};
	int result = qcow2_run(qcow2, import->arena, &operation, argv, NULL, err), fd;

	if (result == 0)
		result = check_unchanged(import, err);
	if (result < 0)
		return result;
	fd = openat(import->temporary, "disk.qcow2", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0644) < 0 || fsync(fd) < 0)
		result = qcow2->host->fail(err, errno, "%s: %s", to, strerror(errno));
	if (fd >= 0)
		close(fd);
	return result;
}

static int exists(const struct import *import, struct hyfw_error **err)
{
	return import->qcow2->host->fail(err, EEXIST, "image %s: there is one of that name; --replace replaces it",
					 import->name);
}

static int unused(const struct import *import, struct hyfw_error **err)
{
	const char *disk = import->qcow2->host->format(import->arena, "%s/images/%s/disk.qcow2",
						       qcow2_data(import->qcow2), import->key);
	int result = qcow2_image_unused(import->qcow2, import->key, NULL, err);

	return result < 0 ? result : qcow2_no_clones(import->qcow2, disk, NULL, err);
}

/* Puts the finished directory in its place; an older image of the name is left under the
 * temporary one.  See remove_from() in image.c about users. */
static int commit(const struct import *import, bool replace, struct hyfw_error **err)
{
	int images = import->images, result;

	if (renameat2(images, import->temporary_name, images, import->key, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EEXIST && !replace)
		return exists(import, err);
	if (errno != EEXIST || renameat2(images, import->temporary_name, images, import->key, RENAME_EXCHANGE) < 0)
		return import->qcow2->host->fail(err, errno, "image %s: %s", import->name, strerror(errno));
	result = unused(import, err);
	if (result < 0)
		renameat2(images, import->temporary_name, images, import->key, RENAME_EXCHANGE);
	return result;
}

static int fill_and_commit(const struct import *import, bool replace, struct hyfw_error **err)
{
	const struct hyfw_image image = { .size = sizeof(image), .created = (int64_t)time(NULL),
					  .format = import->source.links[0].header.format };
	int result = write_disk(import, err);

	if (result == 0)
		result = qcow2_config_write(import->qcow2, import->temporary, &image, err);
	if (result < 0)
		return result;
	if (fchmod(import->temporary, 0711) < 0 || fsync(import->temporary) < 0)
		return import->qcow2->host->fail(err, errno, "image %s: %s", import->name, strerror(errno));
	result = commit(import, replace, err);
	if (result == 0 && fsync(import->images) < 0)
		import->qcow2->host->log(HYFW_LOG_WARNING, "image %s: sync: %s", import->name, strerror(errno));
	return result;
}

static int import_opened(struct import *import, bool replace, struct hyfw_error **err)
{
	const struct hyfw_host *host = import->qcow2->host;
	int result = 0, removed;

	storage_sweep(host, import->images);
	if (faccessat(import->images, import->key, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		result = replace ? unused(import, err) : exists(import, err);
	if (result < 0)
		return result;
	import->temporary = storage_temporary_make(host, import->images, import->temporary_name, err);
	if (import->temporary < 0)
		return import->temporary;
	result = fill_and_commit(import, replace, err);
	/* What is left under the temporary name is a failure or the older image. */
	removed = storage_tree_remove(import->images, import->temporary_name);
	if (removed < 0)
		host->log(HYFW_LOG_WARNING, "image store: %s is left; it is removed later", import->temporary_name);
	close(import->temporary);
	return result;
}

int qcow2_import(void *instance, const char *name, const char *source, const struct hyfw_map *config,
		 bool replace, void (*progress)(uint64_t, uint64_t), struct hyfw_error **err)
{
	struct qcow2 *qcow2 = instance;
	struct import import = { .qcow2 = qcow2, .name = name, .progress = progress };
	int result = storage_image_key(qcow2->host, name, import.key, err);

	if (result == 0 && config && config->count > 0)
		result = qcow2->host->fail(err, EINVAL, "image %s: a disk has no default for '%s'", name,
					   config->items[0].key);
	if (result < 0)
		return result;
	import.arena = qcow2->host->arena_new();
	result = open_source(&import, source, err);
	if (result == 0) {
		import.images = qcow2_data_open(qcow2, "images", true, err);
		result = import.images < 0 ? import.images : import_opened(&import, replace, err);
		if (import.images >= 0)
			close(import.images);
		qcow2_chain_close(&import.source);
	}
	qcow2->host->arena_free(import.arena);
	return result;
}
