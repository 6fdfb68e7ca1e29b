/* SPDX-License-Identifier: BSD-3-Clause
 * Names and properties of a scope (systemd.scope(5), systemd.slice(5),
 * systemd.resource-control(5), org.freedesktop.systemd1(5)), as runc and crun choose them. */
#include "systemd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define SLICE ".slice"

/* "a-b.slice" is "/a.slice/a-b.slice", "-.slice" the top. */
static char *expand_slice(const struct hyfw_host *host, struct hyfw_arena *arena, const char *slice)
{
	const size_t length = strlen(slice), tail = strlen(SLICE);
	char *path = host->format(arena, "%s", "");
	size_t i, name = length - tail;

	if (length <= tail || strcmp(slice + name, SLICE) != 0 || strpbrk(slice, "/ \t\n"))
		return NULL;
	if (strcmp(slice, "-" SLICE) == 0)
		return path;
	for (i = 1; i <= name; i++) {
		if (slice[i - 1] == '-' && (i == 1 || i == name || slice[i] == '-'))
			return NULL;
		if (slice[i] == '-' || i == name)
			path = host->format(arena, "%s/%.*s" SLICE, path, (int)i, slice);
	}
	return path;
}

static bool unit_ok(const char *unit)
{
	return *unit && strlen(unit) < 256 &&
	       strspn(unit, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@") == strlen(unit);
}

/* Where the user's own systemd has its groups: this process is in one of them. */
static char *user_manager(const struct hyfw_host *host, struct hyfw_arena *arena)
{
	char own[8192], mark[64], *line, *found;

	snprintf(mark, sizeof(mark), "/user@%u.service", (unsigned)geteuid());
	if (geteuid() == 0 || file_read(AT_FDCWD, "/proc/self/cgroup", own, sizeof(own)) <= 0 ||
	    !(found = strstr(own, mark)))
		return host->format(arena, "%s", "");
	found[strlen(mark)] = '\0';
	line = strrchr(own, ':');
	return host->format(arena, "%s", line ? line + 1 : "");
}

int scope_parse(const struct hyfw_host *host, struct hyfw_arena *arena, const char *cgroups_path, const char *id,
		struct scope *ret_scope, struct hyfw_error **err)
{
	const char *text = cgroups_path && *cgroups_path ? cgroups_path : host->format(arena, ":%s:%s", host->owner, id);
	char *slice = host->format(arena, "%s", text), *prefix = strchr(slice, ':');
	char *name = prefix ? strchr(prefix + 1, ':') : NULL;
	struct scope scope;
	const char *above;

	if (!name || strchr(name + 1, ':'))
		return host->fail(err, EINVAL, "linux.cgroupsPath: expected cgroupsPath to be of format \"slice:prefix:name\" "
				  "for systemd cgroups, got \"%s\" instead", text);
	*prefix++ = *name++ = '\0';
	scope.slice = *slice ? slice : geteuid() == 0 ? "system" SLICE : "user" SLICE;
	if (strlen(name) > strlen(SLICE) && strcmp(name + strlen(name) - strlen(SLICE), SLICE) == 0)
		scope.unit = name;
	else
		scope.unit = host->format(arena, "%s%s%s.scope", prefix, *prefix ? "-" : "", name);
	above = expand_slice(host, arena, scope.slice);
	if (!above || !*name || !unit_ok(scope.unit))
		return host->fail(err, EINVAL, "linux.cgroupsPath: \"%s\" is not the name of a %s of systemd",
				  above ? scope.unit : scope.slice, above ? "unit" : "slice");
	scope.path = host->format(arena, "%s%s/%s", user_manager(host, arena), above, scope.unit);
	*ret_scope = scope;
	return 0;
}

/* ---- properties ---- */

void scope_put(const struct hyfw_host *host, struct hyfw_arena *arena, struct scope_properties *properties,
	       const char *text)
{
	if (properties->count == properties->room) {
		size_t room = properties->room ? properties->room * 2 : 32;
		const char **items = host->alloc(arena, room * sizeof(*items));

		if (properties->count)
			memcpy(items, properties->items, properties->count * sizeof(*items));
		properties->items = items;
		properties->room = room;
	}
	properties->items[properties->count++] = text;
}

/* Below zero is without a limit. */
static void put_number(const struct hyfw_host *host, struct hyfw_arena *arena, struct scope_properties *properties,
		       const char *name, int64_t value)
{
	scope_put(host, arena, properties,
	    host->format(arena, "t %s %" PRIu64, name, value < 0 ? UINT64_MAX : (uint64_t)value));
}

#define PERIOD_US 100000
#define PART_US 10000 /* systemd.resource-control(5): CPUQuota= in whole percents */

static void put_quota(const struct hyfw_host *host, struct hyfw_arena *arena, struct scope_properties *properties,
		      const struct hyfw_oci_resources *r)
{
	const int64_t period = oci_asked(r->cpu_period) ? r->cpu_period.value : PERIOD_US;
	int64_t each = -1;

	if (oci_asked(r->cpu_period))
		put_number(host, arena, properties, "CPUQuotaPeriodUSec", period);
	if (!oci_asked(r->cpu_quota))
		return;
	if (r->cpu_quota.value > 0 && r->cpu_quota.value < INT64_MAX / 1000000) {
		each = r->cpu_quota.value * 1000000 / period;
		each = (each + PART_US - 1) / PART_US * PART_US;
	}
	put_number(host, arena, properties, "CPUQuotaPerSecUSec", each);
}

/* "0-3,7" as the bits that systemd takes, lowest first. */
static void put_list(const struct hyfw_host *host, struct hyfw_arena *arena, struct scope_properties *properties,
		     const char *name, const char *list)
{
	uint8_t bits[1024] = { 0 };
	unsigned long first, last, most = 0;
	char *text, *end;
	size_t i;

	while (*list >= '0' && *list <= '9') {
		first = last = strtoul(list, &end, 10);
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (last < first || last >= sizeof(bits) * 8 || (*end && *end != ','))
			return; /* the kernel refuses it when it is written */
		for (; first <= last; first++)
			bits[first / 8] |= (uint8_t)(1u << first % 8);
		most = last / 8 > most ? last / 8 : most;
		list = end + (*end == ',');
	}
	text = host->alloc(arena, 2 * (most + 1) + 1);
	for (i = 0; i <= most; i++)
		snprintf(text + 2 * i, 3, "%02x", bits[i]);
	scope_put(host, arena, properties, host->format(arena, "ay %s %s", name, text));
}

static void v2_limits(const struct hyfw_host *host, struct hyfw_arena *arena, struct scope_properties *properties,
		      const struct hyfw_oci_resources *r)
{
	if (oci_asked(r->memory_limit))
		put_number(host, arena, properties, "MemoryMax", r->memory_limit.value);
	if (oci_asked(r->memory_reservation))
		put_number(host, arena, properties, "MemoryLow", r->memory_reservation.value);
	if (oci_no_swap(r))
		put_number(host, arena, properties, "MemorySwapMax", 0);
	else if (oci_asked(r->memory_swap) && r->memory_swap.value < 0)
		put_number(host, arena, properties, "MemorySwapMax", -1);
	else if (oci_asked(r->memory_swap) && r->memory_limit.value > 0 && r->memory_swap.value >= r->memory_limit.value)
		put_number(host, arena, properties, "MemorySwapMax", r->memory_swap.value - r->memory_limit.value);
	if (oci_asked(r->cpu_shares) && !oci_asked(r->cpu_idle))
		put_number(host, arena, properties, "CPUWeight", v2_weight((uint64_t)r->cpu_shares.value));
	if (r->cpus)
		put_list(host, arena, properties, "AllowedCPUs", r->cpus);
	if (r->mems)
		put_list(host, arena, properties, "AllowedMemoryNodes", r->mems);
}

/* Files of cgroup v2 that systemd has properties for: it would write its own values over them. */
static void put_unified(const struct hyfw_host *host, struct hyfw_arena *arena, struct scope_properties *properties,
			const struct hyfw_map *unified)
{
	static const struct {
		const char *file, *property;
	} numbers[] = {
		{ "cpu.weight", "CPUWeight" },	     { "io.weight", "IOWeight" },      { "memory.min", "MemoryMin" },
		{ "memory.low", "MemoryLow" },	     { "memory.high", "MemoryHigh" },  { "memory.max", "MemoryMax" },
		{ "memory.swap.max", "MemorySwapMax" }, { "pids.max", "TasksMax" },
	};
	const char *quota = hyfw_map_get(unified, "cpu.max"), *cpus = hyfw_map_get(unified, "cpuset.cpus"),
		   *mems = hyfw_map_get(unified, "cpuset.mems");
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const char *text = hyfw_map_get(unified, numbers[i].file);

		if (text && strcmp(text, "max") == 0)
			put_number(host, arena, properties, numbers[i].property, -1);
		else if (text && *text && text[strspn(text, "0123456789")] == '\0')
			scope_put(host, arena, properties, host->format(arena, "t %s %s", numbers[i].property, text));
	}
	if (quota) {
		struct hyfw_oci_resources r = { .cpu_quota = { true, -1 }, .cpu_period = { true, PERIOD_US } };

		if (strncmp(quota, "max", 3) != 0)
			r.cpu_quota.value = strtoll(quota, NULL, 10);
		if (strchr(quota, ' ') && strtoll(strchr(quota, ' '), NULL, 10) > 0)
			r.cpu_period.value = strtoll(strchr(quota, ' '), NULL, 10);
		put_quota(host, arena, properties, &r);
	}
	if (cpus && *cpus)
		put_list(host, arena, properties, "AllowedCPUs", cpus);
	if (mems && *mems)
		put_list(host, arena, properties, "AllowedMemoryNodes", mems);
}

