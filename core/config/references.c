/* SPDX-License-Identifier: BSD-3-Clause
 * What sections say about each other: networks and workloads that are named
 * exist, dependencies have no cycle, networks do not overlap. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/nearest.h"
#include "config/disks.h"
#include "config/normalize.h"
#include "config/private.h"

static const struct hyfw_origin built_in = { .kind = HYFW_ORIGIN_DEFAULT };

/* ---- sections that nobody wrote ---- */

static struct hyfw_config_section *imply(struct hyfw_config *config, const char *type, const char *name)
{
	struct hyfw_config_section *section = hyfw_config_find(config, type, name);

	if (section)
		return NULL;
	return hyfw_config_section_add(config, hyfw_config_section_new(type, name, &built_in));
}

static void imply_network(struct hyfw_config *config, const char *name)
{
	struct hyfw_config_section *section;

	if (strcmp(name, "default") != 0 && strcmp(name, "none") != 0)
		return;
	section = imply(config, "network", name);
	if (section && strcmp(name, "none") == 0)
		hyfw_config_value_add(section, "driver", "none", &built_in)->normal = hyfw_dup("none");
}

/* 'driver' NULL: that of the schema. */
static void imply_volume(struct hyfw_config *config, const char *normal, const char *driver)
{
	HYFW_AUTO_FREE char *name = hyfw_disk_volume(normal);
	struct hyfw_config_section *section = name ? imply(config, "volume", name) : NULL;

	if (section && driver)
		hyfw_config_value_add(section, "driver", driver, &built_in)->normal = hyfw_dup(driver);
}

void hyfw_config_add_implied(struct hyfw_config *config)
{
	const struct hyfw_config_section *workload, *from;
	const struct hyfw_config_value *value;
	size_t cursor = 0, at, i;

	imply(config, "hyfw", "");
	for (i = 0; i < config->option_count; i++)
		if (config->options[i].key.option.scope == HYFW_SCOPE_PLUGIN)
			imply(config, "plugin", config->options[i].driver);
	while ((workload = hyfw_config_next(config, "workload", &cursor))) {
		from = hyfw_config_supplier(config, workload, "network");
		for (at = 0; from && (value = hyfw_config_next_value(from, "network", &at));)
			imply_network(config, value->normal);
		from = hyfw_config_supplier(config, workload, "volume");
		for (at = 0; from && (value = hyfw_config_next_value(from, "volume", &at));)
			imply_volume(config, value->normal, NULL);
		from = hyfw_config_supplier(config, workload, "disk");
		for (at = 0; from && (value = hyfw_config_next_value(from, "disk", &at));)
			imply_volume(config, value->normal, HYFW_DISK_DRIVER);
	}
}

/* ---- names of other sections ---- */

static int unknown_name(const struct hyfw_config *config, const struct hyfw_config_section *section,
			const struct hyfw_config_value *value, const char *type, struct hyfw_error **err)
{
	const struct hyfw_config_section *other;
	struct hyfw_strings known = { 0 };
	const char *nearest;
	size_t cursor = 0;
	int result;

	while ((other = hyfw_config_next(config, type, &cursor)))
		hyfw_strings_add(&known, other->name);
	nearest = hyfw_nearest(value->normal, (const char *const *)known.items);
	if (nearest)
		result = hyfw_config_fail_value(err, EINVAL, section, value, "there is no [%s %s]; did you mean '%s'?",
						type, value->normal, nearest);
	else
		result = hyfw_config_fail_value(err, EINVAL, section, value, "there is no [%s %s]; add that section",
						type, value->normal);
	hyfw_strings_finish(&known);
	return result;
}

/* A flag of `hyfw run` may name a workload that no file describes; the caller
 * looks whether there is one. */
static bool names_outside(const char *type, const struct hyfw_config_value *value)
{
	return strcmp(type, "workload") == 0 && value->origin.kind == HYFW_ORIGIN_FLAG;
}

