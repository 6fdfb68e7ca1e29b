/* SPDX-License-Identifier: BSD-3-Clause
 * Rows of workloads' ports: the port and its interface, the queue that limits what
 * the workload receives, and its place in a mirror. */
#include <errno.h>
#include <json-c/json.h>

#include "ovs.h"

static const char *get(const struct hyfw_map *args, const char *key)
{
	const char *value = hyfw_map_get(args, key);

	return value ? value : "";
}

struct ovs_port_rows ovs_port_rows_of(const struct hyfw_map *args, const struct ovs_port *port,
				      const char *workload)
{
	return (struct ovs_port_rows){
		.port = port,
		.label = { .network = get(args, "network"), .workload = workload },
		.trunks = get(args, "vlan_trunk"),
		.rate_in = get(args, "rate_in"),
		.burst_in = get(args, "burst_in"),
		.mirror = get(args, "mirror"),
	};
}

/* What the port's flows are made of again, see restore.c. */
static void flow_words(const struct ovs_port_rows *rows, struct ovs_words *words)
{
	const struct ovs_port *port = rows->port;

	ovs_words_add(words, "external_ids:hyfw-bridge=%s", port->bridge);
	ovs_words_add(words, "external_ids:hyfw-kind=%s", port->tap ? "tap" : "veth");
	ovs_words_add(words, "external_ids:hyfw-switch=%s", rows->stamp);
	ovs_words_add(words, "external_ids:hyfw-mac=\"%s\"", port->mac);
	if (*port->address)
		ovs_words_add(words, "external_ids:hyfw-address=%s", port->address);
	if (*port->gateway)
		ovs_words_add(words, "external_ids:hyfw-gateway=%s", port->gateway);
	if (*port->rate)
		ovs_words_add(words, "external_ids:hyfw-rate=%s", port->rate);
	if (*port->burst)
		ovs_words_add(words, "external_ids:hyfw-burst=%s", port->burst);
	if (port->trunk)
		ovs_words_add(words, "external_ids:hyfw-trunk=yes");
}

/* An empty tag would make it a trunk of all VLANs. */
static void vlan_words(const struct ovs_port_rows *rows, struct ovs_words *words)
{
	const struct ovs_port *port = rows->port;

	if (!*rows->trunks) {
		ovs_words_split(words, "vlan_mode=access");
		ovs_words_add(words, "tag=%s", *port->vlan ? port->vlan : "0");
		return;
	}
	ovs_words_add(words, "vlan_mode=%s", *port->vlan ? "native-untagged" : "trunk");
	if (*port->vlan)
		ovs_words_add(words, "tag=%s", port->vlan);
	ovs_words_add(words, "trunks=%s", rows->trunks);
}

/* Linux HTB counts bits; its burst belongs to a queue. */
static void queue_words(const struct ovs_port_rows *rows, struct ovs_words *words)
{
	if (!*rows->rate_in)
		return;
	ovs_words_split(words, "-- --id=@queue create Queue");
	ovs_words_add(words, "other_config:max-rate=%s000", rows->rate_in);
	if (*rows->burst_in)
		ovs_words_add(words, "other_config:burst=%s000", rows->burst_in);
	ovs_words_mark(words, &rows->label);
	ovs_words_add(words, "external_ids:hyfw-port=%s", rows->port->name);
	ovs_words_split(words, "-- --id=@qos create QoS type=linux-htb");
	ovs_words_add(words, "other_config:max-rate=%s000", rows->rate_in);
	ovs_words_split(words, "queues:0=@queue");
	ovs_words_mark(words, &rows->label);
	ovs_words_add(words, "external_ids:hyfw-port=%s", rows->port->name);
	ovs_words_split(words, "-- set Port");
	ovs_words_add(words, "%s", rows->port->name);
	ovs_words_split(words, "qos=@qos");
}

