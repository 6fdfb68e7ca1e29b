/* SPDX-License-Identifier: BSD-3-Clause
 * The domain as a whole, and the names in it. */
#include "xml.h"

#define SOCKET_PATH_MAX 107 /* unix(7): sun_path with its NUL */

const char *kvm_domain_name(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
			    const struct kvm_facts *facts)
{
	return host->format(arena, facts->embedded ? "%.0s%s" : "%s-%s", facts->owner, workload);
}

const char *kvm_console_socket(const struct hyfw_host *host, struct hyfw_arena *arena,
			       const struct kvm_facts *facts)
{
	return host->format(arena, "%s/console.sock", facts->directory);
}

const char *kvm_tpm_socket(const struct hyfw_host *host, struct hyfw_arena *arena, const struct kvm_facts *facts)
{
	return host->format(arena, "%s/tpm.sock", facts->directory);
}

const char *kvm_display_socket(const struct hyfw_host *host, struct hyfw_arena *arena,
			       const struct kvm_facts *facts)
{
	return host->format(arena, "%s/display.sock", facts->directory);
}

/* Ours: whose it is, and what the user wants other programs to find. */
static void add_metadata(struct kvm_xml *xml, xmlNode *domain)
{
	xmlNode *metadata = kvm_xml_node(xml, domain, "metadata"), *own, *entry;
	xmlNs *space = NULL;
	const char *value;
	size_t cursor = 0;

	own = kvm_xml_node(xml, metadata, "machine");
	if (own)
		space = xmlNewNs(own, BAD_CAST KVM_OWN_NAMESPACE, BAD_CAST "hyfw");
	if (!space)
		return;
	xmlSetNs(own, space);
	kvm_xml_set(xml, own, "owner", xml->facts->owner);
	kvm_xml_set(xml, own, "workload", xml->workload->name);
	while ((value = hyfw_map_next(xml->settings, "metadata", &cursor))) {
		const char *equals = strchr(value, '=');
		const int length = equals ? (int)(equals - value) : (int)strlen(value);

		entry = kvm_xml_node(xml, own, "entry"); /* of the parent's name space */
		kvm_xml_format(xml, entry, "key", "%.*s", length, value);
		kvm_xml_set(xml, entry, "value", equals ? equals + 1 : "");
	}
}

static void add_identity(struct kvm_xml *xml, xmlNode *domain)
{
	const char *description = kvm_xml_setting(xml, "description", NULL);

	kvm_xml_text(xml, domain, "name",
		     kvm_domain_name(xml->host, xml->arena, xml->workload->name, xml->facts));
	kvm_xml_text(xml, domain, "uuid", xml->facts->uuid);
	if (xml->facts->genid && kvm_domain_takes_genid(xml->settings, xml->facts))
		kvm_xml_text(xml, domain, "genid", xml->facts->genid);
	if (description)
		kvm_xml_text(xml, domain, "description", description);
	add_metadata(xml, domain);
}

static void add_memory(struct kvm_xml *xml, xmlNode *domain)
{
	const uint64_t memory = kvm_memory(xml->settings), most = kvm_memory_max(xml->settings);
	const uint64_t current = (uint64_t)hyfw_map_int(xml->settings, "memory_current", (int64_t)memory);
	xmlNode *node;

	if (most > memory) {
		node = kvm_xml_text(xml, domain, "maxMemory",
				    xml->host->format(xml->arena, "%llu", (unsigned long long)(most >> 10)));
		kvm_xml_format(xml, node, "slots", "%d", (int)hyfw_map_int(xml->settings, "memory_slots", 4));
		kvm_xml_set(xml, node, "unit", "KiB");
	}
	node = kvm_xml_text(xml, domain, "memory",
			    xml->host->format(xml->arena, "%llu", (unsigned long long)(memory >> 10)));
	kvm_xml_set(xml, node, "unit", "KiB");
	node = kvm_xml_text(xml, domain, "currentMemory",
			    xml->host->format(xml->arena, "%llu", (unsigned long long)(current >> 10)));
	kvm_xml_set(xml, node, "unit", "KiB");
}

/* QEMU runs as the first id of the workload's range, with the label that it was given; who
 * owns its files and how they are labelled is settled before, so libvirt changes neither.  An
 * embedded libvirt is told nothing of labels: see label.c. */