/* Each element once, and each naming a section of 'type' ("" for any text). */
static int check_names(const struct hyfw_config *config, const struct hyfw_config_section *section,
		       const char *key, const char *type, struct hyfw_error **err)
{
	const struct hyfw_config_value *value, *other;
	size_t cursor = 0;

	while ((value = hyfw_config_next_value(section, key, &cursor))) {
		size_t at = 0;

		while ((other = hyfw_config_next_value(section, key, &at)) && other != value)
			if (strcmp(other->normal, value->normal) == 0)
				return hyfw_config_fail_value(err, EINVAL, section, value,
							      "'%s' is in the list twice", value->normal);
		if (strcmp(type, "workload") == 0 && strcmp(value->normal, section->name) == 0)
			return hyfw_config_fail_value(err, EINVAL, section, value, "a workload cannot name itself");
		if (*type && !names_outside(type, value) && !hyfw_config_find(config, type, value->normal))
			return unknown_name(config, section, value, type, err);
	}
	return 0;
}

static bool on_network(const struct hyfw_config_section *workload, const char *network)
{
	const struct hyfw_config_value *value;
	size_t cursor = 0;

	while ((value = hyfw_config_next_value(workload, "network", &cursor)))
		if (strcmp(value->normal, network) == 0)
			return true;
	return false;
}

static int check_networks(const struct hyfw_config_section *workload, struct hyfw_error **err)
{
	const struct hyfw_config_value *value, *none = NULL;
	size_t cursor = 0, count = 0;

	while ((value = hyfw_config_next_value(workload, "network", &cursor))) {
		count++;
		if (strcmp(value->normal, "none") == 0)
			none = value;
	}
	if (count == 0)
		return hyfw_config_fail(err, EINVAL, workload, "network",
					"names no network; write none for that, or remove the line");
	if (none && count > 1)
		return hyfw_config_fail_value(err, EINVAL, workload, none,
					      "'none' cannot stand beside other networks; leave out one or the other");
	return 0;
}

static int check_links(const struct hyfw_config *config, const struct hyfw_config_section *workload,
		       struct hyfw_error **err)
{
	const struct hyfw_config_value *value, *network;
	size_t cursor = 0;

	while ((value = hyfw_config_next_value(workload, "links", &cursor))) {
		const struct hyfw_config_section *peer = hyfw_config_find(config, "workload", value->normal);
		bool common = false;
		size_t at = 0;

		if (!peer)
			continue; /* see names_outside() */
		while ((network = hyfw_config_next_value(workload, "network", &at)))
			common |= strcmp(network->normal, "none") != 0 && on_network(peer, network->normal);
		if (!common)
			return hyfw_config_fail_value(err, EINVAL, workload, value,
						      "'%s' and this workload have no network in common; add one to both",
						      value->normal);
	}
	return 0;
}

/* ---- dependencies ---- */

enum visit { UNSEEN = 0, OPEN, DONE };

/* Follows depends_on from 'section', each workload once.  One that is still open
 * when it is met again closes a cycle. */
static int visit(const struct hyfw_config *config, size_t index, enum visit *visits, struct hyfw_error **err)
{
	const struct hyfw_config_section *section = config->sections[index];
	const struct hyfw_config_value *value;
	size_t cursor = 0, next;
	int result = 0;

	visits[index] = OPEN;
	while (result == 0 && (value = hyfw_config_next_value(section, "depends_on", &cursor))) {
		const struct hyfw_config_section *other = hyfw_config_find(config, "workload", value->normal);

		for (next = 0; next < config->count && config->sections[next] != other; next++)
			;
		if (visits[next] == OPEN)
			return hyfw_config_fail_value(err, ELOOP, section, value,
						      "'%s' depends on this workload in turn; remove one of them",
						      value->normal);
		if (visits[next] == UNSEEN)
			result = visit(config, next, visits, err);
	}
	visits[index] = DONE;
	return result;
}

static int check_cycles(const struct hyfw_config *config, struct hyfw_error **err)
{
	HYFW_AUTO_FREE enum visit *visits = hyfw_new((config->count + 1) * sizeof(*visits));
	int result = 0;
	size_t i;

	for (i = 0; result == 0 && i < config->count; i++)
		if (visits[i] == UNSEEN && strcmp(config->sections[i]->type, "workload") == 0)
			result = visit(config, i, visits, err);
	return result;
}

