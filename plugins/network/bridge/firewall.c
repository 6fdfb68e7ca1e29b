/* SPDX-License-Identifier: BSD-3-Clause
 * Changes of our nftables tables through libnftables' JSON interface; every
 * function is one transaction.  Elements are removed by adding them first in the
 * same transaction: that makes removal succeed whether they were there or not,
 * and a map element that leads elsewhere makes it fail and stay. */
#include <errno.h>
#include <json-c/json.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <unistd.h>

#include "bridge.h"

#define TEXT(text) json_object_new_string(text)

static const char *firewall_table(const struct bridge *bridge)
{
	return bridge->host->owner;
}

void bridge_firewall_close(struct bridge *bridge)
{
	if (bridge->nft)
		nft_ctx_free(bridge->nft);
	bridge->nft = NULL;
}

static int firewall_open(struct bridge *bridge, struct hyfw_error **err)
{
	if (bridge->nft && bridge->nft_owner != getpid())
		bridge_firewall_close(bridge);
	if (bridge->nft)
		return 0;
	bridge->nft = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!bridge->nft)
		return bridge->host->fail(err, ENOMEM, "firewall: cannot open libnftables");
	bridge->nft_owner = getpid();
	nft_ctx_buffer_output(bridge->nft);
	nft_ctx_buffer_error(bridge->nft);
	nft_ctx_output_set_flags(bridge->nft, NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_NUMERIC_PRIO);
	return 0;
}

/* libnftables has no error numbers, only sentences (of strerror() for those of
 * the kernel, in the C locale as hyfw never calls setlocale()). */
static int firewall_errno(const char *message)
{
	static const int known[] = { ENOENT, EEXIST, EPERM, EBUSY, EINTR, EOPNOTSUPP, ENOMEM, EAFNOSUPPORT };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strstr(message, strerrordesc_np(known[i])))
			return known[i];
	return EIO;
}

/* Runs and frees 'commands'. */
static int firewall_run(struct bridge *bridge, struct json_object *commands, struct hyfw_error **err)
{
	struct json_object *batch = json_object_new_object();
	const char *message;
	int r;

	json_object_object_add(batch, "nftables", commands);
	r = firewall_open(bridge, err);
	if (r >= 0 && nft_run_cmd_from_buffer(bridge->nft, json_object_to_json_string(batch)) != 0) {
		message = nft_ctx_get_error_buffer(bridge->nft);
		r = bridge->host->fail(err, firewall_errno(message), "firewall: table %s: %.*s",
				       firewall_table(bridge), (int)strcspn(message, "\n"), message);
	}
	json_object_put(batch);
	return r;
}

/* As firewall_run; what is already gone is no failure. */
static int firewall_run_removal(struct bridge *bridge, struct json_object *commands, struct hyfw_error **err)
{
	int r = firewall_run(bridge, commands, err);

	if (r == -ENOENT || r == -EEXIST) {
		bridge->host->forget(err);
		r = 0;
	}
	return r;
}

/* Takes a NULL-terminated list of strings: one value, or a concatenation. */
static struct json_object *firewall_value(const char *const *parts)
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

struct element {
	const char *family, *set;
	const char *key[4];  /* NULL-terminated */
	const char *data;    /* of a map, else NULL */
	const char *comment; /* NULL for none */
};

static void firewall_command(struct bridge *bridge, struct json_object *commands, const char *verb,
			     const struct element *element)
{
	struct json_object *command = json_object_new_object(), *object = json_object_new_object(),
			   *body = json_object_new_object(), *list = json_object_new_array(),
			   *item = json_object_new_object(), *inner = json_object_new_object();

	json_object_object_add(inner, "val", firewall_value(element->key));
	if (element->comment)
		json_object_object_add(inner, "comment", TEXT(element->comment));
	json_object_object_add(item, "elem", inner);
	if (element->data) {
		struct json_object *pair = json_object_new_array();

		json_object_array_add(pair, item);
		json_object_array_add(pair, TEXT(element->data));
		item = pair;
	}
	json_object_array_add(list, item);
	json_object_object_add(body, "family", TEXT(element->family));
	json_object_object_add(body, "table", TEXT(firewall_table(bridge)));
	json_object_object_add(body, "name", TEXT(element->set));
	json_object_object_add(body, "elem", list);
	json_object_object_add(object, "element", body);
	json_object_object_add(command, verb, object);
	json_object_array_add(commands, command);
}

static void firewall_put(struct bridge *bridge, struct json_object *commands, bool present,
			 const struct element *element)
{
	firewall_command(bridge, commands, "add", element);
	if (!present)
		firewall_command(bridge, commands, "delete", element);
}

/* ---- networks ------------------------------------------------------------- */

int bridge_firewall_network(struct bridge *bridge, const char *interface, const char *network, bool internal,
			    struct hyfw_error **err)
{
	struct json_object *commands = bridge_firewall_rules(firewall_table(bridge));

	firewall_put(bridge, commands, true,
		     &(struct element){ "inet", "bridges", { interface }, .comment = network });
	firewall_put(bridge, commands, !internal,
		     &(struct element){ "inet", "uplinked", { interface }, .comment = network });
	return firewall_run(bridge, commands, err);
}

