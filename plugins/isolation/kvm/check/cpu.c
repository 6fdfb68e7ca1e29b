/* SPDX-License-Identifier: BSD-3-Clause
 * What CPUs and memory cannot be. */
#include <fcntl.h>
#include <unistd.h>

#include "check.h"

#define MIB (UINT64_C(1) << 20)
#define LEAST_MEMORY (32 * MIB)

static const char model_letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

/* "WORD=NUMBER,...", each word at most once. */
static int check_topology(const struct kvm_checked *checked, const char *text)
{
	static const char *const words[] = { "sockets", "dies", "cores", "threads" };
	const uint32_t most = kvm_vcpus_max(checked->settings);
	const char *at = text;
	unsigned seen = 0;
	uint64_t product = 1;
	size_t i;

	do {
		char *end = NULL;
		unsigned long number = 0;

		for (i = 0; i < KVM_COUNT(words); i++)
			if (strncmp(at, words[i], strlen(words[i])) == 0 && at[strlen(words[i])] == '=')
				break;
		if (i < KVM_COUNT(words)) {
			at += strlen(words[i]) + 1;
			number = strtoul(at, &end, 10);
		}
		if (i == KVM_COUNT(words) || *at < '0' || *at > '9' || (*end && *end != ',') ||
		    (*end == ',' && !end[1]) || number < 1 || number > 1024 || (seen & (1u << i)))
			return checked->host->fail(checked->err, EINVAL, "cpu_topology = %s: must be sockets=N,dies=N,cores=N,"
						   "threads=N, each at most once", text);
		seen |= 1u << i;
		product *= number;
		at = *end ? end + 1 : end;
	} while (*at);
	if (product != most)
		return checked->host->fail(checked->err, EINVAL, "cpu_topology = %s: these are %llu CPUs and %s %u; make them "
					   "the same", text, (unsigned long long)product,
					   kvm_checked_get(checked, "vcpus_max") ? "vcpus_max is" : "vcpus are", most);
	return 0;
}

