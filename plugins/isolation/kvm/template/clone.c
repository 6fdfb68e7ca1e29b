/* SPDX-License-Identifier: BSD-3-Clause
 * The disks of a machine that starts from a template: overlays on the template's, which
 * belong to the machine's user and lie in clones/WORKLOAD of the data directory.
 *
 * The memory of the template fits its disks as they were at that moment, and no others.
 * So a machine goes on from it once, with fresh overlays; from then on it has disks of
 * its own and boots from them, as any machine, with all that it has written.  That it
 * has begun stands in the note of kvm_template_use(), written before its first
 * instruction: a start that is cut short earlier begins anew. */
#include "../snapshot/layer.h"
#include "../snapshot/overlay.h"
#include "template.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

const char *kvm_clone_store(const struct hyfw_host *host, struct hyfw_arena *arena)
{
	return host->format(arena, "%s/" KVM_CLONES, host->directory("kvm", HYFW_DIRECTORY_DATA));
}

static const char *directory_of(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload)
{
	return host->format(arena, "%s/%s", kvm_clone_store(host, arena), workload);
}

/* ---- removal ---- */

/* A name is a path here, and may come from a journal. */
static bool is_workload(const char *name)
{
	return name && *name && *name != '.' && !strchr(name, '/');
}

void kvm_clone_remove(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload)
{
	if (!is_workload(workload))
		return;
	kvm_remove_tree(directory_of(host, arena, workload));
	rmdir(kvm_clone_store(host, arena)); /* stays as long as another is in it */
}

void kvm_clone_gc(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_alive *alive)
{
	DIR *dir = opendir(kvm_clone_store(host, arena));
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (is_workload(entry->d_name) && !hyfw_names_have(alive->workloads, entry->d_name, strlen(entry->d_name)))
			kvm_clone_remove(host, arena, entry->d_name);
	if (dir)
		closedir(dir);
}

/* ---- making ---- */

/* QEMU's user walks through, whatever the umask is. */
static int make_directory(const char *path)
{
	if (mkdir(path, 0711) < 0)
		return errno == EEXIST ? 0 : -errno;
	return chmod(path, 0711) < 0 ? -errno : 0;
}

static int hand_over(const char *path, const struct hyfw_idmap *ids)
{
	KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fchmod(fd, 0600) < 0 ||
	    (geteuid() == 0 && ids->count && fchown(fd, ids->host_uid, ids->host_gid) < 0) || fsync(fd) < 0)
		return -errno;
	return 0;
}

/* So that storage drivers believe it.  Where a file system keeps no such marks they refuse
 * to follow it, and the machine runs all the same. */
static void mark(const char *path, const char *base)
{
	KVM_AUTO_FREE char *real = realpath(base, NULL);

	if (real)
		lsetxattr(path, HYFW_ATTRIBUTE_BASE, real, strlen(real), 0);
}

static int make_overlay(struct kvm_clone *clone, struct json_object *disk, const char *base, const char *path,
			struct hyfw_error **err)
{
	const struct hyfw_host *host = clone->host;
	const char *const argv[] = { "create", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", base, path,
				     host->format(clone->arena, "%" PRId64, kvm_template_number(disk, "size")), NULL };
	int r = kvm_qemu_img(host, clone->arena, geteuid(), getegid(), argv, NULL, err);

	if (r < 0)
		return r;
	mark(path, base);
	r = hand_over(path, &clone->workload->idmap);
	return r < 0 ? host->fail(err, -r, "%s: %s", path, strerror(-r)) : 0;
}

static int begin(struct kvm_clone *clone, const char *directory, int *ret_lock, struct hyfw_error **err)
{
	int r;

	kvm_remove_tree(directory); /* of a start that was cut short */
	r = kvm_template_space_take(clone->host, clone->arena, clone->limit,
				    kvm_template_bytes_of(clone->template->disks, true), ret_lock, err);
	if (r < 0)
		return r;
	if (make_directory(kvm_clone_store(clone->host, clone->arena)) < 0 || make_directory(directory) < 0)
		return clone->host->fail(err, errno, "%s: %s", directory, strerror(errno));
	return 0;
}

