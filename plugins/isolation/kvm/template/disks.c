/* SPDX-License-Identifier: BSD-3-Clause
 * The disks of a template, as its header has them: which there are, in the order that
 * the guest in memory knows, and what each of them was like.
 *
 *     disks  [{name, read_only, options: [{key, value}], size, bytes, written, written_ns}]
 *
 * 'name' is "root" or "diskN", the file NAME.qcow2 beside the memory; 'size' is what a
 * guest sees, the rest what the file looked like when it was finished.  While one is
 * being made, "path" and "format" say where its content comes from. */
#include "../snapshot/overlay.h"
#include "template.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISKS_MOST 1000 /* names have up to four digits: domain.h */

const char *kvm_template_disk_path(const struct hyfw_host *host, struct hyfw_arena *arena, const char *directory,
				   struct json_object *disk)
{
	return host->format(arena, "%s/%s.qcow2", directory, kvm_keep_text(disk, "name"));
}

/* ---- of a machine that starts ---- */

static void remember(struct json_object *disks, const char *name, const struct hyfw_attachment *attachment)
{
	struct json_object *disk, *options;
	size_t i;

	if (attachment->kind != HYFW_ATTACHMENT_BLOCK)
		return;
	disk = json_object_new_object();
	json_object_object_add(disk, "name", json_object_new_string(name));
	json_object_object_add(disk, "read_only",
			       json_object_new_boolean((attachment->flags & HYFW_ATTACH_READ_ONLY) != 0));
	options = kvm_keep_array(disk, "options");
	for (i = 0; i < attachment->options.count; i++) {
		struct json_object *option = json_object_new_object();

		json_object_object_add(option, "key", json_object_new_string(attachment->options.items[i].key));
		json_object_object_add(option, "value", json_object_new_string(attachment->options.items[i].value));
		json_object_array_add(options, option);
	}
	json_object_array_add(disks, disk);
}

struct json_object *kvm_template_disks_of(const struct hyfw_host *host, struct hyfw_arena *arena,
					  const struct hyfw_workload *workload)
{
	struct json_object *disks = json_object_new_array();
	size_t i;

	remember(disks, "root", &workload->root);
	for (i = 0; i < workload->disk_count; i++)
		remember(disks, host->format(arena, "disk%zu", i + 1), &workload->disks[i]);
	return disks;
}

/* ---- of one that becomes a template ---- */

static struct json_object *find(struct json_object *disks, const char *name)
{
	size_t i, count = json_object_array_length(disks);

	for (i = 0; i < count; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		if (strcmp(kvm_disk_name(disk), name) == 0)
			return disk;
	}
	return NULL;
}

int kvm_template_disks_match(const struct hyfw_host *host, struct json_object *disks, struct json_object *live,
			     struct hyfw_error **err)
{
	size_t i, count = json_object_array_length(live);

	for (i = 0; i < count; i++) {
		const char *name = kvm_disk_name(json_object_array_get_idx(live, i));

		if (!find(disks, name))
			return host->fail(err, EBUSY, "%s was plugged in while the machine runs, and those that start from the "
					  "template could not have it in that place; start the machine anew first", name);
	}
	for (i = 0, count = json_object_array_length(disks); i < count; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);
		struct json_object *now = find(live, kvm_keep_text(disk, "name"));

		if (!now)
			return host->fail(err, EBUSY, "%s was taken out, or is a drive without a medium; start the machine anew "
					  "without it first", kvm_keep_text(disk, "name"));
		json_object_object_add(disk, "path", json_object_new_string(kvm_keep_text(now, "path")));
		json_object_object_add(disk, "format", json_object_new_string(kvm_keep_text(now, "format")));
	}
	return 0;
}

int kvm_template_disk_note(const struct hyfw_host *host, struct json_object *disk, const char *path, int fd,
			   struct hyfw_error **err)
{
	struct kvm_overlay overlay;
	struct stat st;
	int r = kvm_overlay_read(fd, &overlay);

	if (r < 0 || fstat(fd, &st) < 0)
		return host->fail(err, r < 0 ? -r : errno, "%s: %s", path, strerror(r < 0 ? -r : errno));
	if (*overlay.backing || overlay.external_data)
		return host->fail(err, EPERM, "%s: it was changed while it was written", path);
	json_object_object_del(disk, "path");
	json_object_object_del(disk, "format");
	json_object_object_add(disk, "size", json_object_new_int64((int64_t)overlay.size));
	json_object_object_add(disk, "bytes", json_object_new_int64(st.st_size));
	json_object_object_add(disk, "written", json_object_new_int64(st.st_mtim.tv_sec));
	json_object_object_add(disk, "written_ns", json_object_new_int64(st.st_mtim.tv_nsec));
	return 0;
}

