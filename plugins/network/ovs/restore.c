/* SPDX-License-Identifier: BSD-3-Clause
 * Flows and meters live in ovs-vswitchd and end with it; rows stay.  Until the
 * flows are back nothing passes a bridge of ours (fail_mode secure), and on any
 * bridge workloads stay apart, as their ports' rows say protected.  They come back
 * with the next workload on the bridge, or with gc(). */
#include <json-c/json.h>
#include <unistd.h>

#include "../common/forwarding.h"
#include "ovs.h"

struct restoring {
	struct ovs *ovs;
	struct hyfw_arena *arena;
	const char *bridge, *stamp;
	struct ovs_words lines, words; /* flows, and rows that say who has them */
	struct ovs_ports ports;
	const struct ovs_port *from; /* whose links are looked at */
};

static void stamp_words(struct restoring *restoring, const char *table, const char *name)
{
	ovs_words_split(&restoring->words, restoring->words.count ? "-- --if-exists set" : "--if-exists set");
	ovs_words_add(&restoring->words, "%s", table);
	ovs_words_add(&restoring->words, "%s", name);
	ovs_words_add(&restoring->words, "external_ids:hyfw-switch=%s", restoring->stamp);
}

static void link_visit(void *context, const char *to)
{
	struct restoring *restoring = context;
	const struct ovs_port *port = ovs_ports_find(&restoring->ports, to);

	if (port && *port->address)
		ovs_flows_link(&restoring->lines, restoring->from, port, true);
}

static int restore_ports(struct restoring *restoring, struct hyfw_error **err)
{
	struct ovs_ports *ports = &restoring->ports;
	size_t i;
	int r = 0;

	for (i = 0; i < ports->count && r >= 0; i++) {
		struct ovs_port *port = &ports->list[i];
		struct hyfw_error *gone = NULL;

		if (strcmp(ports->stamps[i], restoring->stamp) == 0)
			continue;
		stamp_words(restoring, "Port", port->name);
		ovs_flows_port_gone(&restoring->lines, port->name);
		if (ovs_port_number(restoring->ovs, restoring->arena, port->name, &port->number, &gone) < 0) {
			restoring->ovs->host->forget(&gone); /* its interface is gone: gc's business */
			continue;
		}
		if (*port->rate) {
			ovs_meter_delete(restoring->ovs, restoring->arena, port->bridge, port->number);
			r = ovs_meter_add(restoring->ovs, restoring->arena, port->bridge, port->number, port->rate,
					  port->burst, err);
			ovs_words_add(&restoring->words, "external_ids:hyfw-number=%ld", port->number);
		}
		ovs_flows_port(&restoring->lines, port);
	}
	for (i = 0; i < ports->count && r >= 0; i++) {
		restoring->from = &ports->list[i];
		ovs_ports_each_link(ports, i, link_visit, restoring);
	}
	return r;
}

struct bridge_ids {
	struct restoring *restoring;
	const char **uplinks;
	size_t count;
};

static void uplink_visit(void *context, const char *key, const char *value)
{
	struct bridge_ids *ids = context;

	(void)value;
	if (strncmp(key, "hyfw-uplink-", strlen("hyfw-uplink-")) == 0 && ids->count < 16)
		ids->uplinks[ids->count++] = key + strlen("hyfw-uplink-");
}

/* The bridge's own flows, and in datapath netdev the address of an interface that
 * was the process's. */
static int restore_bridge(struct restoring *restoring, struct json_object *rows, size_t row, struct hyfw_error **err)
{
	const struct hyfw_host *host = restoring->ovs->host;
	const char *gateway = ovs_cell_key(rows, row, 1, "hyfw-gateway"), *slash = strchr(gateway, '/');
	struct bridge_ids ids = { restoring, host->alloc(restoring->arena, 17 * sizeof(char *)), 0 };
	struct net_subnet subnet = { 0 };

	ovs_cell_each(rows, row, 1, uplink_visit, &ids);
	if (slash && net_address_parse(gateway, &subnet.gateway))
		subnet.prefix = (unsigned)strtoul(slash + 1, NULL, 10);
	ovs_flows_network(&restoring->lines, ids.uplinks,
			  subnet.prefix ? net_address_text(host, restoring->arena, subnet.gateway) : NULL);
	stamp_words(restoring, "Bridge", restoring->bridge);
	if (*ovs_cell_key(rows, row, 1, "hyfw-localnet") &&
	    net_sysctl_localnet(host, restoring->bridge, err) < 0)
		return host->wrap(err, "bridge %s", restoring->bridge);
	return subnet.prefix ? ovs_bridge_address(restoring->ovs, restoring->bridge, &subnet, err) : 0;
}

/* A process that has just begun may not have made the bridge yet. */
static int restore_wait(struct restoring *restoring, struct hyfw_error **err)
{
	struct ovs_words words = { .host = restoring->ovs->host, .arena = restoring->arena };

	ovs_words_split(&words, "set Bridge");
	ovs_words_add(&words, "%s", restoring->bridge);
	ovs_words_split(&words, "external_ids:hyfw-switch=none");
	return ovs_transact(restoring->ovs, &words, true, err);
}

static int restore_one(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge, struct json_object *rows,
		       size_t row, struct hyfw_error **err)
{
	const struct hyfw_host *host = ovs->host;
	struct restoring restoring = {
		.ovs = ovs, .arena = arena, .bridge = bridge, .stamp = ovs_switch_stamp(ovs, arena),
		.lines = { .host = host, .arena = arena }, .words = { .host = host, .arena = arena },
	};
	const bool ours = strcmp(ovs_cell_key(rows, row, 1, "hyfw"), host->owner) == 0;
	int r;

	if (ours && strcmp(ovs_cell_key(rows, row, 1, "hyfw-switch"), restoring.stamp) == 0)
		return 0;
	r = ours ? restore_wait(&restoring, err) : 0;
	if (r >= 0)
		r = ovs_ports_read(ovs, arena, bridge, &restoring.ports, err);
	if (r >= 0 && ours)
		r = restore_bridge(&restoring, rows, row, err);
	if (r >= 0)
		r = restore_ports(&restoring, err);
	if (r >= 0 && restoring.words.count) {
		host->log(HYFW_LOG_INFO, "network ovs: ovs-vswitchd was started anew: flows of bridge %s again", bridge);
		r = ovs_flows(ovs, arena, bridge, ovs_words_lines(&restoring.lines), err);
		if (r >= 0)
			r = ovs_transact(ovs, &restoring.words, false, err);
	}
	ovs_ports_finish(&restoring.ports);
	return r < 0 ? host->wrap(err, "after the restart of ovs-vswitchd") : 0;
}

int ovs_restore(struct ovs *ovs, struct hyfw_arena *arena, const char *bridge, struct hyfw_error **err)
{
	struct json_object *rows = NULL;
	int lock = ovs->host->lock("ovs", err), r = lock;
	size_t i;

	if (r >= 0)
		r = ovs_rows(ovs, arena, "Bridge", "name,external_ids",
			     bridge ? ovs->host->format(arena, "name=%s", bridge) : NULL, &rows, err);
	for (i = 0; r >= 0 && i < ovs_row_count(rows); i++)
		r = restore_one(ovs, arena, ovs_cell(rows, i, 0), rows, i, err);
	json_object_put(rows);
	if (lock >= 0)
		close(lock);
	return r;
}
