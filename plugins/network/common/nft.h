/* SPDX-License-Identifier: BSD-3-Clause
 * Commands of libnftables-json(5) for drivers with nftables tables of their own.
 * 'commands' is always a JSON array that a transaction is put together in; who runs
 * it is the driver's affair. */
#ifndef HYFW_NETWORK_NFT_H
#define HYFW_NETWORK_NFT_H

#include "ports.h"

struct json_object;

/* An element of a set, or of a map. */
struct net_element {
	const char *family, *set;
	const char *key[4];  /* NULL-terminated; two and more are a concatenation */
	const char *data;    /* of a map, else NULL */
	const char *comment; /* NULL for none */
};

/* Adds the commands that make 'element' of 'table' be there, or not.  It is removed by
 * adding it first in the same transaction: that makes removal succeed whether it
 * was there or not, and a map element that leads elsewhere makes it fail and stay. */
void net_nft_put(struct json_object *commands, const char *table, bool present, const struct net_element *element);
/* Adds the removal of an element as it was listed; takes a reference of 'item'. */
void net_nft_delete(struct json_object *commands, const char *table, const char *family, const char *set,
		    struct json_object *item);
/* The elements that lead a port of the host to 'publication'->to (NET_NFT_PUBLISH_...). */
void net_nft_publish(struct json_object *commands, const char *table, bool present, const char *workload,
		     const struct net_publication *publication);

/* Adds objects and rules, written as nft_words.h has them, to a table that is made if
 * it is not there.  Chains that are there lose their rules first. */
void net_nft_add_all(struct json_object *commands, const char *family, const char *table, const char *text);
/* Succeeds also where there is none. */
void net_nft_drop_table(struct json_object *commands, const char *family, const char *table);
/* {VERB: {KIND: BODY}}; takes 'body' over. */
void net_nft_command(struct json_object *commands, const char *verb, const char *kind, struct json_object *body);

#endif
