/* SPDX-License-Identifier: BSD-3-Clause
 * What a machine with `failover` needs: everything that it writes lies in pools that its
 * hosts share, and nothing of it is a secret. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"
#include "config/disks.h"
#include "config/private.h"

static bool is_shared(const struct hyfw_config_section *pool)
{
	return pool && hyfw_map_bool(&pool->map, "shared", false);
}

/* Whether 'path' lies below a shared pool. */
static bool in_shared_pool(const struct hyfw_config *config, const char *path)
{
	HYFW_AUTO_FREE char *real = realpath(path, NULL);
	const struct hyfw_config_section *pool;
	size_t cursor = 0;

	while (real && (pool = hyfw_config_next(config, "pool", &cursor))) {
		const char *directory = is_shared(pool) ? hyfw_map_get(&pool->map, "path") : NULL;
		HYFW_AUTO_FREE char *above = directory ? realpath(directory, NULL) : NULL;

		if (above && strncmp(real, above, strlen(above)) == 0 && real[strlen(above)] == '/')
			return true;
	}
	return false;
}

static int check_path(const struct hyfw_config *config, const struct hyfw_config_section *workload,
		      const struct hyfw_config_value *value, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *path = hyfw_dup_n(value->normal, strcspn(value->normal, "|"));

	if (in_shared_pool(config, path))
		return 0;
	return hyfw_config_fail_value(err, EINVAL, workload, value,
				      "the machine has failover, and the disk is in no pool that its hosts share; put it "
				      "into a [pool NAME] with shared = yes, or make it ro");
}

static int check_volume(const struct hyfw_config *config, const struct hyfw_config_section *workload,
			const struct hyfw_config_value *value, const char *name, struct hyfw_error **err)
{
	const struct hyfw_config_section *volume = hyfw_config_find(config, "volume", name);
	const char *pool = volume ? hyfw_map_get(&volume->map, "pool") : NULL;

	if (is_shared(hyfw_config_find(config, "pool", pool ? pool : "default")))
		return 0;
	return hyfw_config_fail_value(err, EINVAL, workload, value,
				      "the machine has failover, and pool %s is none that its hosts share; say shared = yes "
				      "in [pool %s], or pool = NAME of another one in [volume %s]", pool ? pool : "default",
				      pool ? pool : "default", name);
}

static int check_disk(const struct hyfw_config *config, const struct hyfw_config_section *workload,
		      const struct hyfw_config_value *value, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *name = hyfw_disk_volume(value->normal);
	struct hyfw_pairs pairs = { 0 };
	struct hyfw_map options;
	const char *cache;
	int result = 0;

	hyfw_disk_pairs(value->normal, &pairs);
	options = hyfw_pairs_map(&pairs);
	cache = hyfw_map_get(&options, "cache");
	if (!hyfw_map_bool(&options, "read_only", false)) {
		result = name ? check_volume(config, workload, value, name, err)
			      : check_path(config, workload, value, err);
		if (result == 0 && cache && strcmp(cache, "none") != 0 && strcmp(cache, "directsync") != 0)
			result = hyfw_config_fail_value(err, EINVAL, workload, value,
							"the machine has failover, and what cache=%s keeps in this host's "
							"memory may reach the disk when another host has it; use none or "
							"directsync", cache);
	}
	hyfw_pairs_finish(&pairs);
	return result;
}

/* At least one disk says where the lease is. */
static int check_disks(const struct hyfw_config *config, const struct hyfw_config_section *workload,
		       struct hyfw_error **err)
{
	const struct hyfw_config_value *value;
	size_t cursor = 0, writable = 0;
	int result = 0;

	while (result == 0 && (value = hyfw_config_next_value(workload, "disk", &cursor))) {
		writable += !strstr(value->normal, "|read_only=true");
		result = check_disk(config, workload, value, err);
	}
	if (result == 0 && writable == 0)
		result = hyfw_config_fail(err, EINVAL, workload, "failover",
					  "the machine has no disk that it writes to, and so none on storage that its hosts "
					  "share; give it one of a [pool NAME] with shared = yes");
	return result;
}

static int check_secrets(const struct hyfw_config_section *workload, struct hyfw_error **err)
{
	size_t i;

	for (i = 0; i < workload->count; i++)
		if (workload->values[i].secret && workload->values[i].normal)
			return hyfw_config_fail_value(err, EINVAL, workload, &workload->values[i],
						      "the machine has failover, so its definition lies on the storage that its "
						      "hosts share, and a secret is not for there; use %s_file, a file on each host",
						      workload->values[i].key);
	return 0;
}

int hyfw_config_check_failover(const struct hyfw_config *config, struct hyfw_error **err)
{
	const struct hyfw_config_section *workload;
	size_t cursor = 0;
	int result = 0;

	while (result == 0 && (workload = hyfw_config_next(config, "workload", &cursor))) {
		if (!hyfw_map_get(&workload->map, "failover")) {
			if (hyfw_map_get(&workload->map, "failover_lease"))
				result = hyfw_config_fail(err, EINVAL, workload, "failover_lease",
							  "there are no hosts to take the machine over; set `failover`");
			continue;
		}
		if (hyfw_map_get(&workload->map, "image"))
			return hyfw_config_fail(err, EINVAL, workload, "image",
						"a machine's copy of its image lies on this host alone, and it has failover; "
						"use disk = with a disk of a [pool NAME] with shared = yes");
		result = check_disks(config, workload, err);
		if (result == 0)
			result = check_secrets(workload, err);
	}
	return result;
}
