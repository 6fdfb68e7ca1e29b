/* SPDX-License-Identifier: BSD-3-Clause
 * The cache of hyfw_host: DATA/cache/BUCKET/DIGEST, each file holding the whole
 * key beside the data, so that two keys of one digest are never mixed up. */
#ifndef HYFW_PLUGIN_CACHE_H
#define HYFW_PLUGIN_CACHE_H

#include <hyfw/types.h>

/* Files of one bucket; with one more those go that were used longest ago. */
#define HYFW_CACHE_MOST 256

int hyfw_cache_get(struct hyfw_arena *arena, const char *bucket, const char *key, const void **ret_data,
		   size_t *ret_size);
void hyfw_cache_put(const char *bucket, const char *key, const void *data, size_t size);

#endif
