/* SPDX-License-Identifier: BSD-3-Clause
 * How much the disks of templates, and of the machines that start from them, may come to:
 * each counts with the size that a guest sees, as in a pool of disks, so that what guests
 * write never makes it more. */
#include "../snapshot/overlay.h"
#include "template.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static uint64_t size_of(int dirfd, const char *name)
{
	const char *dot = strrchr(name, '.');
	KVM_AUTO_CLOSE int fd = dot && strcmp(dot, ".qcow2") == 0
					? openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
	struct kvm_overlay overlay;

	return fd >= 0 && kvm_overlay_read(fd, &overlay) == 0 ? overlay.size : 0;
}

/* Of one template or machine.  (External snapshots of it lie in a directory of their
 * own, and a machine that is being removed takes them along.) */
static uint64_t sum_disks(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	uint64_t bytes = 0;

	while (dir && (entry = readdir(dir)))
		bytes += size_of(dirfd(dir), entry->d_name);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	return bytes;
}

/* Those with a dot are being made or removed. */
static uint64_t sum_all(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	uint64_t bytes = 0;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			bytes += sum_disks(dirfd(dir), entry->d_name);
	if (dir)
		closedir(dir);
	return bytes;
}

uint64_t kvm_template_bytes_of(struct json_object *disks, bool writable_only)
{
	size_t i, count = json_object_array_length(disks);
	uint64_t bytes = 0;

	for (i = 0; i < count; i++) {
		struct json_object *disk = json_object_array_get_idx(disks, i);
		const int64_t size = kvm_template_number(disk, "size");

		if (size > 0 && !(writable_only && kvm_keep_bool(disk, "read_only")))
			bytes += (uint64_t)size;
	}
	return bytes;
}

int kvm_template_space_take(const struct hyfw_host *host, struct hyfw_arena *arena, uint64_t limit, uint64_t bytes,
			    int *ret_lock, struct hyfw_error **err)
{
	uint64_t used, left;
	int lock;

	*ret_lock = -1;
	if (limit == 0 || bytes == 0)
		return 0;
	lock = host->lock("kvm-template-space", err);
	if (lock < 0)
		return lock;
	used = sum_all(kvm_template_store(host, arena)) + sum_all(kvm_clone_store(host, arena));
	left = used < limit ? limit - used : 0;
	if (bytes <= left) {
		*ret_lock = lock;
		return 0;
	}
	close(lock);
	return host->fail(err, EDQUOT, "templates: there is no room for disks of %llu MiB: %llu MiB of %llu MiB are free "
			  "(template_space in [plugin kvm])", (unsigned long long)((bytes + (1u << 20) - 1) >> 20),
			  (unsigned long long)(left >> 20), (unsigned long long)(limit >> 20));
}
