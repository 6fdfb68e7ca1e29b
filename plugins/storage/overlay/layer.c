/* SPDX-License-Identifier: BSD-3-Clause
 * The writable layer of a workload.  It is on the way of every start, so it
 * costs few system calls and nothing is synced. */
#include "overlay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define NOTE_LAYER "layer"
#define MAX_LAYERS 500

/* A layer is the directory "WORKLOAD+IMAGE": each further file would cost as much
 * to remove as the rest of the undo of a start. */
#define SEPARATOR '+'

static bool is_layer(const char *name)
{
	return name && name[0] != '.' && !strchr(name, '/') && strchr(name, SEPARATOR);
}

static int layer_name(struct overlay *overlay, const char *workload, const char *key,
		      char ret_layer[static NAME_MAX + 1], struct hyfw_error **err)
{
	int length;

	if (!workload || !workload[0] || workload[0] == '.' || strchr(workload, '/') || strchr(workload, SEPARATOR))
		return overlay->host->fail(err, EINVAL, "writable layer of '%s': not the name of a workload",
					   workload ? workload : "");
	length = snprintf(ret_layer, NAME_MAX + 1, "%s%c%s", workload, SEPARATOR, key);
	if (length > NAME_MAX)
		return overlay->host->fail(err, ENAMETOOLONG, "writable layer of %s: its name is too long", workload);
	return 0;
}

int overlay_layer_check(struct overlay *overlay, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const char *image = hyfw_map_get(&subject->settings, "image");
	struct statfs fs;
	int result;

	if (!image)
		return overlay->host->fail(err, EINVAL, "workload %s: image is not set", subject->name);
	result = overlay_image_exists(overlay, image, err);
	if (result < 0)
		return result;
	if (statfs(overlay_data(overlay), &fs) == 0 && fs.f_type == (__fsword_t)OVERLAYFS_SUPER_MAGIC)
		return overlay->host->fail(err, EINVAL,
					   "%s is on an overlay file system itself, which cannot hold a writable "
					   "layer; choose another directory with --root",
					   overlay_data(overlay));
	return 0;
}

int overlay_layer_plan(struct overlay *overlay, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		       struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = overlay->host;
	const char *image = hyfw_map_get(&subject->settings, "image"), *layer;
	char key[STORAGE_KEY_SIZE], name[NAME_MAX + 1];
	const struct hyfw_pair args[] = {
		{ "image", image },
		{ "uid", host->format(arena, "%u", subject->idmap.count ? subject->idmap.host_uid : 0) },
		{ "gid", host->format(arena, "%u", subject->idmap.count ? subject->idmap.host_gid : 0) },
		{ "count", host->format(arena, "%u", subject->idmap.count) },
		{ "workload", subject->workload },
	};
	struct hyfw_step step = {
		.size = sizeof(step),
		.verb = "layer",
		.lifetime = subject->transient ? HYFW_LIFETIME_RUN : HYFW_LIFETIME_WORKLOAD,
		.args = { sizeof(args) / sizeof(args[0]), args },
	};
	int result;

	if (!image)
		return host->fail(err, EINVAL, "workload %s: image is not set", subject->name);
	result = storage_image_key(overlay->host, image, key, err);
	if (result == 0)
		result = layer_name(overlay, subject->workload, key, name, err);
	if (result < 0)
		return result;
	layer = host->format(arena, "%s/layers/%s", overlay_data(overlay), name);
	step.object = host->format(arena, "writable layer of %s", subject->workload);
	step.summary = host->format(arena, "make a writable layer on image %s at %s", image, layer);
	step.commands = host->format(arena, "mkdir -p %s/upper %s/work", layer, layer);
	return host->plan_step(plan, &step, err);
}

/* Owner and mode that the upper directory gets: those of the image's own root,
 * its ids as the host sees them. */
static int image_root(struct overlay *overlay, const char *image, const char *key, const struct hyfw_map *args,
		      struct stat *ret_root, struct hyfw_error **err)
{
	int64_t count = hyfw_map_int(args, "count", 0);
	char path[STORAGE_KEY_SIZE + 16];
	int images = overlay_open(overlay, "images", false, err), result = 0;

	if (images < 0)
		return images;
	snprintf(path, sizeof(path), "%s/layers/0", key);
	if (fstatat(images, path, ret_root, AT_SYMLINK_NOFOLLOW) < 0)
		result = -errno;
	close(images);
	if (result == -ENOENT) /* with the nearest name */
		return overlay_image_exists(overlay, image, err) < 0 ?
			       -ENOENT :
			       overlay->host->fail(err, ENOENT, "image %s: has no layer", image);
	if (result < 0)
		return overlay->host->fail(err, -result, "image %s: %s", image, strerror(-result));
	if (count > 0) {
		ret_root->st_uid = (uid_t)hyfw_map_int(args, "uid", 0) + (ret_root->st_uid < count ? ret_root->st_uid : 0);
		ret_root->st_gid = (gid_t)hyfw_map_int(args, "gid", 0) + (ret_root->st_gid < count ? ret_root->st_gid : 0);
	}
	return 0;
}

