/* SPDX-License-Identifier: BSD-3-Clause */
#include "qcow2.h"

#include <errno.h>

static int open_instance(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
			 struct hyfw_error **err)
{
	struct qcow2 *qcow2 = calloc(1, sizeof(*qcow2));

	(void)settings;
	if (!qcow2)
		return host->fail(err, ENOMEM, "out of memory");
	qcow2->host = host;
	*ret_instance = qcow2;
	return 0;
}

static void close_instance(void *instance)
{
	free(instance);
}

static int attachment(void *instance, const struct hyfw_subject *subject, const struct hyfw_map *record,
		      struct hyfw_arena *arena, struct hyfw_attachment *ret_attachment,
		      struct hyfw_error **err)
{
	struct qcow2 *qcow2 = instance;

	(void)record;
	(void)arena;
	(void)ret_attachment;
	return qcow2->host->fail(err, ENOTSUP, "%s: not a disk", subject->name);
}

static int operate(void *instance, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		   struct hyfw_error **err)
{
	return qcow2_operate(instance, operation, ret_result, err);
}

static const struct hyfw_common_ops common_ops = {
	.size = sizeof(common_ops),
	.open = open_instance,
	.close = close_instance,
};

static const struct hyfw_storage_ops storage_ops = {
	.size = sizeof(storage_ops),
	.attachment = attachment,
	.operate = operate,
};

static const char *const capabilities[] = { HYFW_GIVES_BLOCK, NULL };

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
	.option_stride = sizeof(struct hyfw_option),
	.state_version_min = 1,
	.state_version = 1,
	.common = &common_ops,
	.ops = &storage_ops,
};

HYFW_PLUGIN_EXPORT(HYFW_KIND_STORAGE, 0, descriptor)
