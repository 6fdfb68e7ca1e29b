/* SPDX-License-Identifier: BSD-3-Clause
 * stats(): what the hypervisor counts.  The traffic of a machine's interfaces is
 * counted by the drivers of its networks. */
#include "libvirt/ask.h"

#include <stdio.h>

/* Not CPU_TOTAL: for its cache monitors libvirt asks every QEMU there is, of all
 * architectures, what it can do. */
#define WANTED (VIR_DOMAIN_STATS_BALLOON | VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_BLOCK)

static uint64_t number(virDomainStatsRecordPtr record, const char *name)
{
	unsigned long long value;
	unsigned small;

	if (virTypedParamsGetULLong(record->params, record->nparams, name, &value) == 1)
		return value;
	virResetLastError();
	if (virTypedParamsGetUInt(record->params, record->nparams, name, &small) == 1)
		return small;
	virResetLastError();
	return HYFW_STAT_NONE;
}

static uint64_t scaled(uint64_t kib)
{
	return kib == HYFW_STAT_NONE ? kib : kib << 10;
}

static void set(uint64_t *member, uint64_t value)
{
	if (*member == HYFW_STAT_NONE)
		*member = value;
}

static uint64_t sum_of_disks(virDomainStatsRecordPtr record, const char *what)
{
	uint64_t disks = number(record, "block.count"), sum = 0, i;
	char name[64];

	if (disks == HYFW_STAT_NONE)
		return disks;
	for (i = 0; i < disks; i++) {
		uint64_t value;

		snprintf(name, sizeof(name), "block.%llu.%s", (unsigned long long)i, what);
		value = number(record, name);
		sum += value == HYFW_STAT_NONE ? 0 : value;
	}
	return sum;
}

static int ask(const struct hyfw_host *host, virDomainPtr domain, void *data, struct hyfw_error **err)
{
	struct hyfw_stats *stats = data;
	virDomainStatsRecordPtr *all = NULL;
	virDomainPtr domains[2] = { domain, NULL };
	virDomainInfo info;
	int r = 0;

	if (virDomainListGetStats(domains, WANTED, &all, VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT) < 1) {
		r = kvm_fail_libvirt(host, err, "the machine's counters");
	} else {
		set(&stats->cpu_ns, virDomainGetInfo(domain, &info) == 0 ? info.cpuTime : HYFW_STAT_NONE);
		set(&stats->io_read_bytes, sum_of_disks(all[0], "rd.bytes"));
		set(&stats->io_write_bytes, sum_of_disks(all[0], "wr.bytes"));
		set(&stats->balloon_bytes, scaled(number(all[0], "balloon.current")));
		set(&stats->guest_free_bytes, scaled(number(all[0], "balloon.unused")));
		set(&stats->vcpus, number(all[0], "vcpu.current"));
	}
	if (all)
		virDomainStatsRecordListFree(all);
	return r;
}

int kvm_stats(void *instance, const struct hyfw_map *record, struct hyfw_stats *stats, struct hyfw_error **err)
{
	static const struct kvm_question question = { "the machine's counters", ask, 2, false };

	(void)record;
	return kvm_ask(instance, &question, stats, sizeof(*stats), err);
}
