/* SPDX-License-Identifier: BSD-3-Clause
 * The file of what is kept of a machine. */
#include "keep.h"
#include "snapshot/overlay.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIMIT (4u << 20)

const char *kvm_keep_path(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
			  const char *suffix)
{
	return host->format(arena, "%s/" KVM_KEPT "/%s.%s", host->directory("kvm", HYFW_DIRECTORY_DATA), workload,
			    suffix);
}

/* ---- reading ---- */

static int parse(int fd, off_t size, struct json_object **ret_object)
{
	KVM_AUTO_FREE char *text = malloc((size_t)size + 1);
	ssize_t got = text ? pread(fd, text, (size_t)size, 0) : -1;

	if (got != size)
		return -EIO;
	text[size] = '\0';
	*ret_object = json_tokener_parse(text);
	return json_object_is_type(*ret_object, json_type_object) ? 0 : -EBADMSG;
}

int kvm_keep_read(const struct hyfw_host *host, const char *path, struct json_object **ret_object,
		  struct hyfw_error **err)
{
	KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct json_object *object = NULL;
	struct stat st;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return host->fail(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size > LIMIT)
		return host->fail(err, EBADMSG, "%s is none of ours", path);
	r = parse(fd, st.st_size, &object);
	if (r < 0) {
		json_object_put(object);
		return host->fail(err, -r, "%s is damaged", path);
	}
	*ret_object = object;
	return 0;
}

int kvm_keep_load(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		  struct json_object **ret_kept, struct hyfw_error **err)
{
	int r = kvm_keep_read(host, kvm_keep_path(host, arena, workload, "json"), ret_kept, err);

	if (r != -ENOENT)
		return r;
	host->forget(err);
	*ret_kept = json_object_new_object();
	return 0;
}

const char *kvm_keep_text(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) && json_object_is_type(value, json_type_string)
		       ? json_object_get_string(value) : "";
}

bool kvm_keep_bool(struct json_object *object, const char *key)
{
	struct json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) && json_object_get_boolean(value);
}

struct json_object *kvm_keep_array(struct json_object *object, const char *key)
{
	struct json_object *array = NULL;

	if (!json_object_object_get_ex(object, key, &array) || !json_object_is_type(array, json_type_array)) {
		array = json_object_new_array();
		json_object_object_add(object, key, array);
	}
	return array;
}

/* ---- writing ---- */

static int write_text(int fd, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		ssize_t written = write(fd, text, left);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written < 0 ? -errno : -EIO;
		text += written;
		left -= (size_t)written;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int kvm_keep_write(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path,
		   struct json_object *object, struct hyfw_error **err)
{
	const char *fresh = host->format(arena, "%s.new", path);
	KVM_AUTO_CLOSE int fd = -1;
	int r;

	unlink(fresh);
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	r = fd < 0 ? -errno : write_text(fd, json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	if (fd >= 0)
		unlink(fresh);
	return host->fail(err, -r, "%s: %s", path, strerror(-r));
}

int kvm_sync_directory(const char *path)
{
	KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int kvm_keep_store(const struct hyfw_host *host, struct hyfw_arena *arena, const char *workload,
		   struct json_object *kept, struct hyfw_error **err)
{
	mkdir(host->format(arena, "%s/" KVM_KEPT, host->directory("kvm", HYFW_DIRECTORY_DATA)), 0700);
	return kvm_keep_write(host, arena, kvm_keep_path(host, arena, workload, "json"), kept, err);
}

/* ---- disks ---- */

/* The storage driver has just looked at it: what it is based on later must be this. */
static void add_backing(struct json_object *object, const char *path)
{
	KVM_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct kvm_overlay overlay;

	if (fd >= 0 && kvm_overlay_read(fd, &overlay) == 0)
		json_object_object_add(object, "backing", json_object_new_string(overlay.backing));
}

static void add_disk(const struct hyfw_host *host, struct hyfw_arena *arena, struct json_object *disks, const char *name,
		     const struct hyfw_attachment *disk)
{
	const char *device = hyfw_map_get(&disk->options, "device");
	struct json_object *object;

	if (disk->kind != HYFW_ATTACHMENT_BLOCK || !disk->source || !*disk->source)
		return;
	object = json_object_new_object();
	json_object_object_add(object, "name", json_object_new_string(name));
	json_object_object_add(object, "path", json_object_new_string(disk->source));
	json_object_object_add(object, "format", json_object_new_string(disk->format ? disk->format : "raw"));
	json_object_object_add(object, "read_only",
			       json_object_new_boolean((disk->flags & HYFW_ATTACH_READ_ONLY) != 0));
	if (disk->flags & HYFW_ATTACH_SHARED)
		json_object_object_add(object, "shared", json_object_new_boolean(true));
	json_object_object_add(object, "device", json_object_new_string(device ? device : "disk"));
	json_object_object_add(object, "mount", json_object_new_string(kvm_mount_of(host, arena, disk->source)));
	if (disk->format && strcmp(disk->format, "qcow2") == 0)
		add_backing(object, disk->source);
	json_object_array_add(disks, object);
}

int kvm_keep_disks(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_workload *workload,
		   struct hyfw_error **err)
{
	KVM_AUTO_PUT struct json_object *kept = NULL;
	struct json_object *disks;
	size_t i;
	int r;

	if (workload->transient)
		return 0;
	r = kvm_keep_load(host, arena, workload->name, &kept, err);
	if (r < 0)
		return r;
	disks = json_object_new_array();
	add_disk(host, arena, disks, "root", &workload->root);
	for (i = 0; i < workload->disk_count; i++)
		add_disk(host, arena, disks, host->format(arena, "disk%zu", i + 1), &workload->disks[i]);
	json_object_object_add(kept, "disks", disks);
	json_object_object_add(kept, "failover",
			       json_object_new_boolean(hyfw_map_get(&workload->settings, "failover") != NULL));
	return kvm_keep_store(host, arena, workload->name, kept, err);
}
