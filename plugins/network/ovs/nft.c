/* SPDX-License-Identifier: BSD-3-Clause
 * Tables of nftables that belong to one interface and are called after it, run by
 * nft(8): only datapath netdev and published ports need them, so the driver does not
 * load libnftables. */
#include <json-c/json.h>

#include "../common/nft.h"
#include "ovs.h"

static const char *nft_prefix(struct ovs *ovs, struct hyfw_arena *arena)
{
	return ovs->host->format(arena, "%s-ovs-", ovs->host->owner);
}

const char *ovs_nft_table(struct ovs *ovs, struct hyfw_arena *arena, const char *interface)
{
	return ovs->host->format(arena, "%s%s", nft_prefix(ovs, arena), interface);
}

int ovs_nft_run(struct ovs *ovs, struct hyfw_arena *arena, struct json_object *commands, char **ret_output,
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

int ovs_nft_drop(struct ovs *ovs, struct hyfw_arena *arena, const char *family, const char *table,
		 struct hyfw_error **err)
{
	struct json_object *commands = json_object_new_array();

	net_nft_drop_table(commands, family, table);
	return ovs_nft_run(ovs, arena, commands, NULL, err);
}

int ovs_nft_gc(struct ovs *ovs, struct hyfw_arena *arena, struct hyfw_error **err)
{
	const char *prefix = nft_prefix(ovs, arena), *name;
	struct json_object *commands = json_object_new_array(), *root, *list, *table;
	char *output = NULL;
	size_t i;
	int r;

	net_nft_command(commands, "list", "tables", json_object_new_object());
	r = ovs_nft_run(ovs, arena, commands, &output, err);
	if (r < 0) { /* no nft, no tables */
		ovs->host->forget(err);
		return 0;
	}
	root = json_tokener_parse(output);
	list = json_object_object_get(root, "nftables");
	for (i = 0; r >= 0 && json_object_is_type(list, json_type_array) && i < json_object_array_length(list); i++) {
		table = json_object_object_get(json_object_array_get_idx(list, i), "table");
		name = json_object_get_string(json_object_object_get(table, "name"));
		if (name && strncmp(name, prefix, strlen(prefix)) == 0 && !if_nametoindex(name + strlen(prefix)))
			r = ovs_nft_drop(ovs, arena, json_object_get_string(json_object_object_get(table, "family")), name, err);
	}
	json_object_put(root);
	return r;
}
