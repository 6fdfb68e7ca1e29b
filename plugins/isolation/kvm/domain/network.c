/* SPDX-License-Identifier: BSD-3-Clause
 * <interface>: what the networks made for the machine, by the notes of its endpoints. */
#include "xml.h"

#define USER_NETWORK_FIRST_SLOT 0x10 /* on the root bus, where libvirt puts nothing by itself;
				      * it fills from below and has 1d to 1f for the chip set */
#define USER_NETWORKS 8

static void add_model(struct kvm_xml *xml, xmlNode *node, const char *name)
{
	kvm_xml_with(xml, node, "model", "type", kvm_xml_setting(xml, "nic_model", "virtio"));
	kvm_xml_format(xml, kvm_xml_node(xml, node, "alias"), "name", KVM_ALIAS "%s", name);
}

/* Sums and segments are made before a packet leaves the guest, and demanded of those
 * that come in: the network between cannot carry a packet that is only half made. */
static void add_no_offload(struct kvm_xml *xml, xmlNode *node)
{
	static const char *const host[] = { "csum", "gso", "tso4", "tso6", "ecn", "ufo" };
	static const char *const guest[] = { "csum", "tso4", "tso6", "ecn", "ufo" };
	xmlNode *driver = kvm_xml_node(xml, node, "driver"), *side;
	size_t i;

	side = kvm_xml_node(xml, driver, "host");
	for (i = 0; i < KVM_COUNT(host); i++)
		kvm_xml_set(xml, side, host[i], "off");
	side = kvm_xml_node(xml, driver, "guest");
	for (i = 0; i < KVM_COUNT(guest); i++)
		kvm_xml_set(xml, side, guest[i], "off");
}

void kvm_xml_interface(struct kvm_xml *xml, xmlNode *node, const char *name, const struct hyfw_endpoint *endpoint)
{
	const char *tap = hyfw_map_get(&endpoint->notes, HYFW_NOTE_TAP);
	const char *mac = hyfw_map_get(&endpoint->notes, HYFW_NOTE_MAC);
	const char *mtu = hyfw_map_get(&endpoint->notes, HYFW_NOTE_MTU);
	const char *offload = hyfw_map_get(&endpoint->notes, HYFW_NOTE_OFFLOAD);
	xmlNode *target;

	if (!tap) {
		kvm_xml_fail(xml, ENOTSUP, "its network gave no tap, so it cannot be plugged in");
		return;
	}
	kvm_xml_set(xml, node, "type", "ethernet");
	if (mac)
		kvm_xml_with(xml, node, "mac", "address", mac);
	target = kvm_xml_with(xml, node, "target", "dev", tap);
	kvm_xml_set(xml, target, "managed", "no");
	add_model(xml, node, name);
	if (offload && strcmp(offload, "off") == 0 && kvm_xml_is(xml, "nic_model", "virtio"))
		add_no_offload(xml, node);
	if (mtu)
		kvm_xml_with(xml, node, "mtu", "size", mtu);
}

/* "passt SOCKET": libvirt 9.0 knows only a passt that it starts itself, so this one is
 * told to QEMU, whose word for its protocol is "stream" (since 7.2). */
static void add_user_network(struct kvm_xml *xml, const char *how, const char *mac, size_t index)
{
	const char *path = strncmp(how, "passt /", 7) == 0 ? how + 6 : NULL, *comma;
	const char *model = kvm_xml_setting(xml, "nic_model", "virtio"), *escaped = "";
	const bool pc = kvm_xml_is(xml, "machine", "pc");

	if (!path || index >= USER_NETWORKS) {
		kvm_xml_fail(xml, ENOTSUP, path ? "a machine has at most 8 networks of this kind" :
			     "its network is of a kind that machines cannot join");
		return;
	}
	for (; (comma = strchr(path, ',')); path = comma + 1) /* QEMU's options: a comma is doubled */
		escaped = xml->host->format(xml->arena, "%s%.*s,,", escaped, (int)(comma - path), path);
	kvm_xml_argument(xml, "-netdev");
	kvm_xml_argument(xml, xml->host->format(xml->arena, "stream,id=user%zu,server=off,addr.type=unix,"
						 "addr.path=%s%s", index, escaped, path));
	kvm_xml_argument(xml, "-device");
	kvm_xml_argument(xml, xml->host->format(xml->arena, "%s,netdev=user%zu,id=" KVM_ALIAS "eth%zu,bus=%s,"
						 "addr=0x%zx%s%s",
						 strcmp(model, "virtio") == 0 ? "virtio-net-pci" : model, index,
						 index, pc ? "pci.0" : "pcie.0", USER_NETWORK_FIRST_SLOT + index,
						 mac ? ",mac=" : "", mac ? mac : ""));
}

void kvm_domain_interfaces(struct kvm_xml *xml, xmlNode *devices)
{
	const struct hyfw_workload *workload = xml->workload;
	const char *value;
	xmlNode *node;
	size_t i, cursor = 0;

	for (i = 0; i < workload->endpoint_count; i++) {
		const struct hyfw_map *notes = &workload->endpoints[i].notes;
		const char *user = hyfw_map_get(notes, HYFW_NOTE_USER_NETWORK);

		if (user)
			add_user_network(xml, user, hyfw_map_get(notes, HYFW_NOTE_MAC), i);
		else if (hyfw_map_get(notes, HYFW_NOTE_TAP)) /* else a network that gives nothing */
			kvm_xml_interface(xml, kvm_xml_node(xml, devices, "interface"),
					  xml->host->format(xml->arena, "eth%zu", i), &workload->endpoints[i]);
	}
	for (i = 0; (value = hyfw_map_next(xml->settings, "libvirt_network", &cursor)); i++) {
		node = kvm_xml_with(xml, devices, "interface", "type", "network");
		kvm_xml_with(xml, node, "source", "network", value);
		add_model(xml, node, xml->host->format(xml->arena, "net%zu", i));
	}
}
