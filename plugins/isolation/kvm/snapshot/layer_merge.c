/* SPDX-License-Identifier: BSD-3-Clause
 * Getting rid of layers that no snapshot needs any more.  'from' is merged into the file
 * that it lies on, 'into':
 *
 *   1. "fold" {from, into} in the record
 *   2. what is in 'from' goes to 'into': 'from' and all that lies on it show the same
 *      all the time
 *   3. files that lie on 'from' are told that they lie on 'into', which is the same now
 *   4. the record without 'from' and "fold"
 *   5. 'from' is removed
 *
 * QEMU does 2, and 3 for the files that it has open, while the machine runs.  Killed
 * before 3, nothing has happened; in it, one file at least says that 2 was done. */
#include "layer.h"
#include "../libvirt/live.h"
#include "overlay.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 50
#define PIVOT_LOOKS 200

struct merge {
	struct kvm_layers *layers;
	const char *base, *from, *into; /* in the arena */
	const char *target;             /* of a machine that runs, when it has them open */
	bool stands;                    /* we have stopped its CPUs */
};

static virDomainPtr domain_of(const struct kvm_layers *layers)
{
	return layers->operation ? layers->operation->domain : NULL;
}

static const char *dup_text(struct kvm_layers *layers, const char *text)
{
	return layers->host->format(layers->arena, "%s", text);
}

/* ---- while it stands, or beside what it has open ---- */

/* As the owner of the disk; nobody but that user has written what is read. */
static int merge_idle(struct merge *merge, struct hyfw_error **err)
{
	struct kvm_layers *layers = merge->layers;
	const struct hyfw_operation *asked = layers->operation ? layers->operation->asked : NULL;
	const char *const argv[] = { "commit", asked ? "-p" : "-q", "-d", "-f", "qcow2", merge->from, NULL };
	struct stat owner;
	int r = kvm_layer_check(layers, merge->from, err);

	if (r < 0)
		return r;
	if (stat(merge->base, &owner) < 0)
		return layers->host->fail(err, errno, "%s: %s", merge->base, strerror(errno));
	r = kvm_layer_give(layers, merge->from, owner.st_uid, owner.st_gid, err);
	return r < 0 ? r : kvm_qemu_img(layers->host, layers->arena, owner.st_uid, owner.st_gid, argv, asked, err);
}

/* ---- while it runs ---- */

static int await_job(struct merge *merge, bool active, struct hyfw_error **err)
{
	const struct kvm_operation *operation = merge->layers->operation;
	const struct timespec pause = { 0, LOOK_MS * 1000000L };
	const struct hyfw_operation *asked = operation->asked;
	virDomainBlockJobInfo info;
	int r;

	while ((r = virDomainGetBlockJobInfo(operation->domain, merge->target, &info, 0)) == 1) {
		if (active && info.end > 0 && info.cur == info.end)
			return 0;
		hyfw_operation_tell(asked, info.cur, info.end);
		if (hyfw_operation_is_cancelled(asked)) {
			virDomainBlockJobAbort(operation->domain, merge->target, 0);
			return operation->kvm->host->fail(err, ECANCELED, "cancelled");
		}
		nanosleep(&pause, NULL);
	}
	if (r < 0)
		return kvm_fail_libvirt(operation->kvm->host, err, "merge");
	return active ? operation->kvm->host->fail(err, EIO, "merging into %s has failed; is there room?", merge->into) : 0;
}

/* Nothing may be written between the change and its being in the record. */
static int hold_still(struct merge *merge, struct hyfw_error **err)
{
	virDomainPtr domain = domain_of(merge->layers);
	int state = 0;

	if (virDomainGetState(domain, &state, NULL, 0) < 0)
		return kvm_fail_libvirt(merge->layers->host, err, "the machine's state");
	if (state == VIR_DOMAIN_PAUSED)
		return 0;
	if (virDomainSuspend(domain) < 0)
		return kvm_fail_libvirt(merge->layers->host, err, "pause");
	merge->stands = true;
	return 0;
}

static int go_on(struct merge *merge, struct hyfw_error **err)
{
	if (!merge->stands)
		return 0;
	merge->stands = false;
	if (virDomainResume(domain_of(merge->layers)) < 0)
		return kvm_fail_libvirt(merge->layers->host, err, "continue");
	return 0;
}

