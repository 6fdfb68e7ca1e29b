/* SPDX-License-Identifier: BSD-3-Clause
 * What a template fixes for the machines that start from it, and what they may say
 * themselves.  Nothing that they say is left out silently. */
#include "template.h"

/* What the guest in memory has seen of its machine, or what was put into its memory. */
static const char *const fixed_keys[] = {
	"machine", "accel", "tb_cache", "firmware", "boot", "boot_menu", "boot_menu_timeout", "kernel", "initrd",
	"cmdline", "cpu_model", "cpu_feature", "vcpus", "vcpus_max", "cpu_topology", "nested", "hide_kvm", "memory",
	"memory_max", "memory_slots", "memory_current", "disk_bus", "libvirt_network", "hotplug_slots", "display",
	"video", "sound", "input", "rng", "balloon", "tpm", "watchdog", "watchdog_action", "clock", "timer",
	"suspend_to_mem", "suspend_to_disk", "acpi", "apic",
};

/* What disks it has is the template's to say. */
static const char *const disk_keys[] = { "image", "disk", "cdrom", "disk_size" };

static bool is_among(const char *const *keys, size_t count, const char *key)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

bool kvm_template_has_key(const char *key)
{
	return is_among(fixed_keys, KVM_COUNT(fixed_keys), key);
}

/* ---- of a machine that becomes one ---- */

struct hyfw_map kvm_template_take(const struct hyfw_host *host, struct hyfw_arena *arena,
				  const struct hyfw_map *settings, enum kvm_accel accel)
{
	struct hyfw_pair *items = host->alloc(arena, (settings->count + 3) * sizeof(*items));
	size_t count = 0, i;

	items[count++] = (struct hyfw_pair){ "accel", accel == KVM_ACCEL_KVM ? "kvm" : "tcg" };
	items[count++] = (struct hyfw_pair){ "memory", host->format(arena, "%llu", (unsigned long long)kvm_memory(settings)) };
	items[count++] = (struct hyfw_pair){ "vcpus", host->format(arena, "%u", kvm_vcpus(settings)) };
	for (i = 0; i < settings->count; i++)
		if (kvm_template_has_key(settings->items[i].key) && strcmp(settings->items[i].key, "accel") != 0 &&
		    strcmp(settings->items[i].key, "memory") != 0 && strcmp(settings->items[i].key, "vcpus") != 0)
			items[count++] = settings->items[i];
	return (struct hyfw_map){ count, items };
}

/* ---- of one that starts from it ---- */

/* All values of a key, as many and in the same order. */
static bool is_same(const struct hyfw_map *a, const struct hyfw_map *b, const char *key)
{
	size_t at_a = 0, at_b = 0;
	const char *left, *right;

	do {
		left = hyfw_map_next(a, key, &at_a);
		right = hyfw_map_next(b, key, &at_b);
	} while (left && right && strcmp(left, right) == 0);
	return !left && !right;
}

/* As its owner would write it: sizes were made bytes. */
static const char *shown(const struct hyfw_host *host, struct hyfw_arena *arena, const char *key, const char *value)
{
	static const char *const sizes[] = { "memory", "memory_max", "memory_current", "tb_cache", "disk_size" };
	unsigned long long bytes;

	if (!value || !is_among(sizes, KVM_COUNT(sizes), key))
		return value;
	bytes = strtoull(value, NULL, 10);
	if (bytes && bytes % (1ull << 30) == 0)
		return host->format(arena, "%lluG", bytes >> 30);
	return bytes && bytes % (1ull << 20) == 0 ? host->format(arena, "%lluM", bytes >> 20) : value;
}

static int check_key(const struct hyfw_host *host, struct hyfw_arena *arena, const char *name,
		     const struct hyfw_map *fixed, const struct hyfw_map *own, const struct hyfw_pair *pair,
		     struct hyfw_error **err)
{
	const char *key = pair->key, *value = shown(host, arena, key, pair->value);
	const char *there = shown(host, arena, key, hyfw_map_get(fixed, key));

	if (is_among(disk_keys, KVM_COUNT(disk_keys), key))
		return host->fail(err, EINVAL, "%s = %s: the disks of a machine are its template's (template = %s); leave "
				  "it out", key, value, name);
	if (strcmp(key, "read_only") == 0 && strcmp(pair->value, "true") == 0)
		return host->fail(err, EINVAL, "read_only = yes: the disks of a machine are its template's (template = %s); leave it "
				  "out", name);
	if (!kvm_template_has_key(key) || is_same(fixed, own, key) ||
	    (strcmp(key, "accel") == 0 && strcmp(pair->value, "auto") == 0))
		return 0;
	return there ? host->fail(err, EINVAL, "%s = %s: template %s has %s = %s; leave it out", key, value, name, key,
				  there)
		     : host->fail(err, EINVAL, "%s = %s: template %s has no %s; leave it out", key, value, name, key);
}

int kvm_template_merge(const struct hyfw_host *host, struct hyfw_arena *arena, const char *name,
		       const struct hyfw_map *fixed, const struct hyfw_map *own, struct hyfw_map *ret_settings,
		       struct hyfw_error **err)
{
	struct hyfw_pair *items = host->alloc(arena, (own->count + fixed->count + 1) * sizeof(*items));
	size_t count = 0, i;

	for (i = 0; i < own->count; i++) {
		int r = check_key(host, arena, name, fixed, own, &own->items[i], err);

		if (r < 0)
			return r;
		if (!kvm_template_has_key(own->items[i].key))
			items[count++] = own->items[i];
	}
	for (i = 0; i < fixed->count; i++)
		items[count++] = fixed->items[i];
	*ret_settings = (struct hyfw_map){ count, items };
	return 0;
}
