/* SPDX-License-Identifier: BSD-3-Clause
 * The verb "update": everything is looked at before anything is changed, and what was
 * changed goes back when a later change fails. */
#include "libvirt/live.h"
#include "operate.h"

#include <stdio.h>

#define CDROM "/domain/devices/disk[@device='cdrom']"

/* ---- vcpus ---- */

static int read_number(const struct hyfw_host *host, const char *key, const char *value, unsigned long long least,
		       unsigned long long most, unsigned long long *ret_number, struct hyfw_error **err)
{
	char *end;

	*ret_number = strtoull(value, &end, 10);
	if (*value < '0' || *value > '9' || *end || *ret_number < least || *ret_number > most)
		return host->fail(err, EINVAL, "%s: %s is no number from %llu to %llu", key, value, least, most);
	return 0;
}

static int check_vcpus(struct kvm_operation *operation, const char *value, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	const int most = virDomainGetVcpusFlags(operation->domain, VIR_DOMAIN_VCPU_MAXIMUM | VIR_DOMAIN_AFFECT_LIVE);
	unsigned long long count;
	int r = read_number(host, "vcpus", value, 1, 1024, &count, err);

	if (r == 0 && most < 0)
		return kvm_fail_libvirt(host, err, "vcpus");
	if (r == 0 && count > (unsigned)most)
		return host->fail(err, ERANGE, "vcpus: the machine has room for %d, and %llu are wanted; vcpus_max says "
				  "how many there can be", most, count);
	return r;
}

static char *get_vcpus(struct kvm_operation *operation)
{
	const int count = virDomainGetVcpusFlags(operation->domain, VIR_DOMAIN_AFFECT_LIVE);

	return count < 0 ? NULL : operation->kvm->host->format(operation->asked->arena, "%d", count);
}

static int set_vcpus(struct kvm_operation *operation, const char *value, struct hyfw_error **err)
{
	if (virDomainSetVcpusFlags(operation->domain, (unsigned)strtoul(value, NULL, 10), VIR_DOMAIN_AFFECT_LIVE) < 0)
		return kvm_fail_libvirt(operation->kvm->host, err, "vcpus");
	return 0;
}

/* ---- memory: what the balloon leaves the guest ---- */

static int check_memory(struct kvm_operation *operation, const char *value, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	const unsigned long most = virDomainGetMaxMemory(operation->domain);
	unsigned long long bytes;
	int r = read_number(host, "memory", value, 1 << 20, INT64_MAX, &bytes, err);

	if (r == 0 && most == 0)
		return kvm_fail_libvirt(host, err, "memory");
	if (r == 0 && (bytes >> 10) > most)
		return host->fail(err, ERANGE, "memory: the machine was started with %lu KiB, and a balloon gives no more; "
				  "start it again with memory = %s", most, value);
	return r;
}

static char *get_memory(struct kvm_operation *operation)
{
	virDomainInfo info;

	if (virDomainGetInfo(operation->domain, &info) < 0)
		return NULL;
	return operation->kvm->host->format(operation->asked->arena, "%llu", (unsigned long long)info.memory << 10);
}

static int set_memory(struct kvm_operation *operation, const char *value, struct hyfw_error **err)
{
	if (virDomainSetMemoryFlags(operation->domain, (unsigned long)(strtoull(value, NULL, 10) >> 10),
				    VIR_DOMAIN_AFFECT_LIVE) < 0)
		return kvm_fail_libvirt(operation->kvm->host, err, "memory");
	return 0;
}

/* ---- cdrom: the disc in the first drive, "" for none ---- */

static int with_domain(struct kvm_operation *operation,
		       int (*use)(struct kvm_operation *operation, xmlDoc *document, const char *value,
				  struct hyfw_error **err),
		       const char *value, struct hyfw_error **err)
{
	xmlDoc *document = NULL;
	int r = kvm_live_open(operation->kvm, operation->domain, &document, err);

	if (r == 0)
		r = use(operation, document, value, err);
	xmlFreeDoc(document);
	return r;
}

static int find_drive(struct kvm_operation *operation, xmlDoc *document, const char *value, struct hyfw_error **err)
{
	(void)value;
	if (kvm_live_node(document, CDROM))
		return 0;
	return operation->kvm->host->fail(err, ENOENT, "the machine has no CD drive: give it one with cdrom");
}

