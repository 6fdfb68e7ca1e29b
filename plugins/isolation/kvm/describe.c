/* SPDX-License-Identifier: BSD-3-Clause
 * describe(): how the machine runs, as QEMU's process and libvirt say. */
#include "libvirt/live.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define MOST 16

struct facts {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	struct hyfw_pair *pairs;
	size_t count;
};

static void add(struct facts *facts, const char *key, const char *value)
{
	if (value && facts->count < MOST)
		facts->pairs[facts->count++] = (struct hyfw_pair){ key, value };
}

static const char *status_field(struct facts *facts, pid_t pid, const char *field)
{
	const char *value = NULL;
	char path[64], *line = NULL;
	size_t size = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	while (file && !value && getline(&line, &size, file) > 0)
		if (strncmp(line, field, strlen(field)) == 0) {
			char *at = line + strlen(field);

			at += strspn(at, ": \t");
			at[strcspn(at, " \t\n")] = '\0';
			value = facts->host->format(facts->arena, "%s", at);
		}
	free(line);
	if (file)
		fclose(file);
	return value;
}

/* Where the host has SELinux: the label, and whether it is more than a word now. */
static void add_label(struct facts *facts, pid_t pid)
{
	KVM_AUTO_CLOSE int fd = open("/sys/fs/selinux/enforce", O_RDONLY | O_CLOEXEC);
	char mode = '0';

	if (fd < 0 || read(fd, &mode, 1) != 1)
		return;
	add(facts, "label", kvm_label_of(facts->host, facts->arena, pid));
	add(facts, "selinux", mode == '1' ? "enforcing" : "permissive");
}

static void add_process(struct facts *facts, const struct hyfw_map *record)
{
	KVM_AUTO_CLOSE int pidfd = -1;
	pid_t pid = 0;
	const char *seccomp, *uid, *gid;

	pidfd = process_open(record, &pid);
	if (pidfd < 0)
		return;
	uid = status_field(facts, pid, "Uid");
	gid = status_field(facts, pid, "Gid");
	if (uid && gid)
		add(facts, "qemu user", facts->host->format(facts->arena, "%s:%s", uid, gid));
	seccomp = status_field(facts, pid, "Seccomp");
	add(facts, "qemu sandbox", seccomp && strcmp(seccomp, "2") == 0 ? "seccomp filter" : "none");
	add(facts, "qemu capabilities", status_field(facts, pid, "CapEff"));
	add_label(facts, pid);
}

void kvm_live_display(const struct hyfw_host *host, struct hyfw_arena *arena, xmlDoc *document, bool password,
		      struct hyfw_map *ret_display)
{
	static const char *const paths[][2] = {
		{ "type", "/domain/devices/graphics/@type" },
		{ "address", "/domain/devices/graphics/listen/@address" },
		{ "port", "/domain/devices/graphics/@port" },
		{ "websocket", "/domain/devices/graphics/@websocket" },
		{ "socket", "/domain/devices/graphics/listen/@socket" },
	};
	struct hyfw_pair *pairs = host->alloc(arena, (KVM_COUNT(paths) + 1) * sizeof(*pairs));
	size_t count = 0, i;

	for (i = 0; i < KVM_COUNT(paths); i++) {
		const char *value = kvm_live_text(host, arena, document, paths[i][1]);

		if (value && strcmp(value, "-1") != 0)
			pairs[count++] = (struct hyfw_pair){ paths[i][0], value };
	}
	if (count > 0)
		pairs[count++] = (struct hyfw_pair){ "password_set", password ? "true" : "false" };
	*ret_display = (struct hyfw_map){ count, pairs };
}

