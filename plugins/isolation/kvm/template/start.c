/* SPDX-License-Identifier: BSD-3-Clause
 * The start of a machine from a template: instead of booting it goes on where the
 * template was saved, under its own name and uuid, with network interfaces of its own,
 * which are plugged in before it runs. */
#include "template.h"

#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

/* ---- what it needs ---- */

/* The same variables as the memory knows; they go on as its own.  One that goes on from
 * where it was saved has them. */
static int take_variables(struct kvm_run *run, struct hyfw_arena *arena, const struct hyfw_workload *workload,
			  const struct kvm_template *template, const struct kvm_facts *facts, struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	KVM_AUTO_PUT struct json_object *kept = NULL;
	int r;

	if (!template->nvram)
		return 0;
	r = workload->transient ? 0 : kvm_keep_load(host, arena, workload->name, &kept, err);
	if (r < 0 || (kept && *kvm_keep_text(kept, "restore")))
		return r;
	return kvm_template_copy_file(host, template->nvram, facts->nvram, err);
}

/* Those that are gone when they end need a note only where something of theirs is in
 * files of the template; it goes with them. */
static int note_use(struct kvm_run *run, struct hyfw_call *call, const struct hyfw_workload *workload,
		    const struct kvm_template *template, struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	int r = 0;

	if (workload->transient && json_object_array_length(template->disks) == 0)
		return 0;
	if (workload->transient)
		r = host->note(call, KVM_NOTE_CLONE, workload->name, err);
	return r < 0 ? r : kvm_template_use(host, call->arena, workload->name, template, err);
}

int kvm_template_prepare(struct kvm_run *run, struct hyfw_call *call, struct hyfw_workload *workload,
			 const struct kvm_facts *facts, bool *ret_goes_on, struct hyfw_error **err)
{
	const char *name = hyfw_map_get(&workload->settings, "template"), *other;
	const struct hyfw_host *host = run->kvm->host;
	KVM_AUTO_TEMPLATE struct kvm_template template = { 0 };
	struct kvm_clone clone = { .host = host, .arena = call->arena, .template = &template, .workload = workload,
				   .limit = run->kvm->template_space };
	int r = name ? kvm_template_open(host, call->arena, name, &template, err) : 0;

	*ret_goes_on = false;
	if (r < 0 || !name)
		return r;
	other = kvm_template_other(host, call->arena, workload->name, &template);
	if (other)
		return host->fail(err, EBUSY, "template = %s: its disks lie on those of template %s, with what it has written; "
				  "`hyfw rm %s` first, or keep template = %s", template.name, other, workload->name, other);
	clone.begun = !workload->transient && kvm_template_has_begun(host, call->arena, workload->name, &template);
	*ret_goes_on = !clone.begun;
	if (!clone.begun)
		r = note_use(run, call, workload, &template, err);
	if (r == 0)
		r = kvm_clone_prepare(&clone, err);
	return r < 0 || clone.begun ? r : take_variables(run, call->arena, workload, &template, facts, err);
}

/* A number that no machine had: the guest sees that it is another now, and makes its
 * random numbers anew. */
static const char *new_genid(const struct hyfw_host *host, struct hyfw_arena *arena)
{
	unsigned long long half[2];

	if (getrandom(half, sizeof(half), 0) != sizeof(half))
		return NULL;
	return host->format(arena, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(half[0] >> 32), (unsigned)(half[0] >> 16) & 0xffff,
			    (unsigned)half[0] & 0xfff, (unsigned)(0x8000 | ((half[1] >> 48) & 0x3fff)),
			    half[1] & 0xffffffffffffull);
}

/* ---- going on ---- */

/* The last line of what QEMU said before it ended, in 'arena'; NULL when libvirt has
 * words of its own. */
static const char *last_of_qemu(const struct hyfw_host *host, struct hyfw_arena *arena, const char *message)
{
	const char *found = NULL, *next;

	while (message && (next = strstr(message, "qemu-system-"))) {
		found = next + strcspn(next, ":\n");
		message = found;
	}
	return found && *found == ':' ? host->format(arena, "%.*s", (int)strcspn(found + 1, "\n"), found + 1) : NULL;
}

/* libvirt tells what differs; why it differs is to be seen from who made the template. */
static int refused(struct kvm_run *run, struct hyfw_arena *arena, const struct kvm_template *template,
		   struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	const char *made = kvm_keep_text(template->header, "programs");
	const char *words = last_of_qemu(host, arena, virGetLastErrorMessage()), *here;
	int r = words ? host->fail(err, EIO, "template %s is damaged, or was made by another QEMU:%s; make it again",
				   template->name, words)
		      : kvm_fail_libvirt(host, err, host->format(arena, "start from template %s", template->name));

	here = kvm_template_programs(host, arena, run->connection);
	if (strcmp(made, here) != 0)
		return host->wrap(err, "the template was made with %s, here are %s: make it again", made, here);
	return r;
}

