/* SPDX-License-Identifier: BSD-3-Clause
 * The files of layers: where they are, whose they are, and what they say of themselves. */
#include "layer.h"
#include "overlay.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define OWN "snapshots" /* below the data directory: for layers of what lies elsewhere, and memory */
#define DIGITS "0123456789"

static int fail_file(struct kvm_layers *layers, struct hyfw_error **err, int errnum, const char *path)
{
	return layers->host->fail(err, errnum, "%s: %s", path, strerror(errnum));
}

/* ---- directories ---- */

static const char *parent_of(struct kvm_layers *layers, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == path ? "/" : layers->host->format(layers->arena, "%.*s", (int)(slash - path), path);
}

static const char *own_directory(struct kvm_layers *layers)
{
	return layers->host->format(layers->arena, "%s/" OWN "/%s",
				    layers->host->directory("kvm", HYFW_DIRECTORY_DATA), layers->workload);
}

/* Beside the disk, so that they take their room where it does; not where others could
 * put something in their place, nor in /dev.  Its name is this host's alone: what another
 * host that has the same storage does for a workload of this name is not ours to sweep. */
static const char *directory_of(struct kvm_layers *layers, const char *base)
{
	const struct hyfw_map nothing = { 0 };
	const char *parent = parent_of(layers, base);
	struct stat file, directory;

	if ((lstat(base, &file) < 0 || S_ISREG(file.st_mode)) && stat(parent, &directory) == 0 &&
	    directory.st_uid == geteuid() && !(directory.st_mode & 022))
		return layers->host->format(layers->arena, "%s/.%s-%s-%.8s", parent, layers->host->owner, layers->workload,
					    kvm_uuid(layers->host, layers->arena, layers->workload, &nothing));
	return own_directory(layers);
}

