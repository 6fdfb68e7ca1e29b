/* SPDX-License-Identifier: BSD-3-Clause */
#include "dir.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int dir_open(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
		    struct hyfw_error **err)
{
	struct dir *dir = calloc(1, sizeof(*dir));

	(void)settings;
	if (!dir)
		return host->fail(err, ENOMEM, "out of memory");
	dir->host = host;
	*ret_instance = dir;
	return 0;
}

static void dir_close(void *instance)
{
	free(instance);
}

static const char *root_path(const struct hyfw_subject *subject)
{
	return hyfw_map_get(&subject->settings, "rootfs");
}

static int dir_check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	struct dir *dir = instance;
	int fd;

	if (subject->kind == HYFW_SUBJECT_VOLUME)
		return dir_volume_check(dir, subject, err);
	if (subject->kind != HYFW_SUBJECT_ROOT)
		return 0;
	if (!root_path(subject))
		return dir->host->fail(err, EINVAL, "workload %s: rootfs is not set", subject->name);
	fd = dir_source_open_root(dir, root_path(subject), err);
	if (fd < 0)
		return dir->host->wrap(err, "rootfs");
	close(fd);
	return 0;
}

static int dir_plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		    struct hyfw_arena *arena, struct hyfw_error **err)
{
	if (subject->kind == HYFW_SUBJECT_VOLUME)
		return dir_volume_plan(instance, subject, plan, arena, err);
	return 0; /* a root file system is used as it is */
}

static int dir_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	(void)alive; /* volumes are data: they stay until somebody removes them */
	return dir_volume_gc(instance, err);
}

static int dir_attachment(void *instance, const struct hyfw_subject *subject, const struct hyfw_map *record,
			  struct hyfw_arena *arena, struct hyfw_attachment *ret_attachment,
			  struct hyfw_error **err)
{
	struct dir *dir = instance;
	const char *path = NULL;
	uint32_t flags = HYFW_ATTACH_NODEV; /* device nodes here would be real ones */
	int fd;

	if (subject->kind == HYFW_SUBJECT_ROOT) {
		path = root_path(subject);
		if (!path)
			return dir->host->fail(err, EINVAL, "workload %s: rootfs is not set", subject->name);
		fd = dir_source_open_root(dir, path, err);
		if (fd < 0)
			return dir->host->wrap(err, "rootfs");
	} else {
		fd = dir_volume_open(dir, subject, record, arena, &path, err);
		if (fd < 0)
			return dir->host->wrap(err, "volume");
		/* a directory with a path of its own has the owner that somebody gave it */
		if (!hyfw_map_get(record, "path") && !hyfw_map_get(&subject->settings, "path"))
			flags |= HYFW_ATTACH_ADOPT;
	}
	*ret_attachment = (struct hyfw_attachment){
		.size = sizeof(*ret_attachment),
		.kind = HYFW_ATTACHMENT_BIND,
		.flags = flags | (subject->idmap.count > 0 ? HYFW_ATTACH_IDMAP : 0u),
		.source = dir->host->format(arena, "%s", path),
		.source_fd = fd,
	};
	return 0;
}

static const struct hyfw_common_ops common_ops = {
	.size = sizeof(common_ops),
	.open = dir_open,
	.check = dir_check,
	.plan = dir_plan,
	.apply = dir_volume_apply,
	.undo = dir_volume_undo,
	.gc = dir_gc,
	.close = dir_close,
};

static const struct hyfw_storage_ops storage_ops = {
	.size = sizeof(storage_ops),
	.attachment = dir_attachment,
	.volume_remove = dir_volume_remove,
};

static const char *const capabilities[] = { HYFW_GIVES_MOUNT, HYFW_KEEPS_VOLUMES, NULL };
static const char *const honours[] = { "workload.rootfs", "workload.volume", "volume.path", NULL };

static const struct hyfw_plugin descriptor = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(struct hyfw_plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_STORAGE,
	.name = "dir",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "A directory of the host as root file system or volume",
	.capabilities = capabilities,
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common_ops,
	.ops = &storage_ops,
};

HYFW_PLUGIN_EXPORT(HYFW_KIND_STORAGE, 0, descriptor)
