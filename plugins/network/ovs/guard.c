/* SPDX-License-Identifier: BSD-3-Clause
 * Guards: an nftables table for each port of datapath netdev that drops what the
 * kernel itself would take from it.  The switch hears frames before that (packet
 * sockets are served first, __netif_receive_skb_core() in net/core/dev.c). */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>

#include "ovs.h"

#define TEXT(text) json_object_new_string(text)

static const char *guard_prefix(struct ovs *ovs, struct hyfw_arena *arena)
{
	return ovs->host->format(arena, "%s-ovs-", ovs->host->owner);
}

static int guard_run(struct ovs *ovs, struct hyfw_arena *arena, struct json_object *commands, char **ret_output,
		     struct hyfw_error **err)
{
	static const char *const argv[] = { "nft", "-j", "-f", "-", NULL };
	struct json_object *batch = json_object_new_object();
	struct hyfw_program program = { .size = sizeof(program), .argv = argv, .timeout_ms = 10000 };
	int r;

	json_object_object_add(batch, "nftables", commands);
	program.input = json_object_to_json_string(batch);
	r = ovs->host->run(arena, &program, ret_output, err);
	json_object_put(batch);
	return r;
}

static void guard_command(struct json_object *commands, const char *verb, const char *kind, struct json_object *body)
{
	struct json_object *command = json_object_new_object(), *object = json_object_new_object();

	json_object_object_add(body, "family", TEXT("netdev"));
	json_object_object_add(object, kind, body);
	json_object_object_add(command, verb, object);
	json_object_array_add(commands, command);
}

static void guard_table(struct json_object *commands, const char *verb, const char *table)
{
	struct json_object *body = json_object_new_object();

	json_object_object_add(body, "name", TEXT(table));
	guard_command(commands, verb, "table", body);
}

int ovs_guard(struct ovs *ovs, struct hyfw_arena *arena, const char *interface, struct hyfw_error **err)
{
	const char *table = ovs->host->format(arena, "%s%s", guard_prefix(ovs, arena), interface);
	struct json_object *commands = json_object_new_array(), *chain = json_object_new_object();
	int r;

	guard_table(commands, "add", table);
	guard_table(commands, "delete", table);
	guard_table(commands, "add", table);
	json_object_object_add(chain, "table", TEXT(table));
	json_object_object_add(chain, "name", TEXT("ingress"));
	json_object_object_add(chain, "type", TEXT("filter"));
	json_object_object_add(chain, "hook", TEXT("ingress"));
	json_object_object_add(chain, "dev", TEXT(interface));
	json_object_object_add(chain, "prio", json_object_new_int(0));
	json_object_object_add(chain, "policy", TEXT("drop"));
	guard_command(commands, "add", "chain", chain);
	r = guard_run(ovs, arena, commands, NULL, err);
	return r < 0 ? ovs->host->wrap(err, "keeping the host off interface %s", interface) : 0;
}

static int guard_drop(struct ovs *ovs, struct hyfw_arena *arena, const char *table, struct hyfw_error **err)
{
	struct json_object *commands = json_object_new_array();

	guard_table(commands, "add", table); /* so that one that is gone is no failure */
	guard_table(commands, "delete", table);
	return guard_run(ovs, arena, commands, NULL, err);
}

int ovs_guard_remove(struct ovs *ovs, struct hyfw_arena *arena, const char *interface, struct hyfw_error **err)
{
	return guard_drop(ovs, arena, ovs->host->format(arena, "%s%s", guard_prefix(ovs, arena), interface), err);
}

int ovs_guard_gc(struct ovs *ovs, struct hyfw_arena *arena, struct hyfw_error **err)
{
	const char *prefix = guard_prefix(ovs, arena), *name;
	struct json_object *commands = json_object_new_array(), *root, *list, *table;
	char *output = NULL;
	size_t i;
	int r;

	guard_command(commands, "list", "tables", json_object_new_object());
	r = guard_run(ovs, arena, commands, &output, err);
	if (r < 0) { /* no nft, no guards */
		ovs->host->forget(err);
		return 0;
	}
	root = json_tokener_parse(output);
	list = json_object_object_get(root, "nftables");
	for (i = 0; r >= 0 && json_object_is_type(list, json_type_array) && i < json_object_array_length(list); i++) {
		table = json_object_object_get(json_object_array_get_idx(list, i), "table");
		name = json_object_get_string(json_object_object_get(table, "name"));
		if (name && strncmp(name, prefix, strlen(prefix)) == 0 && !if_nametoindex(name + strlen(prefix)))
			r = guard_drop(ovs, arena, name, err);
	}
	json_object_put(root);
	return r;
}
