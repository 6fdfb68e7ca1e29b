/* SPDX-License-Identifier: BSD-3-Clause
 * The parts that config.json is read in, one file each. */
#ifndef HYFW_OCI_PARTS_H
#define HYFW_OCI_PARTS_H

#include "oci/config.h"
#include "oci/node.h"

void oci_read_process(const struct oci_node *process, struct hyfw_oci_command *command);
void oci_read_capabilities(const struct oci_node *process, struct hyfw_oci_command *command);
void oci_read_scheduling(const struct oci_node *process, struct hyfw_oci_process *ret_process);
void oci_read_mounts(const struct oci_node *top, struct hyfw_oci_config *config);
void oci_read_mount_option(const struct oci_node *option, struct hyfw_oci_mount *mount, const char **data,
			   size_t *data_count);
void oci_read_mount_idmap(const struct oci_node *option, const char *text, struct hyfw_oci_idmap *idmap);
void oci_read_hooks(const struct oci_node *top, struct hyfw_oci_config *config);
void oci_read_linux(const struct oci_node *linux_node, struct hyfw_oci_config *config);
void oci_read_namespaces(const struct oci_node *linux_node, struct hyfw_oci_config *config);
void oci_read_ids(const struct oci_node *owner, struct hyfw_oci_idmap *idmap);
void oci_read_devices(const struct oci_node *linux_node, struct hyfw_oci_config *config);
void oci_read_resources(const struct oci_node *resources, struct hyfw_oci_resources *ret_resources);
void oci_read_block(const struct oci_node *resources, struct hyfw_oci_resources *ret_resources);
void oci_read_memory_policy(const struct oci_node *linux_node, struct hyfw_oci_memory_policy *policy);
void oci_read_net_devices(const struct oci_node *linux_node, const struct hyfw_oci_config *config,
			  struct hyfw_oci_net_devices *devices);
void oci_read_sysctl(const struct oci_node *linux_node, struct hyfw_oci_config *config);

/* "rslave" and the like as MS_*; false when it is none. */
bool oci_propagation(const char *word, uint64_t *ret_propagation, bool *ret_all);

/* 'path' itself when it is absolute, else below the bundle. */
const char *oci_in_bundle(const struct oci_node *node, const char *bundle, const char *path);

#endif
