/* SPDX-License-Identifier: BSD-3-Clause
 * Isolation by Linux namespaces: the descriptor of the driver. */
#include "ns.h"

static int open_instance(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
			 struct hyfw_error **err)
{
	struct ns_instance *instance = calloc(1, sizeof(*instance));

	(void)settings;
	if (!instance)
		return host->fail(err, ENOMEM, "out of memory");
	instance->host = host;
	*ret_instance = instance;
	return 0;
}

static void close_instance(void *instance)
{
	struct ns_instance *this = instance;

	while (this && this->handles)
		ns_handle_drop(this, this->handles);
	free(this);
}

static const char *const capabilities[] = {
	HYFW_TAKES_MOUNTS, HYFW_TAKES_INTERFACE, HYFW_TAKES_IDMAP, HYFW_TAKES_RESOURCES, HYFW_TAKES_PRIVILEGES,
	HYFW_TAKES_SYSCALLS, HYFW_TAKES_LABELS, NULL,
};

static const struct hyfw_need needs[] = {
	{ "kernel", "clone3, openat2, mount_setattr (5.12), overlay with mapped layers (5.19)", false },
	{ "kernel", "namespaces cgroup ipc mnt net pid time uts", false },
	{ "kernel", "namespace user", true },
	{ "capability", "CAP_SYS_ADMIN", false },
	{ 0 },
};

static const char *const honours[] = {
	"workload.command", "workload.entrypoint", "workload.env", "workload.workdir", "workload.user",
	"workload.hostname", "workload.read_only", "workload.tmpfs", "workload.volume", "workload.terminal",
	"workload.interactive", "workload.userns", "workload.image", "workload.rootfs", "workload.network",
	"workload.isolation", "workload.systemd", NULL,
};

static const struct hyfw_common_ops common = {
	.size = sizeof(common),
	.probe = ns_probe,
	.open = open_instance,
	.check = ns_check,
	.plan = ns_plan,
	.apply = ns_apply,
	.undo = ns_undo,
	.close = close_instance,
};

static const struct hyfw_isolation_ops ops = {
	.size = sizeof(ops),
	.create = ns_create,
	.start = ns_start,
	.wait = ns_wait,
	.signal = ns_signal,
	.exec = ns_exec,
	.describe = ns_describe,
};

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_ISOLATION,
	.name = "namespaces",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "containers: all eight Linux namespaces, own id range, private root file system",
	.capabilities = capabilities,
	.needs = needs,
	.option_stride = sizeof(struct hyfw_option),
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};

HYFW_PLUGIN_EXPORT(HYFW_KIND_ISOLATION, 0, plugin);
