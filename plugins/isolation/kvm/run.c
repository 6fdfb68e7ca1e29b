/* SPDX-License-Identifier: BSD-3-Clause
 * The half with libvirt. */
#include "kvm.h"

static int not_yet(void *instance, struct hyfw_error **err)
{
	return ((struct kvm_instance *)instance)->host->fail(err, ENOTSUP, "machines cannot be run yet");
}

int kvm_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
	      struct hyfw_error **err)
{
	(void)err;
	ret_probe->result = HYFW_PROBE_NO;
	ret_probe->reason = host->format(arena, "machines cannot be run yet");
	return 0;
}

int kvm_undo(void *instance, struct hyfw_call *call, struct hyfw_error **err)
{
	(void)instance;
	(void)call;
	(void)err;
	return 0;
}

int kvm_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	(void)instance;
	(void)alive;
	(void)err;
	return 0;
}

int kvm_create(void *instance, struct hyfw_call *call, const struct hyfw_workload *workload,
	       struct hyfw_running *ret_running, struct hyfw_error **err)
{
	(void)call;
	(void)workload;
	(void)ret_running;
	return not_yet(instance, err);
}

int kvm_start(void *instance, struct hyfw_call *call, struct hyfw_running *running, struct hyfw_error **err)
{
	(void)call;
	(void)running;
	return not_yet(instance, err);
}

int kvm_wait(void *instance, struct hyfw_running *running, struct hyfw_exit *ret_exit, struct hyfw_error **err)
{
	(void)running;
	(void)ret_exit;
	return not_yet(instance, err);
}

int kvm_signal(void *instance, const struct hyfw_map *record, int signal, bool all, struct hyfw_error **err)
{
	(void)record;
	(void)signal;
	(void)all;
	return not_yet(instance, err);
}

int kvm_pause(void *instance, const struct hyfw_map *record, struct hyfw_error **err)
{
	(void)record;
	return not_yet(instance, err);
}

int kvm_resume(void *instance, const struct hyfw_map *record, struct hyfw_error **err)
{
	(void)record;
	return not_yet(instance, err);
}

int kvm_stats(void *instance, const struct hyfw_map *record, struct hyfw_stats *stats, struct hyfw_error **err)
{
	(void)record;
	(void)stats;
	return not_yet(instance, err);
}

int kvm_describe(void *instance, const struct hyfw_map *record, struct hyfw_arena *arena,
		 struct hyfw_map *ret_facts, struct hyfw_error **err)
{
	(void)record;
	(void)arena;
	(void)ret_facts;
	return not_yet(instance, err);
}

int kvm_plug(void *instance, const struct hyfw_map *record, const struct hyfw_device *device, bool attach,
	     struct hyfw_error **err)
{
	(void)record;
	(void)device;
	(void)attach;
	return not_yet(instance, err);
}

int kvm_operate(void *instance, const struct hyfw_map *record, const struct hyfw_operation *operation,
		struct hyfw_map *ret_result, struct hyfw_error **err)
{
	(void)record;
	(void)operation;
	(void)ret_result;
	return not_yet(instance, err);
}

int kvm_accel(struct kvm_instance *kvm, const struct hyfw_map *settings, enum kvm_accel *ret_accel,
	      struct hyfw_error **err)
{
	(void)kvm;
	(void)settings;
	(void)err;
	*ret_accel = KVM_ACCEL_TCG;
	return 0;
}

void kvm_run_free(struct kvm_run *run)
{
	(void)run;
}
