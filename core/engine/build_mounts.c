/* SPDX-License-Identifier: BSD-3-Clause
 * The mounts beside the root: those of systemd, our own files, tmpfs, volumes. */
#include "engine/build_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "engine/hosts.h"
#include "engine/store.h"
#include "engine/systemd.h"

#define MOUNT_LIMIT 120

/* "PATH|BYTES|MODE" */
static void build_tmpfs(const char *text, struct hyfw_arena *arena, struct hyfw_attachment *mount)
{
	char *rest = hyfw_arena_dup(arena, text), *bytes, *mode;

	mount->size = sizeof(*mount);
	mount->kind = HYFW_ATTACHMENT_TMPFS;
	mount->flags = HYFW_ATTACH_NOSUID | HYFW_ATTACH_NODEV;
	mount->source_fd = -1;
	mount->target = strsep(&rest, "|");
	bytes = strsep(&rest, "|");
	mode = strsep(&rest, "|");
	mount->bytes = bytes ? strtoull(bytes, NULL, 10) : 0;
	mount->mode = mode ? (uint32_t)strtoul(mode, NULL, 8) : 0;
}

/* hosts, resolv.conf and hostname of a workload that has a network. */
static size_t build_files(const struct hyfw_definition *definition, struct hyfw_arena *arena,
			  struct hyfw_attachment *mounts)
{
	static const char *const files[] = { "hosts", "resolv.conf", "hostname" };
	size_t i, count = 0;

	if (!hyfw_hosts_wanted(definition))
		return 0;
	for (i = 0; i < HYFW_COUNT(files); i++) {
		HYFW_AUTO_FREE char *path = hyfw_path_runtime(definition->name, files[i]);
		struct hyfw_attachment *mount = &mounts[count];

		if (access(path, F_OK) < 0)
			continue;
		mount->size = sizeof(*mount);
		mount->kind = HYFW_ATTACHMENT_BIND;
		mount->flags = HYFW_ATTACH_PRIVATE_COPY | HYFW_ATTACH_NOSUID | HYFW_ATTACH_NODEV |
			       HYFW_ATTACH_NOEXEC | HYFW_ATTACH_READ_ONLY;
		mount->source = hyfw_arena_dup(arena, path);
		mount->source_fd = -1;
		mount->target = hyfw_arena_format(arena, "/etc/%s", files[i]);
		count++;
	}
	return count;
}

int hyfw_build_mounts(const struct hyfw_definition *definition, struct hyfw_arena *arena,
		      struct hyfw_fds *fds, struct hyfw_workload *workload, struct hyfw_error **err)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	struct hyfw_attachment *mounts = hyfw_arena_alloc(arena, MOUNT_LIMIT * sizeof(*mounts));
	const char *text, *systemd[HYFW_SYSTEMD_MOUNTS];
	size_t i, cursor = 0, count = hyfw_systemd_mounts(definition, systemd);

	/* First: what is mounted below /run is not to be hidden, resolv.conf may be a link to there. */
	for (i = 0; i < count; i++)
		build_tmpfs(systemd[i], arena, &mounts[i]);
	count += build_files(definition, arena, mounts + count);
	while ((text = hyfw_map_next(&settings, "tmpfs", &cursor)) && count < MOUNT_LIMIT)
		build_tmpfs(text, arena, &mounts[count++]);
	if (count + definition->volume_count >= MOUNT_LIMIT)
		return hyfw_fail(err, E2BIG, "more than %d mounts", MOUNT_LIMIT);
	for (i = 0; i < definition->volume_count; i++)
		if (hyfw_build_volume(definition, &definition->volumes[i], arena, fds, &mounts[count++], err) < 0)
			return -(*err)->errnum;
	workload->mounts = mounts;
	workload->mount_count = count;
	return 0;
}
