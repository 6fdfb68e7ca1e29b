/* SPDX-License-Identifier: BSD-3-Clause
 * plug(): disks and interfaces that come and go while the machine runs.  The guest
 * has its say: a device is out when it has let go of it. */
#include "libvirt/hosted.h"
#include "snapshot/layer.h"

#include <stdio.h>
#include <time.h>

#define LIMIT_S 15

static int attach(struct kvm_run *run, virDomainPtr domain, const struct hyfw_device *device,
		  struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	struct hyfw_arena *arena = host->arena_new();
	const struct hyfw_pair own[] = { { "nic_model", run->nic_model } };
	const struct hyfw_map settings = { run->nic_model ? KVM_COUNT(own) : 0, own };
	const struct kvm_facts facts = { .owner = host->owner, .emulator = run->kvm->emulator,
					 .directory = run->root, .embedded = !run->kvm->uri, .uuid = run->uuid };
	const char *workload = kvm_root_workload(host, arena, run->root);
	struct hyfw_attachment disk = { 0 };
	char *xml = NULL;
	int r = 0;

	if (device->disk)
		memcpy(&disk, device->disk, device->disk->size < sizeof(disk) ? device->disk->size : sizeof(disk));
	if (device->disk && workload)
		r = kvm_layers_use_disk(host, arena, workload, &disk, err);
	if (r == 0)
		r = device->disk ? kvm_disk_xml(host, arena, device->name, &disk, &settings, &facts, &xml, err)
				 : kvm_interface_xml(host, arena, device->name, device->endpoint, &settings, &facts,
						     &xml, err);
	if (r == 0 && virDomainAttachDeviceFlags(domain, xml, VIR_DOMAIN_AFFECT_LIVE) < 0)
		r = kvm_fail_libvirt(host, err, host->format(arena, "plug in %s", device->name));
	host->arena_free(arena);
	return r;
}

/* Under the lock. */
static bool has_left(const struct kvm_run *run, const char *alias)
{
	return run->ended || (run->removed_alias && strcmp(run->removed_alias, alias) == 0);
}

static int detach(struct kvm_run *run, virDomainPtr domain, const char *name, struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	KVM_AUTO_FREE char *alias = NULL;
	struct timespec limit;
	virErrorPtr error;
	int late = 0;

	if (asprintf(&alias, KVM_ALIAS "%s", name) < 0)
		return host->fail(err, ENOMEM, "out of memory");
	pthread_mutex_lock(&run->lock);
	free(run->removed_alias);
	run->removed_alias = NULL;
	pthread_mutex_unlock(&run->lock);
	if (virDomainDetachDeviceAlias(domain, alias, VIR_DOMAIN_AFFECT_LIVE) < 0) {
		error = virGetLastError();
		if (error && error->code == VIR_ERR_DEVICE_MISSING)
			return 0;
		return kvm_fail_libvirt(host, err, name);
	}
	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += LIMIT_S;
	pthread_mutex_lock(&run->lock);
	while (!late && !has_left(run, alias))
		late = pthread_cond_timedwait(&run->removed, &run->lock, &limit);
	late = late && !has_left(run, alias);
	pthread_mutex_unlock(&run->lock);
	if (late)
		return host->fail(err, ETIMEDOUT, "%s: the guest has not let go of it in %d seconds", name, LIMIT_S);
	return 0;
}

int kvm_plug(void *instance, const struct hyfw_map *record, const struct hyfw_device *device, bool in,
	     struct hyfw_error **err)
{
	struct kvm_instance *kvm = instance;
	virDomainPtr domain;
	struct kvm_run *run;
	int r;

	(void)record;
	if (in && kvm_is_hosted(kvm))
		return kvm->host->fail(err, ENOTSUP, "%s is of this host, and uri = %s is on another", device->name, kvm->uri);
	r = kvm_domain_get(kvm, &run, &domain, err);
	if (r < 0)
		return !in && r == -ESRCH ? (kvm->host->forget(err), 0) : r;
	/* Its QEMU is another user than the one that files and taps are given to. */
	if (run->adopted) {
		kvm_domain_put(domain);
		return kvm->host->fail(err, ENOTSUP, "%s: the machine ran already when it was adopted; devices can be "
				       "plugged in and out after its next start", device->name);
	}
	if (in && device->disk && run->templated)
		r = kvm->host->fail(err, ENOTSUP, "%s: the disks of a machine are its template's", device->name);
	else
		r = in ? attach(run, domain, device, err) : detach(run, domain, device->name, err);
	kvm_domain_put(domain);
	return r;
}
