/* SPDX-License-Identifier: BSD-3-Clause
 * Whether a container stands still is what the kernel says: somebody else may have
 * frozen or thawed its group. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/private.h"

/* freezer-subsystem.rst, cgroup-v2.rst */
static const char *const files[] = { "freezer.state", "cgroup.freeze" };

const char *oci_freezer_of(const struct hyfw_confinement *confinement, struct hyfw_arena *arena)
{
	size_t file, i;

	for (file = 0; file < HYFW_COUNT(files); file++)
		for (i = 0; i < confinement->cgroup_count; i++) {
			char *path = hyfw_arena_format(arena, "%s/%s", confinement->cgroups[i].path, files[file]);

			if (access(path, F_OK) == 0)
				return path;
		}
	return NULL;
}

bool oci_is_frozen(const char *freezer)
{
	HYFW_AUTO_CLOSE int fd = open(freezer, O_RDONLY | O_CLOEXEC);
	char text[16] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return false;
	return *text == '1' || strncmp(text, "FROZEN", 6) == 0 || strncmp(text, "FREEZING", 8) == 0;
}
