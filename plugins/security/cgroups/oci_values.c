/* SPDX-License-Identifier: BSD-3-Clause
 * From linux.resources (runtime-spec, config-linux.md#control-groups) to values in files.
 * A number of 0, or none, asks for nothing; -1 is no limit.  Each controller counts where
 * it is: what cgroup v1 has on this machine is written there, the rest to cgroup v2. */
#include "oci.h"

#include <errno.h>
#include <inttypes.h>

void oci_put(const struct oci_context *context, enum controller controller, unsigned flags, const char *key,
	     const char *file, const char *text)
{
	struct oci_writes *writes = context->writes;

	if (writes->count == writes->room) {
		size_t room = writes->room ? writes->room * 2 : 16;
		struct oci_write *items = context->host->alloc(context->arena, room * sizeof(*items));

		if (writes->count)
			memcpy(items, writes->items, writes->count * sizeof(*items));
		writes->items = items;
		writes->room = room;
	}
	writes->items[writes->count++] = (struct oci_write){ controller, flags, key, file, text };
}

void oci_put_number(const struct oci_context *context, enum controller controller, unsigned flags, const char *key,
		    const char *file, int64_t number)
{
	oci_put(context, controller, flags, key, file, context->host->format(context->arena, "%" PRId64, number));
}

bool oci_is_pure_v2(const struct hierarchy *hierarchy)
{
	int i;

	for (i = 0; i < CONTROLLER_COUNT; i++)
		if (hierarchy->v1[i] && i != CONTROLLER_SYSTEMD)
			return false;
	return hierarchy->unified != NULL;
}

/* The first member that asks the controller for something; NULL for none. */
static const char *asked_of(enum controller controller, const struct hyfw_oci_resources *r)
{
	switch (controller) {
	case CONTROLLER_CPU:
		if (oci_asked(r->cpu_shares))
			return "cpu.shares";
		if (oci_asked(r->cpu_quota) || oci_asked(r->cpu_period))
			return oci_asked(r->cpu_quota) ? "cpu.quota" : "cpu.period";
		if (r->cpu_burst.set || r->cpu_idle.set)
			return r->cpu_burst.set ? "cpu.burst" : "cpu.idle";
		return oci_asked(r->cpu_realtime_runtime) || oci_asked(r->cpu_realtime_period) ? "cpu.realtimeRuntime" :
												 NULL;
	case CONTROLLER_CPUSET:
		return r->cpus ? "cpu.cpus" : r->mems ? "cpu.mems" : NULL;
	case CONTROLLER_MEMORY:
		if (oci_asked(r->memory_limit) || oci_asked(r->memory_swap))
			return oci_asked(r->memory_limit) ? "memory.limit" : "memory.swap";
		if (oci_asked(r->memory_reservation) || oci_asked(r->memory_kernel))
			return oci_asked(r->memory_reservation) ? "memory.reservation" : "memory.kernel";
		if (oci_asked(r->memory_kernel_tcp) || r->memory_swappiness.set)
			return r->memory_swappiness.set ? "memory.swappiness" : "memory.kernelTCP";
		if (r->memory_disable_oom_killer)
			return "memory.disableOOMKiller";
		return oci_no_swap(r) ? "memory.swap" : NULL;
	case CONTROLLER_PIDS:
		return oci_asked(r->pids_limit) ? "pids.limit" : NULL;
	case CONTROLLER_BLKIO:
		if (oci_asked(r->block_weight) || oci_asked(r->block_leaf_weight))
			return oci_asked(r->block_weight) ? "blockIO.weight" : "blockIO.leafWeight";
		if (r->block_weight_device.count + r->block_leaf_weight_device.count)
			return "blockIO.weightDevice";
		return r->block_read_bps.count + r->block_write_bps.count + r->block_read_iops.count +
				       r->block_write_iops.count ? "blockIO.throttle" : NULL;
	case CONTROLLER_HUGETLB:
		return r->hugepage_count ? "hugepageLimits" : NULL;
	case CONTROLLER_RDMA:
		return r->rdma_count ? "rdma" : NULL;
	case CONTROLLER_NET_CLS:
		return oci_asked(r->network_class_id) ? "network.classID" : NULL;
	case CONTROLLER_NET_PRIO:
		return r->network_priorities.count ? "network.priorities" : NULL;
	default:
		return NULL;
	}
}

