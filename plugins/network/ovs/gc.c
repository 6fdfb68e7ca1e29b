/* SPDX-License-Identifier: BSD-3-Clause
 * Orphans: ports and bridges whose rows carry our mark, and interfaces with our
 * alias, of workloads and networks that no longer exist. */
#include <json-c/json.h>
#include <stdio.h>

#include "ovs.h"

struct sweep {
	struct ovs *ovs;
	struct hyfw_arena *arena;
	const struct hyfw_alive *alive;
	int failed;
};

static bool is_alive(const char *const *names, const char *name, size_t length)
{
	for (; names && *names; names++)
		if (strlen(*names) == length && strncmp(*names, name, length) == 0)
			return true;
	return false;
}

/* Removes the rows of 'table' whose 'key' names nothing in 'names'. */
static int sweep_rows(struct sweep *sweep, const char *table, const char *key, const char *verb,
		      const char *const *names, struct hyfw_error **err)
{
	const struct hyfw_host *host = sweep->ovs->host;
	struct json_object *rows = NULL;
	size_t i;
	int r = ovs_rows(sweep->ovs, sweep->arena, table, "name,external_ids",
			 host->format(sweep->arena, "external_ids:hyfw=%s", host->owner), &rows, err);

	if (r < 0)
		return r;
	for (i = 0; i < ovs_row_count(rows) && r >= 0; i++) {
		struct ovs_words words = { .host = host, .arena = sweep->arena };
		const char *name = ovs_cell(rows, i, 0), *of = ovs_cell_key(rows, i, 1, key);

		if (!*of || is_alive(names, of, strlen(of)))
			continue;
		host->log(HYFW_LOG_INFO, "network ovs: removing orphaned %s %s", table, name);
		ovs_words_add(&words, "--if-exists");
		ovs_words_add(&words, "%s", verb);
		ovs_words_add(&words, "%s", name);
		r = ovs_transact_removal(sweep->ovs, &words, err);
	}
	json_object_put(rows);
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

	if (!address || is_alive(sweep->alive->running, workload, (size_t)(address - workload)))
		return;
	if (net_link_delete(&sweep->ovs->route, name, index, &err) < 0)
		sweep->failed++;
	host->forget(&err);
	if (net_address_parse(address + 1, &number))
		net_address_drop(host, sweep->arena,
				 host->format(sweep->arena, "%.*s", (int)(workload - 1 - network), network),
				 host->format(sweep->arena, "%.*s", (int)(address - workload), workload), number);
}

static int sweep_all(struct sweep *sweep, struct hyfw_error **err)
{
	const struct hyfw_host *host = sweep->ovs->host;
	int r = 0;

	if (ovs_check_switch(sweep->ovs, err) < 0) {
		host->log(HYFW_LOG_DEBUG, "network ovs: rows are left for later, as Open vSwitch does not run");
		host->forget(err);
	} else {
		r = sweep_rows(sweep, "Port", "hyfw-workload", "del-port", sweep->alive->running, err);
		if (r >= 0)
			r = sweep_rows(sweep, "Bridge", "hyfw-network", "del-br", sweep->alive->networks, err);
	}
	if (r >= 0)
		r = net_link_each(&sweep->ovs->route, host->format(sweep->arena, "%s:ovs:", host->owner), sweep_interface, sweep,
				  err);
	return r >= 0 && sweep->failed ? host->fail(err, 5, "%d orphaned interfaces are still there", sweep->failed) : r;
}

int ovs_gc(void *instance, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	struct sweep sweep = { .ovs = instance, .alive = alive };
	int r;

	sweep.arena = sweep.ovs->host->arena_new();
	r = sweep_all(&sweep, err);
	sweep.ovs->host->arena_free(sweep.arena);
	return r;
}
