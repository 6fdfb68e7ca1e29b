/* SPDX-License-Identifier: BSD-3-Clause
 * What a machine is, here and now: kvm_facts, from which its XML is written. */
#include "create.h"

#include "../libvirt/hosted.h"

#include <stdio.h>
#include <sys/stat.h>

/* KVM's device belongs to a group on most hosts; QEMU's user is in no other. */
static void let_use_kvm(struct kvm_creation *creation)
{
	struct stat device;

	if (creation->facts.accel == KVM_ACCEL_KVM && stat("/dev/kvm", &device) == 0 &&
	    (device.st_mode & 06) != 06 && (device.st_mode & 060) == 060)
		creation->workload.idmap.host_gid = device.st_gid;
}

/* EFI variables stay as long as the workload does; gc() removes those of workloads
 * that are gone. */
static const char *nvram_path(struct kvm_creation *creation)
{
	const struct hyfw_host *host = creation->host;
	const char *name = creation->workload.name, *directory;

	if (creation->workload.transient)
		return host->format(creation->call->arena, "%s/nvram.fd", creation->facts.directory);
	directory = host->format(creation->call->arena, "%s/" KVM_NVRAM, host->directory("kvm", HYFW_DIRECTORY_DATA));
	mkdir(directory, 0711); /* what fails is told when the file is made */
	return host->format(creation->call->arena, "%s/%s.fd", directory, name);
}

static void keep_model(struct kvm_run *run, const struct hyfw_map *settings)
{
	const char *model = hyfw_map_get(settings, "nic_model");

	free(run->nic_model);
	run->nic_model = model ? strdup(model) : NULL;
}

int kvm_creation_facts(struct kvm_creation *creation, struct hyfw_error **err)
{
	struct kvm_run *run = creation->run;
	const struct hyfw_host *host = creation->host;
	const struct hyfw_workload *workload = &creation->workload;
	struct kvm_facts *facts = &creation->facts;
	int r = kvm_accel(run->kvm, &workload->settings, &facts->accel, err);

	if (r < 0)
		return r;
	let_use_kvm(creation);
	facts->owner = host->owner;
	facts->hosted = kvm_is_hosted(run->kvm);
	facts->emulator = facts->hosted ? NULL : run->kvm->emulator;
	facts->embedded = !run->kvm->uri;
	facts->label = run->label;
	facts->uuid = kvm_uuid(host, creation->call->arena, workload->name, &workload->settings);
	facts->genid = facts->uuid; /* it is this machine, however often it boots */
	snprintf(run->uuid, sizeof(run->uuid), "%s", facts->uuid);
	keep_model(run, &workload->settings);
	facts->directory = host->format(creation->call->arena, "%s/" KVM_ROOT_SOCKETS, run->root);
	facts->nvram = nvram_path(creation);
	return kvm_password(host, creation->call->arena, &workload->settings, &facts->password, err);
}
