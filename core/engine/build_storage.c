/* SPDX-License-Identifier: BSD-3-Clause
 * What storage drivers give: the root file system, volumes and disks. */
#include "engine/build_parts.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/plan.h"
#include "engine/shared.h"

#define DISK_LIMIT 64 /* and their descriptors fit into struct hyfw_fds with the mounts' */

static int attach(const struct hyfw_definition *definition, const char *driver_name,
		  const struct hyfw_subject *subject, const struct hyfw_pairs *record,
		  struct hyfw_arena *arena, struct hyfw_fds *fds, struct hyfw_attachment *ret_attachment,
		  struct hyfw_error **err)
{
	const struct hyfw_map map = hyfw_pairs_map(record);
	struct hyfw_driver *driver;
	int result = hyfw_definition_driver(definition, HYFW_KIND_STORAGE, driver_name, &driver, err);

	memset(ret_attachment, 0, sizeof(*ret_attachment));
	ret_attachment->size = sizeof(*ret_attachment);
	ret_attachment->source_fd = -1;
	if (result == 0)
		result = hyfw_storage_attachment(driver, subject, &map, arena, ret_attachment, err);
	if (ret_attachment->source_fd >= 0)
		fds->items[fds->count++] = ret_attachment->source_fd;
	return result;
}

int hyfw_build_root(const struct hyfw_definition *definition, const struct hyfw_journal *persistent,
		    const struct hyfw_journal *run, struct hyfw_arena *arena, struct hyfw_fds *fds,
		    struct hyfw_workload *workload, struct hyfw_error **err)
{
	const char *driver = hyfw_definition_storage(definition);
	const struct hyfw_subject subject = hyfw_subject_root(definition);
	struct hyfw_pairs record = { 0 };
	int result;

	workload->root.size = sizeof(workload->root);
	workload->root.source_fd = -1;
	if (!driver)
		return 0;
	hyfw_journal_record(run, HYFW_KIND_STORAGE, driver, definition->name, &record);
	if (persistent)
		hyfw_journal_record(persistent, HYFW_KIND_STORAGE, driver, definition->name, &record);
	result = attach(definition, driver, &subject, &record, arena, fds, &workload->root, err);
	workload->root.target = "/";
	if (workload->read_only)
		workload->root.flags |= HYFW_ATTACH_READ_ONLY;
	hyfw_pairs_finish(&record);
	return result;
}

int hyfw_build_volume(const struct hyfw_definition *definition, const struct hyfw_use *use,
		      struct hyfw_arena *arena, struct hyfw_fds *fds, struct hyfw_attachment *mount,
		      struct hyfw_error **err)
{
	const struct hyfw_subject subject = hyfw_subject_volume(definition, use);
	struct hyfw_pairs record = { 0 };
	int result = 0;

	if (!use->anonymous)
		result = hyfw_shared_record("volume", use->name, &record, err);
	if (result == 0)
		result = attach(definition, use->driver, &subject, &record, arena, fds, mount, err);
	hyfw_pairs_finish(&record);
	if (result == 0) {
		mount->target = use->target;
		mount->flags |= use->read_only ? HYFW_ATTACH_READ_ONLY : 0;
	}
	return result < 0 ? hyfw_wrap(err, "volume %s", use->name) : 0;
}

int hyfw_build_volume_paths(const struct hyfw_definition *definition, struct hyfw_arena *arena, struct hyfw_map *ret_paths,
			    struct hyfw_error **err)
{
	struct hyfw_pair *pairs = hyfw_arena_alloc(arena, (definition->volume_count + 1) * sizeof(*pairs));
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < definition->volume_count; i++) {
		struct hyfw_attachment mount;
		struct hyfw_fds fds = { 0 };

		result = hyfw_build_volume(definition, &definition->volumes[i], arena, &fds, &mount, err);
		hyfw_fds_close(&fds);
		pairs[i] = (struct hyfw_pair){ definition->volumes[i].name, result == 0 ? mount.source : NULL };
	}
	if (result == 0)
		*ret_paths = (struct hyfw_map){ definition->volume_count, pairs };
	return result;
}

