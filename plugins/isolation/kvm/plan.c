/* SPDX-License-Identifier: BSD-3-Clause
 * plan(): the two steps of a machine, and its domain as a reader of the plan would
 * give it to virsh. */
#include "libvirt/hosted.h"
#include "template/template.h"

#define MIB (UINT64_C(1) << 20)

/* ---- the workload as far as it is known ---- */

static size_t count_of(const struct hyfw_map *settings, const char *key)
{
	size_t cursor = 0, count = 0;

	while (hyfw_map_next(settings, key, &cursor))
		count++;
	return count;
}

/* "SOURCE|OPTION=VALUE|..."; what the storage driver makes of the source is not known. */
static struct hyfw_attachment planned_disk(const struct hyfw_host *host, struct hyfw_arena *arena,
					   const char *normal)
{
	struct hyfw_attachment disk = { .size = sizeof(disk), .kind = HYFW_ATTACHMENT_BLOCK, .source_fd = -1 };
	struct hyfw_pair *options = host->alloc(arena, (strlen(normal) + 1) * sizeof(*options));
	char *rest = host->format(arena, "%s", normal), *part;
	const char *source = strsep(&rest, "|"), *format;

	while ((part = strsep(&rest, "|"))) {
		char *value = strchr(part, '=');

		if (!value)
			continue;
		*value++ = '\0';
		if (strcmp(part, "read_only") == 0)
			disk.flags |= strcmp(value, "true") == 0 ? HYFW_ATTACH_READ_ONLY : 0;
		else
			options[disk.options.count++] = (struct hyfw_pair){ part, value };
	}
	disk.options.items = options;
	format = hyfw_map_get(&disk.options, "format");
	disk.format = format ? format : *source == '/' ? "raw" : "qcow2";
	disk.source = *source == '/' ? source : host->format(arena, "{volume %s}", source);
	return disk;
}

static void plan_disks(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_workload *workload)
{
	const struct hyfw_map *settings = &workload->settings;
	struct hyfw_attachment *disks =
		host->alloc(arena, (count_of(settings, "disk") + count_of(settings, "cdrom") + 1) * sizeof(*disks));
	const char *value;
	size_t cursor = 0;

	workload->disks = disks;
	while ((value = hyfw_map_next(settings, "disk", &cursor)))
		disks[workload->disk_count++] = planned_disk(host, arena, value);
	for (cursor = 0; (value = hyfw_map_next(settings, "cdrom", &cursor));)
		disks[workload->disk_count++] =
			planned_disk(host, arena, host->format(arena, "%s|device=cdrom|read_only=true", value));
	if (!hyfw_map_get(settings, "image"))
		return;
	workload->root = planned_disk(host, arena, host->format(arena, "%s", workload->name));
	workload->root.source = host->format(arena, "{root disk of %s}", workload->name);
	if (hyfw_map_bool(settings, "read_only", false))
		workload->root.flags |= HYFW_ATTACH_READ_ONLY;
}

static void plan_endpoints(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_workload *workload)
{
	struct hyfw_endpoint *endpoints =
		host->alloc(arena, (count_of(&workload->settings, "network") + 1) * sizeof(*endpoints));
	const char *value;
	size_t cursor = 0;

	workload->endpoints = endpoints;
	while ((value = hyfw_map_next(&workload->settings, "network", &cursor))) {
		struct hyfw_endpoint *endpoint = &endpoints[workload->endpoint_count];
		struct hyfw_pair *tap = host->alloc(arena, sizeof(*tap));

		if (strcmp(value, "none") == 0)
			continue;
		*tap = (struct hyfw_pair){ HYFW_NOTE_TAP, host->format(arena, "{tap of network %s}", value) };
		endpoint->size = sizeof(*endpoint);
		endpoint->network = value;
		endpoint->notes = (struct hyfw_map){ 1, tap };
		workload->endpoint_count++;
	}
}

static int plan_clone(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_workload *workload,
		      struct kvm_facts *facts, struct hyfw_error **err)
{
	bool begun = false, genid = false;
	int result = kvm_clone_plan(host, arena, workload, &begun, &genid, err);

	if (!begun)
		facts->genid = genid ? "{a new one}" : NULL;
	if (result == 0 && begun) /* else they are plugged in */
		plan_endpoints(host, arena, workload);
	return result;
}

int kvm_planned_xml(struct kvm_instance *kvm, const struct hyfw_subject *subject, struct hyfw_arena *arena,
		    char **ret_xml, struct hyfw_error **err)
{
	const struct hyfw_host *host = kvm->host;
	struct hyfw_workload workload = { .size = sizeof(workload), .name = subject->name,
					  .settings = subject->settings, .idmap = subject->idmap };
	struct kvm_facts facts = { .owner = host->owner, .emulator = kvm->emulator, .embedded = !kvm->uri,
				   .directory = "{directory}", .nvram = "{directory}/nvram" };
	int result = kvm_accel(kvm, &subject->settings, &facts.accel, err);

	if (result < 0)
		return result;
	facts.uuid = kvm_uuid(host, arena, subject->name, &subject->settings);
	facts.genid = facts.uuid;
	facts.hosted = kvm_is_hosted(kvm);
	if (facts.hosted) {
		struct hyfw_attachment *disks;

		facts.emulator = NULL;
		result = kvm_hosted_disks(host, arena, &subject->settings, &disks, &workload.disk_count, err);
		if (result < 0)
			return result;
		workload.disks = disks;
	} else if (hyfw_map_get(&subject->settings, "template")) {
		result = plan_clone(host, arena, &workload, &facts, err);
		if (result < 0)
			return result;
	} else {
		plan_disks(host, arena, &workload);
		plan_endpoints(host, arena, &workload);
	}
	return kvm_domain_xml(host, arena, &workload, &facts, ret_xml, err);
}