/* The elements of a set: an array to release with json_object_put(), NULL when
 * there are none or no such set. */
static struct json_object *firewall_list(struct bridge *bridge, const char *family, const char *kind,
					 const char *set)
{
	struct json_object *commands = json_object_new_array(), *command = json_object_new_object(),
			   *object = json_object_new_object(), *body = json_object_new_object(), *root, *list;
	struct json_object *found = NULL;
	struct hyfw_error *err = NULL;
	size_t i;

	json_object_object_add(body, "family", TEXT(family));
	json_object_object_add(body, "table", TEXT(firewall_table(bridge)));
	json_object_object_add(body, "name", TEXT(set));
	json_object_object_add(object, kind, body);
	json_object_object_add(command, "list", object);
	json_object_array_add(commands, command);
	if (firewall_run(bridge, commands, &err) < 0) {
		bridge->host->forget(&err);
		return NULL;
	}
	root = json_tokener_parse(nft_ctx_get_output_buffer(bridge->nft));
	list = json_object_object_get(root, "nftables");
	for (i = 0; list && i < json_object_array_length(list); i++) {
		object = json_object_object_get(json_object_array_get_idx(list, i), kind);
		if (object && json_object_object_get_ex(object, "elem", &found))
			json_object_get(found);
	}
	json_object_put(root);
	return found;
}

static void firewall_drop_table(struct bridge *bridge, struct json_object *commands, const char *family)
{
	static const char *const verbs[] = { "add", "delete" };
	size_t i;

	for (i = 0; i < 2; i++) {
		struct json_object *command = json_object_new_object(), *object = json_object_new_object(),
				   *body = json_object_new_object();

		json_object_object_add(body, "family", TEXT(family));
		json_object_object_add(body, "name", TEXT(firewall_table(bridge)));
		json_object_object_add(object, "table", body);
		json_object_object_add(command, verbs[i], object);
		json_object_array_add(commands, command);
	}
}

int bridge_firewall_network_gone(struct bridge *bridge, const char *interface, struct hyfw_error **err)
{
	struct json_object *commands = json_object_new_array(), *left;
	int r;

	firewall_put(bridge, commands, false, &(struct element){ "inet", "bridges", { interface } });
	firewall_put(bridge, commands, false, &(struct element){ "inet", "uplinked", { interface } });
	r = firewall_run_removal(bridge, commands, err);
	if (r < 0)
		return r;
	left = firewall_list(bridge, "inet", "set", "bridges");
	if (left) {
		json_object_put(left);
		return 0;
	}
	commands = json_object_new_array();
	firewall_drop_table(bridge, commands, "inet");
	firewall_drop_table(bridge, commands, "bridge");
	return firewall_run_removal(bridge, commands, err);
}

/* ---- endpoints ------------------------------------------------------------ */

static void firewall_put_admission(struct bridge *bridge, struct json_object *commands, bool present,
				   const struct bridge_admission *a)
{
	const struct element elements[] = {
		{ "bridge", "endpoints", { a->interface, a->mac, a->address }, .comment = a->workload },
		{ "bridge", "ports", { a->interface }, .comment = a->workload },
		{ "inet", "selves", { a->address, a->address }, .comment = a->workload },
		{ "inet", "links", { a->address, a->address }, .comment = a->workload },
	};
	size_t i;

	for (i = 0; i < sizeof(elements) / sizeof(elements[0]); i++)
		firewall_put(bridge, commands, present, &elements[i]);
}

int bridge_firewall_admit(struct bridge *bridge, const struct bridge_admission *admission,
			  struct hyfw_error **err)
{
	struct json_object *commands = json_object_new_array();

	firewall_put_admission(bridge, commands, true, admission);
	return firewall_run(bridge, commands, err);
}

/* {"elem": {"val": {"concat": [FROM, TO]}, "comment": ...}}, or without "elem"
 * when there is no comment. */
static struct json_object *firewall_concat(struct json_object *element)
{
	struct json_object *inner = json_object_object_get(element, "elem"),
			   *value = inner ? json_object_object_get(inner, "val") : element;

	return json_object_object_get(value, "concat");
}

static void firewall_put_unlink(struct bridge *bridge, struct json_object *commands, const char *address)
{
	struct json_object *links = firewall_list(bridge, "inet", "set", "links");
	size_t i;

	for (i = 0; links && i < json_object_array_length(links); i++) {
		struct json_object *pair = firewall_concat(json_object_array_get_idx(links, i));
		const char *from = json_object_get_string(json_object_array_get_idx(pair, 0)),
			   *to = json_object_get_string(json_object_array_get_idx(pair, 1));

		if (from && to && (strcmp(from, address) == 0 || strcmp(to, address) == 0))
			firewall_put(bridge, commands, false, &(struct element){ "inet", "links", { from, to } });
	}
	json_object_put(links);
}

int bridge_firewall_expel(struct bridge *bridge, const struct bridge_admission *admission,
			  struct hyfw_error **err)
{
	struct json_object *commands = json_object_new_array();