/* ---- later starts ---- */

/* The guest may have had QEMU in its hand: what the overlay says is compared, not followed. */
static int check_overlay(struct kvm_clone *clone, const char *base, const char *path, struct hyfw_error **err)
{
	KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct kvm_overlay overlay;
	int r;

	if (fd < 0)
		return clone->host->fail(err, errno, "%s: %s", path, strerror(errno));
	r = kvm_overlay_read(fd, &overlay);
	if (r < 0)
		return clone->host->fail(err, -r, "%s: it is no qcow2 file any more", path);
	if (overlay.external_data || strcmp(overlay.backing, base) != 0 || strcmp(overlay.format, "qcow2") != 0)
		return clone->host->fail(err, EPERM, "%s: it says that it is based on '%s' and is not: the machine has changed "
					 "it, and nothing is done with it", path, overlay.backing);
	r = hand_over(path, &clone->workload->idmap);
	return r < 0 ? clone->host->fail(err, -r, "%s: %s", path, strerror(-r)) : 0;
}

/* ---- all of them ---- */

static int settle(struct kvm_clone *clone, struct json_object *disk, const char *directory, struct hyfw_error **err)
{
	const struct hyfw_idmap *ids = &clone->workload->idmap;
	const char *label = clone->workload->confinement.mount_label;
	const char *base = kvm_template_disk_path(clone->host, clone->arena, clone->template->directory, disk);
	const char *path = kvm_template_disk_path(clone->host, clone->arena, directory, disk);
	int r = geteuid() == 0 && ids->count ? kvm_template_let_read(clone->host, base, ids->host_uid, err) : 0;

	if (r == 0)
		r = kvm_label_file(clone->host, base, kvm_label_shared(clone->host, clone->arena, label), err);
	if (r < 0 || kvm_keep_bool(disk, "read_only"))
		return r;
	r = clone->begun ? check_overlay(clone, base, path, err) : make_overlay(clone, disk, base, path, err);
	return r < 0 ? r : kvm_label_file(clone->host, path, label, err);
}

/* Before the machine is noted to have begun, and its disks are all that it has. */
static int sync_all(struct kvm_clone *clone, const char *directory, struct hyfw_error **err)
{
	const char *const paths[] = { directory, kvm_clone_store(clone->host, clone->arena),
				      clone->host->directory("kvm", HYFW_DIRECTORY_DATA) };
	size_t i;
	int r = 0;

	for (i = 0; r == 0 && i < KVM_COUNT(paths); i++) {
		r = kvm_sync_directory(paths[i]);
		if (r < 0)
			clone->host->fail(err, -r, "%s: %s", paths[i], strerror(-r));
	}
	return r;
}

int kvm_clone_prepare(struct kvm_clone *clone, struct hyfw_error **err)
{
	const struct hyfw_host *host = clone->host;
	const struct kvm_template *template = clone->template;
	const char *directory = directory_of(host, clone->arena, clone->workload->name);
	const size_t count = json_object_array_length(template->disks);
	KVM_AUTO_CLOSE int lock = -1;
	size_t i;
	int r = count == 0 || clone->begun ? 0 : begin(clone, directory, &lock, err);

	for (i = 0; r == 0 && i < count; i++)
		r = settle(clone, json_object_array_get_idx(template->disks, i), directory, err);
	if (r == 0 && count && !clone->begun)
		r = sync_all(clone, directory, err);
	if (r == 0)
		kvm_template_attach(host, clone->arena, template, directory, clone->workload);
	return r;
}

int kvm_clone_plan(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_workload *workload,
		   bool *ret_begun, bool *ret_genid, struct hyfw_error **err)
{
	const char *name = hyfw_map_get(&workload->settings, "template");
	KVM_AUTO_TEMPLATE struct kvm_template template = { 0 };
	int r = kvm_template_open(host, arena, name, &template, err);

	if (r < 0)
		return r;
	kvm_template_attach(host, arena, &template, directory_of(host, arena, workload->name), workload);
	*ret_genid = template.genid;
	*ret_begun = kvm_template_has_begun(host, arena, workload->name, &template);
	return 0;
}
