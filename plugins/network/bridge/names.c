/* SPDX-License-Identifier: BSD-3-Clause
 * Names of interfaces and the marks of ownership on them. */
#include <stdio.h>

#include "bridge.h"
#include "../common/names.h"

/* Readable where it fits into IFNAMSIZ and cannot meet that of another hyfw
 * instance, else a hash: an alias tells what it is. */
void bridge_name_copy(const struct bridge *bridge, const char *network, char ret_name[IFNAMSIZ])
{
	const char *owner = bridge->host->owner;
	const char *const parts[] = { owner, network, NULL };

	if (strcmp(owner, "hyfw") == 0 && strlen(network) + strlen("hy-") < IFNAMSIZ)
		snprintf(ret_name, IFNAMSIZ, "hy-%s", network);
	else
		snprintf(ret_name, IFNAMSIZ, "hyb%011llx", (unsigned long long)(net_digest(parts) >> 20));
}

char *bridge_name_network(const struct bridge *bridge, struct hyfw_arena *arena, const char *network)
{
	char name[IFNAMSIZ];

	bridge_name_copy(bridge, network, name);
	return bridge->host->format(arena, "%s", name);
}

const char *bridge_name_endpoint(const struct bridge *bridge, struct hyfw_arena *arena, const char *network,
				 const char *workload)
{
	const char *const parts[] = { bridge->host->owner, network, workload, NULL };

	return net_digest_name(bridge->host, arena, "hyv", parts);
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