	firewall_put_admission(bridge, commands, false, admission);
	firewall_put_unlink(bridge, commands, admission->address);
	return firewall_run_removal(bridge, commands, err);
}

int bridge_firewall_link(struct bridge *bridge, const char *from, const char *to, const char *comment,
			 bool permit, struct hyfw_error **err)
{
	struct json_object *commands = json_object_new_array();
	const struct element element = { "inet", "links", { from, to }, .comment = comment };

	firewall_put(bridge, commands, permit, &element);
	return permit ? firewall_run(bridge, commands, err) : firewall_run_removal(bridge, commands, err);
}

/* ---- published ports ------------------------------------------------------ */

static void firewall_put_publication(struct bridge *bridge, struct json_object *commands, bool present,
				     const char *workload, const struct bridge_publication *p)
{
	char port[8], to_port[8];
	struct element element = { .family = "inet", .comment = workload };
	size_t n = 0;

	snprintf(port, sizeof(port), "%u", p->port & 0xffff);
	snprintf(to_port, sizeof(to_port), "%u", p->to_port & 0xffff);
	if (*p->address)
		element.key[n++] = p->address;
	element.key[n++] = p->protocol;
	element.key[n++] = port;
	element.set = *p->address ? "published_at_address" : "published_address";
	element.data = p->to;
	firewall_put(bridge, commands, present, &element);
	element.set = *p->address ? "published_at_port" : "published_port";
	element.data = to_port;
	firewall_put(bridge, commands, present, &element);
}

int bridge_firewall_publish(struct bridge *bridge, const char *workload, const struct bridge_publication *list,
			    size_t count, struct hyfw_error **err)
{
	struct json_object *commands = json_object_new_array();
	size_t i;

	for (i = 0; i < count; i++)
		firewall_put_publication(bridge, commands, true, workload, &list[i]);
	return firewall_run(bridge, commands, err);
}

int bridge_firewall_unpublish(struct bridge *bridge, const char *workload,
			      const struct bridge_publication *list, size_t count, struct hyfw_error **err)
{
	struct json_object *commands = json_object_new_array();
	size_t i;

	for (i = 0; i < count; i++)
		firewall_put_publication(bridge, commands, false, workload, &list[i]);
	return firewall_run_removal(bridge, commands, err);
}

/* ---- orphans -------------------------------------------------------------- */

/* The comment of an element is the name of its workload or network. */
static bool firewall_is_alive(struct json_object *element, const char *const *alive)
{
	struct json_object *inner;
	const char *comment;

	if (json_object_is_type(element, json_type_array))
		element = json_object_array_get_idx(element, 0);
	inner = json_object_object_get(element, "elem");
	comment = inner ? json_object_get_string(json_object_object_get(inner, "comment")) : NULL;
	for (; comment && alive && *alive; alive++)
		if (strcmp(*alive, comment) == 0)
			return true;
	return !comment;
}

static void firewall_collect(struct bridge *bridge, struct json_object *commands, const char *family,
			     const char *kind, const char *set, const char *const *alive)
{
	struct json_object *elements = firewall_list(bridge, family, kind, set);
	size_t i;

	for (i = 0; elements && i < json_object_array_length(elements); i++) {
		struct json_object *element = json_object_array_get_idx(elements, i),
				   *command = json_object_new_object(), *object = json_object_new_object(),
				   *body = json_object_new_object(), *list = json_object_new_array();

		if (firewall_is_alive(element, alive)) {
			json_object_put(command);
			json_object_put(object);
			json_object_put(body);
			json_object_put(list);
			continue;
		}
		json_object_array_add(list, json_object_get(element));
		json_object_object_add(body, "family", TEXT(family));
		json_object_object_add(body, "table", TEXT(firewall_table(bridge)));
		json_object_object_add(body, "name", TEXT(set));
		json_object_object_add(body, "elem", list);
		json_object_object_add(object, "element", body);
		json_object_object_add(command, "delete", object);
		json_object_array_add(commands, command);
	}
	json_object_put(elements);
}

int bridge_firewall_gc(struct bridge *bridge, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	static const char *const sets[][3] = {
		{ "bridge", "set", "endpoints" },         { "bridge", "set", "ports" },
		{ "inet", "set", "links" },               { "inet", "set", "selves" },
		{ "inet", "map", "published_address" },   { "inet", "map", "published_port" },
		{ "inet", "map", "published_at_address" }, { "inet", "map", "published_at_port" },
	};
	struct json_object *commands = json_object_new_array();
	size_t i;

	if (!alive->networks || !alive->networks[0]) {
		firewall_drop_table(bridge, commands, "inet");
		firewall_drop_table(bridge, commands, "bridge");
		return firewall_run_removal(bridge, commands, err);
	}
	for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		firewall_collect(bridge, commands, sets[i][0], sets[i][1], sets[i][2], alive->running);
	firewall_collect(bridge, commands, "inet", "set", "uplinked", alive->networks);
	firewall_collect(bridge, commands, "inet", "set", "bridges", alive->networks);
	if (json_object_array_length(commands) > 0)
		return firewall_run_removal(bridge, commands, err);
	json_object_put(commands);
	return 0;
}