static int check_cdrom(struct kvm_operation *operation, const char *value, struct hyfw_error **err)
{
	return with_domain(operation, find_drive, value, err);
}

static char *get_cdrom(struct kvm_operation *operation)
{
	const struct hyfw_host *host = operation->kvm->host;
	struct hyfw_error *ignored = NULL;
	xmlDoc *document = NULL;
	const char *path;

	if (kvm_live_open(operation->kvm, operation->domain, &document, &ignored) < 0) {
		host->forget(&ignored);
		return NULL;
	}
	path = kvm_live_text(host, operation->asked->arena, document, CDROM "/source/@file");
	xmlFreeDoc(document);
	return host->format(operation->asked->arena, "%s", path ? path : "");
}

static int change_disc(struct kvm_operation *operation, xmlDoc *document, const char *path, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	xmlNode *drive = kvm_live_node(document, CDROM), *source = kvm_live_node(document, CDROM "/source");
	xmlBuffer *text = xmlBufferCreate();
	int r = 0;

	if (!drive || !text) {
		xmlBufferFree(text);
		return host->fail(err, drive ? ENOMEM : ENOENT, drive ? "out of memory" : "the CD drive is gone");
	}
	if (source) {
		xmlUnlinkNode(source);
		xmlFreeNode(source);
	}
	xmlSetProp(drive, BAD_CAST "type", BAD_CAST "file");
	if (*path)
		xmlNewProp(xmlNewChild(drive, NULL, BAD_CAST "source", NULL), BAD_CAST "file", BAD_CAST path);
	xmlNodeDump(text, document, drive, 0, 0);
	if (virDomainUpdateDeviceFlags(operation->domain, (const char *)xmlBufferContent(text),
				       VIR_DOMAIN_AFFECT_LIVE | VIR_DOMAIN_DEVICE_MODIFY_FORCE) < 0)
		r = kvm_fail_libvirt(host, err, "change the CD");
	xmlBufferFree(text);
	return r;
}

static int set_cdrom(struct kvm_operation *operation, const char *path, struct hyfw_error **err)
{
	return with_domain(operation, change_disc, path, err);
}

/* ---- all of them ---- */

/* In the order in which they are made.  get() is NULL where libvirt does not say. */
static const struct {
	const char *key;
	int (*check)(struct kvm_operation *operation, const char *value, struct hyfw_error **err);
	char *(*get)(struct kvm_operation *operation);
	int (*set)(struct kvm_operation *operation, const char *value, struct hyfw_error **err);
} keys[] = {
	{ "vcpus", check_vcpus, get_vcpus, set_vcpus },
	{ "memory", check_memory, get_memory, set_memory },
	{ "cdrom", check_cdrom, get_cdrom, set_cdrom },
};

/* Newest first, the first 'count' of them. */
static void take_back(struct kvm_operation *operation, char *const *before, size_t count)
{
	const struct hyfw_host *host = operation->kvm->host;
	size_t i;

	for (i = count; i > 0; i--) {
		struct hyfw_error *failure = NULL;

		if (!before[i - 1] || keys[i - 1].set(operation, before[i - 1], &failure) == 0)
			continue;
		host->log(HYFW_LOG_WARNING, "%s: %s stays changed, it could not be taken back to %s",
			  operation->asked->object, keys[i - 1].key, before[i - 1]);
		host->forget(&failure);
	}
}

int kvm_update(struct kvm_operation *operation, struct hyfw_error **err)
{
	const struct hyfw_map *args = &operation->asked->args;
	char *before[KVM_COUNT(keys)] = { NULL };
	const char *value;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < KVM_COUNT(keys); i++)
		if ((value = hyfw_map_get(args, keys[i].key)))
			r = keys[i].check(operation, value, err);
	for (i = 0; r == 0 && i < KVM_COUNT(keys); i++) {
		value = hyfw_map_get(args, keys[i].key);
		if (!value)
			continue;
		before[i] = keys[i].get(operation);
		r = keys[i].set(operation, value, err);
		if (r < 0)
			take_back(operation, before, i);
	}
	return r;
}