static void mirror_words(const struct ovs_port_rows *rows, struct ovs_words *words)
{
	static const char *const columns[] = { "select_src_port", "select_dst_port" };
	size_t i;

	if (!*rows->mirror)
		return;
	ovs_words_split(words, "-- --id=@port get Port");
	ovs_words_add(words, "%s", rows->port->name);
	for (i = 0; i < 2; i++) {
		ovs_words_split(words, "-- add Mirror");
		ovs_words_add(words, "%s", rows->mirror);
		ovs_words_add(words, "%s", columns[i]);
		ovs_words_split(words, "@port");
	}
}

void ovs_port_words(const struct ovs_port_rows *rows, struct ovs_words *words)
{
	const struct ovs_port *port = rows->port;

	ovs_words_split(words, "add-port");
	ovs_words_add(words, "%s", port->bridge);
	ovs_words_add(words, "%s", port->name);
	ovs_words_set(words, "Port", port->name, &rows->label);
	if (rows->stamp)
		flow_words(rows, words);
	/* A trunk is for routers and firewalls: it reaches whoever is in its VLANs. */
	ovs_words_add(words, "protected=%s", *rows->trunks ? "false" : "true");
	ovs_words_split(words, "other_config:stp-enable=false other_config:rstp-enable=false");
	vlan_words(rows, words);
	ovs_words_set(words, "Interface", port->name, &rows->label);
	queue_words(rows, words);
	mirror_words(rows, words);
}

int ovs_port_number(struct ovs *ovs, struct hyfw_arena *arena, const char *name, long *ret_number,
		    struct hyfw_error **err)
{
	struct json_object *rows = NULL;
	int r = ovs_rows(ovs, arena, "Interface", "ofport,error", ovs->host->format(arena, "name=%s", name), &rows, err);

	if (r < 0)
		return r;
	*ret_number = ovs_row_count(rows) ? strtol(ovs_cell(rows, 0, 0), NULL, 10) : 0;
	if (*ret_number <= 0)
		r = ovs->host->fail(err, EIO, "port %s: the switch did not take it: %s", name,
				    ovs_row_count(rows) ? ovs_cell(rows, 0, 1) : "its row is gone");
	json_object_put(rows);
	return r;
}

/* QoS and Queue rows stay when nothing refers to them, and cannot go in one
 * transaction with the port that does. */
static int queue_remove(struct ovs *ovs, struct hyfw_arena *arena, const char *name, struct hyfw_error **err)
{
	static const char *const tables[] = { "QoS", "Queue" };
	struct ovs_words words = { .host = ovs->host, .arena = arena };
	struct json_object *rows;
	size_t i, j;
	int r = 0;

	for (i = 0; i < 2 && r >= 0; i++) {
		rows = NULL;
		r = ovs_rows(ovs, arena, tables[i], "_uuid,external_ids",
			     ovs->host->format(arena, "external_ids:hyfw-port=%s", name), &rows, err);
		for (j = 0; r >= 0 && j < ovs_row_count(rows); j++) {
			if (strcmp(ovs_cell_key(rows, j, 1, "hyfw"), ovs->host->owner) != 0)
				continue;
			ovs_words_split(&words, words.count ? "-- --if-exists destroy" : "--if-exists destroy");
			ovs_words_add(&words, "%s", tables[i]);
			ovs_words_add(&words, "%s", ovs_cell(rows, j, 0));
		}
		json_object_put(rows);
	}
	return r < 0 || !words.count ? r : ovs_transact(ovs, &words, false, err);
}

int ovs_port_remove(struct ovs *ovs, struct hyfw_arena *arena, const char *name, bool queues,
		    struct hyfw_error **err)
{
	struct ovs_words words = { .host = ovs->host, .arena = arena };
	struct json_object *rows = NULL;
	bool ours;
	int r = ovs_rows(ovs, arena, "Port", "external_ids", ovs->host->format(arena, "name=%s", name), &rows, err);

	if (r < 0)
		return r;
	ours = ovs_row_count(rows) && strcmp(ovs_cell_key(rows, 0, 0, "hyfw"), ovs->host->owner) == 0;
	json_object_put(rows);
	if (ours) {
		ovs_words_split(&words, "--if-exists del-port");
		ovs_words_add(&words, "%s", name);
		r = ovs_transact_removal(ovs, &words, err);
	}
	return r < 0 || !queues ? r : queue_remove(ovs, arena, name, err);
}
