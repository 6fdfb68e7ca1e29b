/* SPDX-License-Identifier: BSD-3-Clause
 * The operation "rename": what is kept of a machine that does not run goes by its
 * workload's name.  Each part may be done already, when a crash came in between.  The
 * guest stays the one that it is: its uuid is told, to be kept. */
#include "keep.h"
#include "libvirt/persist.h"
#include "template/template.h"
#include "tpm.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

struct renaming {
	struct kvm_operation *operation;
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const char *from, *to;
};

/* ---- what cannot follow -------------------------------------------------------------- */

/* libvirt takes no saved memory for a domain of another name, and layers are known by
 * marks on the disks below them. */
static int check_kept(const struct renaming *renaming, struct hyfw_error **err)
{
	const struct hyfw_host *host = renaming->host;
	KVM_AUTO_PUT struct json_object *kept = NULL;
	int r = kvm_keep_load(host, renaming->arena, renaming->from, &kept, err);

	if (r < 0)
		return r;
	if (*kvm_keep_text(kept, "restore") ||
	    access(kvm_keep_path(host, renaming->arena, renaming->from, "saved"), F_OK) == 0)
		return host->fail(err, EBUSY, "its memory is saved under its name; start it and stop it first");
	if (json_object_array_length(kvm_keep_array(kept, "layers")) > 0)
		return host->fail(err, EBUSY, "it has external snapshots; delete them first");
	return 0;
}

/* Where its disks on those of a template are. */
static const char *clones_of(const struct renaming *renaming, const char *name)
{
	return renaming->host->format(renaming->arena, "%s/%s", kvm_clone_store(renaming->host, renaming->arena), name);
}

/* Of a workload that there is not: recover removes them. */
static int check_clash(const struct renaming *renaming, struct hyfw_error **err)
{
	const struct hyfw_host *host = renaming->host;
	const char *const places[] = {
		kvm_keep_path(host, renaming->arena, renaming->to, "json"),
		kvm_keep_path(host, renaming->arena, renaming->to, "template.json"),
		kvm_keep_path(host, renaming->arena, renaming->to, "sent"),
		host->format(renaming->arena, "%s/" KVM_NVRAM "/%s.fd", host->directory("kvm", HYFW_DIRECTORY_DATA),
			     renaming->to),
		kvm_tpm_state(host, renaming->arena, renaming->to),
		clones_of(renaming, renaming->to),
	};
	size_t i;

	for (i = 0; i < KVM_COUNT(places); i++)
		if (access(places[i], F_OK) == 0)
			return host->fail(err, EEXIST, "%s is there already; `hyfw recover` removes what was left behind",
					  places[i]);
	return 0;
}

/* ---- files ------------------------------------------------------------------------------ */

static int move(const struct renaming *renaming, const char *from, const char *to, struct hyfw_error **err)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0 || errno == ENOENT)
		return 0;
	return renaming->host->fail(err, errno, "%s: %s", to, strerror(errno));
}

static int move_kept(const struct renaming *renaming, struct hyfw_error **err)
{
	static const char *const suffixes[] = { "json", "template.json", "sent" };
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < KVM_COUNT(suffixes); i++)
		r = move(renaming, kvm_keep_path(renaming->host, renaming->arena, renaming->from, suffixes[i]),
			 kvm_keep_path(renaming->host, renaming->arena, renaming->to, suffixes[i]), err);
	return r;
}

static int move_state(const struct renaming *renaming, struct hyfw_error **err)
{
	const struct hyfw_host *host = renaming->host;
	const char *data = host->directory("kvm", HYFW_DIRECTORY_DATA);
	int r = move(renaming, host->format(renaming->arena, "%s/" KVM_NVRAM "/%s.fd", data, renaming->from),
		     host->format(renaming->arena, "%s/" KVM_NVRAM "/%s.fd", data, renaming->to), err);

	if (r == 0)
		r = move(renaming, kvm_tpm_state(host, renaming->arena, renaming->from),
			 kvm_tpm_state(host, renaming->arena, renaming->to), err);
	return r < 0 ? r : move(renaming, clones_of(renaming, renaming->from), clones_of(renaming, renaming->to), err);
}

/* What has moved lasts, before it is told that it has. */
static int sync_all(const struct renaming *renaming, struct hyfw_error **err)
{
	const struct hyfw_host *host = renaming->host;
	const char *data = host->directory("kvm", HYFW_DIRECTORY_DATA);
	const char *const paths[] = {
		host->format(renaming->arena, "%s/" KVM_KEPT, data),
		host->format(renaming->arena, "%s/" KVM_NVRAM, data),
		kvm_tpm_state(host, renaming->arena, "."),
		kvm_clone_store(host, renaming->arena),
	};
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < KVM_COUNT(paths); i++) {
		r = kvm_sync_directory(paths[i]);
		if (r == -ENOENT) /* it keeps none of these */
			r = 0;
		if (r < 0)
			host->fail(err, -r, "%s: %s", paths[i], strerror(-r));
	}
	return r;
}

