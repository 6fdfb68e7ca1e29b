/* SPDX-License-Identifier: BSD-3-Clause
 * linux.devices: nodes to be made inside. */
#include <string.h>

#include "oci/parts.h"

static char type_of(const struct oci_node *node)
{
	const char *type = oci_text_needed(node, "type");

	if (strcmp(type, "u") == 0)
		return 'c';
	if (strcmp(type, "c") == 0 || strcmp(type, "b") == 0 || strcmp(type, "p") == 0)
		return type[0];
	oci_fail_member(node, "type", "'%s' is not c, b, u or p", type);
	return 'c';
}

static void read_device(const struct oci_node *node, struct hyfw_oci_device *device)
{
	device->path = oci_text_needed(node, "path");
	if (device->path[0] != '/')
		oci_fail_member(node, "path", "%s is not an absolute path", device->path);
	device->type = type_of(node);
	if (device->type != 'p' && (!oci_has(node, "major") || !oci_has(node, "minor")))
		oci_fail(node, "major and minor number are missing");
	device->major = oci_u32(node, "major", 0);
	device->minor = oci_u32(node, "minor", 0);
	/* Podman writes the type's bits too. */
	device->mode = oci_u32(node, "fileMode", 0666) & 07777;
	device->uid = oci_u32(node, "uid", 0);
	device->gid = oci_u32(node, "gid", 0);
}

void oci_read_devices(const struct oci_node *linux_node, struct hyfw_oci_config *config)
{
	struct oci_node list, node;
	const size_t count = oci_list(linux_node, "devices", &list);
	struct hyfw_oci_device *devices = oci_array(linux_node, count, sizeof(*devices));
	size_t i;

	for (i = 0; i < count && oci_element(&list, i, json_type_object, &node); i++)
		read_device(&node, &devices[i]);
	config->devices = devices;
	config->device_count = count;
}
