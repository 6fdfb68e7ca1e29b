/* SPDX-License-Identifier: BSD-3-Clause
 * operate(): changes of a running machine, and questions about it.  Each verb has a
 * function in the table below. */
#include "keep.h"
#include "live.h"
#include "migrate.h"
#include "operate.h"

#include <stdio.h>

#define CDROM "/domain/devices/disk[@device='cdrom']"

static int set_vcpus(struct kvm_instance *kvm, virDomainPtr domain, const char *value, struct hyfw_error **err)
{
	char *end;
	unsigned long count = strtoul(value, &end, 10);

	if (*end || count < 1 || count > 1024)
		return kvm->host->fail(err, EINVAL, "vcpus: %s is no number from 1 to 1024", value);
	if (virDomainSetVcpusFlags(domain, (unsigned)count, VIR_DOMAIN_AFFECT_LIVE) < 0)
		return kvm_fail_libvirt(kvm->host, err, "vcpus (vcpus_max says how many there can be)");
	return 0;
}

static int set_memory(struct kvm_instance *kvm, virDomainPtr domain, const char *value, struct hyfw_error **err)
{
	char *end;
	unsigned long long bytes = strtoull(value, &end, 10);

	if (*end || bytes < 1 << 20)
		return kvm->host->fail(err, EINVAL, "memory: %s is no number of bytes from 1048576", value);
	if (virDomainSetMemoryFlags(domain, (unsigned long)(bytes >> 10), VIR_DOMAIN_AFFECT_LIVE) < 0)
		return kvm_fail_libvirt(kvm->host, err, "memory");
	return 0;
}

/* The first drive's disk; "" takes it out. */
static int set_cdrom(struct kvm_instance *kvm, virDomainPtr domain, const char *path, struct hyfw_error **err)
{
	xmlDoc *document = NULL;
	xmlNode *drive, *source;
	xmlBuffer *text;
	int r = kvm_live_open(kvm, domain, &document, err);

	if (r < 0)
		return r;
	drive = kvm_live_node(document, CDROM);
	source = drive ? kvm_live_node(document, CDROM "/source") : NULL;
	text = xmlBufferCreate();
	if (!drive || !text) {
		r = drive ? kvm->host->fail(err, ENOMEM, "out of memory")
			  : kvm->host->fail(err, ENOENT, "the machine has no CD drive: give it one with cdrom");
		goto out;
	}
	if (source) {
		xmlUnlinkNode(source);
		xmlFreeNode(source);
	}
	xmlSetProp(drive, BAD_CAST "type", BAD_CAST "file");
	if (*path)
		xmlNewProp(xmlNewChild(drive, NULL, BAD_CAST "source", NULL), BAD_CAST "file", BAD_CAST path);
	xmlNodeDump(text, document, drive, 0, 0);
	if (virDomainUpdateDeviceFlags(domain, (const char *)xmlBufferContent(text),
				       VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_DEVICE_MODIFY_FORCE) < 0)
		r = kvm_fail_libvirt(kvm->host, err, "change the CD");
out:
	xmlBufferFree(text);
	xmlFreeDoc(document);
	return r;
}

static int update(struct kvm_operation *operation, struct hyfw_error **err)
{
	static const struct {
		const char *key;
		int (*set)(struct kvm_instance *kvm, virDomainPtr domain, const char *value, struct hyfw_error **err);
	} keys[] = { { "vcpus", set_vcpus }, { "memory", set_memory }, { "cdrom", set_cdrom } };
	const struct hyfw_map *args = &operation->asked->args;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < KVM_COUNT(keys); i++) {
		const char *value = hyfw_map_get(args, keys[i].key);

		if (value)
			r = keys[i].set(operation->kvm, operation->domain, value, err);
	}
	return r;
}

static int display(struct kvm_operation *operation, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	xmlDoc *document = NULL;
	int r = kvm_live_open(operation->kvm, operation->domain, &document, err);

	if (r < 0)
		return r;
	kvm_live_display(host, operation->asked->arena, document,
			 kvm_live_has_password(operation->kvm, operation->domain), operation->ret_result);
	xmlFreeDoc(document);
	if (operation->ret_result->count == 0)
		return host->fail(err, ENOENT, "the machine has no display: set display = vnc");
	return 0;
}

static int reboot(struct kvm_operation *operation, struct hyfw_error **err)
{
	/* Without an agent in the guest nothing asks it to: the reset button. */
	if (virDomainReset(operation->domain, 0) < 0)
		return kvm_fail_libvirt(operation->kvm->host, err, "reset");
	return 0;
}

static const struct {
	const char *verb;
	int (*run)(struct kvm_operation *operation, struct hyfw_error **err);
	bool idle; /* also for a machine that does not run; without 'domain' and 'run' then */
} verbs[] = {
	{ "update", update, false },
	{ "display", display, false },
	{ "reboot", reboot, false },
	{ "save", kvm_save, false },
	{ "restore", kvm_restore, true },
	{ "snapshot-create", kvm_snapshot_create, true },
	{ "snapshot-list", kvm_snapshot_list, true },
	{ "snapshot-revert", kvm_snapshot_revert, true },
	{ "snapshot-delete", kvm_snapshot_delete, true },
	{ "migrate", kvm_migrate, false },
	{ "forget", kvm_forget, true },
};

int kvm_operate(void *instance, const struct hyfw_map *record, const struct hyfw_operation *asked,
		struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct kvm_instance *kvm = instance;
	struct kvm_operation operation = { .kvm = kvm, .record = record, .asked = asked };
	struct hyfw_map result = { 0 };
	size_t i;
	int r;

	for (i = 0; i < KVM_COUNT(verbs) && strcmp(verbs[i].verb, asked->verb) != 0; i++)
		;
	if (i == KVM_COUNT(verbs))
		return kvm->host->fail(err, ENOTSUP, "machines cannot %s", asked->verb);
	operation.ret_result = &result;
	r = verbs[i].idle && record->count == 0 ? 0
						: kvm_domain_get(kvm, &operation.run, &operation.domain, err);
	if (r < 0)
		return r;
	r = verbs[i].run(&operation, err);
	if (operation.domain)
		kvm_domain_put(operation.domain);
	if (r == 0)
		*ret_result = result;
	return r;
}
