/* SPDX-License-Identifier: BSD-3-Clause
 * The conditional rules of the policy in force: which of its booleans would permit what
 * was refused.  libsepol reads the policy.  It is opened here and not linked, as the start
 * of a workload is not to pay for it, and a host without it only has one hint less. */
#include <sepol/policydb.h>
#include <sepol/policydb/conditional.h>
#include <sepol/policydb/policydb.h>

/* The header has a member of this name, from before <stdbool.h>. */
static inline uint32_t number_of(const cond_expr_t *expression)
{
	return expression->bool;
}

#include "why.h"

#include <dlfcn.h>
#include <selinux/selinux.h>
#include <stdlib.h>

#define LIBRARY "libsepol.so.2"
#define STACK_MOST 10 /* COND_EXPR_MAXDEPTH */

struct sepol {
	void *library;
	int (*policydb_create)(sepol_policydb_t **policy);
	void (*policydb_free)(sepol_policydb_t *policy);
	int (*policydb_read)(sepol_policydb_t *policy, sepol_policy_file_t *file);
	int (*file_create)(sepol_policy_file_t **file);
	void (*file_set_fp)(sepol_policy_file_t *file, FILE *stream);
	void (*file_free)(sepol_policy_file_t *file);
};

static bool sepol_open(struct sepol *sepol)
{
	const struct {
		const char *name;
		void *to;
	} wanted[] = {
		{ "sepol_policydb_create", &sepol->policydb_create }, { "sepol_policydb_free", &sepol->policydb_free },
		{ "sepol_policydb_read", &sepol->policydb_read },     { "sepol_policy_file_create", &sepol->file_create },
		{ "sepol_policy_file_set_fp", &sepol->file_set_fp },  { "sepol_policy_file_free", &sepol->file_free },
	};
	size_t i;

	sepol->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	for (i = 0; sepol->library && i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		void *symbol = dlsym(sepol->library, wanted[i].name);

		memcpy(wanted[i].to, &symbol, sizeof(symbol));
		if (!symbol) {
			dlclose(sepol->library);
			sepol->library = NULL;
		}
	}
	return sepol->library != NULL;
}

static sepol_policydb_t *read_policy(const struct sepol *sepol)
{
	sepol_policydb_t *policy = NULL;
	sepol_policy_file_t *file = NULL;
	FILE *stream = fopen(selinux_current_policy_path() ? selinux_current_policy_path() : "/sys/fs/selinux/policy", "re");
	bool done = stream && sepol->file_create(&file) == 0 && sepol->policydb_create(&policy) == 0;

	if (done) {
		sepol->file_set_fp(file, stream);
		done = sepol->policydb_read(policy, file) == 0;
	}
	if (!done && policy) {
		sepol->policydb_free(policy);
		policy = NULL;
	}
	if (file)
		sepol->file_free(file);
	if (stream)
		fclose(stream);
	return policy;
}

/* ---- rules ---- */

struct asked {
	const policydb_t *policy;
	uint32_t source, target, class, permissions;
};

static uint32_t type_number(const policydb_t *policy, const char *name)
{
	uint32_t i;

	for (i = 0; i < policy->p_types.nprim; i++)
		if (policy->p_type_val_to_name[i] && strcmp(policy->p_type_val_to_name[i], name) == 0)
			return i + 1;
	return 0;
}

static bool bit_is_set(const ebitmap_t *map, uint32_t bit)
{
	const ebitmap_node_t *node;

	for (node = map->node; node; node = node->next)
		if (bit >= node->startbit && bit < node->startbit + MAPSIZE)
			return (node->map >> (bit - node->startbit)) & 1;
	return false;
}

/* A rule speaks of a type or of an attribute, which stands for many. */
static bool is_among(const policydb_t *policy, uint32_t type, uint32_t rule)
{
	return type == rule || (policy->type_attr_map && bit_is_set(&policy->type_attr_map[type - 1], rule - 1));
}

static bool list_permits(const struct asked *asked, const cond_av_list_t *list)
{
	uint32_t missing = asked->permissions;

	for (; list && missing; list = list->next) {
		const avtab_key_t *key = &list->node->key;

		if ((key->specified & AVTAB_ALLOWED) && key->target_class == asked->class &&
		    is_among(asked->policy, asked->source, key->source_type) &&
		    is_among(asked->policy, asked->target, key->target_type))
			missing &= ~list->node->datum.data;
	}
	return missing == 0;
}

/* ---- conditions, in postfix form ---- */

static bool state_of(const policydb_t *policy, uint32_t boolean, uint32_t flipped)
{
	const bool state = policy->bool_val_to_struct[boolean - 1]->state != 0;

	return boolean == flipped ? !state : state;
}

