/* SPDX-License-Identifier: BSD-3-Clause
 * The descriptor of the cgroups driver, its instance and its keys.  The operations
 * are in operations.h. */
#include "operations.h"

#include <errno.h>

static int cgroups_open(const struct hyfw_host *host, const struct hyfw_map *settings, void **ret_instance,
			struct hyfw_error **err)
{
	struct cgroups *instance = calloc(1, sizeof(*instance));
	const char *mount = hyfw_map_get(settings, "mount");

	if (instance)
		instance->mount = strdup(mount ? mount : DEFAULT_MOUNT);
	if (!instance || !instance->mount) {
		free(instance);
		return host->fail(err, ENOMEM, "out of memory");
	}
	instance->host = host;
	*ret_instance = instance;
	return 0;
}

static void cgroups_close(void *data)
{
	struct cgroups *instance = data;

	if (!instance)
		return;
	hierarchy_finish(&instance->hierarchy);
	free(instance->mount);
	free(instance);
}

int cgroups_hierarchy(struct cgroups *instance, struct hyfw_error **err)
{
	int result;

	if (instance->found)
		return 0;
	result = hierarchy_find(instance->host, instance->mount, &instance->hierarchy, err);
	instance->found = result == 0;
	return result;
}

static const struct hyfw_common_ops common = {
	sizeof(common),
	.probe = hierarchy_probe,
	.open = cgroups_open,
	.check = cgroups_check,
	.plan = cgroups_plan,
	.apply = cgroups_apply,
	.undo = cgroups_undo,
	.gc = cgroups_gc,
	.close = cgroups_close,
};

static const struct hyfw_security_ops ops = {
	sizeof(ops),
	.confine = cgroups_confine,
	.stats = cgroups_stats,
	.freeze = cgroups_freeze,
	.kill = cgroups_kill,
	.update = cgroups_update,
	.report = cgroups_report,
	.explain = cgroups_explain,
};

static const char *const words[] = { HYFW_CONFINES_RESOURCES, NULL };
static const char *const honours[] = { "workload.cpus",	"workload.cpuset", "workload.cpu_shares",
				       "workload.pids", "workload.memory", "workload.memory_swap", "workload.io_max",
				       NULL };
static const struct hyfw_need needs[] = { { "kernel", "cgroups", false }, { NULL, NULL, false } };
static const char *const statistics_choices[] = { "auto", "yes", "no", NULL };
static const struct hyfw_option options[] = {
	{ .name = "mount", .scope = HYFW_SCOPE_PLUGIN, .type = HYFW_OPTION_PATH, .fallback = DEFAULT_MOUNT,
	  .help = "Where control groups are mounted; the directory of cgroup2, or the one above the controllers." },
	{ .name = "statistics", .scope = HYFW_SCOPE_WORKLOAD, .type = HYFW_OPTION_CHOICE, .fallback = "auto",
	  .choices = statistics_choices,
	  .help = "Count memory and CPU time also where no limit needs it; auto: for all but --rm workloads." },
	{ .name = NULL },
};

static const struct hyfw_plugin plugin = {
	.magic = HYFW_PLUGIN_MAGIC,
	.size = sizeof(plugin),
	.api_major = HYFW_API_MAJOR,
	.api_minor = HYFW_API_MINOR,
	.kind = HYFW_KIND_SECURITY,
	.name = "cgroups",
	.version = "0.1.0",
	.vendor = "hyfw",
	.summary = "limits on CPU, memory, disks and processes through control groups",
	.capabilities = words,
	.needs = needs,
	.options = options,
	.option_stride = sizeof(struct hyfw_option),
	.honours = honours,
	.state_version_min = 1,
	.state_version = 1,
	.common = &common,
	.ops = &ops,
};

HYFW_PLUGIN_EXPORT(HYFW_KIND_SECURITY, 0, plugin)