static int restore(struct kvm_run *run, struct hyfw_arena *arena, const struct kvm_template *template,
		   const struct hyfw_workload *workload, const struct kvm_facts *facts, struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	struct hyfw_workload bare = *workload;
	struct kvm_facts own = *facts;
	KVM_AUTO_CLOSE int image = -1;
	char *xml;
	int r;

	bare.endpoint_count = 0;
	own.genid = template->genid ? new_genid(host, arena) : NULL;
	if (template->genid && !own.genid)
		return host->fail(err, EIO, "no random numbers: %s", strerror(errno));
	r = kvm_domain_xml(host, arena, &bare, &own, &xml, err);
	if (r == 0)
		r = kvm_template_image(host, arena, template, kvm_domain_name(host, arena, workload->name, facts),
				       facts->uuid, own.genid, &image, err);
	if (r < 0)
		return r;
	r = kvm_label_fd(host, image, run->file_label, err);
	if (r == 0)
		r = kvm_label_begin(run, err);
	if (r < 0)
		return r;
	r = virDomainRestoreFlags(run->connection, host->format(arena, "/proc/%d/fd/%d", (int)getpid(), image), xml,
				  VIR_DOMAIN_SAVE_PAUSED);
	kvm_label_end(run);
	if (r < 0)
		return refused(run, arena, template, err);
	run->domain = virDomainLookupByUUIDString(run->connection, facts->uuid);
	return run->domain ? 0 : kvm_fail_libvirt(host, err, "the machine that starts from a template");
}

static int plug_interfaces(struct kvm_run *run, struct hyfw_arena *arena, const struct hyfw_workload *workload,
			   const struct kvm_facts *facts, struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < workload->endpoint_count; i++) {
		const char *name = host->format(arena, "eth%zu", i);
		char *xml;

		if (!hyfw_map_get(&workload->endpoints[i].notes, HYFW_NOTE_TAP))
			continue; /* a network that gives nothing */
		r = kvm_interface_xml(host, arena, name, &workload->endpoints[i], &workload->settings, facts, &xml, err);
		if (r == 0 && virDomainAttachDeviceFlags(run->domain, xml, VIR_DOMAIN_AFFECT_LIVE) < 0)
			r = kvm_fail_libvirt(host, err, host->format(arena, "plug in %s", name));
	}
	return r;
}

/* Each interface needs a free slot of the template's; those of the kind user are no
 * devices that can be plugged in. */
static int check_interfaces(const struct hyfw_host *host, const struct hyfw_workload *workload, struct hyfw_error **err)
{
	const int64_t slots = hyfw_map_int(&workload->settings, "hotplug_slots", 2);
	const char *machine = hyfw_map_get(&workload->settings, "machine");
	int64_t count = 0;
	size_t i;

	for (i = 0; i < workload->endpoint_count; i++) {
		const struct hyfw_map *notes = &workload->endpoints[i].notes;

		if (hyfw_map_get(notes, HYFW_NOTE_USER_NETWORK))
			return host->fail(err, ENOTSUP, "network %s: networks of the kind user cannot be plugged into a machine "
					  "that starts from a template; use one with taps, such as bridge",
					  workload->endpoints[i].network);
		count += hyfw_map_get(notes, HYFW_NOTE_TAP) != NULL;
	}
	if (count > slots && !(machine && strcmp(machine, "pc") == 0))
		return host->fail(err, ENOSPC, "it has %lld networks and its template %lld free slots (hotplug_slots)",
				  (long long)count, (long long)slots);
	return 0;
}

int kvm_template_begin(struct kvm_run *run, struct hyfw_arena *arena, struct hyfw_error **err)
{
	int r = run->begins ? kvm_template_has_disks(run->kvm->host, arena, run->begins, err) : 0;

	free(run->begins);
	run->begins = NULL;
	return r;
}

int kvm_template_start(struct kvm_run *run, struct hyfw_call *call, const struct hyfw_workload *workload,
		       const struct kvm_facts *facts, struct hyfw_error **err)
{
	const struct hyfw_host *host = run->kvm->host;
	const char *name = hyfw_map_get(&workload->settings, "template");
	KVM_AUTO_TEMPLATE struct kvm_template template = { 0 };
	int r = check_interfaces(host, workload, err);

	if (r == 0)
		r = kvm_template_open(host, call->arena, name, &template, err);
	if (r == 0)
		r = restore(run, call->arena, &template, workload, facts, err);
	if (r == 0)
		r = plug_interfaces(run, call->arena, workload, facts, err);
	if (r == 0 && json_object_array_length(template.disks) > 0) {
		run->begins = strdup(workload->name);
		if (!run->begins)
			r = host->fail(err, ENOMEM, "out of memory");
	}
	return r;
}