void scope_limits(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
		  const struct hyfw_oci_resources *r, struct scope_properties *properties)
{
	if (oci_is_pure_v2(hierarchy)) {
		v2_limits(host, arena, properties, r);
	} else {
		if (oci_asked(r->memory_limit))
			put_number(host, arena, properties, "MemoryLimit", r->memory_limit.value);
		if (oci_asked(r->cpu_shares))
			put_number(host, arena, properties, "CPUShares", r->cpu_shares.value);
		if (oci_asked(r->block_weight))
			put_number(host, arena, properties, "BlockIOWeight", r->block_weight.value);
	}
	put_quota(host, arena, properties, r);
	if (oci_asked(r->pids_limit))
		put_number(host, arena, properties, "TasksMax", r->pids_limit.value);
	if (oci_is_pure_v2(hierarchy))
		put_unified(host, arena, properties, &r->unified);
}

/* systemd knows what is permitted, not what is denied in between: such rules are only in
 * the group itself. */
static void put_devices(const struct hyfw_host *host, struct hyfw_arena *arena, struct scope_properties *properties,
			const struct hyfw_oci_resources *resources)
{
	const struct device_rule *rules;
	size_t count = oci_devices(host, arena, resources, &rules), i;

	for (i = 1; i < count; i++)
		if (!rules[i].allow || rules[i].type == 'a')
			return;
	if (count == 0 || (rules[0].allow && rules[0].type == 'a'))
		return;
	scope_put(host, arena, properties, "s DevicePolicy strict");
	for (i = 0; i < count; i++) {
		const struct device_rule *rule = &rules[i];
		const char *kind = rule->type == 'b' ? "block" : "char", *path;

		if (!rule->allow || (rule->major == DEVICE_ANY && rule->minor != DEVICE_ANY))
			continue;
		if (rule->major == DEVICE_ANY)
			path = host->format(arena, "%s-*", kind);
		else if (rule->minor == DEVICE_ANY)
			path = rule->major == 136 ? "char-pts" : NULL; /* by its name in /proc/devices */
		else
			path = host->format(arena, "/dev/%s/%" PRId64 ":%" PRId64, kind, rule->major, rule->minor);
		if (path)
			scope_put(host, arena, properties,
			    host->format(arena, "a(ss) DeviceAllow %s %s%s%s", path, rule->access & DEVICE_READ ? "r" : "",
					 rule->access & DEVICE_WRITE ? "w" : "",
					 rule->access & DEVICE_MKNOD ? "m" : ""));
	}
}