static bool is_unlimited(struct hyfw_oci_number number)
{
	return !oci_asked(number) || number.value < 0;
}

/* No group of that controller is no failure for who asks for no limit. */
static bool only_unlimited(enum controller controller, const struct hyfw_oci_resources *r)
{
	if (controller == CONTROLLER_PIDS)
		return is_unlimited(r->pids_limit);
	if (controller == CONTROLLER_MEMORY)
		return is_unlimited(r->memory_limit) && is_unlimited(r->memory_swap) &&
		       is_unlimited(r->memory_reservation) && is_unlimited(r->memory_kernel) &&
		       is_unlimited(r->memory_kernel_tcp) && !r->memory_swappiness.set &&
		       !r->memory_disable_oom_killer;
	return controller == CONTROLLER_CPU && is_unlimited(r->cpu_quota) && !oci_asked(r->cpu_shares) &&
	       !oci_asked(r->cpu_burst) && !oci_asked(r->cpu_idle) && is_unlimited(r->cpu_realtime_runtime) &&
	       !oci_asked(r->cpu_realtime_period) && !oci_asked(r->cpu_period);
}

/* "CONTROLLER.VALUE", of a controller that can be had here; "cgroup.*" is the core's. */
static int check_key(const struct oci_context *context, const char *key, struct hyfw_error **err)
{
	const struct hyfw_host *host = context->host;
	const size_t length = strcspn(key, ".");
	int i;

	if (length == 0 || !key[length] || strpbrk(key, "/ \t\n"))
		return host->fail(err, EINVAL, "linux.resources.unified: the specified key has not the form CONTROLLER.VALUE "
				  "`%s`", key);
	if (strncmp(key, "cgroup.", 7) == 0)
		return 0;
	for (i = 0; i < CONTROLLER_COUNT; i++) {
		const char *name = controller_v2_name(i);

		if (strlen(name) == length && strncmp(name, key, length) == 0 &&
		    (context->hierarchy->unified_has & CONTROLLER_BIT(i)))
			return 0;
	}
	if (strncmp(key, "misc.", 5) == 0 || strncmp(key, "dmem.", 5) == 0) /* linux.resources knows nothing of these */
		return 0;
	return host->fail(err, ENOTSUP, "linux.resources.unified: the requested cgroup controller `%.*s` is not available",
			  (int)length, key);
}

/* Keys of cgroup v2, written as they are, after all that comes from elsewhere. */
static int put_unified(const struct oci_context *context, const struct hyfw_map *unified, struct hyfw_error **err)
{
	const struct hyfw_host *host = context->host;
	size_t i;

	if (unified->count && !oci_is_pure_v2(context->hierarchy))
		return host->fail(err, ENOTSUP, "linux.resources.unified: invalid configuration: cannot be used with cgroup v1, "
				  "which has the controllers of this machine");
	for (i = 0; i < unified->count; i++) {
		const struct hyfw_pair *pair = &unified->items[i];

		const int result = check_key(context, pair->key, err);

		if (result < 0)
			return result;
		oci_put(context, CONTROLLER_COUNT, 0, host->format(context->arena, "unified.%s", pair->key), pair->key,
			pair->value);
	}
	return 0;
}

int oci_values(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
	       const struct hyfw_oci_resources *resources, int current, struct oci_writes *ret_writes,
	       struct hyfw_error **err)
{
	struct oci_writes writes = { 0 };
	const struct oci_context context = { host, arena, hierarchy, current, &writes };
	int i, result = 0;

