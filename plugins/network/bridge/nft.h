/* SPDX-License-Identifier: BSD-3-Clause
 * Transactions on the bridge driver's nftables tables; ../common/nft.h puts their
 * commands together. */
#ifndef HYFW_BRIDGE_NFT_H
#define HYFW_BRIDGE_NFT_H

#include "../common/nft.h"
#include "bridge.h"

struct json_object;

/* The name of our tables, one in each family. */
const char *bridge_nft_table(const struct bridge *bridge);

/* Runs 'commands' as one transaction and frees them, also on failure. */
int bridge_nft_run(struct bridge *bridge, struct json_object *commands, struct hyfw_error **err);
/* The same; what is already gone is no failure. */
int bridge_nft_run_removal(struct bridge *bridge, struct json_object *commands, struct hyfw_error **err);

/* The elements of a set: an array to release with json_object_put(), NULL when
 * there are none or no such set.  'kind' is "set" or "map". */
struct json_object *bridge_nft_list(struct bridge *bridge, const char *family, const char *kind, const char *set);

void bridge_nft_close(struct bridge *bridge);

#endif