/* ---- of a template that is used ---- */

/* Nobody may write to it: not since, and nothing may be below it. */
static int check_file(const struct hyfw_host *host, const char *template, struct json_object *disk, const char *path,
		      struct hyfw_error **err)
{
	KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	const char *name = kvm_keep_text(disk, "name");
	struct kvm_overlay overlay;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return host->fail(err, EBADMSG, "template %s is damaged: its disk %s is missing; remove it and make it again",
				  template, name);
	if (st.st_size != kvm_template_number(disk, "bytes") || st.st_mtim.tv_sec != kvm_template_number(disk, "written") ||
	    st.st_mtim.tv_nsec != kvm_template_number(disk, "written_ns"))
		return host->fail(err, EBADMSG, "template %s is damaged: its disk %s has changed since, and does not fit its "
				  "memory; remove it and make it again", template, name);
	if (kvm_overlay_read(fd, &overlay) < 0 || *overlay.backing || overlay.external_data ||
	    (int64_t)overlay.size != kvm_template_number(disk, "size"))
		return host->fail(err, EBADMSG, "template %s is damaged: its disk %s is not what was made; remove it and make "
				  "it again", template, name);
	return 0;
}

static bool is_name(const char *name)
{
	return strcmp(name, "root") == 0 ||
	       (strncmp(name, "disk", 4) == 0 && name[4] && strlen(name) <= 8 &&
		name[4 + strspn(name + 4, "0123456789")] == '\0');
}

int kvm_template_disks_check(const struct hyfw_host *host, struct hyfw_arena *arena, const char *template,
			     const char *directory, struct json_object *disks, struct hyfw_error **err)
{
	size_t i, count = json_object_array_length(disks);
	int r = 0;

	if (count > DISKS_MOST)
		return host->fail(err, EBADMSG, "template %s is damaged: it has %zu disks; remove it", template, count);
	for (i = 0; r == 0 && i < count; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		/* The name becomes a path. */
		r = is_name(kvm_keep_text(disk, "name"))
			    ? check_file(host, template, disk, kvm_template_disk_path(host, arena, directory, disk), err)
			    : host->fail(err, EBADMSG, "template %s is damaged: a disk has no name; remove it", template);
	}
	return r;
}

static struct hyfw_map options_of(const struct hyfw_host *host, struct hyfw_arena *arena, struct json_object *disk)
{
	struct json_object *options = kvm_keep_array(disk, "options");
	const size_t count = json_object_array_length(options);
	struct hyfw_pair *items = host->alloc(arena, (count + 1) * sizeof(*items));
	size_t i;

	for (i = 0; i < count; i++) {
		struct json_object *option = json_object_array_get_idx(options, i);

		items[i].key = host->format(arena, "%s", kvm_keep_text(option, "key"));
		items[i].value = host->format(arena, "%s", kvm_keep_text(option, "value"));
	}
	return (struct hyfw_map){ count, items };
}

/* What only reads gets the template's file itself. */
static struct hyfw_attachment attachment_of(const struct hyfw_host *host, struct hyfw_arena *arena,
					    const struct kvm_template *template, const char *directory,
					    struct json_object *disk)
{
	const bool read_only = kvm_keep_bool(disk, "read_only");

	return (struct hyfw_attachment){
		.size = sizeof(struct hyfw_attachment),
		.kind = HYFW_ATTACHMENT_BLOCK,
		.flags = read_only ? HYFW_ATTACH_READ_ONLY : 0u,
		.source = kvm_template_disk_path(host, arena, read_only ? template->directory : directory, disk),
		.source_fd = -1,
		.format = "qcow2",
		.options = options_of(host, arena, disk),
	};
}

void kvm_template_attach(const struct hyfw_host *host, struct hyfw_arena *arena, const struct kvm_template *template,
			 const char *directory, struct hyfw_workload *workload)
{
	const size_t count = json_object_array_length(template->disks);
	struct hyfw_attachment *disks = host->alloc(arena, (count + 1) * sizeof(*disks));
	size_t i;

	workload->disks = disks;
	workload->disk_count = 0;
	for (i = 0; i < count; i++) {
		struct json_object *disk = json_object_array_get_idx(template->disks, i);
		const struct hyfw_attachment made = attachment_of(host, arena, template, directory, disk);

		if (strcmp(kvm_keep_text(disk, "name"), "root") == 0)
			workload->root = made;
		else
			disks[workload->disk_count++] = made;
	}
}
