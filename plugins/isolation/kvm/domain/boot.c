/* SPDX-License-Identifier: BSD-3-Clause
 * <os> and <features>: what the machine is and what it boots. */
#include "xml.h"

/* The firmware that is used: qboot knows no disks, so it is for a kernel only. */
static const char *firmware(const struct hyfw_map *settings, const struct kvm_facts *facts)
{
	const char *word = hyfw_map_get(settings, "firmware"), *kernel = hyfw_map_get(settings, "kernel");

	if (word && *word && strcmp(word, "auto") != 0)
		return word;
	return !facts->hosted && kernel && *kernel && !hyfw_map_bool(settings, "boot_menu", false) ? "qboot" : "bios";
}

bool kvm_domain_takes_genid(const struct hyfw_map *settings, const struct kvm_facts *facts)
{
	return !facts->hosted && hyfw_map_bool(settings, "acpi", true) &&
	       strcmp(firmware(settings, facts), "qboot") != 0;
}

static void add_firmware(struct kvm_xml *xml, xmlNode *os, const char *word)
{
	const char *code = xml->facts->loader ? xml->facts->loader : kvm_efi()->code;
	xmlNode *node;

	if (strcmp(word, "qboot") == 0) {
		node = kvm_xml_text(xml, os, "loader", KVM_QBOOT);
		kvm_xml_set(xml, node, "type", "rom");
	} else if (strcmp(word, "efi") == 0) {
		if (!code) {
			kvm_xml_fail(xml, ENOENT, "firmware = efi: no OVMF found in /usr/share; install the package ovmf");
			return;
		}
		node = kvm_xml_text(xml, os, "loader", code);
		kvm_xml_set(xml, node, "readonly", "yes");
		kvm_xml_set(xml, node, "secure", "no");
		kvm_xml_set(xml, node, "type", "pflash");
		kvm_xml_text(xml, os, "nvram", xml->facts->nvram);
	}
}

static void add_kernel(struct kvm_xml *xml, xmlNode *os)
{
	static const char *const keys[] = { "kernel", "initrd", "cmdline" };
	size_t i;

	for (i = 0; i < KVM_COUNT(keys); i++) {
		const char *value = kvm_xml_setting(xml, keys[i], NULL);

		if (value)
			kvm_xml_text(xml, os, keys[i], value);
	}
}

static bool any_disk_has(const struct kvm_xml *xml, const char *key, const char *value)
{
	const struct hyfw_workload *workload = xml->workload;
	const char *found = hyfw_map_get(&workload->root.options, key);
	size_t i;

	for (i = 0; !found && i < workload->disk_count; i++) {
		found = hyfw_map_get(&workload->disks[i].options, key);
		if (found && value && strcmp(found, value) != 0)
			found = NULL;
	}
	return found != NULL;
}

/* Order of boot devices, unless disks have a place of their own.  Without a word about
 * it a CD comes after the disks: a new disk is installed from it, and then boots. */
static void add_order(struct kvm_xml *xml, xmlNode *os)
{
	const char *value;
	size_t cursor = 0;

	while ((value = hyfw_map_next(xml->settings, "boot", &cursor)))
		kvm_xml_with(xml, os, "boot", "dev", value);
	if (hyfw_map_get(xml->settings, "boot"))
		return;
	if (!any_disk_has(xml, "boot", NULL) && any_disk_has(xml, "device", "cdrom")) {
		kvm_xml_with(xml, os, "boot", "dev", "hd");
		kvm_xml_with(xml, os, "boot", "dev", "cdrom");
	}
}

void kvm_domain_boot(struct kvm_xml *xml, xmlNode *domain)
{
	const char *word = firmware(xml->settings, xml->facts);
	xmlNode *os = kvm_xml_node(xml, domain, "os"), *node;

	node = kvm_xml_text(xml, os, "type", "hvm");
	kvm_xml_set(xml, node, "arch", "x86_64");
	kvm_xml_set(xml, node, "machine", kvm_xml_setting(xml, "machine", "q35"));
	add_firmware(xml, os, word);
	add_kernel(xml, os);
	add_order(xml, os);
	if (hyfw_map_bool(xml->settings, "boot_menu", false)) {
		node = kvm_xml_with(xml, os, "bootmenu", "enable", "yes");
		kvm_xml_set(xml, node, "timeout", kvm_xml_setting(xml, "boot_menu_timeout", "3000"));
		if (strcmp(word, "bios") == 0 && !kvm_xml_is(xml, "display", "vnc") &&
		    !kvm_xml_is(xml, "display", "spice"))
			kvm_xml_with(xml, os, "bios", "useserial", "yes"); /* the menu is seen on the console */
	}
}

void kvm_domain_features(struct kvm_xml *xml, xmlNode *domain)
{
	xmlNode *features = kvm_xml_node(xml, domain, "features"), *node;

	if (hyfw_map_bool(xml->settings, "acpi", true))
		kvm_xml_node(xml, features, "acpi");
	if (hyfw_map_bool(xml->settings, "apic", true))
		kvm_xml_node(xml, features, "apic");
	if (hyfw_map_bool(xml->settings, "hide_kvm", false))
		kvm_xml_with(xml, kvm_xml_node(xml, features, "kvm"), "hidden", "state", "on");
	kvm_xml_with(xml, features, "vmport", "state", "off");
	if (xml->facts->accel == KVM_ACCEL_TCG) {
		const uint64_t cache = (uint64_t)hyfw_map_int(xml->settings, "tb_cache",
							      (int64_t)KVM_DEFAULT_TB_CACHE);

		node = kvm_xml_text(xml, kvm_xml_node(xml, features, "tcg"), "tb-cache",
				    xml->host->format(xml->arena, "%llu", (unsigned long long)(cache >> 20)));
		kvm_xml_set(xml, node, "unit", "MiB");
	}
}
