/* SPDX-License-Identifier: BSD-3-Clause
 * linux.namespaces, the mappings of ids and the offsets of clocks. */
#include <linux/sched.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "oci/parts.h"

static const struct {
	const char *name;
	uint32_t type;
} kinds[] = {
	{ "cgroup", CLONE_NEWCGROUP }, { "ipc", CLONE_NEWIPC },   { "mount", CLONE_NEWNS }, { "network", CLONE_NEWNET },
	{ "pid", CLONE_NEWPID },       { "time", CLONE_NEWTIME }, { "user", CLONE_NEWUSER }, { "uts", CLONE_NEWUTS },
};

const char *hyfw_oci_namespace_name(uint32_t type)
{
	size_t i;

	for (i = 0; i < HYFW_COUNT(kinds); i++)
		if (kinds[i].type == type)
			return kinds[i].name;
	return "unknown";
}

bool hyfw_oci_has_namespace(const struct hyfw_oci_config *config, uint32_t type)
{
	size_t i;

	for (i = 0; i < config->namespace_count; i++)
		if (config->namespaces[i].type == type)
			return true;
	return false;
}

static uint32_t type_of(const struct oci_node *node)
{
	const char *name = oci_text_needed(node, "type");
	size_t i;

	for (i = 0; i < HYFW_COUNT(kinds); i++)
		if (strcmp(kinds[i].name, name) == 0)
			return kinds[i].type;
	oci_fail_member(node, "type", "there is no namespace %s", name);
	return 0;
}

static void read_list(const struct oci_node *linux_node, struct hyfw_oci_config *config)
{
	struct oci_node list, node;
	size_t count = oci_list(linux_node, "namespaces", &list), i, j;
	struct hyfw_oci_namespace *namespaces = oci_array(linux_node, count, sizeof(*namespaces));

	for (i = 0; i < count && oci_element(&list, i, json_type_object, &node); i++) {
		const char *path = oci_text(&node, "path");

		namespaces[i].type = type_of(&node);
		namespaces[i].path = path && *path ? path : NULL;
		if (namespaces[i].path && *path != '/')
			oci_fail_member(&node, "path", "%s is not an absolute path", path);
		for (j = 0; j < i; j++)
			if (namespaces[j].type == namespaces[i].type)
				oci_fail(&node, "the %s namespace was given before",
					 hyfw_oci_namespace_name(namespaces[i].type));
	}
	config->namespaces = namespaces;
	config->namespace_count = count;
}

/* ---- ids ---- */

static const struct hyfw_oci_ids *read_range(const struct oci_node *owner, const char *name, size_t *ret_count)
{
	struct oci_node list, node;
	const size_t count = oci_list(owner, name, &list);
	struct hyfw_oci_ids *ids = oci_array(owner, count, sizeof(*ids));
	size_t i;

	for (i = 0; i < count && oci_element(&list, i, json_type_object, &node); i++) {
		ids[i].inside = oci_u32(&node, "containerID", 0);
		ids[i].outside = oci_u32(&node, "hostID", 0);
		ids[i].count = oci_u32(&node, "size", 0);
		if (ids[i].count == 0)
			oci_fail_member(&node, "size", "not above 0");
		if (ids[i].inside > UINT32_MAX - ids[i].count || ids[i].outside > UINT32_MAX - ids[i].count)
			oci_fail(&node, "beyond the last id");
	}
	*ret_count = count;
	return ids;
}

void oci_read_ids(const struct oci_node *owner, struct hyfw_oci_idmap *idmap)
{
	idmap->uids = read_range(owner, "uidMappings", &idmap->uid_count);
	idmap->gids = read_range(owner, "gidMappings", &idmap->gid_count);
	if (!idmap->uid_count != !idmap->gid_count)
		oci_fail_member(owner, idmap->uid_count ? "gidMappings" : "uidMappings", "missing");
}

static bool new_user_namespace(const struct hyfw_oci_config *config)
{
	size_t i;

	for (i = 0; i < config->namespace_count; i++)
		if (config->namespaces[i].type == CLONE_NEWUSER)
			return !config->namespaces[i].path;
	return false;
}

/* As crun without subordinate ids: root inside is the caller, and there is nobody else. */
static void map_the_caller(const struct oci_node *linux_node, struct hyfw_oci_idmap *idmap)
{
	struct hyfw_oci_ids *ids = oci_array(linux_node, 2, sizeof(*ids));

	ids[0] = (struct hyfw_oci_ids){ 0, geteuid(), 1 };
	ids[1] = (struct hyfw_oci_ids){ 0, getegid(), 1 };
	*idmap = (struct hyfw_oci_idmap){ &ids[0], &ids[1], 1, 1 };
}

static void check_ids(const struct oci_node *linux_node, struct hyfw_oci_config *config)
{
	if (new_user_namespace(config)) {
		if (!config->idmap.uid_count)
			map_the_caller(linux_node, &config->idmap);
	} else if (config->idmap.uid_count && !hyfw_oci_has_namespace(config, CLONE_NEWUSER)) {
		oci_fail_member(linux_node, "uidMappings", "there is no user namespace for it");
	}
}

/* ---- clocks ---- */

static void read_offset(const struct oci_node *offsets, const char *name, int clock,
			struct hyfw_oci_config *config, struct hyfw_oci_time_offset *all)
{
	struct hyfw_oci_time_offset *offset = &all[config->time_offset_count];
	struct oci_node node;

	if (!oci_member(offsets, name, json_type_object, &node))
		return;
	offset->clock = clock;
	offset->seconds = oci_number(&node, "secs", INT64_MIN, INT64_MAX).value;
	offset->nanoseconds = (uint32_t)oci_number(&node, "nanosecs", 0, 999999999).value;
	config->time_offset_count++;
}

static void read_offsets(const struct oci_node *linux_node, struct hyfw_oci_config *config)
{
	struct hyfw_oci_time_offset *all;
	struct oci_node offsets;

	if (!oci_member(linux_node, "timeOffsets", json_type_object, &offsets))
		return;
	if (json_object_object_length(offsets.json) > 0 && !hyfw_oci_has_namespace(config, CLONE_NEWTIME))
		oci_fail(&offsets, "there is no time namespace for it");
	all = oci_array(&offsets, 2, sizeof(*all));
	read_offset(&offsets, "monotonic", CLOCK_MONOTONIC, config, all);
	read_offset(&offsets, "boottime", CLOCK_BOOTTIME, config, all);
	config->time_offsets = all;
}

void oci_read_namespaces(const struct oci_node *linux_node, struct hyfw_oci_config *config)
{
	read_list(linux_node, config);
	oci_read_ids(linux_node, &config->idmap);
	check_ids(linux_node, config);
	read_offsets(linux_node, config);
}
