/* SPDX-License-Identifier: BSD-3-Clause
 * mounts, in their order; the words of their options are in mount_options.c. */
#include <string.h>

#include "base/cleanup.h"
#include "oci/parts.h"

static void read_options(const struct oci_node *node, struct hyfw_oci_mount *mount)
{
	struct oci_node list, option;
	size_t count = oci_list(node, "options", &list), data_count = 0, i;
	const char **data = oci_array(node, count, sizeof(*data));

	for (i = 0; i < count && oci_element(&list, i, json_type_string, &option); i++)
		oci_read_mount_option(&option, mount, data, &data_count);
	mount->data = data;
}

static const char *target_of(const struct oci_node *node)
{
	const char *target = oci_text_needed(node, "destination");

	/* Since 1.2 it may be relative to the root. */
	return target[0] == '/' ? target : hyfw_arena_format(node->reader->arena, "/%s", target);
}

static void read_mount(const struct oci_node *node, const char *bundle, struct hyfw_oci_mount *mount)
{
	mount->target = target_of(node);
	mount->type = oci_text(node, "type");
	mount->source = oci_text(node, "source");
	read_options(node, mount);
	if (mount->type && strcmp(mount->type, "bind") == 0)
		mount->bind = true;
	if (!mount->ids.uid_count) /* else they are among the options */
		oci_read_ids(node, &mount->ids);
	/* Mappings alone say it too. */
	if (mount->ids.uid_count && mount->map == HYFW_OCI_UNMAPPED)
		mount->map = HYFW_OCI_MAPPED;
	if (!mount->bind)
		return;
	if (!mount->source || !*mount->source)
		oci_fail_member(node, "source", "missing");
	else
		mount->source = oci_in_bundle(node, bundle, mount->source);
}

void oci_read_mounts(const struct oci_node *top, struct hyfw_oci_config *config)
{
	struct oci_node list, node;
	const size_t count = oci_list(top, "mounts", &list);
	struct hyfw_oci_mount *mounts = oci_array(top, count, sizeof(*mounts));
	size_t i;

	for (i = 0; i < count && oci_element(&list, i, json_type_object, &node); i++)
		read_mount(&node, config->bundle, &mounts[i]);
	config->mounts = mounts;
	config->mount_count = count;
}