static int sync_path(const char *path, int flags)
{
	KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

/* QEMU's user walks through. */
static int make_directory(struct kvm_layers *layers, const char *path, struct hyfw_error **err)
{
	const char *parent = parent_of(layers, path);

	if (mkdir(parent, 0711) == 0)
		chmod(parent, 0711); /* whatever the umask is */
	if (mkdir(path, 0711) < 0)
		return errno == EEXIST ? 0 : fail_file(layers, err, errno, path);
	if (chmod(path, 0711) < 0 || sync_path(parent, O_DIRECTORY) < 0)
		return fail_file(layers, err, errno, path);
	return 0;
}

/* ---- new files ---- */

/* Takes the next number that is free. */
static int reserve(struct kvm_layers *layers, const char *directory, const char *suffix, const char **ret_path,
		   struct hyfw_error **err)
{
	struct json_object *value = NULL;
	int64_t serial = json_object_object_get_ex(layers->kept, "serial", &value) ? json_object_get_int64(value) : 0;
	int fd;

	do {
		*ret_path = layers->host->format(layers->arena, "%s/%" PRId64 "%s", directory, ++serial, suffix);
		fd = open(*ret_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	} while (fd < 0 && errno == EEXIST);
	if (fd < 0)
		return fail_file(layers, err, errno, *ret_path);
	close(fd);
	json_object_object_add(layers->kept, "serial", json_object_new_int64(serial));
	return 0;
}

static int size_of(struct kvm_layers *layers, const char *path, uint64_t *ret_size, struct stat *ret_st,
		   struct hyfw_error **err)
{
	KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct kvm_overlay overlay;
	int r = 0;

	if (fd < 0 || fstat(fd, ret_st) < 0)
		return fail_file(layers, err, errno, path);
	if (strcmp(kvm_layer_format(layers->kept, path), "qcow2") == 0) {
		r = kvm_overlay_read(fd, &overlay);
		*ret_size = overlay.size;
	} else if (S_ISBLK(ret_st->st_mode)) {
		r = ioctl(fd, BLKGETSIZE64, ret_size) < 0 ? -errno : 0;
	} else {
		*ret_size = (uint64_t)ret_st->st_size;
	}
	return r < 0 ? fail_file(layers, err, -r, path) : 0;
}

static int finish_file(struct kvm_layers *layers, const char *path, const struct stat *owner, struct hyfw_error **err)
{
	KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fchmod(fd, 0600) < 0 || (geteuid() == 0 && fchown(fd, owner->st_uid, owner->st_gid) < 0) ||
	    fsync(fd) < 0)
		return fail_file(layers, err, errno, path);
	return sync_path(parent_of(layers, path), O_DIRECTORY) < 0 ? fail_file(layers, err, errno, path) : 0;
}

int kvm_layer_make(struct kvm_layers *layers, const char *on, const char *base, const char **ret_path,
		   struct hyfw_error **err)
{
	const struct hyfw_host *host = layers->host;
	const char *directory = directory_of(layers, base);
	struct stat owner;
	uint64_t size = 0;
	int r = size_of(layers, on, &size, &owner, err);

	if (r == 0)
		r = make_directory(layers, directory, err);
	if (r == 0)
		r = reserve(layers, directory, ".qcow2", ret_path, err);
	if (r < 0)
		return r;
	{
		/* What it lies on is not opened: a machine that runs has it locked. */
		const char *const argv[] = { "create", "-q", "-u", "-f", "qcow2", "-F", kvm_layer_format(layers->kept, on),
					     "-b", on, *ret_path, host->format(layers->arena, "%" PRIu64, size), NULL };

		r = kvm_qemu_img(host, layers->arena, geteuid(), getegid(), argv, NULL, err);
	}
	if (r == 0)
		r = finish_file(layers, *ret_path, &owner, err);
	if (r < 0)
		unlink(*ret_path);
	else
		kvm_label_like(*ret_path, on);
	return r;
}

int kvm_layer_memory(struct kvm_layers *layers, const char **ret_path, struct hyfw_error **err)
{
	const char *directory = own_directory(layers);
	int r = make_directory(layers, directory, err);

	return r < 0 ? r : reserve(layers, directory, ".memory", ret_path, err);
}

void kvm_layer_memory_remove(struct kvm_layers *layers, const char *path)
{
	unlink(path);
	unlink(layers->host->format(layers->arena, "%s.json", path));
}

/* ---- what they say of themselves ---- */

static int check_one(struct kvm_layers *layers, const char *path, const char *backing, const char *format,
		     struct hyfw_error **err)
{
	KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct kvm_overlay overlay;
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail_file(layers, err, errno, path);
	r = kvm_overlay_read(fd, &overlay);
	if (r < 0)
		return layers->host->fail(err, -r, "%s: it is no qcow2 file any more", path);
	if (overlay.external_data || strcmp(overlay.backing, backing) != 0 ||
	    (format && strcmp(overlay.format, format) != 0))
		return layers->host->fail(err, EPERM, "%s: it says that it is based on '%s' and is not: the machine has "
					  "changed it, and nothing is done with it", path, overlay.backing);
	return 0;
}

static int check_base(struct kvm_layers *layers, const char *base, struct hyfw_error **err)
{
	struct json_object *disk = kvm_layer_disk(layers->kept, base), *backing = NULL;

	if (!disk)
		return layers->host->fail(err, ENOENT, "disk %s: the machine has not started with it", base);
	if (strcmp(kvm_keep_text(disk, "format"), "qcow2") != 0)
		return 0;
	if (!json_object_object_get_ex(disk, "backing", &backing))
		return layers->host->fail(err, ESTALE, "disk %s: what it is based on was not noted; start the machine "
					  "once", base);
	return check_one(layers, base, json_object_get_string(backing), NULL, err);
}

int kvm_layer_check(struct kvm_layers *layers, const char *path, struct hyfw_error **err)
{
	size_t depth = kvm_layer_depth(layers->kept, path);
	struct json_object *layer;
	int r = 0;

	for (; r == 0 && depth > 0 && (layer = kvm_layer_find(layers->kept, path)); depth--) {
		r = check_one(layers, path, kvm_keep_text(layer, "on"), kvm_keep_text(layer, "format"), err);
		path = kvm_keep_text(layer, "on");
	}
	return r < 0 ? r : check_base(layers, path, err);
}

int kvm_layer_sync(struct kvm_layers *layers, const char *path, struct hyfw_error **err)
{
	const int r = sync_path(path, O_NONBLOCK);

	return r < 0 ? layers->host->fail(err, -r, "sync %s: %s", path, strerror(-r)) : 0;
}

int kvm_layers_store(struct kvm_layers *layers, struct hyfw_error **err)
{
	const char *path = kvm_keep_path(layers->host, layers->arena, layers->workload, "json");
	int r = kvm_keep_store(layers->host, layers->arena, layers->workload, layers->kept, err);

	if (r == 0 && sync_path(parent_of(layers, path), O_DIRECTORY) < 0)
		r = fail_file(layers, err, errno, path);
	return r;
}

/* ---- whose they are ---- */

int kvm_layer_give(struct kvm_layers *layers, const char *path, uid_t uid, gid_t gid, struct hyfw_error **err)
{
	size_t depth = kvm_layer_depth(layers->kept, path);
	struct json_object *layer;

	for (; geteuid() == 0 && depth > 0 && (layer = kvm_layer_find(layers->kept, path)); depth--) {
		KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		struct stat st;

		if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
			return fail_file(layers, err, fd < 0 ? errno : EINVAL, path);
		if ((st.st_uid != uid || st.st_gid != gid) && fchown(fd, uid, gid) < 0)
			return fail_file(layers, err, errno, path);
		kvm_label_like(path, kvm_layer_base(layers->kept, path));
		path = kvm_keep_text(layer, "on");
	}
	return 0;
}

/* ---- what was left ---- */

static bool is_memory(struct kvm_layers *layers, const char *path)
{
	struct json_object *snapshots = kvm_keep_array(layers->kept, "snapshots");
	size_t i, count = json_object_array_length(snapshots);

	for (i = 0; i < count; i++) {
		const char *memory = kvm_keep_text(json_object_array_get_idx(snapshots, i), "memory");
		const size_t length = strlen(memory);

		if (length && strncmp(path, memory, length) == 0 &&
		    (!path[length] || strcmp(path + length, ".json") == 0))
			return true;
	}
	return false;
}

/* NUMBER.SUFFIX; nothing else is ours. */
static void sweep_directory(struct kvm_layers *layers, const char *directory)
{
	DIR *dir = opendir(directory);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const size_t digits = strspn(entry->d_name, DIGITS);
		const char *path = layers->host->format(layers->arena, "%s/%s", directory, entry->d_name);

		if (digits > 0 && entry->d_name[digits] == '.' && !kvm_layer_find(layers->kept, path) &&
		    !is_memory(layers, path))
			unlink(path);
	}
	if (!dir)
		return;
	closedir(dir);
	rmdir(directory); /* stays as long as something is in it */
}

void kvm_layers_sweep(struct kvm_layers *layers)
{
	static const struct { const char *array, *key; } bases[] = { { "disks", "path" }, { "layers", "base" } };
	size_t i, k, count;

	sweep_directory(layers, own_directory(layers));
	rmdir(parent_of(layers, own_directory(layers)));
	for (k = 0; k < KVM_COUNT(bases); k++) {
		struct json_object *array = kvm_keep_array(layers->kept, bases[k].array);

		for (i = 0, count = json_object_array_length(array); i < count; i++) {
			const char *base = kvm_keep_text(json_object_array_get_idx(array, i), bases[k].key);

			if (*base != '/')
				continue;
			sweep_directory(layers, directory_of(layers, base));
			kvm_layer_mark(layers, base);
		}
	}
}
