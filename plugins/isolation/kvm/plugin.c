/* SPDX-License-Identifier: BSD-3-Clause
 * Isolation by virtual machines through libvirt: the descriptor of the driver. */
#include "libvirt/persist.h"

static void close_instance(void *instance)
{
	struct kvm_instance *kvm = instance;

	if (!kvm)
		return;
	kvm_run_free(kvm->run);
	free(kvm->uri);
	free(kvm->emulator);
	free(kvm);
}

static int open_instance(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
			 struct hyfw_error **err)
{
	const char *uri = hyfw_map_get(settings, "uri"), *emulator = hyfw_map_get(settings, "emulator");
	struct kvm_instance *kvm = calloc(1, sizeof(*kvm));

	if (kvm) {
		kvm->host = host;
		kvm->template_space = (uint64_t)hyfw_map_int(settings, "template_space", 0);
		kvm->uri = uri && *uri ? strdup(uri) : NULL;
		kvm->emulator = strdup(emulator ? emulator : KVM_EMULATOR);
	}
	if (!kvm || !kvm->emulator || (uri && *uri && !kvm->uri)) {
		close_instance(kvm);
		return host->fail(err, ENOMEM, "out of memory");
	}
	*ret_instance = kvm;
	return 0;
}

/* create() and start() are called in place of this. */
static int apply(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	/* Defined by create(), which has the whole of it: that it may be is in the journal now. */
	if (strcmp(call->step->verb, KVM_VERB_DEFINE) == 0)
		return 0;
	return ((struct kvm_instance *)instance)->host->fail(err, ENOSYS, "step %s is done by create and start",
							      call->step->verb);
}

static const char *const capabilities[] = {
	HYFW_TAKES_BLOCK, HYFW_TAKES_TAP, HYFW_TAKES_IDMAP, HYFW_TAKES_USER_NETWORK, HYFW_TAKES_NO_COMMAND,
	HYFW_HELD_BY_MONITOR, HYFW_TAKES_RESOURCES, HYFW_TAKES_LABELS, NULL,
};

static const struct hyfw_need needs[] = {
	{ "program", "qemu-system-x86_64", false },
	{ "package", "qemu-system-x86", false },
	{ "device", "/dev/kvm", true },
	{ 0 },
};

static const char *const honours[] = {
	"workload.image", "workload.disk", "workload.cdrom", "workload.disk_size", "workload.network",
	"workload.memory", "workload.read_only", "workload.terminal", "workload.interactive", "workload.userns",
	"workload.isolation", NULL,
};

static const struct hyfw_common_ops common = {
	.size = sizeof(common),
	.probe = kvm_probe,
	.open = open_instance,
	.check = kvm_check,
	.plan = kvm_plan,
	.apply = apply,
	.undo = kvm_undo,
	.gc = kvm_gc,
	.close = close_instance,
};

static const struct hyfw_isolation_ops ops = {
	.size = sizeof(ops),
	.create = kvm_create,
	.start = kvm_start,
	.wait = kvm_wait,
	.signal = kvm_signal,
	.pause = kvm_pause,
	.resume = kvm_resume,
	.stats = kvm_stats,
	.describe = kvm_describe,
	.overhead = kvm_overhead,
	.plug = kvm_plug,
	.operate = kvm_operate,
	.halted = kvm_halted,
	.lacks = kvm_lacks,
	.emulates = kvm_emulates,
};

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_ISOLATION,
	.name = "kvm",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "virtual machines: QEMU with KVM or without, through libvirt, no daemon needed",
	.capabilities = capabilities,
	.needs = needs,
	.options = kvm_options,
	.option_stride = sizeof(struct hyfw_option),
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};

HYFW_PLUGIN_EXPORT(HYFW_KIND_ISOLATION, 0, plugin)
