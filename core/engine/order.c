/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/order.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

struct node {
	struct hyfw_definition *definition;
	unsigned level;
	bool placed;
};

/* -1: a need of 'key' is not placed yet; else the level above all of them. */
static int level_above(const struct node *nodes, size_t count, const struct hyfw_definition *definition,
		       const char *key)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	const char *name;
	size_t cursor = 0, i;
	int level = 0;

	while ((name = hyfw_map_next(&settings, key, &cursor))) {
		for (i = 0; i < count; i++) {
			if (strcmp(nodes[i].definition->name, name) != 0)
				continue;
			if (!nodes[i].placed)
				return -1;
			if ((int)nodes[i].level + 1 > level)
				level = (int)nodes[i].level + 1;
		}
	}
	return level;
}

/* Places what can be placed now; false when nothing could. */
static bool place_some(struct node *nodes, size_t count, bool with_links)
{
	bool placed = false;
	size_t i;

	for (i = 0; i < count; i++) {
		int by_need, by_link;

		if (nodes[i].placed)
			continue;
		by_need = level_above(nodes, count, nodes[i].definition, "depends_on");
		by_link = with_links ? level_above(nodes, count, nodes[i].definition, "links") : 0;
		if (by_need < 0 || by_link < 0)
			continue;
		nodes[i].level = (unsigned)(by_need > by_link ? by_need : by_link);
		nodes[i].placed = placed = true;
		if (!with_links)
			return true; /* one cycle of links is cut; look again with links */
	}
	return placed;
}

static int by_level(const void *a, const void *b)
{
	const struct node *left = a, *right = b;

	if (left->level != right->level)
		return left->level < right->level ? -1 : 1;
	return strcmp(left->definition->name, right->definition->name);
}

static struct node *find_unplaced(struct node *nodes, size_t count, const char *name)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (!nodes[i].placed && strcmp(nodes[i].definition->name, name) == 0)
			return &nodes[i];
	return NULL;
}

/* A need of 'node' that could not be placed either; there is one. */
static struct node *next_in_cycle(struct node *nodes, size_t count, const struct node *node)
{
	const struct hyfw_map settings = hyfw_pairs_map(&node->definition->settings);
	struct node *next = NULL;
	const char *name;
	size_t cursor = 0;

	while (!next && (name = hyfw_map_next(&settings, "depends_on", &cursor)))
		next = find_unplaced(nodes, count, name);
	return next;
}

/* 'node' only waits for a cycle, or is in one: after 'count' needs it is one. */
static int fail_cycle(struct node *nodes, size_t count, struct node *node, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *names = NULL;
	const struct node *first;
	size_t i;

	for (i = 0; i < count; i++)
		node = next_in_cycle(nodes, count, node);
	first = node;
	names = hyfw_dup(first->definition->name);
	do {
		HYFW_AUTO_FREE char *shorter = names;

		node = next_in_cycle(nodes, count, node);
		names = hyfw_format("%s, %s", shorter, node->definition->name);
	} while (node != first);
	return hyfw_fail(err, ELOOP, "workload %s: its depends_on leads back to itself (%s)",
			 first->definition->name, names);
}

int hyfw_order(struct hyfw_definition **workloads, size_t count, unsigned **ret_levels, struct hyfw_error **err)
{
	struct node *nodes = hyfw_new((count + 1) * sizeof(*nodes));
	unsigned *levels = hyfw_new((count + 1) * sizeof(*levels));
	size_t i;

	for (i = 0; i < count; i++)
		nodes[i].definition = workloads[i];
	while (place_some(nodes, count, true) || place_some(nodes, count, false))
		continue;
	for (i = 0; i < count; i++) {
		if (nodes[i].placed)
			continue;
		fail_cycle(nodes, count, &nodes[i], err);
		free(nodes);
		free(levels);
		return -ELOOP;
	}
	qsort(nodes, count, sizeof(*nodes), by_level);
	for (i = 0; i < count; i++) {
		workloads[i] = nodes[i].definition;
		levels[i] = nodes[i].level;
	}
	free(nodes);
	*ret_levels = levels;
	return 0;
}
