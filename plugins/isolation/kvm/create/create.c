/* SPDX-License-Identifier: BSD-3-Clause
 * create(): the machine stands, paused before its first instruction, as a user of its
 * own, in its control groups, its console connected.  What undo() needs is noted
 * before it exists. */
#include "create.h"

#include "../console.h"
#include "../libvirt/hosted.h"
#include "../migrate/adopt.h"
#include "../template/template.h"

#include <unistd.h>

static int create(struct kvm_creation *creation, struct hyfw_running *ret_running, struct hyfw_error **err)
{
	struct kvm_run *run = creation->run;
	int r = kvm_creation_prepare(creation, err), console = -1;

	if (r == 0)
		r = kvm_loop_start(creation->host, err);
	if (r < 0)
		return r;
	kvm_reap_begin();
	r = kvm_creation_domain(creation, err);
	kvm_reap_end();
	if (r == 0 && !creation->facts.hosted)
		r = kvm_creation_hold(creation, err);
	if (r == 0)
		r = creation->facts.hosted ? kvm_console_open(run, &console, err)
					   : kvm_creation_console(creation, &console, err);
	if (r < 0)
		return r;
	r = kvm_run_eventfds(run, ret_running);
	if (r < 0) {
		close(console);
		return creation->host->fail(err, -r, "eventfd: %s", strerror(-r));
	}
	ret_running->console_fd = console;
	ret_running->pid = (int32_t)hyfw_map_int(&creation->call->record, HYFW_NOTE_PID, 0);
	ret_running->handle = run;
	return 0;
}

int kvm_create(void *instance, struct hyfw_call *call, const struct hyfw_workload *workload,
	       struct hyfw_running *ret_running, struct hyfw_error **err)
{
	struct kvm_instance *kvm = instance;
	struct kvm_creation creation = { .host = kvm->host, .call = call, .gate = -1 };
	int r;

	r = kvm_run_get(kvm, &creation.run, err);
	if (r < 0)
		return r;
	memcpy(&creation.workload, workload, workload->size < sizeof(creation.workload)
							? workload->size : sizeof(creation.workload));
	r = kvm_template_apply(kvm->host, call->arena, &creation.workload.settings, err);
	if (r == 0 && !creation.workload.adopt && !kvm_is_hosted(kvm))
		r = kvm_label_take(creation.run, &creation.workload.confinement, err);
	if (r < 0)
		return r;
	creation.run->templated = hyfw_map_get(&creation.workload.settings, "template") != NULL;
	free(creation.run->begins);
	creation.run->begins = NULL;
	creation.run->ended = false;
	creation.run->qemu_signal = 0;
	creation.run->tpm_gone = false;
	creation.run->adopted = creation.run->adopting = creation.workload.adopt;
	if (creation.workload.adopt)
		return kvm_adopted_create(creation.run, call, &creation.workload, ret_running, err);
	r = create(&creation, ret_running, err);
	if (creation.gate >= 0)
		close(creation.gate);
	return r;
}
