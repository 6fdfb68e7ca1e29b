/* SPDX-License-Identifier: BSD-3-Clause */
#include "overlay.h"

#include <errno.h>
#include <stdio.h>

static int probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
		 struct hyfw_error **err)
{
	FILE *list = fopen("/proc/filesystems", "re");
	bool found = false;
	char line[128];

	(void)arena;
	if (!list)
		return host->fail(err, errno, "/proc/filesystems: %s", strerror(errno));
	while (!found && fgets(line, sizeof(line), list))
		found = strcmp(line, "nodev\toverlay\n") == 0;
	fclose(list);
	ret_probe->result = found ? HYFW_PROBE_OK : HYFW_PROBE_NO;
	ret_probe->reason = found ? NULL : "this kernel has no overlay file system loaded; `modprobe overlay`";
	return 0;
}

/* Without a configuration, as in a command that reads none, 'fallback'. */
static uint64_t limit(const struct hyfw_map *settings, const char *key, int64_t fallback)
{
	int64_t value = hyfw_map_int(settings, key, fallback);

	return value > 0 ? (uint64_t)value : UINT64_MAX;
}

static int open_instance(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
			 struct hyfw_error **err)
{
	struct overlay *overlay = calloc(1, sizeof(*overlay));

	if (!overlay)
		return host->fail(err, ENOMEM, "out of memory");
	overlay->host = host;
	overlay->max_bytes = limit(settings, "image_max_size", INT64_C(256) << 30);
	overlay->max_files = limit(settings, "image_max_files", 4000000);
	*ret_instance = overlay;
	return 0;
}

static void close_instance(void *instance)
{
	free(instance);
}

static int check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	struct overlay *overlay = instance;

	if (subject->kind == HYFW_SUBJECT_VOLUME)
		return overlay->host->fail(err, ENOTSUP, "volume %s: overlay keeps no volumes; use driver = dir",
					   subject->name);
	if (subject->kind != HYFW_SUBJECT_ROOT)
		return 0;
	return overlay_layer_check(overlay, subject, err);
}

static int plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *steps,
		struct hyfw_arena *arena, struct hyfw_error **err)
{
	if (subject->kind != HYFW_SUBJECT_ROOT)
		return 0;
	return overlay_layer_plan(instance, subject, steps, arena, err);
}

static int attachment(void *instance, const struct hyfw_subject *subject, const struct hyfw_map *record,
		      struct hyfw_arena *arena, struct hyfw_attachment *ret_attachment,
		      struct hyfw_error **err)
{
	(void)record; /* the layer is where its workload's name says */
	return overlay_layer_attachment(instance, subject, arena, ret_attachment, err);
}

static const struct hyfw_common_ops common_ops = {
	.size = sizeof(common_ops),
	.probe = probe,
	.open = open_instance,
	.check = check,
	.plan = plan,
	.apply = overlay_layer_apply,
	.undo = overlay_layer_undo,
	.gc = overlay_layers_gc,
	.close = close_instance,
};

static const struct hyfw_storage_ops storage_ops = {
	.size = sizeof(storage_ops),
	.attachment = attachment,
	.image_import = overlay_import,
	.image_list = overlay_image_list,
	.image_get = overlay_image_get,
	.image_remove = overlay_image_remove,
	.image_accepts = overlay_accepts,
	.rename = overlay_layer_rename,
};

static const char *const capabilities[] = { HYFW_GIVES_MOUNT, HYFW_KEEPS_IMAGES, NULL };
static const char *const honours[] = { "workload.image", NULL };
static const struct hyfw_need needs[] = {
	{ "kernel", "overlay", false },
	{ 0 },
};
static const struct hyfw_option options[] = {
	{ .name = "image_max_size", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_SIZE, .fallback = "256G",
	  .help = "The largest image that may be imported; 0 for no limit." },
	{ .name = "image_max_files", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_INT, .fallback = "4000000",
	  .max = INT64_MAX, .help = "The most files that an imported image may hold; 0 for no limit." },
	{ 0 },
};

static const struct hyfw_plugin descriptor = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(struct hyfw_plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_STORAGE,
	.name = "overlay",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "Images as shared layers, with a writable layer for each workload",
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
