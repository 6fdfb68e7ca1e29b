/* SPDX-License-Identifier: BSD-3-Clause
 * Limits, scheduler, I/O priority and CPUs of the process.  What takes privileges of
 * the host is done by the parent. */
#include "oci.h"

#include <sys/resource.h>

#define CPUS_MAX 8192
#define DEADLINE 6 /* SCHED_DEADLINE of linux/sched.h, which sched.h redefines */

/* sched_setattr(2), which the C library does not know */
struct sched_attributes {
	uint32_t size, sched_policy;
	uint64_t sched_flags;
	int32_t sched_nice;
	uint32_t sched_priority;
	uint64_t sched_runtime, sched_deadline, sched_period;
};

static const char *name_of(int resource)
{
	static const char *const names[RLIM_NLIMITS] = {
		[RLIMIT_CPU] = "RLIMIT_CPU", [RLIMIT_FSIZE] = "RLIMIT_FSIZE", [RLIMIT_DATA] = "RLIMIT_DATA",
		[RLIMIT_STACK] = "RLIMIT_STACK", [RLIMIT_CORE] = "RLIMIT_CORE", [RLIMIT_RSS] = "RLIMIT_RSS",
		[RLIMIT_NPROC] = "RLIMIT_NPROC", [RLIMIT_NOFILE] = "RLIMIT_NOFILE", [RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",
		[RLIMIT_AS] = "RLIMIT_AS", [RLIMIT_LOCKS] = "RLIMIT_LOCKS", [RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
		[RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE", [RLIMIT_NICE] = "RLIMIT_NICE", [RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",
		[RLIMIT_RTTIME] = "RLIMIT_RTTIME",
	};

	return resource >= 0 && resource < RLIM_NLIMITS ? names[resource] : "of an unknown resource";
}

/* What the process may not do itself, now that it still has our ids or those of a user
 * namespace of ours.  It lowers and sets the rest when it needs nothing any more. */
int oci_limits_raise(const struct hyfw_host *host, const struct hyfw_oci_process *process, pid_t pid,
		     struct hyfw_error **err)
{
	struct rlimit limit;
	size_t i;

	for (i = 0; i < process->rlimit_count; i++) {
		const struct hyfw_oci_rlimit *wanted = &process->rlimits[i];
		__rlimit_resource_t resource = (__rlimit_resource_t)wanted->resource;

		if (prlimit(pid, resource, NULL, &limit) < 0)
			return ns_fail(host, err, errno, "read the limit", name_of(wanted->resource));
		if (wanted->hard <= limit.rlim_max)
			continue;
		limit.rlim_max = wanted->hard;
		if (prlimit(pid, resource, &limit, NULL) < 0)
			return host->fail(err, errno, "set the limit %s to %llu: %s", name_of(wanted->resource),
					  (unsigned long long)wanted->hard, strerror(errno));
	}
	return 0;
}

void oci_limits_set(const struct ns_job *job)
{
	const struct hyfw_oci_process *process = job->process;
	size_t i;

	for (i = 0; i < process->rlimit_count; i++) {
		const struct rlimit limit = { process->rlimits[i].soft, process->rlimits[i].hard };

		if (prlimit(0, (__rlimit_resource_t)process->rlimits[i].resource, &limit, NULL) < 0)
			ns_die(job, NS_STEP_LIMIT, name_of(process->rlimits[i].resource), errno);
	}
}

static int set_scheduler(const struct hyfw_host *host, const struct hyfw_oci_scheduler *scheduler, pid_t pid,
			 struct hyfw_error **err)
{
	struct sched_attributes attr = {
		.size = sizeof(attr), .sched_policy = scheduler->policy, .sched_flags = scheduler->flags,
		.sched_nice = scheduler->nice, .sched_priority = scheduler->priority,
		.sched_runtime = scheduler->runtime, .sched_deadline = scheduler->deadline,
		.sched_period = scheduler->period,
	};

	if (syscall(SYS_sched_setattr, pid, &attr, 0) == 0)
		return 0;
	if (errno == EPERM && scheduler->policy == DEADLINE) /* sched_setattr(2), ERRORS; the words are runc's */
		return host->fail(err, EPERM, "set the scheduler: process scheduler can't be used together with "
				  "AllowedCPUs, it takes all CPUs of the machine, and CAP_SYS_NICE");
	return ns_fail(host, err, errno, "set the scheduler", "");
}

/* linux/ioprio.h of 5.15 and later */
static int set_io_priority(const struct hyfw_host *host, const struct hyfw_oci_process *process, pid_t pid,
			   struct hyfw_error **err)
{
	int64_t priority = process->io_class.value << 13 | (process->io_level.set ? process->io_level.value : 0);

	return syscall(SYS_ioprio_set, 1, pid, (int)priority) < 0 ?
		ns_fail(host, err, errno, "set the I/O priority", "") : 0;
}

/* "0-3,7" */
static int parse_cpus(const char *text, unsigned long *mask)
{
	const size_t bits = sizeof(*mask) * 8;
	unsigned long first, last;
	char *end;

	while (*text) {
		first = last = strtoul(text, &end, 10);
		if (end == text)
			return -EINVAL;
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (last < first || last >= CPUS_MAX || (*end && *end != ','))
			return -EINVAL;
		for (; first <= last; first++)
			mask[first / bits] |= 1ul << first % bits;
		text = *end ? end + 1 : end;
	}
	return 0;
}

/* All that its groups allow, and not what the caller happens to be bound to. */
void oci_affinity_reset(void)
{
	unsigned long mask[CPUS_MAX / 8 / sizeof(unsigned long)];

	memset(mask, 0xff, sizeof(mask));
	syscall(SYS_sched_setaffinity, 0, sizeof(mask), mask);
}

int oci_affinity_set(const struct hyfw_host *host, const char *cpus, pid_t pid, struct hyfw_error **err)
{
	unsigned long mask[CPUS_MAX / 8 / sizeof(unsigned long)] = { 0 };

	if (!cpus || !*cpus)
		return 0;
	if (parse_cpus(cpus, mask) < 0)
		return host->fail(err, EINVAL, "CPUs %s: not a list of CPUs", cpus);
	return syscall(SYS_sched_setaffinity, pid, sizeof(mask), mask) < 0 ?
		ns_fail(host, err, errno, "bind the process to CPUs", cpus) : 0;
}

int oci_process_schedule(const struct hyfw_host *host, const struct hyfw_oci_process *process, pid_t pid,
		      struct hyfw_error **err)
{
	int r = 0;

	if (process->scheduler)
		r = set_scheduler(host, process->scheduler, pid, err);
	if (r == 0 && process->io_class.set)
		r = set_io_priority(host, process, pid, err);
	return r < 0 ? r : oci_affinity_set(host, process->cpu_affinity_final, pid, err);
}