static int make_owned(int dirfd, const char *name, const struct stat *as)
{
	if (mkdirat(dirfd, name, 0700) < 0)
		return -errno;
	if (fchownat(dirfd, name, as->st_uid, as->st_gid, AT_SYMLINK_NOFOLLOW) < 0 &&
	    !(errno == EPERM && geteuid() != 0))
		return -errno;
	return fchmodat(dirfd, name, as->st_mode & 07777, 0) < 0 ? -errno : 0;
}

/* The image is looked for after the layer has its name: see overlay_image_remove(). */
static int fill(struct overlay *overlay, int layer, const char *image, const char *key,
		const struct hyfw_map *args, struct hyfw_error **err)
{
	struct stat root;
	int result = image_root(overlay, image, key, args, &root, err);

	if (result < 0)
		return result;
	result = make_owned(layer, "upper", &root);
	if (result == 0)
		result = make_owned(layer, "work", &root);
	if (result < 0)
		return overlay->host->fail(err, -result, "make directory: %s", strerror(-result));
	return 0;
}

int overlay_layer_apply(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	struct overlay *overlay = instance;
	const struct hyfw_map *args = &call->step->args;
	const char *image = hyfw_map_get(args, "image"), *workload = hyfw_map_get(args, "workload");
	char key[STORAGE_KEY_SIZE], name[NAME_MAX + 1];
	int layers, layer, result;

	if (!image)
		return overlay->host->fail(err, EINVAL, "writable layer: damaged step");
	result = storage_image_key(overlay->host, image, key, err);
	if (result == 0)
		result = layer_name(overlay, workload, key, name, err);
	if (result < 0)
		return result;
	layers = overlay_open(overlay, "layers", true, err);
	if (layers < 0)
		return layers;
	/* Without a note undo() does nothing: a layer that is there already is not
	 * this step's. */
	if (faccessat(layers, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		result = overlay->host->fail(err, EEXIST,
					     "there is a writable layer of %s already; `hyfw recover` removes what "
					     "was left behind",
					     workload);
	else
		result = overlay->host->note(call, NOTE_LAYER, name, err);
	if (result == 0 && mkdirat(layers, name, 0700) < 0)
		result = overlay->host->fail(err, errno, "make writable layer of %s: %s", workload, strerror(errno));
	layer = result == 0 ? openat(layers, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (result == 0 && layer < 0)
		result = overlay->host->fail(err, errno, "open writable layer of %s: %s", workload, strerror(errno));
	if (result == 0)
		result = fill(overlay, layer, image, key, args, err);
	if (layer >= 0)
		close(layer);
	close(layers);
	return result;
}

int overlay_layer_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	struct overlay *overlay = instance;
	const char *layer = hyfw_map_get(&call->record, NOTE_LAYER);
	struct hyfw_error *missing = NULL;
	int layers, result;

	if (!is_layer(layer))
		return 0;
	layers = overlay_open(overlay, "layers", false, &missing);
	if (layers < 0) {
		overlay->host->forget(&missing);
		return 0;
	}
	result = overlay_remove(overlay, layers, layer, err);
	close(layers);
	return result < 0 ? overlay->host->wrap(err, "writable layer") : 0;
}

/* One that is there already is not the workload's, unless that was renamed before. */
static int rename_layer(struct overlay *overlay, const char *from, const char *to, struct hyfw_error **err)
{
	int layers = overlay_open(overlay, "layers", false, err), result = 0;

	if (layers < 0)
		return layers;
	if (renameat2(layers, from, layers, to, RENAME_NOREPLACE) < 0 &&
	    (errno != ENOENT || faccessat(layers, to, F_OK, AT_SYMLINK_NOFOLLOW) < 0))
		result = overlay->host->fail(err, errno, "writable layer %s: %s", to, strerror(errno));
	else if (fsync(layers) < 0)
		result = overlay->host->fail(err, errno, "writable layers: %s", strerror(errno));
	close(layers);
	return result;
}

int overlay_layer_rename(void *instance, const struct hyfw_subject *subject, const char *to,
			 struct hyfw_arena *arena, struct hyfw_map *ret_notes, struct hyfw_error **err)
{
	struct overlay *overlay = instance;
	const char *image = hyfw_map_get(&subject->settings, "image");
	char key[STORAGE_KEY_SIZE], from[NAME_MAX + 1], name[NAME_MAX + 1];
	struct hyfw_pair *notes = overlay->host->alloc(arena, sizeof(*notes));
	int result = image ? storage_image_key(overlay->host, image, key, err)
			   : overlay->host->fail(err, EINVAL, "workload %s: image is not set", subject->name);

	if (result == 0)
		result = layer_name(overlay, subject->workload, key, from, err);
	if (result == 0)
		result = layer_name(overlay, to, key, name, err);
	if (result == 0)
		result = rename_layer(overlay, from, name, err);
	if (result < 0)
		return result;
	notes[0] = (struct hyfw_pair){ NOTE_LAYER, overlay->host->format(arena, "%s", name) };
	*ret_notes = (struct hyfw_map){ 1, notes };
	return 0;
}

/* images/KEY/layers/0, 1, ... as absolute paths, uppermost first. */
static const char **lower_layers(struct overlay *overlay, int images, const char *key, struct hyfw_arena *arena)
{
	const char **lower;
	size_t count = 0, i;

	while (count < MAX_LAYERS) {
		char path[STORAGE_KEY_SIZE + 32];

		snprintf(path, sizeof(path), "%s/layers/%zu", key, count);
		if (faccessat(images, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
			break;
		count++;
	}
	if (count == 0)
		return NULL;
	lower = overlay->host->alloc(arena, (count + 1) * sizeof(*lower));
	for (i = 0; i < count; i++)
		lower[i] = overlay->host->format(arena, "%s/images/%s/layers/%zu", overlay_data(overlay), key,
						 count - 1 - i);
	return lower;
}

int overlay_layer_attachment(struct overlay *overlay, const struct hyfw_subject *subject,
			     struct hyfw_arena *arena, struct hyfw_attachment *ret_attachment,
			     struct hyfw_error **err)
{
	const struct hyfw_host *host = overlay->host;
	const char *image = hyfw_map_get(&subject->settings, "image");
	const char **lower, *data = overlay_data(overlay);
	char key[STORAGE_KEY_SIZE], name[NAME_MAX + 1];
	int images, result;

	if (subject->kind != HYFW_SUBJECT_ROOT || !image)
		return host->fail(err, EINVAL, "%s: overlay makes root file systems from images only",
				  subject->name ? subject->name : "");
	result = storage_image_key(overlay->host, image, key, err);
	if (result == 0)
		result = layer_name(overlay, subject->workload, key, name, err);
	if (result < 0)
		return result;
	images = overlay_open(overlay, "images", false, err);
	if (images < 0)
		return images;
	lower = lower_layers(overlay, images, key, arena);
	close(images);
	if (!lower) {
		result = overlay_image_exists(overlay, image, err);
		return result < 0 ? result : host->fail(err, ENOENT, "image %s: has no layer", image);
	}
	*ret_attachment = (struct hyfw_attachment){
		.size = sizeof(*ret_attachment),
		.kind = HYFW_ATTACHMENT_OVERLAY,
		.flags = HYFW_ATTACH_NODEV | (subject->idmap.count > 0 ? HYFW_ATTACH_IDMAP : 0u),
		.source_fd = -1,
		.lower = lower,
		.upper = host->format(arena, "%s/layers/%s/upper", data, name),
		.work = host->format(arena, "%s/layers/%s/work", data, name),
	};
	return 0;
}

/* ---- all layers ---- */

/* Calls 'each' for every layer until it returns non-zero. */
static int for_each_layer(struct overlay *overlay,
			  int (*each)(struct overlay *overlay, int layers, const char *layer,
				      const void *context, struct hyfw_error **err),
			  const void *context, struct hyfw_error **err)
{
	struct hyfw_error *missing = NULL;
	int fd = overlay_open(overlay, "layers", false, &missing), result = 0;
	struct dirent *entry;
	DIR *listing;

	if (fd == -ENOENT) {
		overlay->host->forget(&missing);
		return 0;
	}
	if (fd < 0) {
		*err = missing;
		return fd;
	}
	listing = fdopendir(fd);
	if (!listing) {
		close(fd);
		return overlay->host->fail(err, errno, "list writable layers: %s", strerror(errno));
	}
	while (result == 0 && (entry = readdir(listing)))
		if (is_layer(entry->d_name))
			result = each(overlay, fd, entry->d_name, context, err);
	closedir(listing);
	return result;
}

static int refuse_user(struct overlay *overlay, int layers, const char *layer, const void *key,
		       struct hyfw_error **err)
{
	const char *separator = strchr(layer, SEPARATOR);
	int length = (int)(separator - layer);

	(void)layers;
	if (strcmp(separator + 1, key) != 0)
		return 0;
	return overlay->host->fail(err, EBUSY, "the image is used by workload %.*s; `hyfw rm %.*s` first", length, layer,
				   length, layer);
}

int overlay_image_unused(struct overlay *overlay, const char *key, struct hyfw_error **err)
{
	return for_each_layer(overlay, refuse_user, key, err);
}

static int remove_dead(struct overlay *overlay, int layers, const char *layer, const void *context,
		       struct hyfw_error **err)
{
	const struct hyfw_alive *alive = context;

	if (hyfw_names_have(alive->workloads, layer, strcspn(layer, (const char[]){ SEPARATOR, '\0' })))
		return 0;
	return overlay_remove(overlay, layers, layer, err);
}

int overlay_layers_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	struct overlay *overlay = instance;
	struct hyfw_error *missing = NULL;
	int images = overlay_open(overlay, "images", false, &missing);

	overlay->host->forget(&missing);
	if (images >= 0) {
		storage_sweep(overlay->host, images);
		close(images);
	}
	return for_each_layer(overlay, remove_dead, alive, err);
}
