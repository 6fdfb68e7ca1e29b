/* SPDX-License-Identifier: BSD-3-Clause */
#include "qcow2.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "fast_disk.h"
#include "redo.h"

static int probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
		 struct hyfw_error **err)
{
	static const char *const places[] = { "/usr/sbin/qemu-img", "/usr/bin/qemu-img", "/sbin/qemu-img",
					      "/bin/qemu-img" };
	size_t i;

	(void)host;
	(void)arena;
	(void)err;
	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], X_OK) == 0)
			return 0;
	ret_probe->result = HYFW_PROBE_NO;
	ret_probe->reason = "there is no qemu-img; `apt install qemu-utils`";
	return 0;
}

static void close_instance(void *instance)
{
	struct qcow2 *qcow2 = instance;
	size_t i;

	if (!qcow2)
		return;
	qcow2_rooms_free(qcow2);
	qcow2_pools_free(qcow2);
	for (i = 0; qcow2->allowed && qcow2->allowed[i]; i++)
		free(qcow2->allowed[i]);
	free(qcow2->allowed);
	free(qcow2->real_data);
	free(qcow2);
}

/* As links lead: that is what names of files are compared with. */
static int read_allowed(struct qcow2 *qcow2, const struct hyfw_map *settings, struct hyfw_error **err)
{
	size_t cursor = 0, count = 0;
	const char *text;

	qcow2->allowed = calloc(settings->count + 1, sizeof(*qcow2->allowed));
	if (!qcow2->allowed)
		return qcow2->host->fail(err, ENOMEM, "out of memory");
	while ((text = hyfw_map_next(settings, "backing_allowed", &cursor))) {
		char *real = realpath(text, NULL);

		qcow2->allowed[count] = real ? real : strdup(text);
		if (!qcow2->allowed[count++])
			return qcow2->host->fail(err, ENOMEM, "out of memory");
	}
	return 0;
}

static int open_instance(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
			 struct hyfw_error **err)
{
	struct qcow2 *qcow2 = calloc(1, sizeof(*qcow2));
	int64_t most = hyfw_map_int(settings, "image_max_size", INT64_C(1) << 40);
	int result;

	if (!qcow2)
		return host->fail(err, ENOMEM, "out of memory");
	qcow2->host = host;
	qcow2->max_bytes = most > 0 ? (uint64_t)most : UINT64_MAX;
	result = qcow2_pools_read(qcow2, settings, err);
	if (result == 0)
		result = read_allowed(qcow2, settings, err);
	if (result < 0)
		close_instance(qcow2);
	else
		*ret_instance = qcow2;
	return result;
}

static int check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	switch (subject->kind) {
	case HYFW_SUBJECT_VOLUME: return qcow2_volume_check(instance, subject, err);
	case HYFW_SUBJECT_ROOT: return qcow2_root_check(instance, subject, err);
	case HYFW_SUBJECT_DISK: return qcow2_disk_check(instance, subject, err);
	default: return 0;
	}
}

static int plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *steps,
		struct hyfw_arena *arena, struct hyfw_error **err)
{
	switch (subject->kind) {
	case HYFW_SUBJECT_VOLUME: return qcow2_volume_plan(instance, subject, steps, arena, err);
	case HYFW_SUBJECT_ROOT: return qcow2_root_plan(instance, subject, steps, arena, err);
	case HYFW_SUBJECT_DISK: return qcow2_disk_plan(instance, subject, steps, arena, err);
	default: return 0;
	}
}

static int apply(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	if (strcmp(call->step->verb, "volume") == 0)
		return qcow2_volume_apply(instance, call, err);
	if (strcmp(call->step->verb, "disk") == 0)
		return qcow2_disk_apply(instance, call, err);
	return qcow2_root_apply(instance, call, err);
}

static int undo(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	if (strcmp(call->step->verb, "volume") == 0)
		return qcow2_volume_undo(instance, call, err);
	if (strcmp(call->step->verb, "disk") == 0)
		return qcow2_disk_undo(instance, call, err);
	return qcow2_root_undo(instance, call, err);
}