static bool combine(uint32_t operation, bool a, bool b)
{
	switch (operation) {
	case COND_OR: return a || b;
	case COND_AND: return a && b;
	case COND_EQ: return a == b;
	default: return a != b; /* COND_XOR, COND_NEQ */
	}
}

/* -1: it is none that can be. */
static int evaluate(const policydb_t *policy, const cond_expr_t *at, uint32_t flipped)
{
	bool stack[STACK_MOST] = { false };
	int depth = 0;

	for (; at; at = at->next) {
		if (at->expr_type == COND_BOOL) {
			if (depth == STACK_MOST || number_of(at) == 0 || number_of(at) > policy->p_bools.nprim)
				return -1;
			stack[depth++] = state_of(policy, number_of(at), flipped);
		} else if (at->expr_type == COND_NOT) {
			if (depth < 1)
				return -1;
			stack[depth - 1] = !stack[depth - 1];
		} else {
			if (depth < 2)
				return -1;
			depth--;
			stack[depth - 1] = combine(at->expr_type, stack[depth - 1], stack[depth]);
		}
	}
	return depth == 1 ? stack[0] : -1;
}

static bool has_name(const char *const *names, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

/* The booleans of one condition that would make it say 'wanted'. */
static size_t flips(const struct hyfw_host *host, struct hyfw_arena *arena, const policydb_t *policy,
		    const cond_node_t *node, int wanted, const char *names[BOOLEANS_MOST], bool values[BOOLEANS_MOST],
		    size_t count)
{
	const cond_expr_t *at;

	for (at = node->expr; at && count < BOOLEANS_MOST; at = at->next) {
		const uint32_t boolean = number_of(at);
		const char *name;

		if (at->expr_type != COND_BOOL || boolean == 0 || boolean > policy->p_bools.nprim ||
		    evaluate(policy, node->expr, boolean) != wanted || evaluate(policy, node->expr, 0) == wanted)
			continue;
		name = policy->p_bool_val_to_name[boolean - 1];
		if (has_name(names, count, name))
			continue;
		values[count] = state_of(policy, boolean, boolean);
		names[count++] = host->format(arena, "%s", name);
	}
	return count;
}

/* ---- all ---- */

static bool ask(const struct hyfw_host *host, struct hyfw_arena *arena, const policydb_t *policy,
		const struct denial *denial, struct asked *asked)
{
	const security_class_t class = string_to_security_class(denial->class);
	size_t i;

	*asked = (struct asked){ policy, type_number(policy, type_in(host, arena, denial->source)),
				 type_number(policy, type_in(host, arena, denial->target)), class, 0 };
	for (i = 0; class && i < denial->permission_count; i++)
		asked->permissions |= string_to_av_perm(class, denial->permissions[i]);
	return asked->source && asked->target && asked->class && asked->permissions && policy->bool_val_to_struct;
}

/* Some megabytes that take their time: once, however many denials there are. */
struct policy_copy {
	struct sepol sepol;
	sepol_policydb_t *policy; /* NULL: it cannot be read */
};

static const policydb_t *policy_of(struct policy_copy **copy)
{
	if (!*copy) {
		*copy = calloc(1, sizeof(**copy));
		if (*copy && sepol_open(&(*copy)->sepol))
			(*copy)->policy = read_policy(&(*copy)->sepol);
	}
	return *copy && (*copy)->policy ? &(*copy)->policy->p : NULL;
}

void policy_copy_free(struct policy_copy **copy)
{
	if (!*copy)
		return;
	if ((*copy)->policy)
		(*copy)->sepol.policydb_free((*copy)->policy);
	if ((*copy)->sepol.library)
		dlclose((*copy)->sepol.library);
	free(*copy);
	*copy = NULL;
}

size_t booleans_for(const struct hyfw_host *host, struct hyfw_arena *arena, struct policy_copy **copy,
		    const struct denial *denial, const char *names[BOOLEANS_MOST], bool values[BOOLEANS_MOST])
{
	const policydb_t *policy = policy_of(copy);
	const cond_node_t *node;
	struct asked asked;
	size_t count = 0;

	if (!policy || !ask(host, arena, policy, denial, &asked))
		return 0;
	for (node = policy->cond_list; node; node = node->next) {
		if (list_permits(&asked, node->true_list))
			count = flips(host, arena, policy, node, 1, names, values, count);
		else if (list_permits(&asked, node->false_list))
			count = flips(host, arena, policy, node, 0, names, values, count);
	}
	return count;
}
