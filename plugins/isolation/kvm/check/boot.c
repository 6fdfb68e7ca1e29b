/* SPDX-License-Identifier: BSD-3-Clause
 * What a machine cannot be, boot from, or have as disks. */
#include <unistd.h>

#include "check.h"

/* Whether "SOURCE|OPTION=VALUE|..." has this option, with this value unless NULL. */
static bool disk_has(const char *disk, const char *option, const char *value)
{
	const size_t length = strlen(option);

	while ((disk = strchr(disk, '|'))) {
		const char *found;

		disk++;
		if (strncmp(disk, option, length) != 0 || disk[length] != '=')
			continue;
		found = disk + length + 1;
		return !value || (strncmp(found, value, strlen(value)) == 0 &&
				  (found[strlen(value)] == '|' || !found[strlen(value)]));
	}
	return false;
}

static int check_disk(const struct kvm_checked *checked, const char *disk)
{
	const struct hyfw_host *host = checked->host;
	const int shown = (int)strcspn(disk, "|");
	const bool cdrom = disk_has(disk, "device", "cdrom"), floppy = disk_has(disk, "device", "floppy");
	const bool pc = kvm_checked_is(checked, "machine", "pc");
	const char *bus = kvm_checked_get(checked, "disk_bus");
	bool ide = disk_has(disk, "bus", "ide"), sata = disk_has(disk, "bus", "sata");

	if (!disk_has(disk, "bus", NULL) && !cdrom && !floppy && bus) {
		ide = strcmp(bus, "ide") == 0;
		sata = strcmp(bus, "sata") == 0;
	}
	if (ide && !pc)
		return host->fail(checked->err, ENOTSUP, "disk %.*s: machine = q35 has no IDE; use bus=sata, or machine = pc", shown,
				  disk);
	if (floppy && disk_has(disk, "bus", NULL))
		return host->fail(checked->err, EINVAL, "disk %.*s: a floppy has no bus to choose; leave out bus=", shown, disk);
	if (cdrom && disk_has(disk, "bus", "virtio"))
		return host->fail(checked->err, ENOTSUP, "disk %.*s: virtio has no CD drives; use bus=sata, scsi, usb or ide, or leave "
				  "it out", shown, disk);
	if ((ide || sata) && !cdrom && disk_has(disk, "read_only", "true"))
		return host->fail(checked->err, ENOTSUP, "disk %.*s: disks on sata and ide cannot be read-only; use virtio or scsi",
				  shown, disk);
	return 0;
}

int kvm_check_disks(const struct kvm_checked *checked)
{
	const bool order = hyfw_map_get(checked->settings, "boot") != NULL;
	const char *value;
	size_t cursor = 0;
	int result = 0;

	if (kvm_checked_is(checked, "disk_bus", "ide") && !kvm_checked_is(checked, "machine", "pc"))
		return checked->host->fail(checked->err, ENOTSUP, "disk_bus = ide: machine = q35 has none; use sata, or machine = pc");
	if (hyfw_map_bool(checked->settings, "read_only", false) &&
	    (kvm_checked_is(checked, "disk_bus", "ide") || kvm_checked_is(checked, "disk_bus", "sata")))
		return checked->host->fail(checked->err, ENOTSUP, "read_only = yes: disks on sata and ide cannot be read-only; use "
					   "disk_bus = virtio or scsi");
	while (result == 0 && (value = hyfw_map_next(checked->settings, "disk", &cursor))) {
		result = check_disk(checked, value);
		if (result == 0 && order && disk_has(value, "boot", NULL))
			result = checked->host->fail(checked->err, EINVAL, "disk %.*s: boot= of a disk and the key boot both give an "
						     "order; keep one of them", (int)strcspn(value, "|"), value);
	}
	return result;
}

static int check_kernel(const struct kvm_checked *checked)
{
	static const char *const files[] = { "kernel", "initrd" };
	static const char *const with[] = { "initrd", "cmdline" };
	const bool kernel = kvm_checked_get(checked, "kernel") != NULL;
	size_t i;

	for (i = 0; i < KVM_COUNT(with); i++)
		if (kvm_checked_get(checked, with[i]) && !kernel)
			return checked->host->fail(checked->err, EINVAL, "%s: is for a kernel of its own; give kernel too", with[i]);
	for (i = 0; i < KVM_COUNT(files); i++) {
		const char *path = kvm_checked_get(checked, files[i]);

		if (path && !checked->hosted && access(path, R_OK) < 0)
			return checked->host->fail(checked->err, errno, "%s = %s: %s", files[i], path, strerror(errno));
	}
	return 0;
}

static int check_firmware(const struct kvm_checked *checked)
{
	const struct hyfw_host *host = checked->host;

	if (kvm_checked_is(checked, "firmware", "qboot")) {
		if (!kvm_checked_get(checked, "kernel"))
			return host->fail(checked->err, EINVAL, "firmware = qboot: knows no disks; give a kernel, or use bios or efi");
		if (hyfw_map_bool(checked->settings, "boot_menu", false))
			return host->fail(checked->err, EINVAL, "boot_menu = yes: qboot has none; use firmware = bios or efi");
		if (!checked->hosted && access(KVM_QBOOT, R_OK) < 0)
			return host->fail(checked->err, errno, "firmware = qboot: %s: %s; install qemu-system-data, or use bios",
					  KVM_QBOOT, strerror(errno));
	}
	if (kvm_checked_is(checked, "firmware", "efi") && !kvm_efi()->code)
		return host->fail(checked->err, ENOENT, "firmware = efi: no OVMF found in /usr/share; install the package ovmf");
	return 0;
}

static bool boots_from(const struct kvm_checked *checked, const char *device)
{
	const char *value;
	size_t cursor = 0;

	while ((value = hyfw_map_next(checked->settings, "boot", &cursor)))
		if (strcmp(value, device) == 0)
			return true;
	return false;
}

static int check_order(const struct kvm_checked *checked)
{
	static const char *const sources[] = { "image", "disk", "cdrom", "libvirt_disk", "kernel", "template" };
	const char *value, *other;
	size_t cursor = 0, before, i;

	while ((value = hyfw_map_next(checked->settings, "boot", &cursor)))
		for (before = 0; (other = hyfw_map_next(checked->settings, "boot", &before)) && other != value;)
			if (strcmp(other, value) == 0)
				return checked->host->fail(checked->err, EINVAL, "boot: %s is given twice", value);
	for (i = 0; i < KVM_COUNT(sources); i++)
		if (kvm_checked_get(checked, sources[i]))
			return 0;
	if (boots_from(checked, "network"))
		return 0;
	return checked->host->fail(checked->err, EINVAL, "there is nothing to boot; give image, disk, cdrom, kernel or boot = network");
}

int kvm_check_boot(const struct kvm_checked *checked)
{
	int result;

	if (kvm_checked_is(checked, "machine", "microvm"))
		return checked->host->fail(checked->err, ENOTSUP, "machine = microvm: libvirt cannot make one, its devices would have no PCI "
					   "bus; use q35, which boots as fast with kernel and firmware = qboot");
	result = check_kernel(checked);
	if (result == 0)
		result = check_firmware(checked);
	return result < 0 ? result : check_order(checked);
}
