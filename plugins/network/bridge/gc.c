/* SPDX-License-Identifier: BSD-3-Clause
 * Orphans: interfaces with our mark, and elements with our comments, of
 * workloads and networks that no longer exist.  The address in a workload's mark
 * is given back with it. */
#include <stdio.h>
#include <unistd.h>

#include "../common/conntrack.h"
#include "../common/dhcp.h"
#include "../common/forwarding.h"
#include "../common/tap.h"
#include "bridge.h"

#define ALIAS_SIZE 256 /* IFALIASZ of linux/if.h, which does not go with net/if.h */

struct sweep {
	struct bridge *bridge;
	const struct hyfw_alive *alive;
	struct hyfw_error *err;
};

static void sweep_delete(struct sweep *sweep, const char *name, int index)
{
	const struct hyfw_host *host = sweep->bridge->host;
	struct hyfw_error *err = NULL;

	host->log(HYFW_LOG_INFO, "network bridge: removing orphaned interface %s", name);
	if (net_link_delete(&sweep->bridge->route, name, index, sweep->err ? &err : &sweep->err) < 0 && err)
		host->forget(&err);
}

/* The hardware address, which the mark does not tell. */
static void sweep_machine(struct sweep *sweep, const char *network, const char *workload)
{
	const struct hyfw_host *host = sweep->bridge->host;
	struct hyfw_arena *arena = host->arena_new();

	net_mac_drop(host, arena, network, workload);
	host->arena_free(arena);
}

static void sweep_endpoint(void *context, const char *name, int index, const char *alias)
{
	struct sweep *sweep = context;
	const struct hyfw_host *host = sweep->bridge->host;
	const char *network = alias + strlen(host->owner) + strlen(":endpoint:"),
		   *workload = strchr(network, ':'), *address;
	char pool[ALIAS_SIZE + 4], owner[ALIAS_SIZE]; /* parts of an alias */
	struct bridge_admission admission = { .interface = name };
	struct hyfw_error *err = NULL;
	uint32_t number;
	char mac[18];

	address = workload ? strchr(++workload, ':') : NULL;
	if (!address || hyfw_names_have(sweep->alive->running, workload, (size_t)(address - workload)))
		return;
	sweep_delete(sweep, name, index);
	snprintf(pool, sizeof(pool), "net-%.*s", (int)(workload - 1 - network), network);
	snprintf(owner, sizeof(owner), "%.*s", (int)(address - workload), workload);
	if (!net_address_parse(address + 1, &number))
		return;
	net_mac_print(number, mac);
	admission.mac = mac;
	admission.address = address + 1;
	admission.workload = owner;
	if (bridge_firewall_expel(sweep->bridge, &admission, &err) < 0)
		host->forget(&err);
	net_conntrack_forget(host, number);
	host->lease_drop(pool, address + 1, owner);
	sweep_machine(sweep, pool + strlen("net-"), owner);
}

static void sweep_network(void *context, const char *name, int index, const char *alias)
{
	struct sweep *sweep = context;
	const char *network = alias + strlen(sweep->bridge->host->owner) + strlen(":network:");

	if (!hyfw_names_have(sweep->alive->networks, network, strlen(network)))
		sweep_delete(sweep, name, index);
}

int bridge_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	struct sweep sweep = { .bridge = instance, .alive = alive };
	const char *owner = sweep.bridge->host->owner;
	char endpoints[64], networks[64];
	int r;

	if (geteuid() != 0)
		return 0; /* an ordinary user has none */
	snprintf(endpoints, sizeof(endpoints), "%s:endpoint:", owner); /* 'owner' has at most 13 characters */
	snprintf(networks, sizeof(networks), "%s:network:", owner);
	r = net_link_each(&sweep.bridge->route, endpoints, sweep_endpoint, &sweep, err);
	if (r >= 0)
		r = net_link_each(&sweep.bridge->route, networks, sweep_network, &sweep, err);
	if (r >= 0)
		r = net_dhcp_gc(sweep.bridge->host, "bridge", alive, err);
	if (r >= 0)
		r = bridge_firewall_gc(sweep.bridge, alive, err);
	if (r >= 0 && (!alive->networks || !alive->networks[0]))
		r = net_forwarding_restore(&sweep.bridge->route, "", err);
	if (sweep.err && r >= 0) {
		*err = sweep.err;
		return sweep.bridge->host->wrap(err, "orphans");
	}
	sweep.bridge->host->forget(&sweep.err);
	return r;
}
