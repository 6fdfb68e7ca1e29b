/* SPDX-License-Identifier: BSD-3-Clause
 * stats(): what the hypervisor counts.  The traffic of a machine's interfaces is
 * counted by the drivers of its networks. */
#include "run.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

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

static int ask(const struct hyfw_host *host, virDomainPtr domain, struct hyfw_stats *stats, struct hyfw_error **err)
{
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

#define ANSWER_S 2 /* the monitor does nothing else meanwhile */

/* ---- a libvirtd that may hang --------------------------------------------------------- */

/* A question in a thread of its own.  Who comes second, the thread or who gave up
 * waiting for it, frees it. */
struct asking {
	const struct hyfw_host *host;
	virDomainPtr domain;
	struct hyfw_stats stats;
	struct hyfw_error *failure;
	int r;
	pthread_mutex_t lock;
	pthread_cond_t answered;
	bool done, left;
};

static atomic_bool silent; /* one is left without an answer: no more of them are asked */

static void destroy(struct asking *asking)
{
	asking->host->forget(&asking->failure);
	pthread_cond_destroy(&asking->answered);
	pthread_mutex_destroy(&asking->lock);
	free(asking);
}

static void *ask_in_thread(void *data)
{
	struct asking *asking = data;
	bool left;

	asking->r = ask(asking->host, asking->domain, &asking->stats, &asking->failure);
	kvm_domain_put(asking->domain);
	pthread_mutex_lock(&asking->lock);
	asking->done = true;
	left = asking->left;
	pthread_cond_signal(&asking->answered);
	pthread_mutex_unlock(&asking->lock);
	if (left) {
		silent = false;
		destroy(asking);
	}
	return NULL;
}

static bool wait_for_answer(struct asking *asking)
{
	struct timespec limit;
	int late = 0;
	bool done;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += ANSWER_S;
	pthread_mutex_lock(&asking->lock);
	while (!asking->done && !late)
		late = pthread_cond_timedwait(&asking->answered, &asking->lock, &limit);
	done = asking->done;
	asking->left = !done;
	if (!done)
		silent = true;
	pthread_mutex_unlock(&asking->lock);
	return done;
}

static int fail_silent(const struct kvm_instance *kvm, struct hyfw_error **err)
{
	return kvm->host->fail(err, ETIMEDOUT, "the machine's counters: libvirtd at %s does not answer", kvm->uri);
}

/* Takes the domain. */
static int ask_in_time(const struct kvm_instance *kvm, virDomainPtr domain, struct hyfw_stats *stats,
		       struct hyfw_error **err)
{
	struct asking *asking = calloc(1, sizeof(*asking));
	pthread_t thread;
	int r = asking ? 0 : ENOMEM;

	if (r == 0) {
		asking->host = kvm->host;
		asking->domain = domain;
		asking->stats = *stats;
		pthread_mutex_init(&asking->lock, NULL);
		pthread_cond_init(&asking->answered, NULL);
		r = pthread_create(&thread, NULL, ask_in_thread, asking);
	}
	if (r != 0) {
		kvm_domain_put(domain);
		if (asking)
			destroy(asking);
		return kvm->host->fail(err, r, "a thread for libvirt: %s", strerror(r));
	}
	pthread_detach(thread);
	if (!wait_for_answer(asking))
		return fail_silent(kvm, err);
	r = asking->r;
	if (r < 0) {
		kvm->host->forget(err);
		*err = asking->failure;
		asking->failure = NULL;
	} else {
		*stats = asking->stats;
	}
	destroy(asking);
	return r;
}

int kvm_stats(void *instance, const struct hyfw_map *record, struct hyfw_stats *stats, struct hyfw_error **err)
{
	struct kvm_instance *kvm = instance;
	virDomainPtr domain = NULL;
	int r;

	(void)record;
	if (kvm->uri && silent)
		return fail_silent(kvm, err);
	r = kvm_domain_get(kvm, NULL, &domain, err);
	if (r < 0)
		return r;
	if (kvm->uri)
		return ask_in_time(kvm, domain, stats, err);
	r = ask(kvm->host, domain, stats, err);
	kvm_domain_put(domain);
	return r;
}
