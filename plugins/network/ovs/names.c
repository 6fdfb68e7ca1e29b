/* SPDX-License-Identifier: BSD-3-Clause
 * Names of bridges and ports and the marks of ownership on interfaces. */
#include "ovs.h"
#include "../common/names.h"

const char *ovs_name_network(const struct ovs *ovs, struct hyfw_arena *arena, const char *network)
{
	const char *owner = ovs->host->owner;
	const char *const parts[] = { owner, network, NULL };

	if (strcmp(owner, "hyfw") == 0 && strlen(network) + strlen("ho-") < IFNAMSIZ)
		return ovs->host->format(arena, "ho-%s", network);
	return net_digest_name(ovs->host, arena, "hyo", parts);
}

const char *ovs_name_endpoint(const struct ovs *ovs, struct hyfw_arena *arena, const char *network,
			      const char *workload)
{
	const char *const parts[] = { ovs->host->owner, network, workload, NULL };

	return net_digest_name(ovs->host, arena, "hyp", parts);
}

const char *ovs_name_bond(const struct ovs *ovs, struct hyfw_arena *arena, const char *network)
{
	const char *const parts[] = { ovs->host->owner, network, "bond", NULL };

	return net_digest_name(ovs->host, arena, "hyl", parts);
}

uint32_t ovs_name_number(const char *name)
{
	const char *const parts[] = { name, NULL };
	uint64_t hash = net_digest(parts);

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