/* ---- in words ---- */

static const char *summary(struct kvm_instance *kvm, const struct hyfw_subject *subject, struct hyfw_arena *arena)
{
	const struct hyfw_host *host = kvm->host;
	const struct hyfw_map *settings = &subject->settings;
	const uint32_t now = kvm_vcpus(settings), most = kvm_vcpus_max(settings);
	const char *machine = hyfw_map_get(settings, "machine"), *kernel = hyfw_map_get(settings, "kernel");
	const char *template = hyfw_map_get(settings, "template");
	enum kvm_accel accel = KVM_ACCEL_TCG;
	struct hyfw_error *err = NULL;

	if (kvm_accel(kvm, settings, &accel, &err) < 0)
		host->forget(&err);
	return host->format(arena, "create machine %s%s%s: %s, %u CPU%s%s, %llu MiB, %s%s%s%s", subject->name,
			    template ? " from template " : "", template ? template : "",
			    machine ? machine : "q35", now, now == 1 ? "" : "s",
			    most > now ? host->format(arena, " of %u", most) : "",
			    (unsigned long long)(kvm_memory(settings) / MIB),
			    accel == KVM_ACCEL_KVM ? "KVM" : "emulated by QEMU", kernel ? ", kernel " : "",
			    kernel ? kernel : "",
			    subject->idmap.count ?
				    host->format(arena, ", QEMU as uid %u", subject->idmap.host_uid) :
				    ", QEMU as root");
}

/* Undone when the workload is removed; its journal outlives the host's restart, as the
 * definition does. */
static int plan_definition(struct kvm_instance *kvm, const struct hyfw_subject *subject, struct hyfw_plan *plan,
			   struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = kvm->host;
	const struct kvm_facts facts = { .owner = host->owner };
	struct hyfw_pair *args = host->alloc(arena, 2 * sizeof(*args));
	const struct hyfw_step step = {
		.size = sizeof(step), .verb = KVM_VERB_DEFINE, .lifetime = HYFW_LIFETIME_WORKLOAD,
		.object = host->format(arena, "definition of %s", subject->name),
		.summary = host->format(arena, "keep machine %s defined at %s from its first start", subject->name, kvm->uri),
		.args = { 2, args },
	};

	args[0] = (struct hyfw_pair){ KVM_NOTE_UUID, kvm_uuid(host, arena, subject->name, &subject->settings) };
	args[1] = (struct hyfw_pair){ KVM_NOTE_DOMAIN, kvm_domain_name(host, arena, subject->name, &facts) };
	return host->plan_step(plan, &step, err);
}

/* What a reader may expect and does not get. */
static int plan_note(struct kvm_instance *kvm, struct hyfw_plan *plan, struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_step note = {
		.size = sizeof(note), .verb = "note", .object = kvm->uri, .flags = HYFW_STEP_NOTE,
		.summary = kvm->host->format(arena, "let %s limit CPU time and memory; it has no limit of processes, and "
					     "its own user and labels for QEMU", kvm->uri),
	};

	return kvm->host->plan_step(plan, &note, err);
}

static bool has_begun(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload, const char *name)
{
	const struct kvm_template template = { .name = name };

	return kvm_template_has_begun(host, arena, workload, &template);
}

int kvm_plan(void *instance, const struct hyfw_subject *subject, struct hyfw_plan *plan,
	     struct hyfw_arena *arena, struct hyfw_error **err)
{
	struct kvm_instance *kvm = instance;
	const struct hyfw_host *host = kvm->host;
	const struct kvm_facts facts = { .owner = host->owner, .embedded = !kvm->uri };
	const char *template = hyfw_map_get(&subject->settings, "template");
	const char *uri = kvm->uri ? kvm->uri : "qemu:///embed?root={directory}", *domain;
	struct hyfw_step create = {
		.size = sizeof(create), .verb = HYFW_VERB_CREATE, .lifetime = HYFW_LIFETIME_RUN,
	};
	struct hyfw_step start = {
		.size = sizeof(start), .verb = HYFW_VERB_START, .lifetime = HYFW_LIFETIME_RUN,
	};
	struct hyfw_subject whole = *subject;
	char *xml = NULL;
	int result = 0;

	if (subject->kind != HYFW_SUBJECT_WORKLOAD)
		return 0;
	result = kvm_template_apply(host, arena, &whole.settings, err);
	if (result == 0 && kvm->uri && kvm_is_persistent(&whole.settings))
		result = plan_definition(kvm, &whole, plan, arena, err);
	if (result == 0 && kvm_is_hosted(kvm))
		result = plan_note(kvm, plan, arena, err);
	if (result == 0)
		result = kvm_planned_xml(kvm, &whole, arena, &xml, err);
	if (result < 0)
		return result;
	domain = kvm_domain_name(host, arena, subject->name, &facts);
	create.object = start.object = host->format(arena, "machine %s", subject->name);
	create.summary = summary(kvm, &whole, arena);
	create.commands = template && !has_begun(host, arena, subject->name, template) ?
		host->format(arena, "virsh -c '%s' restore %s/" KVM_TEMPLATES "/%s/memory --paused --xml /dev/stdin "
			     "<<'END'\n%sEND", uri, host->directory("kvm", HYFW_DIRECTORY_DATA), template, xml) :
		host->format(arena, "virsh -c '%s' define /dev/stdin <<'END'\n%sEND", uri, xml);
	start.summary = host->format(arena, "start machine %s", subject->name);
	start.commands = host->format(arena, "virsh -c '%s' %s %s", uri, template ? "resume" : "start", domain);
	result = host->plan_step(plan, &create, err);
	return result < 0 ? result : host->plan_step(plan, &start, err);
}
