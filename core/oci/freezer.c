/* SPDX-License-Identifier: BSD-3-Clause
 * Whether a container stands still is what the kernel says: somebody else may have
 * frozen or thawed its groups.  A machine with both versions has two freezers. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/private.h"

/* cgroup-v2.rst, freezer-subsystem.rst */
static const char unified_file[] = "cgroup.freeze";
static const struct {
	const char *name, *thawed;
} files[] = { { unified_file, "0" }, { "freezer.state", "THAWED" } };

const char *const *oci_freezers_of(const struct hyfw_confinement *confinement, struct hyfw_arena *arena)
{
	const char **found = hyfw_arena_alloc(arena, (HYFW_COUNT(files) + 1) * sizeof(*found));
	size_t file, i, count = 0;

	for (file = 0; file < HYFW_COUNT(files); file++)
		for (i = 0; i < confinement->cgroup_count; i++) {
			char *path = hyfw_arena_format(arena, "%s/%s", confinement->cgroups[i].path, files[file].name);

			if (access(path, F_OK) < 0)
				continue;
			found[count++] = path;
			break;
		}
	return found;
}

static bool is_frozen(const char *freezer)
{
	HYFW_AUTO_CLOSE int fd = open(freezer, O_RDONLY | O_CLOEXEC);
	char text[16] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return false;
	return *text == '1' || strncmp(text, "FROZEN", 6) == 0 || strncmp(text, "FREEZING", 8) == 0;
}

bool oci_is_frozen(const char *const *freezers)
{
	for (; *freezers; freezers++)
		if (is_frozen(*freezers))
			return true;
	return false;
}

static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void thaw(const char *freezer)
{
	HYFW_AUTO_CLOSE int fd = open(freezer, O_WRONLY | O_CLOEXEC);
	size_t i;

	for (i = 0; fd >= 0 && i < HYFW_COUNT(files); i++)
		if (strcmp(name_of(freezer), files[i].name) == 0)
			(void)!write(fd, files[i].thawed, strlen(files[i].thawed));
}

void oci_thaw(const char *const *freezers)
{
	for (; freezers && *freezers; freezers++)
		if (is_frozen(*freezers))
			thaw(*freezers);
}

void oci_take_back(const char *const *freezers, pid_t pid)
{
	for (; freezers && *freezers; freezers++) {
		const char *name = name_of(*freezers);
		HYFW_AUTO_FREE char *path = hyfw_format("%.*scgroup.procs", (int)(name - *freezers), *freezers);
		HYFW_AUTO_FREE char *text = hyfw_format("%d", (int)pid);
		HYFW_AUTO_CLOSE int fd = strcmp(name, unified_file) == 0 ? -1 : open(path, O_WRONLY | O_CLOEXEC);

		if (fd >= 0)
			(void)!write(fd, text, strlen(text));
	}
}

const char *oci_unified_group(const char *const *freezers, struct hyfw_arena *arena)
{
	for (; freezers && *freezers; freezers++) {
		const char *name = name_of(*freezers);

		if (strcmp(name, unified_file) == 0 && name > *freezers + 1)
			return hyfw_arena_format(arena, "%.*s", (int)(name - *freezers - 1), *freezers);
	}
	return NULL;
}
