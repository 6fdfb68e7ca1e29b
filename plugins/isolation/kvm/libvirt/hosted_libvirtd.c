/* SPDX-License-Identifier: BSD-3-Clause
 * What a libvirtd on another host says about itself: its volumes, and whether it has
 * KVM. */
#include "hosted.h"
#include "../run.h"

#include <libxml/parser.h>
#include <libxml/xpath.h>

/* /volume/target/format/@type in 'arena'; NULL. */
static const char *format_of(const struct hyfw_host *host, struct hyfw_arena *arena, virStorageVolPtr volume)
{
	char *text = virStorageVolGetXMLDesc(volume, 0);
	xmlDoc *document = text ? xmlReadMemory(text, (int)strlen(text), "volume", NULL,
						XML_PARSE_NONET | XML_PARSE_NOERROR) : NULL;
	xmlXPathContext *context = document ? xmlXPathNewContext(document) : NULL;
	xmlXPathObject *found = context ? xmlXPathEvalExpression(BAD_CAST "string(/volume/target/format/@type)",
								 context) : NULL;
	const char *format = NULL;

	if (found && found->stringval && *found->stringval)
		format = host->format(arena, "%s", (const char *)found->stringval);
	xmlXPathFreeObject(found);
	xmlXPathFreeContext(context);
	xmlFreeDoc(document);
	free(text);
	return format;
}

static virStorageVolPtr find_volume(virConnectPtr connection, struct hyfw_arena *arena, const struct hyfw_host *host,
				    const char *source)
{
	const char *slash = strchr(source, '/');
	virStorageVolPtr volume;
	virStoragePoolPtr pool;

	if (slash == source)
		return virStorageVolLookupByPath(connection, source);
	pool = virStoragePoolLookupByName(connection,
					  host->format(arena, "%.*s", (int)(slash - source), source));
	if (!pool)
		return NULL;
	volume = virStorageVolLookupByName(pool, slash + 1);
	virStoragePoolFree(pool);
	return volume;
}

/* A path need not be in a pool: the QEMU of that host says whether it is there.  Its
 * format is never guessed from what a guest could have written into it. */
static int settle_disk(struct kvm_run *run, struct hyfw_arena *arena, struct hyfw_attachment *disk,
		       struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	virStorageVolPtr volume = find_volume(run->connection, arena, host, disk->source);
	const char *format = NULL;

	if (!volume && *disk->source != '/')
		return kvm_fail_libvirt(host, err, host->format(arena, "libvirt_disk %s", disk->source));
	if (volume && *disk->source != '/')
		format = format_of(host, arena, volume);
	if (volume)
		virStorageVolFree(volume);
	if (!disk->format)
		disk->format = format && strcmp(format, "iso") != 0 ? format : "raw";
	return 0;
}

int kvm_hosted_settle(struct kvm_run *run, struct hyfw_arena *arena, struct hyfw_workload *workload,
		      struct hyfw_error **err)
{
	struct hyfw_attachment *disks;
	size_t count, i;
	int r = kvm_hosted_disks(run->kvm->host, arena, &workload->settings, &disks, &count, err);

	for (i = 0; r == 0 && i < count; i++)
		r = settle_disk(run, arena, &disks[i], err);
	workload->disks = disks;
	workload->disk_count = r == 0 ? count : 0;
	return r;
}

int kvm_hosted_accel(struct kvm_run *run, const struct hyfw_map *settings, enum kvm_accel *ret_accel,
		     struct hyfw_error **err)
{
	const char *wanted = hyfw_map_get(settings, "accel"), *machine = hyfw_map_get(settings, "machine");
	char *text;

	*ret_accel = KVM_ACCEL_TCG;
	if (wanted && strcmp(wanted, "tcg") == 0)
		return 0;
	text = virConnectGetDomainCapabilities(run->connection, NULL, "x86_64", machine ? machine : "q35", "kvm", 0);
	if (text)
		*ret_accel = KVM_ACCEL_KVM;
	else if (wanted && strcmp(wanted, "kvm") == 0)
		return kvm_fail_libvirt(run->kvm->host, err, "accel = kvm on that host");
	free(text);
	return 0;
}

static uint64_t limit_of(struct kvm_instance *kvm, const struct hyfw_map *settings, enum kvm_accel accel)
{
	const char *wanted = hyfw_map_get(settings, "accel");
	uint64_t bytes = kvm_overhead(kvm, settings);

	if (hyfw_map_get(settings, "memory"))
		bytes += kvm_memory(settings);
	if (accel == KVM_ACCEL_TCG && !(wanted && strcmp(wanted, "tcg") == 0)) /* overhead() cannot know */
		bytes += (uint64_t)hyfw_map_int(settings, "tb_cache", (int64_t)KVM_DEFAULT_TB_CACHE) * 5 / 4;
	return bytes >> 10;
}

int kvm_hosted_limit(struct kvm_run *run, const struct hyfw_map *settings, enum kvm_accel accel,
		     struct hyfw_error **err)
{
	const int64_t memory = hyfw_map_int(settings, "memory", 0), both = hyfw_map_int(settings, "memory_swap", 0);
	const unsigned flags = VIR_DOMAIN_AFFECT_LIVE | (kvm_is_persistent(settings) ? VIR_DOMAIN_AFFECT_CONFIG : 0);
	virTypedParameterPtr list = NULL;
	int count = 0, room = 0, r;
	const uint64_t kib = limit_of(run->kvm, settings, accel);

	r = virTypedParamsAddULLong(&list, &count, &room, VIR_DOMAIN_MEMORY_HARD_LIMIT, kib);
	if (r == 0 && both >= memory && both > 0)
		r = virTypedParamsAddULLong(&list, &count, &room, VIR_DOMAIN_MEMORY_SWAP_HARD_LIMIT,
					    kib + (uint64_t)((both - memory) >> 10));
	if (r == 0)
		r = virDomainSetMemoryParameters(run->domain, list, count, flags);
	virTypedParamsFree(list, count);
	return r < 0 ? kvm_fail_libvirt(run->kvm->host, err, "limit the machine's memory on that host") : 0;
}
