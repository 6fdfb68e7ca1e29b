/* SPDX-License-Identifier: BSD-3-Clause
 * overhead(): what QEMU needs beside the guest's memory, for the limit of memory
 * of its control groups.  Untouched pages cost nothing, so this is generous: a
 * limit that is too low has the kernel kill the machine.
 *
 *     96 MiB               QEMU itself: code, heap, libraries (40 to 60 MiB were seen)
 *     8 MiB a vCPU         its thread and its queues
 *     1/64 of the memory   KVM's or the shadow page tables, dirty bitmaps of migration
 *     64 MiB               with a display: the frame buffer and the server's copies
 *     tb_cache and 1/4     with accel = tcg: translated code, and what finds it again
 *     32 MiB               a TPM: swtpm is in the machine's control groups
 *
 * and the guest's memory where the setting does not say it: it has a limit then too.
 */
#include "template/template.h"

#define MIB (UINT64_C(1) << 20)

static uint64_t overhead(struct kvm_instance *kvm, const struct hyfw_map *settings)
{
	const char *display = hyfw_map_get(settings, "display");
	const uint64_t cache = (uint64_t)hyfw_map_int(settings, "tb_cache", (int64_t)KVM_DEFAULT_TB_CACHE);
	enum kvm_accel accel = KVM_ACCEL_TCG;
	struct hyfw_error *err = NULL;
	uint64_t bytes = 96 * MIB + kvm_vcpus_max(settings) * 8 * MIB + kvm_memory_max(settings) / 64;

	if (kvm_accel(kvm, settings, &accel, &err) < 0)
		kvm->host->forget(&err); /* check() tells it */
	if (accel == KVM_ACCEL_TCG)
		bytes += cache + cache / 4;
	if (display && strcmp(display, "none") != 0)
		bytes += 64 * MIB;
	if (hyfw_map_bool(settings, "tpm", false))
		bytes += 32 * MIB;
	if (!hyfw_map_get(settings, "memory"))
		bytes += kvm_memory(settings);
	return bytes;
}

/* What a template says is its own memory too, which the core does not know of. */
uint64_t kvm_overhead(void *instance, const struct hyfw_map *settings)
{
	struct kvm_instance *kvm = instance;
	struct hyfw_arena *arena = kvm->host->arena_new();
	struct hyfw_map whole = *settings;
	struct hyfw_error *err = NULL;
	uint64_t bytes;

	if (kvm_template_apply(kvm->host, arena, &whole, &err) < 0)
		kvm->host->forget(&err); /* check() tells it */
	bytes = overhead(kvm, &whole);
	if (!hyfw_map_get(settings, "memory") && hyfw_map_get(&whole, "memory"))
		bytes += kvm_memory(&whole);
	kvm->host->arena_free(arena);
	return bytes;
}

bool kvm_emulates(void *instance, const struct hyfw_map *settings)
{
	struct kvm_instance *kvm = instance;
	enum kvm_accel accel = KVM_ACCEL_KVM;
	struct hyfw_error *err = NULL;

	if (kvm_accel(kvm, settings, &accel, &err) < 0)
		kvm->host->forget(&err); /* check() tells it */
	return accel == KVM_ACCEL_TCG;
}