static int gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	struct qcow2 *qcow2 = instance;
	struct hyfw_error *missing = NULL;
	int images = qcow2_data_open(qcow2, "images", false, &missing);
	size_t i;

	if (images >= 0) {
		storage_sweep(qcow2->host, images);
		close(images);
	}
	qcow2->host->forget(&missing);
	for (i = 0; i < qcow2->pool_count; i++) {
		int pool = qcow2_pool_open(qcow2, &qcow2->pools[i], false, &missing);

		if (pool >= 0) {
			storage_sweep(qcow2->host, pool);
			close(pool);
		}
		qcow2->host->forget(&missing);
	}
	qcow2_redo_all(qcow2);
	fast_mounts_sweep(qcow2);
	fast_marks_sweep(qcow2);
	qcow2_use_gc(qcow2, alive->running);
	return qcow2_roots_gc(qcow2, alive, err);
}

static int attachment(void *instance, const struct hyfw_subject *subject, const struct hyfw_map *record,
		      struct hyfw_arena *arena, struct hyfw_attachment *ret_attachment,
		      struct hyfw_error **err)
{
	if (subject->kind == HYFW_SUBJECT_ROOT)
		return qcow2_root_attachment(instance, subject, arena, ret_attachment, err);
	return qcow2_disk_attachment(instance, subject, record, arena, ret_attachment, err);
}

static const struct hyfw_common_ops common_ops = {
	.size = sizeof(common_ops),
	.probe = probe,
	.open = open_instance,
	.check = check,
	.plan = plan,
	.apply = apply,
	.undo = undo,
	.gc = gc,
	.close = close_instance,
};

static const struct hyfw_storage_ops storage_ops = {
	.size = sizeof(storage_ops),
	.attachment = attachment,
	.image_import = qcow2_import,
	.image_list = qcow2_image_list,
	.image_get = qcow2_image_get,
	.image_remove = qcow2_image_remove,
	.volume_remove = qcow2_volume_remove,
	.operate = qcow2_operate,
	.image_accepts = qcow2_image_accepts,
	.rename = qcow2_root_rename,
};

static const char *const capabilities[] = { HYFW_GIVES_BLOCK, HYFW_KEEPS_IMAGES, HYFW_KEEPS_VOLUMES, NULL };
static const char *const honours[] = { "workload.image", "workload.disk", "workload.disk_size", NULL };
static const struct hyfw_need needs[] = {
	{ "program", "qemu-img", false },
	{ "package", "qemu-utils", false },
	{ 0 },
};
static const char *const formats[] = { "qcow2", "raw", NULL };
static const char *const preallocations[] = { "off", "metadata", "falloc", "full", NULL };
static const struct hyfw_option options[] = {
	{ .name = "image_max_size", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_SIZE, .fallback = "1T",
	  .help = "The largest disk that may be imported as an image; 0 for no limit." },
	{ .name = "backing_allowed", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_PATH, .flags = HYFW_OPTION_LIST,
	  .help = "Directories or files that disks elsewhere may be based on, beside those in their own directory." },
	{ .name = HYFW_OPTION_POOL, .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_STRING, .flags = HYFW_OPTION_LIST,
	  .help = "Filled in from the sections [pool NAME]; not to be set." },
	{ .name = "size", .scope = HYFW_SCOPE_VOLUME, .type = HYFW_OPTION_SIZE, .min = 512, .max = INT64_MAX,
	  .help = "Size of the disk; needed to make it." },
	{ .name = "format", .scope = HYFW_SCOPE_VOLUME, .type = HYFW_OPTION_CHOICE, .fallback = "qcow2",
	  .choices = formats, .help = "Format of the disk when it is made." },
	{ .name = "preallocation", .scope = HYFW_SCOPE_VOLUME, .type = HYFW_OPTION_CHOICE, .fallback = "off",
	  .choices = preallocations, .help = "How much of the disk is allocated when it is made." },
	{ .name = "pool", .scope = HYFW_SCOPE_VOLUME, .type = HYFW_OPTION_NAME, .fallback = QCOW2_POOL_DEFAULT,
	  .help = "The pool that keeps it." },
	{ 0 },
};

static const struct hyfw_plugin descriptor = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(struct hyfw_plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_STORAGE,
	.name = "qcow2",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "Disk images of machines: images, writable overlays, volumes",
	.capabilities = capabilities,
	.needs = needs,
	.options = options,
	.option_stride = sizeof(struct hyfw_option),
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common_ops,
	.ops = &storage_ops,
};

HYFW_PLUGIN_EXPORT(HYFW_KIND_STORAGE, 0, descriptor)
