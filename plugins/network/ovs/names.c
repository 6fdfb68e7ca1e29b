/* SPDX-License-Identifier: BSD-3-Clause
 * Names of bridges and ports and the marks of ownership on interfaces. */
#include <stdio.h>

#include "ovs.h"

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

const char *ovs_name_network(const struct ovs *ovs, struct hyfw_arena *arena, const char *network)
{
	const char *owner = ovs->host->owner;
	const char *const parts[] = { owner, network, NULL };

	if (strcmp(owner, "hyfw") == 0 && strlen(network) + strlen("ho-") < IFNAMSIZ)
		return ovs->host->format(arena, "ho-%s", network);
	return ovs->host->format(arena, "hyo%011llx", (unsigned long long)(names_hash(parts) >> 20));
}

const char *ovs_name_endpoint(const struct ovs *ovs, struct hyfw_arena *arena, const char *network,
			      const char *workload)
{
	const char *const parts[] = { ovs->host->owner, network, workload, NULL };

	return ovs->host->format(arena, "hyp%011llx", (unsigned long long)(names_hash(parts) >> 20));
}

const char *ovs_name_bond(const struct ovs *ovs, struct hyfw_arena *arena, const char *network)
{
	const char *const parts[] = { ovs->host->owner, network, "bond", NULL };

	return ovs->host->format(arena, "hyl%011llx", (unsigned long long)(names_hash(parts) >> 20));
}

uint32_t ovs_name_number(const char *name)
{
	const char *const parts[] = { name, NULL };
	uint64_t hash = names_hash(parts);

	hash = (hash ^ hash >> 32) & 0xffffffffu;
	return hash ? (uint32_t)hash : 1;
}

/* What both the kernel and the command lines of Open vSwitch take as a name. */
bool ovs_name_is_interface(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

	return length && length < IFNAMSIZ && !name[length] && name[0] != '-' && name[0] != '.';
}

const char *ovs_mark_bridge(const struct ovs *ovs, struct hyfw_arena *arena, const char *network)
{
	return ovs->host->format(arena, "%s:ovs-bridge:%s", ovs->host->owner, network);
}

bool ovs_bridge_is_ours(struct ovs *ovs, struct hyfw_arena *arena, const char *network, const char *bridge)
{
	struct hyfw_error *err = NULL;
	struct net_link link;
	int r = net_link_find(&ovs->route, arena, bridge, &link, &err);

	ovs->host->forget(&err);
	return r > 0 && strcmp(link.alias, ovs_mark_bridge(ovs, arena, network)) == 0;
}

const char *ovs_mark(const struct ovs *ovs, struct hyfw_arena *arena, const char *network, const char *workload,
		     const char *address)
{
	return ovs->host->format(arena, "%s:ovs:%s:%s:%s", ovs->host->owner, network, workload, address);
}
