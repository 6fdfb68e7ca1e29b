/* SPDX-License-Identifier: BSD-3-Clause
 * Two guests that write to one disk, or one that reads what another writes,
 * destroy the file system on it. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "config/disks.h"
#include "config/private.h"

struct disk {
	const struct hyfw_config_section *workload;
	const struct hyfw_config_value *value;
	const char *path;  /* NULL: the volume's driver says where it is */
	char *name;        /* of the volume; NULL for a path */
	bool read_only;
	bool there;        /* 'device' and 'inode' are known */
	dev_t device;
	ino_t inode;
};

struct disks {
	struct disk *items;
	size_t count;
};

static void finish(struct disks *disks)
{
	size_t i;

	for (i = 0; i < disks->count; i++)
		free(disks->items[i].name);
	free(disks->items);
}

static struct disk disk_of(const struct hyfw_config *config, const struct hyfw_config_section *workload,
			   const struct hyfw_config_value *value)
{
	struct disk disk = { .workload = workload, .value = value, .name = hyfw_disk_volume(value->normal) };
	const struct hyfw_config_section *volume = disk.name ? hyfw_config_find(config, "volume", disk.name) : NULL;
	struct stat status;

	disk.read_only = strcmp(value->key, "cdrom") == 0 || strstr(value->normal, "|read_only=true");
	if (volume)
		disk.path = hyfw_map_get(&volume->map, "path");
	if (!disk.name)
		disk.path = value->normal;
	if (disk.path) {
		HYFW_AUTO_FREE char *path = hyfw_dup_n(disk.path, strcspn(disk.path, "|"));

		disk.there = stat(path, &status) == 0;
	}
	if (disk.there) { /* a block device may have several names */
		disk.device = S_ISBLK(status.st_mode) ? status.st_rdev : status.st_dev;
		disk.inode = S_ISBLK(status.st_mode) ? 0 : status.st_ino;
	}
	return disk;
}

/* Of paths that are not there (yet) their text decides. */
static bool same(const struct disk *a, const struct disk *b)
{
	if (a->there && b->there)
		return a->device == b->device && a->inode == b->inode;
	if (a->name && b->name)
		return strcmp(a->name, b->name) == 0;
	return a->path && b->path && strcspn(a->path, "|") == strcspn(b->path, "|") &&
	       strncmp(a->path, b->path, strcspn(a->path, "|")) == 0;
}

static int check_disk(const struct disks *disks, const struct disk *disk, struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < disks->count; i++) {
		const struct disk *other = &disks->items[i];

		if (!same(other, disk) || (other->read_only && disk->read_only))
			continue;
		if (other->workload == disk->workload)
			return hyfw_config_fail_value(err, EBUSY, disk->workload, disk->value,
						      "this workload has the same disk already; remove one of them");
		return hyfw_config_fail_value(err, EBUSY, disk->workload, disk->value,
					      "workload %s has the same disk (%s), and a disk that is written to cannot have two "
					      "users; make both ro, or give each its own", other->workload->name,
					      other->value->text);
	}
	return 0;
}

static int check_key(const struct hyfw_config *config, const struct hyfw_config_section *workload, const char *key,
		     struct disks *disks, struct hyfw_error **err)
{
	const struct hyfw_config_value *value;
	size_t cursor = 0;
	int result = 0;

	while (result == 0 && (value = hyfw_config_next_value(workload, key, &cursor))) {
		struct disk disk = disk_of(config, workload, value);

		result = check_disk(disks, &disk, err);
		disks->items = hyfw_grow(disks->items, disks->count + 1, sizeof(*disks->items));
		disks->items[disks->count++] = disk;
	}
	return result;
}

int hyfw_config_check_disks(const struct hyfw_config *config, struct hyfw_error **err)
{
	const struct hyfw_config_section *workload;
	struct disks disks = { 0 };
	size_t cursor = 0;
	int result = 0;

	while (result == 0 && (workload = hyfw_config_next(config, "workload", &cursor))) {
		result = check_key(config, workload, "disk", &disks, err);
		if (result == 0)
			result = check_key(config, workload, "cdrom", &disks, err);
	}
	finish(&disks);
	return result;
}
