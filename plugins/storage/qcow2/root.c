/* SPDX-License-Identifier: BSD-3-Clause
 * The root disk of a workload: a qcow2 overlay on an image, which belongs to the user
 * that its hypervisor runs as.  Its virtual size bounds what a guest can fill. */
#include "redo.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define NOTE_ROOT "root"
#define NOTE_DEVICE "device"
#define NOTE_INODE "inode"
#define VERB_USE "use-root"

/* ---- names ---- */

bool qcow2_root_is(const char *name)
{
	size_t length = name ? strlen(name) : 0;

	return length > strlen(QCOW2_ROOT_SUFFIX) && name[0] != '.' && !strchr(name, '/') &&
	       strchr(name, QCOW2_ROOT_SEPARATOR) &&
	       strcmp(name + length - strlen(QCOW2_ROOT_SUFFIX), QCOW2_ROOT_SUFFIX) == 0;
}

static int root_name(struct qcow2 *qcow2, const char *workload, const char *key,
		     char ret_name[static NAME_MAX + 1], struct hyfw_error **err)
{
	int length;

	if (!workload || !workload[0] || workload[0] == '.' || strchr(workload, '/') ||
	    strchr(workload, QCOW2_ROOT_SEPARATOR))
		return qcow2->host->fail(err, EINVAL, "root disk of '%s': not the name of a workload",
					 workload ? workload : "");
	length = snprintf(ret_name, NAME_MAX + 1, "%s%c%s" QCOW2_ROOT_SUFFIX, workload, QCOW2_ROOT_SEPARATOR, key);
	if (length > NAME_MAX)
		return qcow2->host->fail(err, ENAMETOOLONG, "root disk of %s: its name is too long", workload);
	return 0;
}

const char *qcow2_root_base(struct qcow2 *qcow2, const char *name, struct hyfw_arena *arena)
{
	const char *key = strchr(name, QCOW2_ROOT_SEPARATOR);

	if (!qcow2_root_is(name))
		return NULL;
	return qcow2->host->format(arena, "%s/images/%.*s/disk.qcow2", qcow2_data(qcow2),
				   (int)(strlen(key + 1) - strlen(QCOW2_ROOT_SUFFIX)), key + 1);
}

/* Name in roots/ of 'workload' on the image of 'settings'. */
static int name_of(struct qcow2 *qcow2, const char *workload, const char *image,
		   char ret_name[static NAME_MAX + 1], struct hyfw_error **err)
{
	char key[STORAGE_KEY_SIZE];
	int result;

	if (!image)
		return qcow2->host->fail(err, EINVAL, "workload %s: image is not set", workload ? workload : "");
	result = storage_image_key(qcow2->host, image, key, err);
	return result < 0 ? result : root_name(qcow2, workload, key, ret_name, err);
}

/* ---- check, plan ---- */

/* The size that the disk gets. */
static int size_of(struct qcow2 *qcow2, const struct hyfw_map *settings, uint64_t image, uint64_t *ret_size,
		   struct hyfw_error **err)
{
	uint64_t wanted = (uint64_t)hyfw_map_int(settings, "disk_size", 0);

	if (wanted && wanted < image)
		return qcow2->host->fail(err, EINVAL, "disk_size: %" PRIu64 " MiB are less than the image's %" PRIu64 " MiB",
					 wanted >> 20, image >> 20);
	*ret_size = wanted ? (wanted + 511) & ~UINT64_C(511) : image;
	return 0;
}

int qcow2_root_check(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const char *image = hyfw_map_get(&subject->settings, "image"), *path;
	struct hyfw_arena *arena = qcow2->host->arena_new();
	struct qcow2_header header = { 0 };
	uint64_t size;
	int result;

	if (!image)
		result = qcow2->host->fail(err, EINVAL, "workload %s: image is not set", subject->name);
	else
		result = qcow2_image_disk(qcow2, image, arena, &path, &header, err);
	if (result == 0)
		result = size_of(qcow2, &subject->settings, header.virtual_size, &size, err);
	qcow2->host->arena_free(arena);
	return result;
}

