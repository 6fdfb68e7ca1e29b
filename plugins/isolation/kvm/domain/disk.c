/* SPDX-License-Identifier: BSD-3-Clause
 * <disk>, and the controllers that disks and what is plugged in later need. */
#include "xml.h"

#include <sys/stat.h>

/* What a bus calls its disks, and whether they come and go while the machine runs. */
static const struct bus {
	const char *name, *prefix;
	unsigned places; /* that count by themselves; 0: the disk's number is its place */
	bool plugs;
} buses[] = {
	{ "virtio", "vd", 0, true }, { "scsi", "sd", 0, true }, { "sata", "sd", 0, false },
	{ "usb", "sd", 0, true },    { "ide", "hd", 4, false }, { "fdc", "fd", 2, false },
};

static const struct bus *bus_find(const char *name)
{
	size_t i;

	for (i = 0; i < KVM_COUNT(buses); i++)
		if (strcmp(buses[i].name, name) == 0)
			return &buses[i];
	return NULL;
}

static const char *device_of(const struct hyfw_attachment *disk)
{
	const char *device = hyfw_map_get(&disk->options, "device");

	return device && *device ? device : "disk";
}

/* Firmware and kernels find a CD on SATA or IDE without more drivers. */
static const char *bus_of(const struct kvm_xml *xml, const struct hyfw_attachment *disk)
{
	const char *device = device_of(disk), *bus = hyfw_map_get(&disk->options, "bus");

	if (strcmp(device, "floppy") == 0)
		return "fdc";
	if (bus && *bus)
		return bus;
	if (strcmp(device, "cdrom") == 0)
		return kvm_xml_is(xml, "machine", "pc") ? "ide" : "sata";
	return kvm_xml_setting(xml, "disk_bus", "virtio");
}

bool kvm_domain_uses_bus(const struct kvm_xml *xml, const char *bus)
{
	const struct hyfw_workload *workload = xml->workload;
	size_t i;

	if (workload->root.kind == HYFW_ATTACHMENT_BLOCK && strcmp(bus_of(xml, &workload->root), bus) == 0)
		return true;
	for (i = 0; i < workload->disk_count; i++)
		if (strcmp(bus_of(xml, &workload->disks[i]), bus) == 0)
			return true;
	return strcmp(kvm_xml_setting(xml, "disk_bus", "virtio"), bus) == 0;
}

/* ---- names ---- */

/* The number of "diskN", 0 of "root"; -1 for other names. */
static long number_of(const char *name)
{
	const char *digits = name + 4;

	if (strcmp(name, "root") == 0)
		return 0;
	if (strncmp(name, "disk", 4) != 0 || *digits < '1' || *digits > '9' || strlen(digits) > 4 ||
	    digits[strspn(digits, "0123456789")])
		return -1;
	return strtol(digits, NULL, 10);
}

/* How many of the workload's disks before this one are on the bus. */
static unsigned place_of(const struct kvm_xml *xml, const struct hyfw_attachment *disk, const char *bus)
{
	const struct hyfw_workload *workload = xml->workload;
	unsigned place = 0;
	size_t i;

	if (disk != &workload->root && workload->root.kind == HYFW_ATTACHMENT_BLOCK)
		place += strcmp(bus_of(xml, &workload->root), bus) == 0;
	for (i = 0; i < workload->disk_count && &workload->disks[i] != disk; i++)
		place += disk != &workload->root && strcmp(bus_of(xml, &workload->disks[i]), bus) == 0;
	return place;
}

/* 0 -> "vda", 26 -> "vdaa". */
static const char *target_of(struct kvm_xml *xml, const char *prefix, unsigned number)
{
	const char *letters = "";

	for (;;) {
		letters = xml->host->format(xml->arena, "%c%s", 'a' + (int)(number % 26), letters);
		if (number < 26)
			return xml->host->format(xml->arena, "%s%s", prefix, letters);
		number = number / 26 - 1;
	}
}

static void add_target(struct kvm_xml *xml, xmlNode *node, const char *name, const struct hyfw_attachment *disk,
		       const struct bus *bus)
{
	const long number = number_of(name);
	unsigned place = number < 0 ? 0 : (unsigned)number;
	xmlNode *target;

	if (number < 0) {
		kvm_xml_fail(xml, EINVAL, "names of disks are disk1, disk2, ...");
		return;
	}
	if (!xml->workload && !bus->plugs) {
		kvm_xml_fail(xml, ENOTSUP, "disks of this bus cannot be plugged in; use virtio, scsi or usb");
		return;
	}
	if (bus->places) {
		place = place_of(xml, disk, bus->name);
		if (place >= bus->places) {
			kvm_xml_fail(xml, ENOSPC, "IDE has 4 places and floppies 2; use another bus");
			return;
		}
	}
	target = kvm_xml_with(xml, node, "target", "dev", target_of(xml, bus->prefix, place));
	kvm_xml_set(xml, target, "bus", bus->name);
}

/* ---- one disk ---- */

static void add_source(struct kvm_xml *xml, xmlNode *node, const char *source)
{
	struct stat st;
	const bool hosted = xml->facts->hosted; /* a path there is not one here */
	const bool block = source && (hosted ? strncmp(source, "/dev/", 5) == 0
					     : stat(source, &st) == 0 && S_ISBLK(st.st_mode));
	const char *slash = source ? strchr(source, '/') : NULL;

	if (hosted && slash && slash != source) {
		kvm_xml_set(xml, node, "type", "volume");
		node = kvm_xml_node(xml, node, "source");
		kvm_xml_format(xml, node, "pool", "%.*s", (int)(slash - source), source);
		kvm_xml_set(xml, node, "volume", slash + 1);
		return;
	}
	kvm_xml_set(xml, node, "type", block ? "block" : "file");
	if (source && *source) /* a drive may be empty */
		kvm_xml_with(xml, node, "source", block ? "dev" : "file", source);
}

