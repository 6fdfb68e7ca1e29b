/* SPDX-License-Identifier: BSD-3-Clause
 * linux.resources; block devices are in block.c. */
#include <string.h>

#include "base/cleanup.h"
#include "oci/parts.h"

static struct hyfw_oci_number any(const struct oci_node *node, const char *name)
{
	return oci_number(node, name, INT64_MIN, INT64_MAX);
}

static struct hyfw_oci_number positive(const struct oci_node *node, const char *name)
{
	return oci_number(node, name, 0, INT64_MAX);
}

/* -1 is without a limit; a value too large for 64 bits with a sign is none either. */
static struct hyfw_oci_number limit(const struct oci_node *node, const char *name)
{
	return oci_number(node, name, -1, INT64_MAX);
}

static void read_memory(const struct oci_node *resources, struct hyfw_oci_resources *ret)
{
	struct oci_node memory;

	if (!oci_member(resources, "memory", json_type_object, &memory))
		return;
	ret->memory_limit = limit(&memory, "limit");
	ret->memory_reservation = limit(&memory, "reservation");
	ret->memory_swap = limit(&memory, "swap");
	ret->memory_kernel = limit(&memory, "kernel");
	ret->memory_kernel_tcp = limit(&memory, "kernelTCP");
	ret->memory_swappiness = oci_number(&memory, "swappiness", 0, 100);
	ret->memory_disable_oom_killer = oci_bool(&memory, "disableOOMKiller");
	ret->memory_use_hierarchy = oci_bool(&memory, "useHierarchy");
	ret->memory_check_before_update = oci_bool(&memory, "checkBeforeUpdate");
	if (ret->memory_swap.set && ret->memory_swap.value > 0 && ret->memory_limit.set &&
	    ret->memory_limit.value > ret->memory_swap.value)
		oci_fail_member(&memory, "swap", "less than limit, which it has in it");
}

static void read_cpu(const struct oci_node *resources, struct hyfw_oci_resources *ret)
{
	struct oci_node cpu;

	if (!oci_member(resources, "cpu", json_type_object, &cpu))
		return;
	ret->cpu_shares = positive(&cpu, "shares");
	ret->cpu_quota = any(&cpu, "quota");
	ret->cpu_burst = positive(&cpu, "burst");
	ret->cpu_period = positive(&cpu, "period");
	ret->cpu_realtime_runtime = any(&cpu, "realtimeRuntime");
	ret->cpu_realtime_period = positive(&cpu, "realtimePeriod");
	ret->cpu_idle = oci_number(&cpu, "idle", 0, 1);
	ret->cpus = oci_text(&cpu, "cpus");
	ret->mems = oci_text(&cpu, "mems");
	if (ret->cpus && !*ret->cpus)
		ret->cpus = NULL;
	if (ret->mems && !*ret->mems)
		ret->mems = NULL;
}

static void read_hugepages(const struct oci_node *resources, struct hyfw_oci_resources *ret)
{
	struct oci_node list, node;
	const size_t count = oci_list(resources, "hugepageLimits", &list);
	struct hyfw_oci_hugepages *limits = oci_array(resources, count, sizeof(*limits));
	size_t i;

	for (i = 0; i < count && oci_element(&list, i, json_type_object, &node); i++) {
		/* Go's runtimes do not mind the letters' case, and their clients have written it small. */
		limits[i].page_size = oci_text_needed(&node, oci_has(&node, "pagesize") ? "pagesize" : "pageSize");
		limits[i].limit = oci_u64(&node, "limit");
		if (strpbrk(limits[i].page_size, "/.")) /* part of a file's name */
			oci_fail_member(&node, "pageSize", "%s is not a size", limits[i].page_size);
	}
	ret->hugepages = limits;
	ret->hugepage_count = count;
}

/* ---- network ---- */

static void read_priorities(const struct oci_node *network, struct hyfw_oci_resources *ret)
{
	struct oci_node list, node;
	const size_t count = oci_list(network, "priorities", &list);
	struct hyfw_pair *pairs = oci_array(network, count, sizeof(*pairs));
	size_t i;

	for (i = 0; i < count && oci_element(&list, i, json_type_object, &node); i++) {
		pairs[i].key = oci_text_needed(&node, "name");
		pairs[i].value = hyfw_arena_format(network->reader->arena, "%u", oci_u32(&node, "priority", 0));
	}
	ret->network_priorities = (struct hyfw_map){ count, pairs };
}