	for (i = 0; result == 0 && i < CONTROLLER_COUNT; i++) {
		const char *key = asked_of(i, resources);

		if (!key)
			continue;
		if (hierarchy->v1[i])
			result = oci_v1_values(&context, i, resources, err);
		else if (oci_is_pure_v2(hierarchy) && (i == CONTROLLER_NET_CLS || i == CONTROLLER_NET_PRIO))
			result = host->fail(err, ENOTSUP, "linux.resources.%s: cgroup v2 has nothing for it", key);
		else if (hierarchy->unified_has & CONTROLLER_BIT(i))
			result = oci_v2_values(&context, i, resources, err);
		else if (!only_unlimited(i, resources))
			result = host->fail(err, ENOTSUP, "linux.resources.%s: this machine has no %s control group "
					    "controller", key, controller_names[i]);
	}
	if (result == 0)
		result = put_unified(&context, &resources->unified, err);
	if (result == 0)
		*ret_writes = writes;
	return result;
}

#define ANY_NODE(type_) { true, type_, DEVICE_ANY, DEVICE_ANY, DEVICE_MKNOD }
#define NODE(major_, minor_) { true, 'c', major_, minor_, DEVICE_ACCESS_ALL }

/* What runc and crun add behind the rules of every container: making nodes, and those
 * that config-linux.md#default-devices wants in each. */
static const struct device_rule defaults[] = {
	ANY_NODE('c'),
	ANY_NODE('b'),
	NODE(1, 3),	       /* null */
	NODE(1, 5),	       /* zero */
	NODE(1, 7),	       /* full */
	NODE(1, 8),	       /* random */
	NODE(1, 9),	       /* urandom */
	NODE(5, 0),	       /* tty */
	NODE(5, 1),	       /* console */
	NODE(5, 2),	       /* ptmx */
	NODE(136, DEVICE_ANY), /* pts */
};
#define DEFAULT_COUNT (sizeof(defaults) / sizeof(defaults[0]))

/* Every device for every use: the last word on all of them. */
static bool permits_all(const struct device_rule *rule)
{
	return rule->allow && rule->type == 'a' && rule->major == DEVICE_ANY && rule->minor == DEVICE_ANY &&
	       rule->access == DEVICE_ACCESS_ALL;
}

size_t oci_devices(const struct hyfw_host *host, struct hyfw_arena *arena,
		   const struct hyfw_oci_resources *resources, const struct device_rule **ret_rules)
{
	struct device_rule *rules = host->alloc(arena, (resources->device_count + DEFAULT_COUNT) * sizeof(*rules));
	size_t i, count = 0;
	bool all = false;

	for (i = 0; i < resources->device_count; i++) {
		const struct hyfw_oci_device_rule *rule = &resources->devices[i];
		unsigned access = (rule->read ? DEVICE_READ : 0u) | (rule->write ? DEVICE_WRITE : 0u) |
				  (rule->mknod ? DEVICE_MKNOD : 0u);

		if (!access)
			continue;
		rules[count] = (struct device_rule){ rule->allow, rule->type, rule->major, rule->minor, access };
		all = permits_all(&rules[count]) || (all && rule->allow);
		count++;
	}
	if (all)
		return 0;
	memcpy(rules + count, defaults, sizeof(defaults));
	*ret_rules = rules;
	return count + DEFAULT_COUNT;
}

static int fail_as_part(const struct hyfw_host *host, struct hyfw_error **err)
{
	return host->fail(err, ENOTSUP, "linux.resources.devices: a rule is about a part of the devices that a rule "
			  "before it is about, which cgroup v1 cannot keep");
}

int oci_devices_check(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
		      const struct hyfw_oci_resources *resources, struct hyfw_error **err)
{
	const struct device_rule *rules = NULL;
	const size_t count = oci_devices(host, arena, resources, &rules);
	struct device_list list = { 0 };

	if (device_rules_check(rules, count) < 0)
		return host->fail(err, EINVAL, "linux.resources.devices: has a rule that no kernel could be given");
	if (count == 0 || !hierarchy->v1[CONTROLLER_DEVICES])
		return 0;
	if (device_list_make(rules, count, &list) == -EOPNOTSUPP)
		return fail_as_part(host, err);
	free(list.items);
	return 0;
}

int oci_devices_refused(const struct hyfw_host *host, const struct group *group, int result, struct hyfw_error **err)
{
	if (result == -EOPNOTSUPP && !group->unified)
		return fail_as_part(host, err);
	return host->fail(err, -result, "linux.resources.devices: the kernel refuses the rules for %s: %s", group->path,
			  strerror(-result));
}