/* Where the disk is now: the one that its storage driver has renamed, and those on a template's. */
static const char *place_of(const struct renaming *renaming, const char *path)
{
	const char *from = hyfw_map_get(&renaming->operation->asked->args, "disk_from");
	const char *to = hyfw_map_get(&renaming->operation->asked->args, "disk_to");
	const char *clones = clones_of(renaming, renaming->from);
	const size_t length = strlen(clones);

	if (from && to && strcmp(path, from) == 0)
		return to;
	if (strncmp(path, clones, length) == 0 && path[length] == '/')
		return renaming->host->format(renaming->arena, "%s%s", clones_of(renaming, renaming->to), path + length);
	return path;
}

static void change_disks(const struct renaming *renaming, struct json_object *disks)
{
	const size_t count = json_object_array_length(disks);
	size_t i;

	for (i = 0; i < count; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);
		const char *path = place_of(renaming, kvm_keep_text(disk, "path"));

		json_object_object_add(disk, "path", json_object_new_string(path));
	}
}

/* Those of its last start, and of its snapshots. */
static int write_disks(const struct renaming *renaming, struct hyfw_error **err)
{
	KVM_AUTO_PUT struct json_object *kept = NULL;
	struct json_object *disks = NULL, *snapshots;
	size_t i;
	int r = kvm_keep_load(renaming->host, renaming->arena, renaming->to, &kept, err);

	if (r < 0 || !kept || !json_object_object_get_ex(kept, "disks", &disks))
		return r;
	change_disks(renaming, disks);
	snapshots = kvm_keep_array(kept, "snapshots");
	for (i = 0; i < json_object_array_length(snapshots); i++)
		change_disks(renaming, kvm_keep_array(json_object_array_get_idx(snapshots, i), "disks"));
	return kvm_keep_store(renaming->host, renaming->arena, renaming->to, kept, err);
}

/* ---- all of it --------------------------------------------------------------------------- */

/* One that a libvirtd keeps defined is defined anew at its next start. */
static int undefine(const struct renaming *renaming, const char *uuid, struct hyfw_error **err)
{
	struct kvm_instance *kvm = renaming->operation->kvm;
	const struct kvm_facts facts = { .owner = renaming->host->owner };

	if (!kvm->uri || !hyfw_map_bool(&renaming->operation->asked->args, "persistent", false))
		return 0;
	return kvm_libvirtd_end(kvm, uuid, kvm_domain_name(renaming->host, renaming->arena, renaming->from, &facts), false,
				err);
}

static void tell(const struct renaming *renaming, const char *uuid)
{
	const struct kvm_facts facts = { .owner = renaming->host->owner };
	struct hyfw_pair *items = renaming->host->alloc(renaming->arena, 2 * sizeof(*items));

	items[0] = (struct hyfw_pair){ "setting uuid", uuid };
	items[1] = (struct hyfw_pair){ KVM_NOTE_DOMAIN,
				       kvm_domain_name(renaming->host, renaming->arena, renaming->to, &facts) };
	*renaming->operation->ret_result = (struct hyfw_map){ 2, items };
}

int kvm_rename(struct kvm_operation *operation, struct hyfw_error **err)
{
	const struct hyfw_map *args = &operation->asked->args;
	const struct renaming renaming = { .operation = operation, .host = operation->kvm->host,
					   .arena = operation->asked->arena, .from = operation->asked->object,
					   .to = hyfw_map_get(args, "to") };
	const char *uuid;
	int r;

	if (!renaming.to || !*renaming.to)
		return renaming.host->fail(err, EINVAL, "rename needs the new name");
	if (operation->domain)
		return renaming.host->fail(err, EBUSY, "it runs");
	uuid = kvm_uuid(renaming.host, renaming.arena, renaming.from, args);
	r = check_kept(&renaming, err);
	if (r == 0 && hyfw_map_bool(args, "check", false)) {
		r = check_clash(&renaming, err);
	} else if (r == 0) {
		r = undefine(&renaming, uuid, err);
		if (r == 0)
			r = move_kept(&renaming, err);
		if (r == 0)
			r = move_state(&renaming, err);
		if (r == 0)
			r = write_disks(&renaming, err);
		if (r == 0)
			r = sync_all(&renaming, err);
	}
	if (r == 0)
		tell(&renaming, uuid);
	return r;
}