static int plan_use(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		    struct hyfw_arena *arena, const char *name, struct hyfw_error **err)
{
	const struct hyfw_pair args[] = { { "workload", subject->workload }, { "file", name } };
	const struct hyfw_step step = {
		.size = sizeof(step),
		.verb = VERB_USE,
		.object = qcow2->host->format(arena, "root disk of %s", subject->workload),
		.summary = qcow2->host->format(arena, "note that %s uses its root disk", subject->workload),
		.lifetime = HYFW_LIFETIME_RUN,
		.args = { sizeof(args) / sizeof(args[0]), args },
	};

	return qcow2->host->plan_step(plan, &step, err);
}

int qcow2_root_plan(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		    struct hyfw_arena *arena, struct hyfw_error **err)
{
	const struct hyfw_host *host = qcow2->host;
	const char *image = hyfw_map_get(&subject->settings, "image"), *size = hyfw_map_get(&subject->settings, "disk_size");
	char name[NAME_MAX + 1];
	const struct hyfw_pair args[] = {
		{ "image", image },
		{ "workload", subject->workload },
		{ "uid", host->format(arena, "%u", subject->idmap.count ? subject->idmap.host_uid : 0) },
		{ "gid", host->format(arena, "%u", subject->idmap.count ? subject->idmap.host_gid : 0) },
		{ "transient", subject->transient ? "true" : "false" },
		{ "disk_size", size },
	};
	struct hyfw_step step = {
		.size = sizeof(step),
		.verb = "root",
		.lifetime = subject->transient ? HYFW_LIFETIME_RUN : HYFW_LIFETIME_WORKLOAD,
		.args = { size ? 6 : 5, args },
	};
	int result = name_of(qcow2, subject->workload, image, name, err);

	if (result < 0)
		return result;
	step.object = host->format(arena, "root disk of %s", subject->workload);
	step.summary = host->format(arena, "make a writable disk on image %s at %s/roots/%s", image, qcow2_data(qcow2),
				    name);
	step.commands = host->format(arena, "qemu-img create -f qcow2 -F qcow2 -b %s %s/roots/%s%s%s",
				     qcow2_root_base(qcow2, name, arena), qcow2_data(qcow2), name, size ? " " : "",
				     size ? size : "");
	result = host->plan_step(plan, &step, err);
	return result < 0 ? result : plan_use(qcow2, subject, plan, arena, name, err);
}

/* ---- apply ---- */

/* The empty overlay at roots/NAME, for the user that the arguments say. */
static int make_overlay(struct qcow2 *qcow2, struct hyfw_call *call, int roots, const char *name,
			const char *base, uint64_t size, struct hyfw_error **err)
{
	const struct hyfw_host *host = qcow2->host;
	const struct hyfw_map *args = &call->step->args;
	const char *path = host->format(call->arena, "%s/roots/%s", qcow2_data(qcow2), name);
	const char *const argv[] = { "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, path,
				     host->format(call->arena, "%" PRIu64, size), NULL };
	int result = qcow2_run(qcow2, call->arena, NULL, argv, NULL, err), fd;

	if (result < 0)
		return result;
	fd = openat(roots, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0600) < 0 ||
	    (fchown(fd, (uid_t)hyfw_map_int(args, "uid", 0), (gid_t)hyfw_map_int(args, "gid", 0)) < 0 && geteuid() == 0) ||
	    (!hyfw_map_bool(args, "transient", false) && (fsync(fd) < 0 || fsync(roots) < 0)))
		result = host->fail(err, errno, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return result;
}