int hyfw_build_layer_paths(const struct hyfw_definition *definition, const struct hyfw_journal *persistent,
			   const struct hyfw_journal *run, struct hyfw_arena *arena, struct hyfw_map *ret_paths,
			   struct hyfw_error **err)
{
	struct hyfw_workload workload = { 0 };
	struct hyfw_fds fds = { 0 };
	struct hyfw_pair *pairs;
	size_t count = 0, i;
	int result = hyfw_build_root(definition, persistent, run, arena, &fds, &workload, err);

	hyfw_fds_close(&fds);
	while (result == 0 && workload.root.kind == HYFW_ATTACHMENT_OVERLAY && workload.root.lower && workload.root.lower[count])
		count++;
	pairs = hyfw_arena_alloc(arena, (count + 1) * sizeof(*pairs));
	for (i = 0; i < count; i++)
		pairs[i] = (struct hyfw_pair){ "layer", workload.root.lower[i] };
	*ret_paths = (struct hyfw_map){ count, pairs };
	return result;
}

/* What the disk's own steps noted, then what those of its volume did. */
static int disk_record(const struct hyfw_use *use, size_t disk, const struct hyfw_journal *run,
		       struct hyfw_pairs *record, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *subject = hyfw_format("disk %zu", disk);

	hyfw_journal_record(run, HYFW_KIND_STORAGE, use->driver, subject, record);
	return use->anonymous ? 0 : hyfw_shared_record("volume", use->name, record, err);
}

int hyfw_build_disk(const struct hyfw_definition *definition, size_t disk, const struct hyfw_journal *run,
		    struct hyfw_arena *arena, struct hyfw_fds *fds, struct hyfw_attachment *ret_disk,
		    struct hyfw_error **err)
{
	const struct hyfw_use *use = &definition->disks[disk];
	const struct hyfw_subject subject = hyfw_subject_disk(definition, disk);
	struct hyfw_pairs record = { 0 };
	int result = disk_record(use, disk, run, &record, err);

	if (result == 0)
		result = attach(definition, use->driver, &subject, &record, arena, fds, ret_disk, err);
	hyfw_pairs_finish(&record);
	if (result < 0)
		return hyfw_wrap(err, "disk %s", use->name);
	if (ret_disk->kind != HYFW_ATTACHMENT_BLOCK)
		return hyfw_fail(err, EPROTO, "disk %s: storage %s did not give a disk", use->name, use->driver);
	if (use->read_only)
		ret_disk->flags |= HYFW_ATTACH_READ_ONLY;
	if (ret_disk->options.count == 0)
		ret_disk->options = subject.disk;
	return 0;
}

int hyfw_build_labelled(const struct hyfw_definition *definition, const struct hyfw_journal *persistent,
			const struct hyfw_journal *run, const struct hyfw_planned *planned, struct hyfw_arena *arena,
			const struct hyfw_attachment **ret_disk, struct hyfw_error **err)
{
	struct hyfw_attachment *disk = hyfw_arena_alloc(arena, sizeof(*disk));
	struct hyfw_workload workload = { 0 };
	struct hyfw_fds fds = { 0 };
	int result;

	if (planned->about == HYFW_SUBJECT_ROOT) {
		result = hyfw_build_root(definition, persistent, run, arena, &fds, &workload, err);
		*disk = workload.root;
	} else {
		result = hyfw_build_disk(definition, planned->index, run, arena, &fds, disk, err);
	}
	hyfw_fds_close(&fds);
	disk->source_fd = -1;
	if (result == 0)
		*ret_disk = disk;
	return result;
}

int hyfw_build_disks(const struct hyfw_definition *definition, const struct hyfw_journal *run,
		     struct hyfw_arena *arena, struct hyfw_fds *fds, struct hyfw_workload *workload,
		     struct hyfw_error **err)
{
	struct hyfw_attachment *disks = hyfw_arena_alloc(arena, (definition->disk_count + 1) * sizeof(*disks));
	size_t i;
	int result = 0;

	if (definition->disk_count > DISK_LIMIT)
		return hyfw_fail(err, E2BIG, "more than %d disks", DISK_LIMIT);
	for (i = 0; result == 0 && i < definition->disk_count; i++)
		result = hyfw_build_disk(definition, i, run, arena, fds, &disks[i], err);
	workload->disks = disks;
	workload->disk_count = definition->disk_count;
	return result;
}
