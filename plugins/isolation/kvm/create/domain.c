/* SPDX-License-Identifier: BSD-3-Clause
 * The domain: found running, started, or gone on with from a file or a template. */
#include "create.h"

#include "../libvirt/hosted.h"
#include "../libvirt/persist.h"
#include "../template/template.h"

static int note_facts(struct kvm_creation *creation, struct hyfw_error **err)
{
	const struct hyfw_host *host = creation->host;
	struct hyfw_call *call = creation->call;
	const char *domain = kvm_domain_name(host, call->arena, creation->workload.name, &creation->facts);
	int r = host->note(call, KVM_NOTE_UUID, creation->facts.uuid, err);

	if (r == 0)
		r = host->note(call, KVM_NOTE_DOMAIN, domain, err);
	if (r == 0)
		r = host->note(call, KVM_NOTE_ACCEL, creation->facts.accel == KVM_ACCEL_KVM ? "kvm" : "tcg", err);
	if (r == 0 && kvm_is_persistent(&creation->workload.settings))
		r = host->note(call, KVM_NOTE_KEPT, "yes", err);
	return r;
}

static int fail_start(struct kvm_creation *creation, struct hyfw_error **err)
{
	const struct hyfw_host *host = creation->host;
	const char *words = kvm_root_last_words(host, creation->call->arena, creation->run->root);
	int r = kvm_fail_libvirt(host, err, "start QEMU");

	if (!words)
		return r;
	host->forget(err);
	return host->fail(err, -r, "start QEMU: %s", words);
}

/* With the sockets, taps and files of this start; what the guest sees must be as it
 * was, which libvirt looks after. */
static int restore_domain(struct kvm_creation *creation, const char *xml, struct hyfw_error **err)
{
	struct kvm_run *run = creation->run;
	int r, restored;

	r = kvm_label_file(creation->host, creation->saved, run->file_label, err);
	if (r == 0)
		r = kvm_label_begin(run, err);
	if (r < 0)
		return r;
	restored = virDomainRestoreFlags(run->connection, creation->saved, xml, VIR_DOMAIN_SAVE_PAUSED);
	kvm_label_end(run);
	if (restored < 0)
		return kvm_fail_libvirt(creation->host, err, creation->host->format(creation->call->arena,
					"go on with %s", creation->saved));
	run->domain = virDomainLookupByUUIDString(run->connection, run->uuid);
	if (!run->domain)
		return kvm_fail_libvirt(creation->host, err, "the machine that goes on");
	kvm_saved_used(creation->host, creation->call->arena, creation->workload.name, creation->saved);
	return 0;
}

/* What only the libvirtd of another host knows. */
static int settle_hosted(struct kvm_creation *creation, struct hyfw_error **err)
{
	int r = kvm_hosted_accel(creation->run, &creation->workload.settings, &creation->facts.accel, err);

	return r < 0 ? r : kvm_hosted_settle(creation->run, creation->call->arena, &creation->workload, err);
}

/* A machine of another host may run already: this host or its monitor has ended since,
 * or the libvirtd has started it by itself.  It goes on. */
static int find_running(struct kvm_creation *creation, struct hyfw_error **err)
{
	struct kvm_run *run = creation->run;
	const char *name = kvm_domain_name(creation->host, creation->call->arena, creation->workload.name,
					   &creation->facts);
	virDomainPtr domain = NULL;
	int r = creation->facts.hosted ? kvm_libvirtd_find(run, run->uuid, name, &domain, err) : 0;

	if (r <= 0)
		return r;
	if (virDomainIsActive(domain) == 1) {
		run->domain = domain;
		return 1;
	}
	virDomainFree(domain);
	return 0;
}

static int start_domain(struct kvm_creation *creation, const char *xml, struct hyfw_error **err)
{
	struct kvm_run *run = creation->run;
	virDomainPtr domain = NULL;
	int r = 0;

	if (kvm_is_persistent(&creation->workload.settings))
		r = kvm_persist_define(run, &creation->workload.settings, xml, &domain, err);
	if (r < 0)
		return r;
	if (creation->saved) {
		if (domain)
			virDomainFree(domain);
		return restore_domain(creation, xml, err);
	}
	if (creation->from_template)
		return kvm_template_start(run, creation->call, &creation->workload, &creation->facts, err);
	r = kvm_label_begin(run, err);
	if (r == 0 && !domain)
		run->domain = virDomainCreateXML(run->connection, xml, VIR_DOMAIN_START_PAUSED);
	else if (r == 0 && virDomainCreateWithFlags(domain, VIR_DOMAIN_START_PAUSED) == 0)
		run->domain = domain;
	kvm_label_end(run);
	if (run->domain)
		return 0;
	r = r < 0 ? r : fail_start(creation, err);
	if (domain)
		virDomainFree(domain);
	return r;
}

/* What QEMU can do libvirt finds out by starting it, which is not for the machine's label. */
static void ask_capabilities(const struct kvm_creation *creation)
{
	free(virConnectGetDomainCapabilities(creation->run->connection, creation->facts.emulator, NULL, NULL,
					     creation->facts.accel == KVM_ACCEL_KVM ? "kvm" : "qemu", 0));
}

/* A libvirtd without the driver has no label to give. */
static int check_libvirtd(const struct kvm_creation *creation, struct hyfw_error **err)
{
	const struct kvm_run *run = creation->run;
	KVM_AUTO_FREE char *capabilities = NULL;

	if (!run->label || creation->facts.embedded)
		return 0;
	capabilities = virConnectGetCapabilities(run->connection);
	if (!capabilities)
		return kvm_fail_libvirt(creation->host, err, "what the libvirtd can do");
	if (strstr(capabilities, "<model>selinux</model>"))
		return 0;
	return creation->host->fail(err, ENOTSUP, "the libvirtd at %s does without SELinux (security_driver in its qemu.conf), so "
				    "QEMU would not get the label %s; selinux = no runs it without", run->kvm->uri, run->label);
}

int kvm_creation_domain(struct kvm_creation *creation, struct hyfw_error **err)
{
	struct kvm_run *run = creation->run;
	char *xml = NULL;
	int r = kvm_connect(run, err);

	if (r == 0)
		r = check_libvirtd(creation, err);
	if (r == 0 && creation->facts.hosted)
		r = settle_hosted(creation, err);

	/* Not before: undo() of what was never begun shall not want the libvirtd either. */
	if (r == 0)
		r = note_facts(creation, err);
	/* One that goes on with a saved machine must have that one's. */
	if (r == 0)
		r = kvm_saved_genid(run, creation->call->arena, creation->saved, &creation->facts.genid, err);
	if (r == 0)
		r = kvm_domain_xml(creation->host, creation->call->arena, &creation->workload, &creation->facts,
				   &xml, err);
	if (r == 0)
		r = kvm_events_watch(run, err);
	if (r == 0)
		r = find_running(creation, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (run->label)
		ask_capabilities(creation);
	r = start_domain(creation, xml, err);
	if (r == 0 && creation->facts.hosted)
		r = kvm_hosted_limit(run, &creation->workload.settings, creation->facts.accel, err);
	if (r == 0)
		kvm_template_remember(run, &creation->workload, creation->facts.accel);
	if (r == 0 && creation->facts.embedded)
		kvm_root_keep_capabilities(run->kvm, run->root);
	return r;
}
