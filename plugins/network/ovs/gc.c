/* SPDX-License-Identifier: BSD-3-Clause
 * Orphans: rows that carry our mark, and interfaces with our alias, of workloads
 * and networks that no longer exist.  Flows that ovs-vswitchd lost come back. */
#include <errno.h>
#include <json-c/json.h>

#include "../common/dhcp.h"
#include "../common/forwarding.h"
#include "../common/tap.h"
#include "ovs.h"

struct sweep {
	struct ovs *ovs;
	struct hyfw_arena *arena;
	const struct hyfw_alive *alive;
	const char *run; /* of this life of the machine; NULL: nothing was made in it */
	int failed;
};

/* A row of another life of the machine, or of what is not alive. */
static bool row_gone(struct sweep *sweep, struct json_object *rows, size_t row, const char *key,
		     const char *const *names)
{
	const char *run = ovs_cell_key(rows, row, 1, "hyfw-run"), *of = ovs_cell_key(rows, row, 1, key);

	if (*run && (!sweep->run || strcmp(run, sweep->run) != 0))
		return true;
	return *of && !hyfw_names_have(names, of, strlen(of));
}

static bool gone_with_workload(void *context, struct json_object *rows, size_t row)
{
	struct sweep *sweep = context;

	return row_gone(sweep, rows, row, "hyfw-workload", sweep->alive->running);
}

static bool gone_with_network(void *context, struct json_object *rows, size_t row)
{
	struct sweep *sweep = context;

	return row_gone(sweep, rows, row, "hyfw-network", sweep->alive->networks);
}

static int sweep_rows(struct sweep *sweep, struct hyfw_error **err)
{
	static const struct {
		const char *table;
		bool (*gone)(void *context, struct json_object *rows, size_t row);
	} kinds[] = {
		{ "Port", gone_with_workload },
		{ "Bridge", gone_with_network },
		{ "QoS", gone_with_workload },
		{ "Queue", gone_with_workload },
	};
	size_t i;
	int r = 0;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && r >= 0; i++)
		r = ovs_rows_remove(sweep->ovs, sweep->arena, kinds[i].table, kinds[i].gone, sweep, err);
	return r;
}

static void sweep_interface(void *context, const char *name, int index, const char *alias)
{
	struct sweep *sweep = context;
	const struct hyfw_host *host = sweep->ovs->host;
	const char *network = alias + strlen(host->owner) + strlen(":ovs:"), *workload = strchr(network, ':'),
		   *address = workload ? strchr(++workload, ':') : NULL;
	struct hyfw_error *err = NULL;
	uint32_t number;

	if (!address || hyfw_names_have(sweep->alive->running, workload, (size_t)(address - workload)))
		return;
	if (net_link_delete(&sweep->ovs->route, name, index, &err) < 0)
		sweep->failed++;
	host->forget(&err);
	network = host->format(sweep->arena, "%.*s", (int)(workload - 1 - network), network);
	workload = host->format(sweep->arena, "%.*s", (int)(address - workload), workload);
	net_mac_drop(host, sweep->arena, network, workload);
	if (net_address_parse(address + 1, &number))
		net_address_drop(host, sweep->arena, network, workload, number);
}

/* Only what no row is left of: see bridge_delete_tap() in bridge.c. */
static void sweep_bridge(void *context, const char *name, int index, const char *alias)
{
	struct sweep *sweep = context;
	const char *network = strrchr(alias, ':') + 1;
	struct hyfw_error *err = NULL;
	struct net_link link;

	if (hyfw_names_have(sweep->alive->networks, network, strlen(network)))
		return;
	if (net_link_find(&sweep->ovs->route, sweep->arena, name, &link, &err) > 0 && strcmp(link.kind, "tun") == 0 &&
	    net_link_delete(&sweep->ovs->route, name, index, &err) < 0)
		sweep->failed++;
	sweep->ovs->host->forget(&err);
}

static int sweep_all(struct sweep *sweep, struct hyfw_error **err)
{
	const struct hyfw_host *host = sweep->ovs->host;
	int r = 0;

	if (ovs_check_switch(sweep->ovs, err) < 0) {
		host->log(HYFW_LOG_DEBUG, "network ovs: rows are left for later, as Open vSwitch does not run");
		host->forget(err);
	} else {
		r = sweep_rows(sweep, err);
		if (r >= 0)
			r = ovs_restore(sweep->ovs, sweep->arena, NULL, err);
	}
	if (r >= 0)
		r = net_link_each(&sweep->ovs->route, host->format(sweep->arena, "%s:ovs:", host->owner),
				  sweep_interface, sweep, err);
	if (r >= 0)
		r = net_link_each(&sweep->ovs->route, host->format(sweep->arena, "%s:ovs-bridge:", host->owner),
				  sweep_bridge, sweep, err);
	if (r >= 0)
		r = net_dhcp_gc(host, "ovs", sweep->alive, err);
	if (r >= 0)
		r = ovs_nft_gc(sweep->ovs, sweep->arena, err);
	if (r >= 0 && (!sweep->alive->networks || !sweep->alive->networks[0]))
		r = net_forwarding_restore(&sweep->ovs->route, "", err);
	return r >= 0 && sweep->failed ? host->fail(err, EIO, "%d orphaned interfaces are still there", sweep->failed) : r;
}

int ovs_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	struct sweep sweep = { .ovs = instance, .alive = alive };
	int r;

	sweep.arena = sweep.ovs->host->arena_new();
	sweep.run = ovs_run(sweep.ovs, sweep.arena);
	r = sweep_all(&sweep, err);
	sweep.ovs->host->arena_free(sweep.arena);
	return r;
}