static void add_driver(struct kvm_xml *xml, xmlNode *node, const struct hyfw_attachment *disk, bool read_only)
{
	const char *cache = hyfw_map_get(&disk->options, "cache");
	xmlNode *driver = kvm_xml_with(xml, node, "driver", "name", "qemu");

	kvm_xml_set(xml, driver, "type", disk->format && *disk->format ? disk->format : "raw");
	kvm_xml_set(xml, driver, "cache", cache && *cache ? cache : NULL);
	if (!read_only)
		kvm_xml_set(xml, driver, "discard", "unmap"); /* what the guest frees, the image frees */
}

void kvm_xml_disk(struct kvm_xml *xml, xmlNode *node, const char *name, const struct hyfw_attachment *disk)
{
	const char *device = device_of(disk), *serial = hyfw_map_get(&disk->options, "serial");
	const char *boot = hyfw_map_get(&disk->options, "boot");
	const struct bus *bus = bus_find(bus_of(xml, disk));
	const bool read_only = (disk->flags & HYFW_ATTACH_READ_ONLY) || strcmp(device, "cdrom") == 0;

	if (disk->kind != HYFW_ATTACHMENT_BLOCK) {
		kvm_xml_fail(xml, ENOTSUP, "machines take block images, not directories");
		return;
	}
	if (!bus) {
		kvm_xml_fail(xml, EINVAL, "a disk has an unknown bus; there are virtio, scsi, sata, ide and usb");
		return;
	}
	if (read_only && strcmp(device, "disk") == 0 && (strcmp(bus->name, "ide") == 0 ||
							 strcmp(bus->name, "sata") == 0)) {
		kvm_xml_fail(xml, ENOTSUP, "disks on sata and ide cannot be read-only; use virtio or scsi");
		return;
	}
	add_source(xml, node, disk->source);
	kvm_xml_set(xml, node, "device", device);
	add_driver(xml, node, disk, read_only);
	add_target(xml, node, name, disk, bus);
	if (read_only)
		kvm_xml_node(xml, node, "readonly");
	if (serial && *serial)
		kvm_xml_text(xml, node, "serial", serial);
	if (boot && *boot)
		kvm_xml_with(xml, node, "boot", "order", boot);
	kvm_xml_format(xml, kvm_xml_node(xml, node, "alias"), "name", KVM_ALIAS "%s", name);
}

void kvm_domain_disks(struct kvm_xml *xml, xmlNode *devices)
{
	const struct hyfw_workload *workload = xml->workload;
	size_t i;

	if (workload->root.kind)
		kvm_xml_disk(xml, kvm_xml_node(xml, devices, "disk"), "root", &workload->root);
	for (i = 0; i < workload->disk_count; i++)
		kvm_xml_disk(xml, kvm_xml_node(xml, devices, "disk"),
			     xml->host->format(xml->arena, "disk%zu", i + 1), &workload->disks[i]);
}

/* ---- controllers ---- */

/* Ports are taken by the devices of the start first, so there are as many for them. */
static void add_ports(struct kvm_xml *xml, xmlNode *devices)
{
	const unsigned slots = (unsigned)hyfw_map_int(xml->settings, "hotplug_slots", 2);
	const unsigned count = slots ? slots + kvm_domain_ports(xml) : 0;
	xmlNode *node;
	unsigned i;

	for (i = 0; i < count; i++) { /* index 0 is the root that they are on */
		node = kvm_xml_with(xml, devices, "controller", "type", "pci");
		kvm_xml_format(xml, node, "index", "%u", i + 1);
		kvm_xml_set(xml, node, "model", "pcie-root-port");
	}
}

void kvm_domain_controllers(struct kvm_xml *xml, xmlNode *devices)
{
	const char *input;
	size_t cursor = 0;
	bool usb = kvm_domain_uses_bus(xml, "usb");
	xmlNode *node;

	while (!usb && (input = hyfw_map_next(xml->settings, "input", &cursor)))
		usb = strncmp(input, "usb-", 4) == 0;
	node = kvm_xml_with(xml, devices, "controller", "type", "usb");
	kvm_xml_set(xml, node, "model", usb ? "qemu-xhci" : "none");
	if (kvm_domain_uses_bus(xml, "scsi")) {
		node = kvm_xml_with(xml, devices, "controller", "type", "scsi");
		kvm_xml_set(xml, node, "model", "virtio-scsi");
	}
	if (!kvm_xml_is(xml, "machine", "pc"))
		add_ports(xml, devices);
}

unsigned kvm_domain_ports(const struct kvm_xml *xml)
{
	const struct hyfw_workload *workload = xml->workload;
	unsigned count = kvm_domain_uses_bus(xml, "scsi") + kvm_domain_uses_bus(xml, "usb");
	size_t i, cursor = 0;

	count += workload->root.kind == HYFW_ATTACHMENT_BLOCK && strcmp(bus_of(xml, &workload->root), "virtio") == 0;
	for (i = 0; i < workload->disk_count; i++)
		count += strcmp(bus_of(xml, &workload->disks[i]), "virtio") == 0;
	for (i = 0; i < workload->endpoint_count; i++)
		count += hyfw_map_get(&workload->endpoints[i].notes, HYFW_NOTE_TAP) != NULL;
	while (hyfw_map_next(xml->settings, "libvirt_network", &cursor))
		count++;
	for (cursor = 0; hyfw_map_next(xml->settings, "input", &cursor);)
		count++;
	return count + hyfw_map_bool(xml->settings, "rng", true) + hyfw_map_bool(xml->settings, "balloon", true);
}