static int is_open(struct kvm_layers *layers, const char *path, bool *ret_open, struct hyfw_error **err)
{
	xmlDoc *document = NULL;
	xmlNode *node;
	int r = kvm_live_open(layers->operation->kvm, domain_of(layers), &document, err);

	*ret_open = false;
	if (r < 0)
		return r;
	for (node = xmlDocGetRootElement(document); node && !*ret_open;) {
		xmlChar *file = node->type == XML_ELEMENT_NODE && strcmp((const char *)node->name, "source") == 0
					? xmlGetProp(node, BAD_CAST "file") : NULL;

		*ret_open = file && strcmp((const char *)file, path) == 0;
		xmlFree(file);
		if (node->children && node->type == XML_ELEMENT_NODE) {
			node = node->children;
			continue;
		}
		while (node && !node->next)
			node = node->parent;
		node = node && node->type == XML_ELEMENT_NODE ? node->next : NULL;
	}
	xmlFreeDoc(document);
	return 0;
}

/* The figures may say that all is there a moment before QEMU does. */
static int pivot(struct merge *merge, struct hyfw_error **err)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000L };
	virDomainPtr domain = domain_of(merge->layers);
	unsigned left = PIVOT_LOOKS;

	while (virDomainBlockJobAbort(domain, merge->target, VIR_DOMAIN_BLOCK_JOB_ABORT_PIVOT) < 0) {
		const virErrorPtr error = virGetLastError();
		int r;

		if (left-- > 0 && error && error->code == VIR_ERR_BLOCK_COPY_ACTIVE) {
			nanosleep(&pause, NULL);
			continue;
		}
		r = kvm_fail_libvirt(merge->layers->host, err, "merge");
		virDomainBlockJobAbort(domain, merge->target, 0);
		return r;
	}
	return 0;
}

static int merge_live(struct merge *merge, struct hyfw_error **err)
{
	struct kvm_layers *layers = merge->layers;
	virDomainPtr domain = domain_of(layers);
	const bool active = strcmp(kvm_layer_top(layers->kept, merge->base), merge->from) == 0;
	bool open = false;
	int r;

	if (virDomainBlockCommit(domain, merge->target, merge->into, active ? NULL : merge->from, 0,
				 active ? VIR_DOMAIN_BLOCK_COMMIT_ACTIVE : 0) < 0)
		return kvm_fail_libvirt(layers->host, err, "merge");
	r = await_job(merge, active, err);
	if (r == 0 && active)
		r = hold_still(merge, err);
	if (r == 0 && active)
		r = pivot(merge, err);
	if (r == 0)
		r = is_open(layers, merge->from, &open, err);
	if (r == 0 && open)
		r = layers->host->fail(err, EIO, "merging into %s has failed; is there room?", merge->into);
	return r;
}

/* Its target at the machine that has 'from' open; NULL. */
static int find_target(struct merge *merge, struct hyfw_error **err)
{
	struct kvm_layers *layers = merge->layers;
	KVM_AUTO_PUT struct json_object *disks = NULL;
	size_t i;
	int r;

	if (!domain_of(layers) || !kvm_layer_in_use(layers->kept, merge->from))
		return 0;
	r = kvm_disks_of(layers->operation, NULL, &disks, err);
	for (i = 0; r == 0 && i < json_object_array_length(disks); i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);

		if (strcmp(kvm_keep_text(disk, "path"), kvm_layer_top(layers->kept, merge->base)) == 0)
			merge->target = dup_text(layers, kvm_keep_text(disk, "target"));
	}
	return r;
}

/* ---- 3 to 5 ---- */

static int tell_one(struct merge *merge, const char *path, struct hyfw_error **err)
{
	struct kvm_layers *layers = merge->layers;
	const char *const argv[] = { "rebase", "-q", "-u", "-f", "qcow2", "-F", kvm_layer_format(layers->kept, merge->into),
				     "-b", merge->into, path, NULL };
	struct stat owner;
	int r;

	if (lstat(path, &owner) < 0)
		return layers->host->fail(err, errno, "%s: %s", path, strerror(errno));
	r = kvm_qemu_img(layers->host, layers->arena, owner.st_uid, owner.st_gid, argv, NULL, err);
	return r < 0 ? r : kvm_layer_sync(layers, path, err);
}

