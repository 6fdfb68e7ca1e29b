/* SPDX-License-Identifier: BSD-3-Clause
 * check(): settings that cannot work, alone or together. */
#include <unistd.h>

#include "check.h"
#include "../libvirt/hosted.h"
#include "../template/template.h"

static int check_uuid(const struct kvm_checked *checked)
{
	static const char form[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	const char *uuid = kvm_checked_get(checked, "uuid");
	size_t i;

	for (i = 0; uuid && i < sizeof(form) - 1; i++)
		if (form[i] == '-' ? uuid[i] != '-' : !uuid[i] || !strchr("0123456789abcdefABCDEF", uuid[i]))
			break;
	if (uuid && (i < sizeof(form) - 1 || uuid[i]))
		return checked->host->fail(checked->err, EINVAL, "uuid = %s: must look like 01234567-89ab-cdef-0123-456789abcdef", uuid);
	return 0;
}

static int check_metadata(const struct kvm_checked *checked)
{
	const char *value;
	size_t cursor = 0;

	while ((value = hyfw_map_next(checked->settings, "metadata", &cursor)))
		if (*value == '=' || !strchr(value, '='))
			return checked->host->fail(checked->err, EINVAL, "metadata = %s: must be KEY=VALUE", value);
	return 0;
}

/* What libvirt has for each timer (formatdomain, "Time keeping"). */
static int check_timers(const struct kvm_checked *checked)
{
	static const struct {
		const char *name, *policies[4];
	} timers[] = {
		{ "rtc", { "catchup", "delay" } }, { "pit", { "delay", "discard" } }, { "hpet", { "on", "off" } },
		{ "kvmclock", { "on", "off" } }, { "tsc", { "on", "off" } }, { "hypervclock", { "on", "off" } },
	};
	const char *value;
	size_t cursor = 0, i, j;

	while ((value = hyfw_map_next(checked->settings, "timer", &cursor))) {
		bool good = false;

		for (i = 0; i < KVM_COUNT(timers) && !good; i++) {
			const size_t length = strlen(timers[i].name);

			if (strncmp(value, timers[i].name, length) != 0 || value[length] != '=')
				continue;
			for (j = 0; timers[i].policies[j] && !good; j++)
				good = strcmp(value + length + 1, timers[i].policies[j]) == 0;
		}
		if (!good)
			return checked->host->fail(checked->err, EINVAL, "timer = %s: must be rtc=catchup or delay, pit=delay or discard, or "
						   "hpet, tsc, kvmclock or hypervclock=on or off", value);
	}
	return 0;
}

static bool has_screen(const struct kvm_checked *checked)
{
	const char *display = kvm_checked_get(checked, "display"), *video = kvm_checked_get(checked, "video");

	return (display && strcmp(display, "none") != 0) ||
	       (video && strcmp(video, "none") != 0 && strcmp(video, "auto") != 0) ||
	       hyfw_map_bool(checked->settings, "boot_menu", false);
}

static int check_tpm(const struct kvm_checked *checked)
{
	if (kvm_checked_get(checked, "failover"))
		return checked->host->fail(checked->err, ENOTSUP, "tpm = yes: what the TPM keeps stays on this host, and the machine "
					   "has failover: on another host the guest would not get at its keys; leave one of "
					   "the two out");
	if (!hyfw_map_bool(checked->settings, "acpi", true))
		return checked->host->fail(checked->err, ENOTSUP, "tpm = yes: a guest finds it through ACPI; leave out acpi = no");
	/* QEMU keeps room for ACPI's tables above the initrd that it loads, but not for the
	 * 64 KiB of the TPM's log beside them: tables were overwritten with bios, and with
	 * qboot and a graphics card nothing came up at all. */
	if (kvm_checked_get(checked, "kernel") && !kvm_checked_is(checked, "firmware", "efi") &&
	    (kvm_checked_is(checked, "firmware", "bios") || has_screen(checked)))
		return checked->host->fail(checked->err, ENOTSUP, "tpm = yes: with a kernel of its own the TPM's log and the initrd "
					   "would lie on each other; use firmware = efi, or boot from a disk");
	if (access(KVM_SWTPM, X_OK) < 0)
		return checked->host->fail(checked->err, errno, "tpm = yes: %s: %s; install the package swtpm", KVM_SWTPM,
					   strerror(errno));
	return 0;
}

int kvm_check_extras(const struct kvm_checked *checked)
{
	const struct hyfw_host *host = checked->host;
	int result = check_timers(checked);

	if (result < 0)
		return result;
	if (kvm_checked_is(checked, "on_poweroff", "restart") && kvm_checked_is(checked, "on_reboot", "destroy"))
		return host->fail(checked->err, ENOTSUP, "on_poweroff = restart: QEMU cannot do that together with on_reboot = destroy; "
				  "change one of them");
	if (!kvm_checked_is(checked, "watchdog_action", "reset") && kvm_checked_get(checked, "watchdog_action") &&
	    (kvm_checked_is(checked, "watchdog", "none") || !kvm_checked_get(checked, "watchdog")))
		return host->fail(checked->err, EINVAL, "watchdog_action: the machine has no watchdog; give watchdog = i6300esb");
	if (hyfw_map_bool(checked->settings, "tpm", false))
		return check_tpm(checked);
	return 0;
}

/* QEMU runs as the first id of the machine's range. */
static int check_user(const struct kvm_checked *checked)
{
	if (kvm_checked_is(checked, "userns", "host"))
		return checked->host->fail(checked->err, EINVAL,
					   "userns = host: QEMU would run as root; leave the key out, a machine has a user of its own");
	return 0;
}

static int check_libvirtd(const struct kvm_instance *kvm, const struct kvm_checked *checked)
{
	if (!kvm->uri && hyfw_map_bool(checked->settings, "persistent", false))
		return checked->host->fail(checked->err, ENOTSUP, "persistent = yes: there is no libvirtd that could keep the machine "
					   "defined; give uri in [plugin kvm], or leave it out: the workload itself stays");
	if (!kvm_is_hosted(kvm) && kvm_checked_get(checked, "libvirt_disk"))
		return checked->host->fail(checked->err, ENOTSUP, "libvirt_disk: is for a libvirtd on another host; use the key disk");
	if (!kvm->uri && kvm_checked_get(checked, "libvirt_network"))
		return checked->host->fail(checked->err, ENOTSUP, "libvirt_network: there is no libvirtd that has networks; give uri in "
					   "[plugin kvm], or use the key network");
	return 0;
}

static int check_template(const struct kvm_instance *kvm, const struct kvm_checked *checked)
{
	const char *template = kvm_checked_get(checked, "template");

	if (!template)
		return 0;
	if (kvm_is_hosted(kvm))
		return checked->host->fail(checked->err, ENOTSUP, "template = %s: it is on this host, and the machine is to be on "
					   "that of the libvirtd; leave it out", template);
	if (kvm_checked_get(checked, "failover"))
		return checked->host->fail(checked->err, ENOTSUP, "failover: template %s is on this host alone; leave one of the "
					   "two out", template);
	if (hyfw_map_bool(checked->settings, "persistent", false))
		return checked->host->fail(checked->err, ENOTSUP, "persistent = yes: the libvirtd would boot a machine that starts "
					   "from template %s; leave one of the two out", template);
	return 0;
}

static int check(struct kvm_instance *kvm, const struct hyfw_subject *subject, struct hyfw_arena *arena,
		 struct hyfw_error **err)
{
	static int (*const parts[])(const struct kvm_checked *checked) = {
		check_user, check_uuid, check_metadata, kvm_check_boot, kvm_check_cpu, kvm_check_memory, kvm_check_disks,
		kvm_check_display, kvm_check_extras,
	};
	struct kvm_checked checked = { .host = kvm->host, .settings = &subject->settings, .err = err,
				       .hosted = kvm_is_hosted(kvm) };
	char *xml;
	size_t i;
	int result = kvm_accel(kvm, &subject->settings, &checked.accel, err);

	for (i = 0; result == 0 && i < KVM_COUNT(parts); i++)
		result = parts[i](&checked);
	if (result == 0)
		result = check_libvirtd(kvm, &checked);
	if (result == 0)
		result = check_template(kvm, &checked);
	if (result == 0 && subject->transient && hyfw_map_bool(&subject->settings, "persistent", false))
		result = kvm->host->fail(err, EINVAL, "persistent = yes: a workload that is removed when it ends (--rm) does not stay "
					 "defined; leave one of the two out");
	if (result == 0 && checked.hosted)
		result = kvm_check_hosted(kvm, subject, err);
	if (result == 0)
		result = kvm_planned_xml(kvm, subject, arena, &xml, err); /* text that XML cannot hold */
	return result;
}

int kvm_check(void *instance, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	struct kvm_instance *kvm = instance;
	struct hyfw_subject whole = *subject;
	struct hyfw_arena *arena;
	int result;

	if (subject->kind != HYFW_SUBJECT_WORKLOAD)
		return 0;
	arena = kvm->host->arena_new();
	result = kvm_template_apply(kvm->host, arena, &whole.settings, err);
	if (result == 0)
		result = check(kvm, &whole, arena, err);
	kvm->host->arena_free(arena);
	return result;
}
