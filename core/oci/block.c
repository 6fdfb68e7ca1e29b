/* SPDX-License-Identifier: BSD-3-Clause
 * linux.resources.blockIO */
#include "oci/parts.h"

/* 'value' is the member that holds the figure: "rate", "weight", "leafWeight". */
static struct hyfw_oci_block_limits read_limits(const struct oci_node *block, const char *name, const char *value)
{
	struct oci_node list, node;
	const size_t count = oci_list(block, name, &list);
	struct hyfw_oci_block_limit *limits = oci_array(block, count, sizeof(*limits));
	struct hyfw_oci_block_limits all = { limits, 0 };
	size_t i;

	for (i = 0; i < count && oci_element(&list, i, json_type_object, &node); i++) {
		if (!oci_has(&node, value))
			continue;
		limits[all.count].major = oci_u32(&node, "major", 0);
		limits[all.count].minor = oci_u32(&node, "minor", 0);
		limits[all.count++].value = oci_u64(&node, value);
	}
	return all;
}

void oci_read_block(const struct oci_node *resources, struct hyfw_oci_resources *ret)
{
	struct oci_node block;

	if (!oci_member(resources, "blockIO", json_type_object, &block))
		return;
	ret->block_weight = oci_number(&block, "weight", 0, 10000);
	ret->block_leaf_weight = oci_number(&block, "leafWeight", 0, 10000);
	ret->block_weight_device = read_limits(&block, "weightDevice", "weight");
	ret->block_leaf_weight_device = read_limits(&block, "weightDevice", "leafWeight");
	ret->block_read_bps = read_limits(&block, "throttleReadBpsDevice", "rate");
	ret->block_write_bps = read_limits(&block, "throttleWriteBpsDevice", "rate");
	ret->block_read_iops = read_limits(&block, "throttleReadIOPSDevice", "rate");
	ret->block_write_iops = read_limits(&block, "throttleWriteIOPSDevice", "rate");
}
