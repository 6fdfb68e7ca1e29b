/* SPDX-License-Identifier: BSD-3-Clause
 * config.json of an OCI bundle as data.  Everything in it is honoured or refused by
 * name; members that the specification does not know are ignored, as it asks for. */
#ifndef HYFW_OCI_CONFIG_H
#define HYFW_OCI_CONFIG_H

#include <hyfw/oci.h>
#include <hyfw/workload.h>

#include "base/alloc.h"
#include "base/error.h"

/* The member 'process', also what exec is given. */
struct hyfw_oci_command {
	const char *const *argv, *const *envp;
	const char *cwd;
	bool terminal;
	struct hyfw_oci_process process;
	struct hyfw_confinement confinement; /* capabilities, no_new_privileges, process_label */
	const char *unknown_capabilities;    /* " CAP_NEW ..."; ignored; NULL for none */
	bool capabilities_said;              /* the member was there */
};

/* linux.memoryPolicy, set_mempolicy(2). */
#define HYFW_OCI_NODES 1024
struct hyfw_oci_memory_policy {
	bool set, has_nodes;
	int mode;                            /* MPOL_* with MPOL_F_* */
	unsigned long nodes[HYFW_OCI_NODES / (8 * sizeof(unsigned long))];
};

/* linux.netDevices */
struct hyfw_oci_net_device {
	const char *name, *inside;           /* on the machine, in the container */
};
struct hyfw_oci_net_devices {
	const struct hyfw_oci_net_device *items;
	size_t count;
};

struct hyfw_oci_spec {
	struct hyfw_oci_config config;
	struct hyfw_oci_memory_policy memory_policy;
	struct hyfw_oci_net_devices net_devices;
	struct hyfw_oci_command command; /* its process is in 'config' too */
	const char *version;             /* ociVersion */
};

/* Text of config.json; all that is read lives in 'arena'. */
int hyfw_oci_spec_read(const char *text, size_t size, const char *id, const char *bundle,
		       struct hyfw_arena *arena, struct hyfw_oci_spec *ret_spec, struct hyfw_error **err);

/* Text of an object of the form of the member 'process'. */
int hyfw_oci_command_read(const char *text, size_t size, struct hyfw_arena *arena,
			  struct hyfw_oci_command *ret_command, struct hyfw_error **err);

/* What 'command' does not say of capabilities, limits, labels, umask, scheduling and processors is
 * as with the container's own, 'first': what `exec --process` is given may be short. */
void hyfw_oci_command_complete(struct hyfw_oci_command *command, const struct hyfw_oci_command *first);

/* Both lists of "NAME=VALUE", each name once with its last value, in the arena; either may
 * be NULL. */
const char *const *hyfw_oci_environment(struct hyfw_arena *arena, const char *const *before,
					const char *const *added);

/* Text of an object of the form of linux.resources. */
int hyfw_oci_resources_read(const char *text, size_t size, struct hyfw_arena *arena,
			    struct hyfw_oci_resources *ret_resources, struct hyfw_error **err);

/* The bit of "CAP_CHOWN" or "chown"; false when there is no such capability here. */
bool hyfw_oci_capability(const char *name, uint64_t *ret_bit);

const char *hyfw_oci_namespace_name(uint32_t type); /* "network" of CLONE_NEWNET */
bool hyfw_oci_has_namespace(const struct hyfw_oci_config *config, uint32_t type);

/* Lists for `features`. */
const char *hyfw_oci_capability_name(unsigned number); /* NULL behind the last */
const char *hyfw_oci_mount_option(size_t number);      /* NULL behind the last */
const char *hyfw_oci_memory_mode(size_t number);       /* the same, of linux.memoryPolicy */
const char *hyfw_oci_memory_flag(size_t number);

#endif