static int tell_all(struct merge *merge, struct hyfw_error **err)
{
	struct json_object *kept = merge->layers->kept, *all = kvm_keep_array(kept, "layers");
	size_t i, count = json_object_array_length(all);
	int r = 0;

	for (i = 0; r == 0 && i < count; i++) {
		struct json_object *layer = json_object_array_get_idx(all, i);
		const char *path = kvm_keep_text(layer, "path");

		if (strcmp(kvm_keep_text(layer, "on"), merge->from) == 0 &&
		    !(domain_of(merge->layers) && kvm_layer_in_use(kept, path)))
			r = tell_one(merge, path, err);
	}
	return r;
}

static int conclude(struct merge *merge, struct hyfw_error **err)
{
	struct kvm_layers *layers = merge->layers;
	int r = kvm_layer_sync(layers, merge->into, err);

	if (r == 0)
		r = tell_all(merge, err);
	if (r < 0)
		return r;
	kvm_layer_fold(layers->kept, merge->from, merge->into);
	json_object_object_del(layers->kept, "fold");
	r = kvm_layers_store(layers, err);
	if (r < 0)
		return r;
	unlink(merge->from);
	kvm_layer_mark(layers, merge->base);
	return 0;
}

int kvm_layers_merge(struct kvm_layers *layers, const char *from, const char *into, struct hyfw_error **err)
{
	struct merge merge = { .layers = layers, .from = dup_text(layers, from), .into = dup_text(layers, into),
			       .base = dup_text(layers, kvm_layer_base(layers->kept, from)) };
	struct json_object *fold = json_object_new_object();
	struct hyfw_error *ignored = NULL;
	int r = find_target(&merge, err);

	json_object_object_add(fold, "from", json_object_new_string(merge.from));
	json_object_object_add(fold, "into", json_object_new_string(merge.into));
	json_object_object_add(layers->kept, "fold", fold);
	if (r == 0)
		r = kvm_layers_store(layers, err);
	if (r < 0)
		return r;
	r = merge.target ? merge_live(&merge, err) : merge_idle(&merge, err);
	if (r < 0) {
		json_object_object_del(layers->kept, "fold");
		if (go_on(&merge, &ignored) < 0 || kvm_layers_store(layers, &ignored) < 0)
			layers->host->forget(&ignored);
		return r;
	}
	r = conclude(&merge, err);
	if (r < 0)
		return merge.stands ? layers->host->wrap(err, "the machine stands still") : r;
	return go_on(&merge, err);
}

/* ---- one that was cut short ---- */

static bool says(const char *path, const char *backing)
{
	KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct kvm_overlay overlay;

	return fd >= 0 && kvm_overlay_read(fd, &overlay) == 0 && strcmp(overlay.backing, backing) == 0;
}

/* Whether 2 was done. */
static int was_merged(struct merge *merge, bool *ret_merged, struct hyfw_error **err)
{
	struct json_object *kept = merge->layers->kept, *all = kvm_keep_array(kept, "layers");
	size_t i, count = json_object_array_length(all);
	bool open = true;
	int r = 0;

	*ret_merged = false;
	for (i = 0; i < count; i++) {
		struct json_object *layer = json_object_array_get_idx(all, i);

		if (strcmp(kvm_keep_text(layer, "on"), merge->from) == 0 &&
		    says(kvm_keep_text(layer, "path"), merge->into))
			*ret_merged = true;
	}
	if (domain_of(merge->layers) && kvm_layer_in_use(kept, merge->from))
		r = is_open(merge->layers, merge->from, &open, err);
	*ret_merged = *ret_merged || !open;
	return r;
}

int kvm_layers_finish(struct kvm_layers *layers, struct hyfw_error **err)
{
	struct json_object *fold = NULL;
	struct merge merge = { .layers = layers };
	bool merged = false;
	int r;

	if (!json_object_object_get_ex(layers->kept, "fold", &fold))
		return 0;
	merge.from = dup_text(layers, kvm_keep_text(fold, "from"));
	merge.into = dup_text(layers, kvm_keep_text(fold, "into"));
	merge.base = dup_text(layers, kvm_layer_base(layers->kept, merge.from));
	r = was_merged(&merge, &merged, err);
	if (r < 0)
		return r;
	if (merged)
		return conclude(&merge, err);
	json_object_object_del(layers->kept, "fold");
	return kvm_layers_store(layers, err);
}
