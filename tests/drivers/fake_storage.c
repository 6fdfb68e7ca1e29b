/* SPDX-License-Identifier: BSD-3-Clause
 * A storage driver that only pretends: what it gives is the directory that the
 * setting 'rootfs' or 'path' names.  See fake.h.
 *
 * Built again with FAKE_BLOCK as fake-block and qcow2, which give disks: the file
 * that 'source' of the disk or 'path' of the volume names. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <hyfw/storage.h>

#include "fake.h"

#ifndef NAME
#define NAME "fake-storage"
#endif

static int open_storage(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
			struct hyfw_error **err)
{
	return fake_open(host, NAME, settings, ret_instance, err);
}

static int plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *the_plan,
		struct hyfw_arena *arena, struct hyfw_error **err)
{
	enum hyfw_lifetime lifetime = subject->transient ? HYFW_LIFETIME_RUN : HYFW_LIFETIME_WORKLOAD;

	if (subject->kind == HYFW_SUBJECT_VOLUME)
		return fake_step(instance, the_plan, "make-volume", subject->name, HYFW_LIFETIME_SHARED, err);
	if (subject->kind == HYFW_SUBJECT_DISK)
		return fake_step(instance, the_plan, "hand-over",
				 ((struct fake *)instance)->host->format(arena, "%s.disk%u", subject->workload, subject->index),
				 HYFW_LIFETIME_RUN, err);
	return fake_step(instance, the_plan, "make-root", subject->name, lifetime, err);
}

#ifndef FAKE_BLOCK
static int attachment(void *instance, const struct hyfw_subject *subject, const struct hyfw_map *record,
		      struct hyfw_arena *arena, struct hyfw_attachment *ret_attachment, struct hyfw_error **err)
{
	struct fake *fake = instance;
	const char *path = hyfw_map_get(&subject->settings, subject->kind == HYFW_SUBJECT_ROOT ? "rootfs" : "path");
	int result = fake_fails(fake, "attachment", err);

	(void)record;
	if (result < 0)
		return result;
	if (!path)
		path = fake->host->directory(fake->driver, HYFW_DIRECTORY_DATA);
	ret_attachment->kind = HYFW_ATTACHMENT_BIND;
	ret_attachment->flags = HYFW_ATTACH_NOSUID | HYFW_ATTACH_NODEV;
	ret_attachment->source = fake->host->format(arena, "%s", path);
	ret_attachment->source_fd = -1;
	return 0;
}
#else
static int attachment(void *instance, const struct hyfw_subject *subject, const struct hyfw_map *record,
		      struct hyfw_arena *arena, struct hyfw_attachment *ret_attachment, struct hyfw_error **err)
{
	struct fake *fake = instance;
	const char *source = hyfw_map_get(&subject->disk, "source"), *format = hyfw_map_get(&subject->disk, "format");

	(void)record;
	if (!source || *source != '/')
		source = hyfw_map_get(&subject->settings, "path");
	ret_attachment->kind = HYFW_ATTACHMENT_BLOCK;
	ret_attachment->source = fake->host->format(arena, "%s", source ? source : "/dev/null");
	ret_attachment->source_fd = -1;
	ret_attachment->format = format ? format : "raw";
	ret_attachment->options = subject->disk;
	return fake_fails(fake, "attachment", err);
}
#endif

static int operate(void *instance, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		   struct hyfw_error **err)
{
	struct fake *fake = instance;

	if (strcmp(operation->verb, "echo") != 0)
		return fake->host->fail(err, ENOTSUP, "there is no operation %s", operation->verb);
	*ret_result = operation->args;
	return fake_fails(fake, "operate", err);
}

/* The trace of its step goes by the new name. */
static int rename_root(void *instance, const struct hyfw_subject *subject, const char *to, struct hyfw_arena *arena,
		       struct hyfw_map *ret_notes, struct hyfw_error **err)
{
	struct fake *fake = instance;
	const struct hyfw_host *host = fake->host;
	const char *directory = host->directory(fake->driver, HYFW_DIRECTORY_RUNTIME);
	const char *trace = host->format(arena, "make-root.%s", to);
	struct hyfw_pair *note = host->alloc(arena, sizeof(*note));
	int result = fake_fails(fake, "rename", err);

	if (result < 0)
		return result;
	if (rename(host->format(arena, "%s/make-root.%s", directory, subject->workload),
		   host->format(arena, "%s/%s", directory, trace)) < 0 && errno != ENOENT)
		return host->fail(err, errno, "rename %s: %s", trace, strerror(errno));
	*note = (struct hyfw_pair){ "trace", trace };
	*ret_notes = (struct hyfw_map){ 1, note };
	return 0;
}

static const struct hyfw_common_ops common = {
	.size = sizeof(common),
	.probe = fake_probe,
	.open = open_storage,
	.check = fake_check,
	.plan = plan,
	.apply = fake_apply,
	.undo = fake_undo,
	.gc = fake_gc,
	.close = fake_close,
};
static const struct hyfw_storage_ops ops = { .size = sizeof(ops), .attachment = attachment, .operate = operate,
					     .rename = rename_root };
static const struct hyfw_option options[] = { FAKE_OPTIONS };
#ifdef FAKE_BLOCK
static const char *const capabilities[] = { HYFW_GIVES_BLOCK, HYFW_KEEPS_VOLUMES, NULL };
#else
static const char *const capabilities[] = { HYFW_GIVES_MOUNT, HYFW_KEEPS_VOLUMES, NULL };
#endif
static const char *const honours[] = { "workload.rootfs", "workload.volume", "volume.path", NULL };

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_STORAGE,
	.name = NAME,
	.version = "1",
	.vendor = "hyfw tests",
	.summary = "storage that is not there",
	.capabilities = capabilities,
	.options = options,
	.option_stride = sizeof(options[0]),
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};
HYFW_PLUGIN_EXPORT(HYFW_KIND_STORAGE, 0, plugin)