void scope_devices(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_oci_resources *resources,
		   struct scope_properties *properties)
{
	if (resources->device_count == 0)
		return;
	/* Otherwise entries are added to those before; who may use all is under no policy. */
	scope_put(host, arena, properties, "s DevicePolicy auto");
	scope_put(host, arena, properties, "a(ss) DeviceAllow ");
	put_devices(host, arena, properties, resources);
}

int scope_properties(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
		     const struct scope *scope, const struct hyfw_oci_config *config,
		     struct scope_properties *ret_properties, struct hyfw_error **err)
{
	static const char *const always[] = { "b Delegate true",	 "s CollectMode inactive-or-failed",
					      "b DefaultDependencies false", "b MemoryAccounting true",
					      "b CPUAccounting true",	 "b TasksAccounting true" };
	const bool is_slice = strcmp(scope->unit + strlen(scope->unit) - strlen(SLICE), SLICE) == 0;
	struct scope_properties properties = { 0 };
	size_t i;
	int result;

	scope_put(host, arena, &properties, host->format(arena, "s Description container %s", config->id));
	scope_put(host, arena, &properties, host->format(arena, is_slice ? "as Wants %s" : "s Slice %s", scope->slice));
	for (i = 0; i < sizeof(always) / sizeof(always[0]); i++)
		if (!is_slice || i > 0) /* a slice cannot be handed over */
			scope_put(host, arena, &properties, always[i]);
	scope_put(host, arena, &properties,
	    oci_is_pure_v2(hierarchy) ? "b IOAccounting true" : "b BlockIOAccounting true");
	put_devices(host, arena, &properties, &config->resources);
	scope_limits(host, arena, hierarchy, &config->resources, &properties);
	result = scope_annotations(host, arena, &config->annotations, &properties, err);
	if (result == 0)
		*ret_properties = properties;
	return result;
}
