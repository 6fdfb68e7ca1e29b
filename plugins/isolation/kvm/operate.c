/* SPDX-License-Identifier: BSD-3-Clause
 * operate(): changes of a running machine, and questions about it.  Each verb has a
 * function in the table below. */
#include "libvirt/hosted.h"
#include "keep.h"
#include "libvirt/live.h"
#include "migrate/adopt.h"
#include "migrate/migrate.h"
#include "operate.h"
#include "template/template.h"

#include <stdio.h>

static int display(struct kvm_operation *operation, struct hyfw_error **err)
{
	const struct hyfw_host *host = operation->kvm->host;
	xmlDoc *document = NULL;
	int r = kvm_live_open(operation->kvm, operation->domain, &document, err);

	if (r < 0)
		return r;
	kvm_live_display(host, operation->asked->arena, document,
			 kvm_live_has_password(operation->kvm, operation->domain), operation->ret_result);
	xmlFreeDoc(document);
	if (operation->ret_result->count == 0)
		return host->fail(err, ENOENT, "the machine has no display: set display = vnc");
	return 0;
}

static int reboot(struct kvm_operation *operation, struct hyfw_error **err)
{
	/* Without an agent in the guest nothing asks it to: the reset button. */
	if (virDomainReset(operation->domain, 0) < 0)
		return kvm_fail_libvirt(operation->kvm->host, err, "reset");
	return 0;
}

static const struct {
	const char *verb;
	int (*run)(struct kvm_operation *operation, struct hyfw_error **err);
	bool idle; /* also for a machine that does not run; without 'domain' and 'run' then */
	bool hosted; /* also for one on another host */
} verbs[] = {
	{ "update", kvm_update, false, true },
	{ "display", display, false, true },
	{ "reboot", reboot, false, true },
	{ "save", kvm_save, false },
	{ "restore", kvm_restore, true },
	{ "snapshot-create", kvm_snapshot_create, true },
	{ "snapshot-list", kvm_snapshot_list, true },
	{ "snapshot-revert", kvm_snapshot_revert, true },
	{ "snapshot-delete", kvm_snapshot_delete, true },
	{ "migrate", kvm_migrate, true },
	{ "adopt", kvm_adopt, true },
	{ "template-create", kvm_template_create, false },
	{ "template-list", kvm_template_list, true, true },
	{ "template-inspect", kvm_template_inspect, true, true },
	{ "template-remove", kvm_template_remove, true, true },
	{ "forget", kvm_forget, true, true },
	{ "rename", kvm_rename, true },
};

/* What is kept of the hardware as it is: the next start of a machine that was adopted
 * running makes other interfaces and another user of QEMU. */
static bool keeps_hardware(const struct hyfw_operation *asked)
{
	if (strcmp(asked->verb, "snapshot-create") == 0)
		return !hyfw_map_bool(&asked->args, "disk_only", false) || hyfw_map_bool(&asked->args, "external", false);
	return strcmp(asked->verb, "save") == 0 || strcmp(asked->verb, "template-create") == 0;
}

int kvm_operate(void *instance, const struct hyfw_map *record, const struct hyfw_operation *asked,
		struct hyfw_map *ret_result, struct hyfw_error **err)
{
	struct kvm_instance *kvm = instance;
	struct kvm_operation operation = { .kvm = kvm, .record = record, .asked = asked };
	struct hyfw_map result = { 0 };
	size_t i;
	int r;

	for (i = 0; i < KVM_COUNT(verbs) && strcmp(verbs[i].verb, asked->verb) != 0; i++)
		;
	if (i == KVM_COUNT(verbs))
		return kvm->host->fail(err, ENOTSUP, "machines cannot %s", asked->verb);
	operation.ret_result = &result;
	if (kvm_is_hosted(kvm) && !verbs[i].hosted)
		return kvm->host->fail(err, ENOTSUP, "%s: wants files of the host that the machine runs on, and uri = %s is on "
				       "another", asked->verb, kvm->uri);
	r = verbs[i].idle && record->count == 0 ? 0
						: kvm_domain_get(kvm, &operation.run, &operation.domain, err);
	if (r < 0)
		return r;
	if (operation.run && operation.run->adopted && keeps_hardware(asked))
		r = kvm->host->fail(err, ENOTSUP, "%s: the machine ran already when it was adopted; it can be done after "
				    "its next start", asked->verb);
	else
		r = verbs[i].run(&operation, err);
	if (operation.domain)
		kvm_domain_put(operation.domain);
	if (r == 0)
		*ret_result = result;
	return r;
}
