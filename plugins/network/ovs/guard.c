/* SPDX-License-Identifier: BSD-3-Clause
 * Guards: an nftables table for each port of datapath netdev that drops what the
 * kernel itself would take from it.  The switch hears frames before that (packet
 * sockets are served first, __netif_receive_skb_core() in net/core/dev.c). */
#include <json-c/json.h>

#include "../common/nft.h"
#include "ovs.h"

#define TEXT(text) json_object_new_string(text)

int ovs_guard(struct ovs *ovs, struct hyfw_arena *arena, const char *interface, struct hyfw_error **err)
{
	const char *table = ovs_nft_table(ovs, arena, interface);
	struct json_object *commands = json_object_new_array(), *chain = json_object_new_object();
	int r;

	net_nft_drop_table(commands, "netdev", table);
	net_nft_add_all(commands, "netdev", table, "[]");
	json_object_object_add(chain, "family", TEXT("netdev"));
	json_object_object_add(chain, "table", TEXT(table));
	json_object_object_add(chain, "name", TEXT("ingress"));
	json_object_object_add(chain, "type", TEXT("filter"));
	json_object_object_add(chain, "hook", TEXT("ingress"));
	json_object_object_add(chain, "dev", TEXT(interface));
	json_object_object_add(chain, "prio", json_object_new_int(0));
	json_object_object_add(chain, "policy", TEXT("drop"));
	net_nft_command(commands, "add", "chain", chain);
	r = ovs_nft_run(ovs, arena, commands, NULL, err);
	return r < 0 ? ovs->host->wrap(err, "keeping the host off interface %s", interface) : 0;
}

int ovs_guard_remove(struct ovs *ovs, struct hyfw_arena *arena, const char *interface, struct hyfw_error **err)
{
	return ovs_nft_drop(ovs, arena, "netdev", ovs_nft_table(ovs, arena, interface), err);
}