static void read_network(const struct oci_node *resources, struct hyfw_oci_resources *ret)
{
	struct oci_node network;

	if (!oci_member(resources, "network", json_type_object, &network))
		return;
	ret->network_class_id = oci_number(&network, "classID", 0, UINT32_MAX);
	read_priorities(&network, ret);
}

static void read_rdma(const struct oci_node *resources, struct hyfw_oci_resources *ret)
{
	struct hyfw_oci_rdma *rdma;
	struct oci_node devices;
	struct json_object_iter at;

	if (!oci_member(resources, "rdma", json_type_object, &devices))
		return;
	rdma = oci_array(&devices, (size_t)json_object_object_length(devices.json), sizeof(*rdma));
	json_object_object_foreachC(devices.json, at) {
		struct hyfw_oci_rdma *device = &rdma[ret->rdma_count++];
		struct oci_node node;

		if (!oci_member(&devices, at.key, json_type_object, &node))
			break;
		device->device = hyfw_arena_dup(resources->reader->arena, at.key);
		device->handles = oci_number(&node, "hcaHandles", 0, UINT32_MAX);
		device->objects = oci_number(&node, "hcaObjects", 0, UINT32_MAX);
	}
	ret->rdma = rdma;
}

/* ---- devices ---- */

static void read_access(const struct oci_node *node, struct hyfw_oci_device_rule *rule)
{
	const char *access = oci_text(node, "access"), *at;

	if (!access || !*access)
		access = "rwm";
	if (access[strspn(access, "rwm")])
		oci_fail_member(node, "access", "%s is not of r, w and m", access);
	for (at = access; *at; at++) {
		rule->read = rule->read || *at == 'r';
		rule->write = rule->write || *at == 'w';
		rule->mknod = rule->mknod || *at == 'm';
	}
}

static int64_t device_number(const struct oci_node *node, const char *name)
{
	const struct hyfw_oci_number number = oci_number(node, name, -1, UINT32_MAX);

	return number.set ? number.value : -1;
}

static void read_rule(const struct oci_node *node, struct hyfw_oci_device_rule *rule)
{
	const char *type = oci_text(node, "type");

	if (!type || !*type)
		type = "a";
	if (strlen(type) != 1 || !strchr("abcu", *type))
		oci_fail_member(node, "type", "'%s' is not a, b or c", type);
	if (!oci_has(node, "allow"))
		oci_fail_member(node, "allow", "missing");
	rule->allow = oci_bool(node, "allow");
	rule->type = *type == 'u' ? 'c' : *type;
	rule->major = device_number(node, "major");
	rule->minor = device_number(node, "minor");
	read_access(node, rule);
}

static void read_rules(const struct oci_node *resources, struct hyfw_oci_resources *ret)
{
	struct oci_node list, node;
	const size_t count = oci_list(resources, "devices", &list);
	struct hyfw_oci_device_rule *rules = oci_array(resources, count, sizeof(*rules));
	size_t i;

	for (i = 0; i < count && oci_element(&list, i, json_type_object, &node); i++)
		read_rule(&node, &rules[i]);
	ret->devices = rules;
	ret->device_count = count;
}

/* ---- cgroup v2 ---- */

static void read_unified(const struct oci_node *resources, struct hyfw_oci_resources *ret)
{
	size_t i;

	ret->unified = oci_map(resources, "unified");
	for (i = 0; i < ret->unified.count; i++)
		if (strchr(ret->unified.items[i].key, '/') || !strchr(ret->unified.items[i].key, '.') ||
		    ret->unified.items[i].key[0] == '.')
			oci_fail_member(resources, "unified", "the specified key has not the form CONTROLLER.VALUE `%s`",
					ret->unified.items[i].key);
}

static void read_pids(const struct oci_node *resources, struct hyfw_oci_resources *ret)
{
	struct oci_node pids;

	if (oci_member(resources, "pids", json_type_object, &pids))
		ret->pids_limit = any(&pids, "limit");
}

void oci_read_resources(const struct oci_node *resources, struct hyfw_oci_resources *ret)
{
	read_memory(resources, ret);
	read_cpu(resources, ret);
	read_pids(resources, ret);
	oci_read_block(resources, ret);
	read_hugepages(resources, ret);
	read_network(resources, ret);
	read_rdma(resources, ret);
	read_rules(resources, ret);
	read_unified(resources, ret);
}
