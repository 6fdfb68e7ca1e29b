/* SPDX-License-Identifier: BSD-3-Clause
 * nftables commands as JSON. */
#include <json-c/json.h>
#include <stdio.h>

#include "nft.h"

#define TEXT(text) json_object_new_string(text)

void net_nft_command(struct json_object *commands, const char *verb, const char *kind, struct json_object *body)
{
	struct json_object *command = json_object_new_object(), *object = json_object_new_object();

	json_object_object_add(object, kind, body);
	json_object_object_add(command, verb, object);
	json_object_array_add(commands, command);
}

/* ---- elements ------------------------------------------------------------- */

/* Takes a NULL-terminated list of strings: one value, or a concatenation. */
static struct json_object *element_value(const char *const *parts)
{
	struct json_object *object, *list;

	if (!parts[1])
		return TEXT(parts[0]);
	object = json_object_new_object();
	list = json_object_new_array();
	for (; *parts; parts++)
		json_object_array_add(list, TEXT(*parts));
	json_object_object_add(object, "concat", list);
	return object;
}

/* An element as a command names it: {"elem": {...}}, or [{"elem": {...}}, DATA]. */
static struct json_object *element_item(const struct net_element *element)
{
	struct json_object *item = json_object_new_object(), *inner = json_object_new_object(), *pair;

	json_object_object_add(inner, "val", element_value(element->key));
	if (element->comment)
		json_object_object_add(inner, "comment", TEXT(element->comment));
	json_object_object_add(item, "elem", inner);
	if (!element->data)
		return item;
	pair = json_object_new_array();
	json_object_array_add(pair, item);
	json_object_array_add(pair, TEXT(element->data));
	return pair;
}

/* Takes 'item' over. */
static void element_command(struct json_object *commands, const char *verb, const char *table, const char *family,
			    const char *set, struct json_object *item)
{
	struct json_object *body = json_object_new_object(), *list = json_object_new_array();

	json_object_array_add(list, item);
	json_object_object_add(body, "family", TEXT(family));
	json_object_object_add(body, "table", TEXT(table));
	json_object_object_add(body, "name", TEXT(set));
	json_object_object_add(body, "elem", list);
	net_nft_command(commands, verb, "element", body);
}

void net_nft_put(struct json_object *commands, const char *table, bool present, const struct net_element *element)
{
	element_command(commands, "add", table, element->family, element->set, element_item(element));
	if (!present)
		element_command(commands, "delete", table, element->family, element->set, element_item(element));
}

void net_nft_delete(struct json_object *commands, const char *table, const char *family, const char *set,
		    struct json_object *item)
{
	element_command(commands, "delete", table, family, set, json_object_get(item));
}

void net_nft_publish(struct json_object *commands, const char *table, bool present, const char *workload,
		     const struct net_publication *p)
{
	char port[8], to_port[8];
	struct net_element element = { .family = "inet", .comment = workload };
	size_t n = 0;

	snprintf(port, sizeof(port), "%u", p->port & 0xffff);
	snprintf(to_port, sizeof(to_port), "%u", p->to_port & 0xffff);
	if (*p->address)
		element.key[n++] = p->address;
	element.key[n++] = p->protocol;
	element.key[n++] = port;
	element.set = *p->address ? "published_at_address" : "published_address";
	element.data = p->to;
	net_nft_put(commands, table, present, &element);
	element.set = *p->address ? "published_at_port" : "published_port";
	element.data = to_port;
	net_nft_put(commands, table, present, &element);
}

/* ---- tables --------------------------------------------------------------- */

static void table_command(struct json_object *commands, const char *verb, const char *family, const char *table)
{
	struct json_object *body = json_object_new_object();

	json_object_object_add(body, "family", TEXT(family));
	json_object_object_add(body, "name", TEXT(table));
	net_nft_command(commands, verb, "table", body);
}

void net_nft_drop_table(struct json_object *commands, const char *family, const char *table)
{
	table_command(commands, "add", family, table);
	table_command(commands, "delete", family, table);
}

/* Empties the chain that 'body' describes, so that its rules can be added again
 * without doubling them. */
static void chain_flush(struct json_object *commands, struct json_object *body)
{
	static const char *const keys[] = { "family", "table", "name" };
	struct json_object *chain = json_object_new_object();
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		json_object_object_add(chain, keys[i], json_object_get(json_object_object_get(body, keys[i])));
	net_nft_command(commands, "flush", "chain", chain);
}

void net_nft_add_all(struct json_object *commands, const char *family, const char *table, const char *text)
{
	struct json_object *list = json_tokener_parse(text);
	size_t i;

	table_command(commands, "add", family, table);
	for (i = 0; list && i < json_object_array_length(list); i++) {
		json_object_object_foreach(json_object_array_get_idx(list, i), kind, body) {
			json_object_object_add(body, "family", TEXT(family));
			json_object_object_add(body, "table", TEXT(table));
			net_nft_command(commands, "add", kind, json_object_get(body));
			if (strcmp(kind, "chain") == 0)
				chain_flush(commands, body);
		}
	}
	json_object_put(list);
}