/* ---- sections ---- */

static int check_root(const struct hyfw_config_section *workload, struct hyfw_error **err)
{
	bool image = hyfw_map_get(&workload->map, "image"), rootfs = hyfw_map_get(&workload->map, "rootfs");

	if (!image && !rootfs && !workload->no_command)
		return hyfw_config_fail_section(err, EINVAL, workload,
						"neither image nor rootfs is given; one of them says what it starts from");
	if (image && rootfs)
		return hyfw_config_fail(err, EINVAL, workload, "rootfs",
					"image is given too; remove one of them");
	return 0;
}

static int check_memory(const struct hyfw_config_section *workload, struct hyfw_error **err)
{
	int64_t memory = hyfw_map_int(&workload->map, "memory", 0), both = hyfw_map_int(&workload->map, "memory_swap", 0);

	if (both && !memory)
		return hyfw_config_fail(err, EINVAL, workload, "memory_swap",
					"is memory and swap together and needs memory; add that key");
	if (both > 0 && both < memory)
		return hyfw_config_fail(err, EINVAL, workload, "memory_swap",
					"is memory and swap together and cannot be less than memory");
	return 0;
}

static int check_workload(const struct hyfw_config *config, const struct hyfw_config_section *workload,
			  struct hyfw_error **err)
{
	int result;

	if ((result = check_root(workload, err)) < 0 || (result = check_memory(workload, err)) < 0 ||
	    (result = check_names(config, workload, "network", "network", err)) < 0 ||
	    (result = check_networks(workload, err)) < 0 ||
	    (result = check_names(config, workload, "depends_on", "workload", err)) < 0 ||
	    (result = check_names(config, workload, "links", "workload", err)) < 0 ||
	    (result = check_names(config, workload, "security", "", err)) < 0 ||
	    (result = check_links(config, workload, err)) < 0 ||
	    (result = hyfw_config_check_twice(workload, err)) < 0)
		return result;
	return 0;
}

static int check_network(const struct hyfw_config *config, const struct hyfw_config_section *network,
			 struct hyfw_error **err)
{
	const char *subnet = hyfw_map_get(&network->map, "subnet"), *gateway = hyfw_map_get(&network->map, "gateway");
	HYFW_AUTO_ERROR struct hyfw_error *cause = NULL;
	const struct hyfw_config_section *other;
	size_t cursor = 0;

	if (strcmp(network->name, "none") == 0 && network->origin.kind != HYFW_ORIGIN_DEFAULT)
		return hyfw_config_fail_section(err, EINVAL, network,
						"'none' stands for no network and cannot be the name of one");
	if (gateway && !subnet)
		return hyfw_config_fail(err, EINVAL, network, "gateway", "needs subnet; add that key");
	if (gateway && hyfw_check_gateway(subnet, gateway, &cause) < 0)
		return hyfw_config_fail(err, EINVAL, network, "gateway", "%s", cause->message);
	while (subnet && (other = hyfw_config_next(config, "network", &cursor)) && other != network) {
		const char *taken = hyfw_map_get(&other->map, "subnet");

		if (taken && hyfw_subnets_overlap(subnet, taken))
			return hyfw_config_fail(err, EINVAL, network, "subnet",
						"overlaps %s of [network %s]; choose another", taken, other->name);
	}
	return 0;
}

int hyfw_config_check_references(const struct hyfw_config *config, struct hyfw_error **err)
{
	const struct hyfw_config_section *section;
	size_t cursor = 0;
	int result = 0;

	while (result == 0 && (section = hyfw_config_next(config, "network", &cursor)))
		result = check_network(config, section, err);
	for (cursor = 0; result == 0 && (section = hyfw_config_next(config, "workload", &cursor));)
		result = check_workload(config, section, err);
	if (result == 0)
		result = check_cycles(config, err);
	if (result == 0)
		result = hyfw_config_check_disks(config, err);
	return result < 0 ? result : hyfw_config_check_ports(config, err);
}