static void add_display(struct facts *facts, xmlDoc *document)
{
	struct hyfw_map display = { 0 };
	const char *type, *socket, *address, *port;

	kvm_live_display(facts->host, facts->arena, document, false, &display);
	type = hyfw_map_get(&display, "type");
	socket = hyfw_map_get(&display, "socket");
	address = hyfw_map_get(&display, "address");
	port = hyfw_map_get(&display, "port");
	if (!type)
		add(facts, "display", "none");
	else if (socket)
		add(facts, "display", facts->host->format(facts->arena, "%s at %s", type, socket));
	else
		add(facts, "display", facts->host->format(facts->arena, "%s at %s:%s", type,
							   address ? address : "?", port ? port : "?"));
}

/* QEMU stops a guest whose disk cannot take more (werror=enospc): nobody asked for it,
 * and what runs does not show it. */
static void add_stop(struct facts *facts, virDomainPtr domain)
{
	int state = 0, reason = 0;

	if (virDomainGetState(domain, &state, &reason, 0) == 0 && state == VIR_DOMAIN_PAUSED &&
	    reason == VIR_DOMAIN_PAUSED_IOERROR)
		add(facts, "stopped by", "a disk that cannot be written, as its file system is full; make room, then "
		    "unpause it");
}

/* Of this machine, not of one that runs: for `hyfw doctor`. */
static void add_host(struct facts *facts, const struct kvm_instance *kvm)
{
	const char *trouble = kvm->uri && kvm_uri_is_remote(kvm->uri) ? NULL : kvm_trouble(facts->host, facts->arena);

	if (kvm->uri && kvm_uri_is_remote(kvm->uri))
		add(facts, "acceleration", facts->host->format(facts->arena, "is for %s to say", kvm->uri));
	else if (trouble)
		add(facts, "acceleration", facts->host->format(facts->arena, "tcg (software emulation, slower): %s", trouble));
	else
		add(facts, "acceleration", "KVM");
	add(facts, "nested virtualization", kvm_nested());
	add(facts, "firmware efi", kvm_efi()->code ? kvm_efi()->code : "not here: install ovmf");
	add(facts, "tpm", access(KVM_SWTPM, X_OK) == 0 ? KVM_SWTPM : "not here: install swtpm");
}

int kvm_describe(void *instance, const struct hyfw_map *record, struct hyfw_arena *arena,
		 struct hyfw_map *ret_facts, struct hyfw_error **err)
{
	struct kvm_instance *kvm = instance;
	struct facts facts = { .host = kvm->host, .arena = arena,
			       .pairs = kvm->host->alloc(arena, MOST * sizeof(struct hyfw_pair)) };
	const char *accel = hyfw_map_get(record, KVM_NOTE_ACCEL);
	xmlDoc *document = NULL;
	virDomainPtr domain = NULL;
	int r;

	if (record->count == 0) {
		add_host(&facts, kvm);
		*ret_facts = (struct hyfw_map){ facts.count, facts.pairs };
		return 0;
	}
	r = kvm_domain_get(kvm, NULL, &domain, err);
	if (r == 0)
		r = kvm_live_open(kvm, domain, &document, err);
	if (r < 0)
		goto out;
	add(&facts, "accelerator", accel && strcmp(accel, "kvm") == 0 ? "KVM" : "none (tcg, software emulation)");
	add(&facts, "machine type", kvm_live_text(kvm->host, arena, document, "/domain/os/type/@machine"));
	add(&facts, "cpu model", kvm_live_text(kvm->host, arena, document, "/domain/cpu/model"));
	add_process(&facts, record);
	add_stop(&facts, domain);
	add_display(&facts, document);
	add(&facts, "uuid", hyfw_map_get(record, KVM_NOTE_UUID));
	add(&facts, "libvirt", kvm->uri ? kvm->uri : hyfw_map_get(record, KVM_NOTE_ROOT));
	add(&facts, "nested virtualization", kvm_nested());
	*ret_facts = (struct hyfw_map){ facts.count, facts.pairs };
	xmlFreeDoc(document);
out:
	if (domain)
		kvm_domain_put(domain);
	return r;
}
