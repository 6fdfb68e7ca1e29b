/* SPDX-License-Identifier: BSD-3-Clause
 * Our nftables tables through libnftables: the context, one transaction at a time. */
#include <errno.h>
#include <json-c/json.h>
#include <nftables/libnftables.h>
#include <unistd.h>

#include "nft.h"

#define TEXT(text) json_object_new_string(text)

const char *bridge_nft_table(const struct bridge *bridge)
{
	return bridge->host->owner;
}

void bridge_nft_close(struct bridge *bridge)
{
	if (bridge->nft)
		nft_ctx_free(bridge->nft);
	bridge->nft = NULL;
}

static int nft_open(struct bridge *bridge, struct hyfw_error **err)
{
	if (bridge->nft && bridge->nft_owner != getpid())
		bridge_nft_close(bridge);
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
static int nft_errno(const char *message)
{
	static const int known[] = { ENOENT, EEXIST, EPERM, EBUSY, EINTR, EOPNOTSUPP, ENOMEM, EAFNOSUPPORT };
	size_t i;

	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strstr(message, strerrordesc_np(known[i])))
			return known[i];
	return EIO;
}

int bridge_nft_run(struct bridge *bridge, struct json_object *commands, struct hyfw_error **err)
{
	struct json_object *batch = json_object_new_object();
	const char *message;
	int r;

	json_object_object_add(batch, "nftables", commands);
	r = nft_open(bridge, err);
	if (r >= 0 && nft_run_cmd_from_buffer(bridge->nft, json_object_to_json_string(batch)) != 0) {
		message = nft_ctx_get_error_buffer(bridge->nft);
		r = bridge->host->fail(err, nft_errno(message), "firewall: table %s: %.*s",
				       bridge_nft_table(bridge), (int)strcspn(message, "\n"), message);
	}
	json_object_put(batch);
	return r;
}

int bridge_nft_run_removal(struct bridge *bridge, struct json_object *commands, struct hyfw_error **err)
{
	int r = bridge_nft_run(bridge, commands, err);

	if (r == -ENOENT || r == -EEXIST) {
		bridge->host->forget(err);
		r = 0;
	}
	return r;
}

struct json_object *bridge_nft_list(struct bridge *bridge, const char *family, const char *kind, const char *set)
{
	struct json_object *commands = json_object_new_array(), *body = json_object_new_object(), *root, *list,
			   *object, *found = NULL;
	struct hyfw_error *err = NULL;
	size_t i;

	json_object_object_add(body, "family", TEXT(family));
	json_object_object_add(body, "table", TEXT(bridge_nft_table(bridge)));
	json_object_object_add(body, "name", TEXT(set));
	net_nft_command(commands, "list", kind, body);
	if (bridge_nft_run(bridge, commands, &err) < 0) {
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