/* Numbers and ranges, comma-separated, of CPUs that this machine has. */
static bool is_cpu_list(const char *text, long cpus)
{
	do {
		unsigned long first, last;
		char *end;

		if (*text < '0' || *text > '9')
			return false;
		first = last = strtoul(text, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			last = strtoul(end + 1, &end, 10);
		if (last < first || last >= (unsigned long)cpus || (*end && *end != ','))
			return false;
		text = *end ? end + 1 : "";
		if (*end && !*text)
			return false;
	} while (*text);
	return true;
}

static int check_pins(const struct kvm_checked *checked)
{
	const uint32_t most = kvm_vcpus_max(checked->settings);
	const long cpus = sysconf(_SC_NPROCESSORS_CONF);
	const char *value, *other;
	size_t cursor = 0, before;

	while ((value = hyfw_map_next(checked->settings, "vcpu_pin", &cursor))) {
		char *end;
		const unsigned long vcpu = strtoul(value, &end, 10);

		if (*value < '0' || *value > '9' || *end != '=' || !is_cpu_list(end + 1, cpus))
			return checked->host->fail(checked->err, EINVAL, "vcpu_pin = %s: must be VCPU=CPUS, such as 0=1 or 2=0,1-2; this "
						   "machine has CPUs 0 to %ld", value, cpus - 1);
		if (vcpu >= most)
			return checked->host->fail(checked->err, EINVAL, "vcpu_pin = %s: the machine has virtual CPUs 0 to %u", value,
						   most - 1);
		for (before = 0; (other = hyfw_map_next(checked->settings, "vcpu_pin", &before)) && other != value;)
			if (strtoul(other, NULL, 10) == vcpu)
				return checked->host->fail(checked->err, EINVAL, "vcpu_pin: %s and %s name the same CPU; join them",
							   other, value);
	}
	return 0;
}

static int check_features(const struct kvm_checked *checked)
{
	const char *value, *name;
	size_t cursor = 0;

	while ((value = hyfw_map_next(checked->settings, "cpu_feature", &cursor))) {
		name = *value == '+' || *value == '-' ? value + 1 : value;
		if (name == value || !*name || name[strspn(name, model_letters)])
			return checked->host->fail(checked->err, EINVAL, "cpu_feature = %s: must be +NAME or -NAME, such as +pdpe1gb",
						   value);
	}
	return 0;
}

/* Whether the host's KVM lets guests run machines. */
static bool host_nests(void)
{
	static const char *const files[] = { "/sys/module/kvm_amd/parameters/nested",
					     "/sys/module/kvm_intel/parameters/nested" };
	size_t i;

	for (i = 0; i < KVM_COUNT(files); i++) {
		char letter = 'Y';
		const int fd = open(files[i], O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			continue;
		if (read(fd, &letter, 1) != 1)
			letter = 'Y';
		close(fd);
		return letter != 'N' && letter != '0';
	}
	return true; /* not known; libvirt will tell */
}

static int check_model(const struct kvm_checked *checked)
{
	const struct hyfw_host *host = checked->host;
	const char *model = kvm_checked_get(checked, "cpu_model");
	const bool kvm = checked->accel == KVM_ACCEL_KVM;

	if (model && model[strspn(model, model_letters)])
		return host->fail(checked->err, EINVAL, "cpu_model = %s: no name of a CPU model; `virsh cpu-models x86_64` lists them",
				  model);
	if (model && !kvm && strcmp(model, "host-passthrough") == 0)
		return host->fail(checked->err, ENOTSUP, "cpu_model = host-passthrough: without KVM there is nothing to pass through; "
				  "use maximum, or leave it out");
	if (!kvm && hyfw_map_bool(checked->settings, "hide_kvm", false))
		return host->fail(checked->err, ENOTSUP, "hide_kvm = yes: the machine does not run on KVM here; leave it out");
	if (kvm && kvm_checked_is(checked, "nested", "on") && !host_nests())
		return host->fail(checked->err, ENOTSUP, "nested = on: KVM is loaded without it on this machine; load kvm_intel or kvm_amd "
				  "with nested=1");
	return 0;
}

int kvm_check_cpu(const struct kvm_checked *checked)
{
	const uint32_t now = kvm_vcpus(checked->settings), most = kvm_vcpus_max(checked->settings);
	const char *topology = kvm_checked_get(checked, "cpu_topology");
	int result;

	if (now > most)
		return checked->host->fail(checked->err, EINVAL, "vcpus_max = %u: fewer than the %u CPUs that it starts with (vcpus, or "
					   "cpus rounded up)", most, now);
	result = topology ? check_topology(checked, topology) : 0;
	if (result == 0)
		result = check_pins(checked);
	if (result == 0)
		result = check_features(checked);
	return result < 0 ? result : check_model(checked);
}

int kvm_check_memory(const struct kvm_checked *checked)
{
	const struct hyfw_host *host = checked->host;
	const uint64_t memory = kvm_memory(checked->settings);
	const uint64_t most = kvm_memory_max(checked->settings);
	const uint64_t current = (uint64_t)hyfw_map_int(checked->settings, "memory_current", (int64_t)memory);

	if (memory < LEAST_MEMORY)
		return host->fail(checked->err, EINVAL, "memory = %lluM: no machine boots with so little; give it 32M or more",
				  (unsigned long long)(memory / MIB));
	if (most < memory)
		return host->fail(checked->err, EINVAL, "memory_max = %lluM: less than the %lluM that it boots with (memory)",
				  (unsigned long long)(most / MIB), (unsigned long long)(memory / MIB));
	if (most != memory && (most % MIB || memory % MIB))
		return host->fail(checked->err, EINVAL, "memory_max: with it, this and memory must be whole MiB");
	if (kvm_checked_get(checked, "memory_slots") && most == memory)
		return host->fail(checked->err, EINVAL, "memory_slots: needs memory_max, the size that the DIMMs may grow to");
	if (current > memory)
		return host->fail(checked->err, EINVAL, "memory_current = %lluM: more than memory, %lluM",
				  (unsigned long long)(current / MIB), (unsigned long long)(memory / MIB));
	if (current < memory && !hyfw_map_bool(checked->settings, "balloon", true))
		return host->fail(checked->err, EINVAL, "memory_current: needs the balloon; leave out balloon = no");
	return 0;
}
