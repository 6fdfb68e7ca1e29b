/* SPDX-License-Identifier: BSD-3-Clause
 * The bridge driver's nftables tables, as commands of libnftables' JSON
 * interface.  'commands' is always a JSON array that a transaction is put
 * together in; it belongs to the caller until one of the run functions takes it. */
#ifndef HYFW_BRIDGE_NFT_H
#define HYFW_BRIDGE_NFT_H

#include "bridge.h"

struct json_object;

/* An element of a set, or of a map. */
struct bridge_element {
	const char *family, *set;
	const char *key[4];  /* NULL-terminated; two and more are a concatenation */
	const char *data;    /* of a map, else NULL */
	const char *comment; /* NULL for none */
};

/* The name of our tables, one in each family. */
const char *bridge_nft_table(const struct bridge *bridge);

/* Adds the commands that make 'element' be there, or not.  It is removed by
 * adding it first in the same transaction: that makes removal succeed whether it
 * was there or not, and a map element that leads elsewhere makes it fail and stay. */
void bridge_nft_put(struct bridge *bridge, struct json_object *commands, bool present,
		    const struct bridge_element *element);
/* Adds the removal of what bridge_nft_list() returned; takes a reference of 'item'. */
void bridge_nft_delete(struct bridge *bridge, struct json_object *commands, const char *family, const char *set,
		       struct json_object *item);
void bridge_nft_drop_table(struct bridge *bridge, struct json_object *commands, const char *family);

/* Runs 'commands' as one transaction and frees them, also on failure. */
int bridge_nft_run(struct bridge *bridge, struct json_object *commands, struct hyfw_error **err);
/* The same; what is already gone is no failure. */
int bridge_nft_run_removal(struct bridge *bridge, struct json_object *commands, struct hyfw_error **err);

/* The elements of a set: an array to release with json_object_put(), NULL when
 * there are none or no such set.  'kind' is "set" or "map". */
struct json_object *bridge_nft_list(struct bridge *bridge, const char *family, const char *kind, const char *set);

void bridge_nft_close(struct bridge *bridge);

#endif
