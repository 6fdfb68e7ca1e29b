/* SPDX-License-Identifier: BSD-3-Clause
 * What a machine on another host can have: the keys that reach it, and its disks. */
#include "hosted.h"

#define MOST_DISKS 64

static int refuse(const struct kvm_instance *kvm, struct hyfw_error **err, const char *key, const char *instead)
{
	return kvm->host->fail(err, ENOTSUP, "%s: is this host's, and uri = %s is on another; %s", key, kvm->uri, instead);
}

static int check_network(const struct kvm_instance *kvm, const struct hyfw_map *settings, struct hyfw_error **err)
{
	const char *value;
	size_t cursor = 0;

	while ((value = hyfw_map_next(settings, "network", &cursor)))
		if (strcmp(value, "none") != 0)
			return refuse(kvm, err, "network",
				      "give network = none, and libvirt_network for a network of that host");
	return 0;
}

int kvm_check_hosted(const struct kvm_instance *kvm, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	static const struct {
		const char *key, *instead;
	} local[] = {
		{ "image", "give libvirt_disk, a disk of that host" },
		{ "disk", "give libvirt_disk, a disk of that host" },
		{ "cdrom", "give libvirt_disk = SOURCE:device=cdrom" },
		{ "disk_size", "the size of a disk there is for that host" },
	};
	const struct hyfw_map *settings = &subject->settings;
	const char *display = hyfw_map_get(settings, "display"), *firmware = hyfw_map_get(settings, "firmware");
	struct hyfw_attachment *disks;
	struct hyfw_arena *arena;
	size_t i, count;
	int r = check_network(kvm, settings, err);

	for (i = 0; r == 0 && i < KVM_COUNT(local); i++)
		if (hyfw_map_get(settings, local[i].key))
			r = refuse(kvm, err, local[i].key, local[i].instead);
	if (r == 0 && hyfw_map_int(settings, "pids", 1024) != 1024)
		r = refuse(kvm, err, "pids", "libvirt has no such limit; leave it out");
	if (r == 0 && hyfw_map_get(settings, "io_max"))
		r = refuse(kvm, err, "io_max", "its devices are those of this machine; leave it out");
	if (r == 0 && display && strcmp(display, "none") != 0 && !kvm_display_listen(settings))
		r = refuse(kvm, err, "display on a unix socket", "give vnc_listen or spice_listen, an address of that host");
	if (r == 0 && firmware && strcmp(firmware, "efi") == 0)
		r = refuse(kvm, err, "firmware = efi", "its variables are a file that hyfw makes; use bios");
	if (r == 0 && hyfw_map_bool(settings, "tpm", false))
		r = refuse(kvm, err, "tpm = yes", "its swtpm runs beside hyfw, where that QEMU does not meet it; leave it out");
	if (r < 0)
		return r;
	arena = kvm->host->arena_new();
	r = kvm_hosted_disks(kvm->host, arena, settings, &disks, &count, err);
	kvm->host->arena_free(arena);
	return r;
}

/* ---- disks ---- */

static int fail_disk(const struct hyfw_host *host, const char *value, const char *why, struct hyfw_error **err)
{
	return host->fail(err, EINVAL, "libvirt_disk = %s: %s", value, why);
}

static int take_option(const struct hyfw_host *host, const char *value, char *option, struct hyfw_attachment *disk,
		       struct hyfw_pair *pairs, struct hyfw_error **err)
{
	static const char *const words[] = { "device", "bus", "format", "cache", "serial", "boot" };
	static const char *const devices[] = { "disk", "cdrom", "floppy" };
	char *text = strchr(option, '=');
	size_t i;

	if (strcmp(option, "ro") == 0) {
		disk->flags |= HYFW_ATTACH_READ_ONLY;
		return 0;
	}
	if (!text || !text[1])
		return fail_disk(host, value, "options are ro, device=, bus=, format=, cache=, serial= and boot=", err);
	*text++ = '\0';
	for (i = 0; i < KVM_COUNT(words) && strcmp(words[i], option) != 0; i++)
		;
	if (i == KVM_COUNT(words) || hyfw_map_get(&disk->options, option))
		return fail_disk(host, value, i == KVM_COUNT(words) ? "there is no such option; there are ro, device=, bus=, "
				 "format=, cache=, serial= and boot=" : "an option is given twice", err);
	for (i = 0; strcmp(option, "device") == 0 && i < KVM_COUNT(devices) && strcmp(devices[i], text) != 0; i++)
		;
	if (strcmp(option, "device") == 0 && i == KVM_COUNT(devices))
		return fail_disk(host, value, "device is disk, cdrom or floppy", err);
	if (strcmp(option, "boot") == 0 && (text[strspn(text, "0123456789")] || *text == '0'))
		return fail_disk(host, value, "boot is a number from 1", err);
	if (strcmp(option, "format") == 0)
		disk->format = text;
	pairs[disk->options.count++] = (struct hyfw_pair){ option, text };
	return 0;
}

static int take_disk(const struct hyfw_host *host, struct hyfw_arena *arena, const char *value,
		     struct hyfw_attachment *disk, struct hyfw_error **err)
{
	struct hyfw_pair *pairs = host->alloc(arena, (strlen(value) + 1) * sizeof(*pairs));
	char *rest = host->format(arena, "%s", value), *source = strsep(&rest, ":"), *slash = strchr(source, '/'), *option;
	int r = 0;

	*disk = (struct hyfw_attachment){ .size = sizeof(*disk), .kind = HYFW_ATTACHMENT_BLOCK, .source_fd = -1 };
	disk->options.items = pairs;
	disk->source = source;
	if (!slash || !slash[1] || (slash != source && strchr(slash + 1, '/')))
		return fail_disk(host, value, "must be an absolute path or POOL/VOLUME", err);
	while (r == 0 && (option = strsep(&rest, ",")))
		r = take_option(host, value, option, disk, pairs, err);
	return r;
}

int kvm_hosted_disks(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_map *settings,
		     struct hyfw_attachment **ret_disks, size_t *ret_count, struct hyfw_error **err)
{
	struct hyfw_attachment *disks = host->alloc(arena, MOST_DISKS * sizeof(*disks));
	const char *value;
	size_t cursor = 0, count = 0;
	int r = 0;

	while (r == 0 && (value = hyfw_map_next(settings, "libvirt_disk", &cursor))) {
		if (count == MOST_DISKS)
			return host->fail(err, E2BIG, "libvirt_disk: more than %d", MOST_DISKS);
		r = take_disk(host, arena, value, &disks[count++], err);
	}
	*ret_disks = disks;
	*ret_count = count;
	return r;
}
