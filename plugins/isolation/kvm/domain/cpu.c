/* SPDX-License-Identifier: BSD-3-Clause
 * <vcpu>, <cputune> and <cpu>. */
#include <cpuid.h>

#include "xml.h"

void kvm_domain_vcpus(struct kvm_xml *xml, xmlNode *domain)
{
	const uint32_t now = kvm_vcpus(xml->settings), most = kvm_vcpus_max(xml->settings);
	xmlNode *node = kvm_xml_text(xml, domain, "vcpu", xml->host->format(xml->arena, "%u", most));
	const char *value;
	size_t cursor = 0;

	kvm_xml_set(xml, node, "placement", "static");
	if (now != most)
		kvm_xml_format(xml, node, "current", "%u", now);
	if (xml->facts->hosted)
		kvm_xml_set(xml, node, "cpuset", kvm_xml_setting(xml, "cpuset", NULL));
	if (!hyfw_map_get(xml->settings, "vcpu_pin") &&
	    !(xml->facts->hosted && (hyfw_map_get(xml->settings, "cpus") || hyfw_map_get(xml->settings, "cpu_shares"))))
		return;
	node = kvm_xml_node(xml, domain, "cputune");
	if (xml->facts->hosted)
		kvm_domain_tune_cpu(xml, node);
	while ((value = hyfw_map_next(xml->settings, "vcpu_pin", &cursor))) {
		const size_t length = strcspn(value, "=");
		xmlNode *pin = kvm_xml_node(xml, node, "vcpupin");

		kvm_xml_format(xml, pin, "vcpu", "%.*s", (int)length, value);
		kvm_xml_set(xml, pin, "cpuset", value[length] ? value + length + 1 : "");
	}
}

/* What lets a guest run machines: QEMU emulates AMD's. */
static const char *nested_feature(const struct kvm_facts *facts)
{
	unsigned eax, ebx = 0, ecx = 0, edx = 0;

	if (facts->nested)
		return facts->nested;
	if (facts->accel == KVM_ACCEL_TCG || !__get_cpuid(0, &eax, &ebx, &ecx, &edx))
		return "svm";
	return ebx == signature_INTEL_ebx ? "vmx" : "svm";
}

static void add_features(struct kvm_xml *xml, xmlNode *cpu)
{
	const char *nested = kvm_xml_setting(xml, "nested", "auto"), *value;
	size_t cursor = 0;
	xmlNode *node;

	if (strcmp(nested, "auto") != 0) {
		node = kvm_xml_with(xml, cpu, "feature", "policy",
				    strcmp(nested, "on") == 0 ? "require" : "disable");
		kvm_xml_set(xml, node, "name", nested_feature(xml->facts));
	}
	while ((value = hyfw_map_next(xml->settings, "cpu_feature", &cursor))) {
		node = kvm_xml_with(xml, cpu, "feature", "policy", *value == '-' ? "disable" : "require");
		kvm_xml_set(xml, node, "name", *value == '-' || *value == '+' ? value + 1 : value);
	}
}

/* host-model and host-passthrough are KVM's: QEMU alone has its own "max". */
static const char *default_model(const struct kvm_xml *xml)
{
	return xml->facts->accel == KVM_ACCEL_KVM ? "host-model" : "maximum";
}

static void add_topology(struct kvm_xml *xml, xmlNode *cpu)
{
	static const char *const words[] = { "sockets", "dies", "cores", "threads" };
	const char *text = kvm_xml_setting(xml, "cpu_topology", NULL);
	xmlNode *node = text ? kvm_xml_node(xml, cpu, "topology") : NULL;
	size_t i;

	for (i = 0; text && i < KVM_COUNT(words); i++)
		kvm_xml_format(xml, node, words[i], "%u", kvm_topology(text, words[i]));
}

static const char *cpu_model(const struct kvm_xml *xml)
{
	return kvm_xml_setting(xml, "cpu_model", default_model(xml));
}

/* Where QEMU alone decides what the CPU has, libvirt need not know it feature by
 * feature: with this ability it asks 400 questions, which QEMU reads byte by byte, and
 * uses no answer; without it there are three.  Features that are named are checked.
 * Not at a libvirtd, which marks a domain as tainted for it. */
void kvm_domain_spare_questions(struct kvm_xml *xml)
{
	const char *model = cpu_model(xml);

	if (xml->facts->embedded && (strcmp(model, "maximum") == 0 || strcmp(model, "host-passthrough") == 0) &&
	    !kvm_xml_setting(xml, "cpu_feature", NULL) && !kvm_xml_is(xml, "nested", "on"))
		kvm_xml_without(xml, "cpu-unavailable-features");
}

void kvm_domain_cpu(struct kvm_xml *xml, xmlNode *domain)
{
	const char *model = cpu_model(xml);
	const bool mode = strcmp(model, "host-model") == 0 || strcmp(model, "host-passthrough") == 0 ||
			  strcmp(model, "maximum") == 0;
	xmlNode *cpu = kvm_xml_with(xml, domain, "cpu", "mode", mode ? model : "custom"), *node;

	if (!mode) {
		kvm_xml_set(xml, cpu, "match", "exact");
		node = kvm_xml_text(xml, cpu, "model", model);
		kvm_xml_set(xml, node, "fallback", "forbid");
	}
	add_topology(xml, cpu);
	add_features(xml, cpu);
	if (kvm_memory_max(xml->settings) > kvm_memory(xml->settings)) { /* DIMMs belong to a node */
		node = kvm_xml_with(xml, kvm_xml_node(xml, cpu, "numa"), "cell", "id", "0");
		kvm_xml_format(xml, node, "cpus", "0-%u", kvm_vcpus_max(xml->settings) - 1);
		kvm_xml_format(xml, node, "memory", "%llu",
			       (unsigned long long)(kvm_memory(xml->settings) >> 10));
		kvm_xml_set(xml, node, "unit", "KiB");
	}
}