static int make_root(struct qcow2 *qcow2, struct hyfw_call *call, int roots, const char *name,
		     struct hyfw_error **err)
{
	const struct hyfw_map *args = &call->step->args;
	const char *image = hyfw_map_get(args, "image"), *workload = hyfw_map_get(args, "workload"), *base;
	struct qcow2_header header;
	uint64_t size = 0;
	int result = qcow2_image_disk(qcow2, image, call->arena, &base, &header, err), lock;

	if (result == 0)
		result = size_of(qcow2, args, header.virtual_size, &size, err);
	if (result < 0)
		return result;
	lock = qcow2_pool_reserve(qcow2, &qcow2->pools[0], size, err);
	if (lock < 0)
		return lock;
	/* Without a note undo() does nothing: a disk that is there already is not this step's. */
	if (faccessat(roots, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		result = qcow2->host->fail(err, EEXIST,
					   "there is a root disk of %s already; `hyfw recover` removes what was left behind",
					   workload);
	else
		result = qcow2->host->note(call, NOTE_ROOT, name, err);
	if (result == 0)
		result = make_overlay(qcow2, call, roots, name, base, size, err);
	close(lock);
	/* see remove_from() in image.c */
	return result < 0 ? result : qcow2_image_disk(qcow2, image, call->arena, &base, &header, err);
}

static int apply_use(struct qcow2 *qcow2, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_host *host = qcow2->host;
	const char *name = hyfw_map_get(&call->step->args, "file"), *workload = hyfw_map_get(&call->step->args, "workload");
	const char *path;
	int roots = qcow2_data_open(qcow2, "roots", false, err), fd, result;
	struct stat st;

	if (roots < 0)
		return roots;
	fd = qcow2_root_is(name) ? openat(roots, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
	close(roots);
	if (fd < 0 || fstat(fd, &st) < 0) {
		result = host->fail(err, errno, "root disk of %s: %s", workload, strerror(errno));
		if (fd >= 0)
			close(fd);
		return result;
	}
	path = host->format(call->arena, "%s/roots/%s", qcow2_data(qcow2), name);
	result = qcow2_redo_of(qcow2, path, "qcow2", &st, workload, err);
	if (result == 0)
		result = qcow2_use_check(qcow2, fd, &st, workload, true, workload, err);
	if (result == 0)
		result = qcow2_no_clones(qcow2, path, NULL, err);
	if (result == 0)
		result = host->note(call, NOTE_DEVICE, host->format(call->arena, "%" PRIuMAX, (uintmax_t)st.st_dev), err);
	if (result == 0)
		result = host->note(call, NOTE_INODE, host->format(call->arena, "%" PRIuMAX, (uintmax_t)st.st_ino), err);
	if (result == 0)
		result = qcow2_use_add(qcow2, &st, workload, workload, err);
	close(fd);
	return result;
}

int qcow2_root_apply(struct qcow2 *qcow2, struct hyfw_call *call, struct hyfw_error **err)
{
	const struct hyfw_map *args = &call->step->args;
	char name[NAME_MAX + 1];
	int roots, result;

	if (strcmp(call->step->verb, VERB_USE) == 0)
		return apply_use(qcow2, call, err);
	result = name_of(qcow2, hyfw_map_get(args, "workload"), hyfw_map_get(args, "image"), name, err);
	if (result < 0)
		return result;
	roots = qcow2_data_open(qcow2, "roots", true, err);
	if (roots < 0)
		return roots;
	result = make_root(qcow2, call, roots, name, err);
	close(roots);
	return result;
}

int qcow2_root_undo(struct qcow2 *qcow2, struct hyfw_call *call, struct hyfw_error **err)
{
	const char *name = hyfw_map_get(&call->record, NOTE_ROOT);
	struct hyfw_error *missing = NULL;
	int roots, result = 0;

	if (strcmp(call->step->verb, VERB_USE) == 0) {
		const char *workload = hyfw_map_get(&call->step->args, "workload");

		if (workload && hyfw_map_get(&call->record, NOTE_INODE))
			qcow2_use_remove(qcow2, (dev_t)hyfw_map_int(&call->record, NOTE_DEVICE, 0),
					 (ino_t)hyfw_map_int(&call->record, NOTE_INODE, 0), workload);
		return 0;
	}
	if (!qcow2_root_is(name))
		return 0;
	roots = qcow2_data_open(qcow2, "roots", false, &missing);
	qcow2->host->forget(&missing);
	if (roots < 0)
		return 0;
	if (unlinkat(roots, name, 0) < 0 && errno != ENOENT)
		result = qcow2->host->fail(err, errno, "remove root disk %s: %s", name, strerror(errno));
	close(roots);
	return result;
}

int qcow2_root_attachment(struct qcow2 *qcow2, const struct hyfw_subject *subject, struct hyfw_arena *arena,
			  struct hyfw_attachment *ret_attachment, struct hyfw_error **err)
{
	const char *image = hyfw_map_get(&subject->settings, "image"), *path;
	struct qcow2_chain chain;
	char name[NAME_MAX + 1];
	int result = name_of(qcow2, subject->workload, image, name, err);

	if (result < 0)
		return result;
	path = qcow2->host->format(arena, "%s/roots/%s", qcow2_data(qcow2), name);
	result = qcow2_chain_open(qcow2, arena, path, "qcow2", true, &chain, err);
	if (result < 0)
		return result;
	*ret_attachment = (struct hyfw_attachment){
		.size = sizeof(*ret_attachment),
		.kind = HYFW_ATTACHMENT_BLOCK,
		.source = path,
		.source_fd = -1,
		.lower = qcow2_chain_lower(qcow2, arena, &chain),
		.format = "qcow2",
	};
	qcow2_chain_close(&chain);
	return 0;
}

/* ---- rename ---- */

static int rename_root(struct qcow2 *qcow2, const char *from, const char *to, struct hyfw_error **err)
{
	int roots = qcow2_data_open(qcow2, "roots", false, err), result = 0;

	if (roots < 0)
		return roots;
	if (renameat2(roots, from, roots, to, RENAME_NOREPLACE) < 0 &&
	    (errno != ENOENT || faccessat(roots, to, F_OK, AT_SYMLINK_NOFOLLOW) < 0))
		result = qcow2->host->fail(err, errno, "root disk %s: %s", to, strerror(errno));
	if (result == 0 && fsync(roots) < 0)
		result = qcow2->host->fail(err, errno, "%s/roots: %s", qcow2_data(qcow2), strerror(errno));
	close(roots);
	return result;
}

int qcow2_root_rename(void *instance, const struct hyfw_subject *subject, const char *to,
		      struct hyfw_arena *arena, struct hyfw_map *ret_notes, struct hyfw_error **err)
{
	struct qcow2 *qcow2 = instance;
	const struct hyfw_host *host = qcow2->host;
	const char *image = hyfw_map_get(&subject->settings, "image"), *old_path, *new_path;
	char from[NAME_MAX + 1], name[NAME_MAX + 1];
	struct hyfw_pair *notes = host->alloc(arena, 3 * sizeof(*notes));
	int result = name_of(qcow2, subject->workload, image, from, err);

	if (result == 0)
		result = name_of(qcow2, to, image, name, err);
	if (result < 0)
		return result;
	old_path = host->format(arena, "%s/roots/%s", qcow2_data(qcow2), from);
	new_path = host->format(arena, "%s/roots/%s", qcow2_data(qcow2), name);
	result = qcow2_no_clones(qcow2, old_path, NULL, err);
	if (result == 0)
		result = rename_root(qcow2, from, name, err);
	if (result < 0)
		return result;
	notes[0] = (struct hyfw_pair){ NOTE_ROOT, host->format(arena, "%s", name) };
	notes[1] = (struct hyfw_pair){ "disk_from", old_path };
	notes[2] = (struct hyfw_pair){ "disk_to", new_path };
	*ret_notes = (struct hyfw_map){ 3, notes };
	return 0;
}
