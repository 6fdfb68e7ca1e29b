/* SPDX-License-Identifier: BSD-3-Clause
 * Clock, power, and the small devices. */
#include "xml.h"

/* rtc and pit as libvirt's tools set them for KVM: lost ticks are made up for.  TCG
 * has neither policy. */
static const struct timer {
	const char *name, *policy;
	bool kvm_only;
} default_timers[] = {
	{ "rtc", "catchup", true },
	{ "pit", "delay", true },
	{ "hpet", "off", true },
};

static void add_timer(struct kvm_xml *xml, xmlNode *clock, const char *name, const char *policy)
{
	xmlNode *timer = kvm_xml_with(xml, clock, "timer", "name", name);

	if (strcmp(policy, "on") == 0 || strcmp(policy, "off") == 0)
		kvm_xml_set(xml, timer, "present", strcmp(policy, "on") == 0 ? "yes" : "no");
	else
		kvm_xml_set(xml, timer, "tickpolicy", policy);
}

static bool has_timer(const struct kvm_xml *xml, const char *name)
{
	const size_t length = strlen(name);
	const char *value;
	size_t cursor = 0;

	while ((value = hyfw_map_next(xml->settings, "timer", &cursor)))
		if (strncmp(value, name, length) == 0 && value[length] == '=')
			return true;
	return false;
}

void kvm_domain_clock(struct kvm_xml *xml, xmlNode *domain)
{
	xmlNode *clock = kvm_xml_with(xml, domain, "clock", "offset", kvm_xml_setting(xml, "clock", "utc"));
	const char *value;
	size_t i, cursor = 0;

	for (i = 0; i < KVM_COUNT(default_timers); i++)
		if (xml->facts->accel == KVM_ACCEL_KVM && !has_timer(xml, default_timers[i].name))
			add_timer(xml, clock, default_timers[i].name, default_timers[i].policy);
	while ((value = hyfw_map_next(xml->settings, "timer", &cursor))) {
		const size_t length = strcspn(value, "=");

		add_timer(xml, clock, xml->host->format(xml->arena, "%.*s", (int)length, value),
			  value[length] ? value + length + 1 : "on");
	}
}

void kvm_domain_power(struct kvm_xml *xml, xmlNode *domain)
{
	xmlNode *pm;

	kvm_xml_text(xml, domain, "on_poweroff", kvm_xml_setting(xml, "on_poweroff", "destroy"));
	kvm_xml_text(xml, domain, "on_reboot", kvm_xml_setting(xml, "on_reboot", "restart"));
	kvm_xml_text(xml, domain, "on_crash", kvm_xml_setting(xml, "on_crash", "destroy"));
	pm = kvm_xml_node(xml, domain, "pm");
	kvm_xml_with(xml, pm, "suspend-to-mem", "enabled",
		     hyfw_map_bool(xml->settings, "suspend_to_mem", false) ? "yes" : "no");
	kvm_xml_with(xml, pm, "suspend-to-disk", "enabled",
		     hyfw_map_bool(xml->settings, "suspend_to_disk", false) ? "yes" : "no");
}

static void add_balloon(struct kvm_xml *xml, xmlNode *devices)
{
	const bool wanted = hyfw_map_bool(xml->settings, "balloon", true);
	xmlNode *balloon = kvm_xml_with(xml, devices, "memballoon", "model", wanted ? "virtio" : "none");

	if (!wanted)
		return;
	kvm_xml_set(xml, balloon, "autodeflate", "on"); /* give memory back before the guest kills for it */
	kvm_xml_set(xml, balloon, "freePageReporting", "on");
	kvm_xml_with(xml, balloon, "stats", "period", "10");
}

static void add_tpm(struct kvm_xml *xml, xmlNode *devices)
{
	xmlNode *backend, *source;

	backend = kvm_xml_with(xml, kvm_xml_with(xml, devices, "tpm", "model", "tpm-crb"), "backend", "type",
			       "external");
	source = kvm_xml_with(xml, backend, "source", "type", "unix");
	kvm_xml_set(xml, source, "mode", "connect");
	kvm_xml_set(xml, source, "path", kvm_tpm_socket(xml->host, xml->arena, xml->facts));
}

void kvm_domain_extras(struct kvm_xml *xml, xmlNode *devices)
{
	const char *watchdog = kvm_xml_setting(xml, "watchdog", "none");
	xmlNode *node;

	if (hyfw_map_bool(xml->settings, "tpm", false))
		add_tpm(xml, devices);
	if (strcmp(watchdog, "none") != 0) {
		node = kvm_xml_with(xml, devices, "watchdog", "model", watchdog);
		kvm_xml_set(xml, node, "action", kvm_xml_setting(xml, "watchdog_action", "reset"));
	}
	add_balloon(xml, devices);
	if (hyfw_map_bool(xml->settings, "rng", true)) {
		node = kvm_xml_with(xml, devices, "rng", "model", "virtio");
		node = kvm_xml_text(xml, node, "backend", "/dev/urandom");
		kvm_xml_set(xml, node, "model", "random");
	}
	kvm_xml_with(xml, devices, "panic", "model", "isa"); /* so that on_crash is noticed */
}
