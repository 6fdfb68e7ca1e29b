/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Types that every part of the contract between hyfw and its drivers shares:
 * the API version, driver kinds, the opaque handles and the string map.
 *
 * Rules for the whole SDK
 *   - Functions return 0, or a negative errno together with an error in '*err'
 *     ('err' is set if and only if the call fails; outputs named 'ret_...' are
 *     untouched then).  Make errors with hyfw_host.fail().
 *   - Text is UTF-8 and NUL-terminated.  Sizes are bytes, times nanoseconds
 *     unless a name says otherwise.
 *   - A struct that crosses the boundary starts with 'size' (sizeof as its
 *     writer knew it) and grows only at its end; zero means the old behaviour.
 *   - File descriptors are close-on-exec.  A 'struct' holding a descriptor says
 *     who closes it; -1 means none.
 */
#ifndef HYFW_TYPES_H
#define HYFW_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A change of the major number breaks drivers; a minor one only adds. */
#define HYFW_API_MAJOR 1u
#define HYFW_API_MINOR 0u

/* What a driver is for.  Exactly one kind for each plugin file. */
enum hyfw_kind {
	HYFW_KIND_ISOLATION = 1, /* makes and controls the thing that runs */
	HYFW_KIND_NETWORK = 2,   /* makes networks and attaches workloads to them */
	HYFW_KIND_STORAGE = 3,   /* makes root file systems and volumes */
	HYFW_KIND_SECURITY = 4,  /* says how a workload is confined; several apply at once */
};

/* An error with its chain of context; made by hyfw_host.fail(), owned by the
 * caller of the function that failed.  Drivers never look inside. */
struct hyfw_error;

/* Memory that lives until the call in hand has been dealt with; see
 * hyfw_host.alloc().  Drivers never free what came from an arena. */
struct hyfw_arena;

/* The steps a driver's plan() adds to; see hyfw_host.plan_step(). */
struct hyfw_plan;

/* Key and value.  In a list-valued setting the key occurs once per element, in
 * the order of the file. */
struct hyfw_pair {
	const char *key;
	const char *value;
};

struct hyfw_map {
	size_t count;
	const struct hyfw_pair *items;
};

/* The value of 'key' at or after '*cursor', NULL when there is none.  Start
 * with '*cursor' = 0; it then stands behind the pair that was returned. */
static inline const char *hyfw_map_next(const struct hyfw_map *map, const char *key, size_t *cursor)
{
	while (map && *cursor < map->count) {
		const struct hyfw_pair *pair = &map->items[(*cursor)++];

		if (strcmp(pair->key, key) == 0)
			return pair->value;
	}
	return NULL;
}

/* The first value of 'key', NULL when it is not set. */
static inline const char *hyfw_map_get(const struct hyfw_map *map, const char *key)
{
	size_t cursor = 0;

	return hyfw_map_next(map, key, &cursor);
}

/* Numbers and truth values in settings were checked and normalised by the core
 * (sizes to bytes, times to milliseconds, CPUs to thousandths, truth to "true"
 * and "false"), so these need no error. */
static inline int64_t hyfw_map_int(const struct hyfw_map *map, const char *key, int64_t otherwise)
{
	const char *value = hyfw_map_get(map, key);

	return value ? (int64_t)strtoll(value, NULL, 10) : otherwise;
}

static inline bool hyfw_map_bool(const struct hyfw_map *map, const char *key, bool otherwise)
{
	const char *value = hyfw_map_get(map, key);

	return value ? strcmp(value, "true") == 0 : otherwise;
}

#ifdef __cplusplus
}
#endif
#endif