static void add_user(struct kvm_xml *xml, xmlNode *domain)
{
	const struct hyfw_idmap *idmap = &xml->workload->idmap;
	xmlNode *label;

	if (xml->facts->hosted) /* its libvirtd has a user for QEMU */
		return;
	if (xml->facts->label && !xml->facts->embedded) {
		label = kvm_xml_with(xml, domain, "seclabel", "type", "static");
		kvm_xml_set(xml, label, "model", "selinux");
		kvm_xml_set(xml, label, "relabel", "no");
		kvm_xml_text(xml, label, "label", xml->facts->label);
	}
	label = kvm_xml_with(xml, domain, "seclabel", "type", "static");
	kvm_xml_set(xml, label, "model", "dac");
	kvm_xml_set(xml, label, "relabel", "no");
	kvm_xml_text(xml, label, "label",
		     xml->host->format(xml->arena, "+%u:+%u", idmap->count ? idmap->host_uid : 0,
				       idmap->count ? idmap->host_gid : 0));
}

static void add_devices(struct kvm_xml *xml, xmlNode *domain)
{
	xmlNode *devices = kvm_xml_node(xml, domain, "devices");

	if (xml->facts->emulator)
		kvm_xml_text(xml, devices, "emulator", xml->facts->emulator);
	kvm_domain_disks(xml, devices);
	kvm_domain_controllers(xml, devices);
	kvm_domain_interfaces(xml, devices);
	kvm_domain_console(xml, devices);
	kvm_domain_display(xml, devices);
	kvm_domain_extras(xml, devices);
}

static void add_domain(struct kvm_xml *xml)
{
	xmlNode *domain = xml->root;

	kvm_xml_set(xml, domain, "type", xml->facts->accel == KVM_ACCEL_KVM ? "kvm" : "qemu");
	add_identity(xml, domain);
	add_memory(xml, domain);
	kvm_domain_vcpus(xml, domain);
	kvm_domain_boot(xml, domain);
	kvm_domain_features(xml, domain);
	kvm_domain_cpu(xml, domain);
	kvm_domain_clock(xml, domain);
	kvm_domain_power(xml, domain);
	add_devices(xml, domain);
	add_user(xml, domain);
	kvm_domain_spare_questions(xml);
}

int kvm_domain_xml(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_workload *workload,
		   const struct kvm_facts *facts, char **ret_xml, struct hyfw_error **err)
{
	struct kvm_xml xml = { .host = host, .arena = arena, .name = workload->name, .workload = workload,
			       .settings = &workload->settings, .facts = facts, .err = err };
	int result;

	if (!facts->hosted && strlen(kvm_display_socket(host, arena, facts)) > SOCKET_PATH_MAX)
		return host->fail(err, ENAMETOOLONG, "%s: sockets in %s would have names longer than %d characters; "
				  "use a shorter --state", workload->name, facts->directory, SOCKET_PATH_MAX);
	kvm_xml_begin(&xml, "domain");
	add_domain(&xml);
	result = kvm_xml_take(&xml, ret_xml);
	kvm_xml_finish(&xml);
	return result;
}

int kvm_disk_xml(const struct hyfw_host *host, struct hyfw_arena *arena, const char *name,
		 const struct hyfw_attachment *disk, const struct hyfw_map *settings,
		 const struct kvm_facts *facts, char **ret_xml, struct hyfw_error **err)
{
	struct kvm_xml xml = { .host = host, .arena = arena, .name = name, .settings = settings,
			       .facts = facts, .err = err };
	int result;

	kvm_xml_begin(&xml, "disk");
	kvm_xml_disk(&xml, xml.root, name, disk);
	result = kvm_xml_take(&xml, ret_xml);
	kvm_xml_finish(&xml);
	return result;
}

int kvm_interface_xml(const struct hyfw_host *host, struct hyfw_arena *arena, const char *name,
		      const struct hyfw_endpoint *endpoint, const struct hyfw_map *settings,
		      const struct kvm_facts *facts, char **ret_xml, struct hyfw_error **err)
{
	struct kvm_xml xml = { .host = host, .arena = arena, .name = name, .settings = settings,
			       .facts = facts, .err = err };
	int result;

	kvm_xml_begin(&xml, "interface");
	kvm_xml_interface(&xml, xml.root, name, endpoint);
	result = kvm_xml_take(&xml, ret_xml);
	kvm_xml_finish(&xml);
	return result;
}
