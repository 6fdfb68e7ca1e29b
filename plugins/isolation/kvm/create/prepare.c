/* SPDX-License-Identifier: BSD-3-Clause
 * All that must be there before libvirt is asked for the machine. */
#include "create.h"

#include "../keep.h"
#include "../snapshot/layer.h"
#include "../template/template.h"
#include "../tpm.h"

static bool wants_efi(const struct hyfw_map *settings)
{
	const char *firmware = hyfw_map_get(settings, "firmware");

	return firmware && strcmp(firmware, "efi") == 0;
}

static int start_tpm(struct kvm_creation *creation, struct hyfw_error **err)
{
	const struct hyfw_host *host = creation->host;
	struct hyfw_arena *arena = creation->call->arena;
	int r;

	if (creation->run->label) /* QEMU may talk to processes of its own label alone */
		return host->fail(err, ENOTSUP, "tpm = yes: the TPM has no SELinux label yet, and the machine has one; selinux = no "
				  "runs it without");
	r = host->note(creation->call, KVM_NOTE_TPM, kvm_tpm_socket(host, arena, &creation->facts), err);

	return r < 0 ? r : kvm_tpm_start(host, arena, &creation->workload, &creation->facts,
					 &creation->run->tpm_pidfd, err);
}

static int make_nvram(struct kvm_creation *creation, struct hyfw_error **err)
{
	const char *path = creation->facts.nvram;
	const int r = kvm_nvram_make(creation->host, creation->call->arena, path, &creation->workload.idmap, err);

	return r < 0 ? r : kvm_label_file(creation->host, path, creation->run->file_label, err);
}

int kvm_creation_prepare(struct kvm_creation *creation, struct hyfw_error **err)
{
	struct kvm_run *run = creation->run;
	int r = run->root ? 0 : kvm_root_choose(creation->host, &run->root, err);

	if (r == 0)
		r = creation->host->note(creation->call, KVM_NOTE_ROOT, run->root, err);
	if (r == 0)
		r = kvm_creation_facts(creation, err);
	if (r == 0)
		r = kvm_root_make(run->kvm, run->root, creation->workload.name, &creation->workload.idmap,
				  run->file_label, err);
	if (r == 0)
		r = kvm_template_prepare(run, creation->call, &creation->workload, &creation->facts,
					 &creation->from_template, err);
	if (r == 0 && wants_efi(&creation->workload.settings))
		r = make_nvram(creation, err);
	if (r == 0 && hyfw_map_bool(&creation->workload.settings, "tpm", false))
		r = start_tpm(creation, err);
	if (r == 0)
		r = kvm_keep_disks(creation->host, creation->call->arena, &creation->workload, err);
	if (r == 0)
		r = kvm_layers_use(creation->host, creation->call->arena, &creation->workload, err);
	if (r == 0 && !creation->workload.transient)
		r = kvm_saved_take(creation->host, creation->call->arena, creation->workload.name, &creation->saved, err);
	if (r < 0 || run->kvm->uri || kvm_root_has_capabilities(run->kvm))
		return r;
	creation->gate = creation->host->lock("kvm-capabilities", err);
	return creation->gate < 0 ? creation->gate : 0;
}
