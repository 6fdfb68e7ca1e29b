/* SPDX-License-Identifier: BSD-3-Clause
 * A new image.  All is written into a temporary directory of the store, synced
 * once, and gets its name by rename(2): it is there whole or not at all.  Two
 * imports of one name do not wait for each other, the later one fails or, with
 * 'replace', replaces. */
#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "writer.h"

struct import {
	struct overlay *overlay;
	const char *name, *source;
	char key[STORAGE_KEY_SIZE];
	int images;          /* the store */
	int temporary;       /* descriptor that holds the lock of ... */
	char temporary_name[32];
	const struct hyfw_map *config;
	void (*progress)(uint64_t, uint64_t);
};

static int exists(const struct import *import, struct hyfw_error **err)
{
	return import->overlay->host->fail(err, EEXIST, "image %s: there is one of that name; --replace replaces it",
					   import->name);
}

/* Makes layers/0 in the temporary directory. */
static int make_layer(const struct import *import, struct hyfw_error **err)
{
	int fd = -1;

	if (mkdirat(import->temporary, "layers", 0700) == 0 && mkdirat(import->temporary, "layers/0", 0755) == 0 &&
	    fchmodat(import->temporary, "layers/0", 0755, 0) == 0)
		fd = openat(import->temporary, "layers/0", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return import->overlay->host->fail(err, errno, "make a layer: %s", strerror(errno));
	return fd;
}

static void tell_left_out(const struct import *import, const struct layer_writer *writer)
{
	const struct hyfw_host *host = import->overlay->host;
	struct stat st;

	if (writer->devices > 0)
		host->log(HYFW_LOG_INFO, "image %s: %lu devices and sockets were left out", import->name,
			  writer->devices);
	if (writer->xattrs > 0)
		host->log(HYFW_LOG_INFO, "image %s: %lu extended attributes were left out", import->name,
			  writer->xattrs);
	if (fstat(writer->root, &st) == 0 && (st.st_mode & 0005) != 0005)
		host->log(HYFW_LOG_WARNING, "image %s: its root directory has mode %04o: users other than root "
					    "cannot enter it",
			  import->name, st.st_mode & 07777);
}

static int write_layer(const struct import *import, int source, uint64_t *ret_bytes, struct hyfw_error **err)
{
	struct layer_writer writer = {
		.overlay = import->overlay,
		.source = import->source,
		.chown = geteuid() == 0,
		.progress = import->progress,
	};
	struct stat st;
	int result;

	writer.root = make_layer(import, err);
	if (writer.root < 0)
		return writer.root;
	if (fstat(source, &st) < 0)
		result = import->overlay->host->fail(err, errno, "%s: %s", import->source, strerror(errno));
	else if (S_ISDIR(st.st_mode))
		result = layer_import_directory(&writer, source, err);
	else
		result = layer_import_tar(&writer, source, err);
	if (result == 0) {
		tell_left_out(import, &writer);
		*ret_bytes = writer.bytes;
	}
	close(writer.root);
	return result;
}

/* Puts the finished directory in its place; an older image of the name is left
 * under the temporary one.  See overlay_image_remove() about users. */
static int commit(const struct import *import, bool replace, struct hyfw_error **err)
{
	int images = import->images, result;

	for (;;) {
		if (renameat2(images, import->temporary_name, images, import->key, RENAME_NOREPLACE) == 0)
			return 0;
		if (errno != EEXIST)
			break;
		if (!replace)
			return exists(import, err);
		if (renameat2(images, import->temporary_name, images, import->key, RENAME_EXCHANGE) == 0) {
			result = overlay_image_unused(import->overlay, import->key, err);
			if (result < 0)
				renameat2(images, import->temporary_name, images, import->key, RENAME_EXCHANGE);
			return result;
		}
		if (errno != ENOENT)
			break;
	}
	return import->overlay->host->fail(err, errno, "image %s: %s", import->name, strerror(errno));
}

static int fill_and_commit(const struct import *import, int source, bool replace, struct hyfw_error **err)
{
	struct hyfw_image image = { .size = sizeof(image), .layers = 1, .created = (int64_t)time(NULL) };
	int result = write_layer(import, source, &image.bytes, err);

	if (result < 0)
		return result;
	if (import->config)
		image.config = *import->config;
	result = overlay_manifest_write(import->overlay, import->temporary, &image, err);
	if (result < 0)
		return result;
	if (syncfs(import->temporary) < 0)
		return import->overlay->host->fail(err, errno, "image %s: sync: %s", import->name, strerror(errno));
	result = commit(import, replace, err);
	if (result == 0 && fsync(import->images) < 0)
		import->overlay->host->log(HYFW_LOG_WARNING, "image %s: sync: %s", import->name, strerror(errno));
	return result;
}

static int import_opened(struct import *import, int source, bool replace, struct hyfw_error **err)
{
	struct overlay *overlay = import->overlay;
	struct hyfw_error *left = NULL;
	int result;

	storage_sweep(overlay->host, import->images);
	if (faccessat(import->images, import->key, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		result = replace ? overlay_image_unused(overlay, import->key, err) : exists(import, err);
		if (result < 0)
			return result;
	}
	import->temporary = storage_temporary_make(overlay->host, import->images, import->temporary_name, err);
	if (import->temporary < 0)
		return import->temporary;
	result = fill_and_commit(import, source, replace, err);
	/* What is left under the temporary name is a failure or the older image. */
	if (overlay_remove(overlay, import->images, import->temporary_name, &left) < 0) {
		overlay->host->log(HYFW_LOG_WARNING, "image store: %s is left; it is removed later",
				   import->temporary_name);
		overlay->host->forget(&left);
	}
	close(import->temporary);
	return result;
}

int overlay_import(void *instance, const char *name, const char *source,
		   const struct hyfw_map *config, bool replace, void (*progress)(uint64_t, uint64_t),
		   struct hyfw_error **err)
{
	struct overlay *overlay = instance;
	struct import import = { .overlay = overlay, .name = name, .source = source, .config = config,
				 .progress = progress };
	int result = storage_image_key(overlay->host, name, import.key, err), fd;

	if (result == 0)
		result = overlay_config_check(overlay, config, err);
	if (result < 0)
		return result;
	fd = open(source, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return overlay->host->fail(err, errno, "%s: %s", source, strerror(errno));
	import.images = overlay_open(overlay, "images", true, err);
	if (import.images < 0) {
		close(fd);
		return import.images;
	}
	result = import_opened(&import, fd, replace, err);
	close(import.images);
	close(fd);
	return result;
}
