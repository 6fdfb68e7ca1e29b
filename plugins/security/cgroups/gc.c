/* SPDX-License-Identifier: BSD-3-Clause
 * Groups that belong to no workload any more: MOUNT/OWNER/NAME of a NAME that
 * is not alive. */
#include "cgroups.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int gc_child(const struct hyfw_host *host, const char *parent, const char *name, struct hyfw_error **err)
{
	AUTO_FREE char *path = NULL;

	if (asprintf(&path, "%s/%s", parent, name) < 0)
		return host->fail(err, ENOMEM, "out of memory");
	host->log(HYFW_LOG_INFO, "removing the orphaned control group %s", path);
	return group_remove(host, path, err);
}

static int gc_mount(const struct hyfw_host *host, const char *mount, const struct hyfw_alive *alive,
		    struct hyfw_error **err)
{
	AUTO_FREE char *parent = NULL;
	struct dirent *entry;
	int result = 0;
	DIR *dir;

	if (asprintf(&parent, "%s/%s", mount, host->owner) < 0)
		return host->fail(err, ENOMEM, "out of memory");
	dir = opendir(parent);
	if (!dir)
		return 0;
	while (result == 0 && (entry = readdir(dir)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.' &&
		    !hyfw_names_have(alive->running, entry->d_name, strlen(entry->d_name)))
			result = gc_child(host, parent, entry->d_name, err);
	closedir(dir);
	rmdir(parent); /* stays while something is below it */
	return result;
}

int groups_gc(const struct hyfw_host *host, const struct hierarchy *hierarchy, const struct hyfw_alive *alive,
	      struct hyfw_error **err)
{
	const char *freezer = hierarchy->v1[CONTROLLER_FREEZER];
	int i, result = 0;

	/* The freezer first: its frozen processes could not die. */
	if (freezer)
		result = gc_mount(host, freezer, alive, err);
	for (i = 0; result == 0 && i < CONTROLLER_COUNT; i++)
		if (hierarchy->v1[i] && i != CONTROLLER_FREEZER)
			result = gc_mount(host, hierarchy->v1[i], alive, err);
	if (result == 0 && hierarchy->unified)
		result = gc_mount(host, hierarchy->unified, alive, err);
	return result;
}
