/* SPDX-License-Identifier: BSD-3-Clause
 * Names of interfaces and the marks of ownership on them. */
#include <stdio.h>

#include "bridge.h"

/* FNV-1a over several strings, each with its NUL so that borders count. */
static uint64_t names_hash(const char *const *parts)
{
	uint64_t hash = 0xcbf29ce484222325u;

	for (; *parts; parts++) {
		const char *c = *parts;

		do {
			hash = (hash ^ (uint8_t)*c) * 0x100000001b3u;
		} while (*c++);
	}
	return hash;
}

/* Readable where it fits into IFNAMSIZ and cannot meet that of another hyfw
 * instance, else a hash: an alias tells what it is. */
void bridge_name_copy(const struct bridge *bridge, const char *network, char ret_name[IFNAMSIZ])
{
	const char *owner = bridge->host->owner;
	const char *const parts[] = { owner, network, NULL };

	if (strcmp(owner, "hyfw") == 0 && strlen(network) + strlen("hy-") < IFNAMSIZ)
		snprintf(ret_name, IFNAMSIZ, "hy-%s", network);
	else
		snprintf(ret_name, IFNAMSIZ, "hyb%011llx", (unsigned long long)(names_hash(parts) >> 20));
}

char *bridge_name_network(const struct bridge *bridge, struct hyfw_arena *arena, const char *network)
{
	char name[IFNAMSIZ];

	bridge_name_copy(bridge, network, name);
	return bridge->host->format(arena, "%s", name);
}

char *bridge_name_endpoint(const struct bridge *bridge, struct hyfw_arena *arena, const char *network,
			   const char *workload)
{
	const char *const parts[] = { bridge->host->owner, network, workload, NULL };

	return bridge->host->format(arena, "hyv%011llx", (unsigned long long)(names_hash(parts) >> 20));
}

char *bridge_mark_network(const struct bridge *bridge, struct hyfw_arena *arena, const char *network)
{
	return bridge->host->format(arena, "%s:network:%s", bridge->host->owner, network);
}

char *bridge_mark_endpoint(const struct bridge *bridge, struct hyfw_arena *arena, const char *network,
			   const char *workload, const char *address)
{
	return bridge->host->format(arena, "%s:endpoint:%s:%s:%s", bridge->host->owner, network, workload,
				    address);
}
