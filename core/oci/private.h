/* SPDX-License-Identifier: BSD-3-Clause
 * What the files about containers share. */
#ifndef HYFW_OCI_PRIVATE_H
#define HYFW_OCI_PRIVATE_H

#include "oci/container.h"

#define OCI_ISOLATION "namespaces"
#define OCI_CGROUPS "cgroups"
#define OCI_SECCOMP "seccomp"

/* store.c: directory, lock and files */
int oci_store_claim(const char *root, const char *id, struct hyfw_oci_container **ret_container,
		    struct hyfw_error **err);
int oci_store_save(const struct hyfw_oci_container *container, struct hyfw_error **err);
int oci_store_forget(struct hyfw_oci_container *container, struct hyfw_error **err);
char *oci_store_path(const struct hyfw_oci_container *container, const char *name);

/* steps.c: what the drivers are asked and told */
struct hyfw_subject oci_subject(const struct hyfw_oci_container *container);
int oci_security_record(const struct hyfw_oci_container *container, const char *driver,
			struct hyfw_driver **ret_driver, struct hyfw_pairs *ret_record, struct hyfw_error **err);
int oci_confine(const struct hyfw_oci_container *container, struct hyfw_arena *arena,
		struct hyfw_confinement *confinement, struct hyfw_error **err);
/* Says it in the words that clients look for; false when it was not the command's fault. */
bool oci_command_failed(int result, const char *command, struct hyfw_error **err);

/* memory_policy.c: that of this process, which those that it starts inherit; then the kernel's own again. */
int oci_memory_policy_take(const struct hyfw_oci_memory_policy *policy, struct hyfw_error **err);
void oci_memory_policy_drop(const struct hyfw_oci_memory_policy *policy);

/* net_devices.c: into the network namespace of 'pid'; 'devices' may be NULL. */
int oci_net_devices_move(const struct hyfw_oci_net_devices *devices, int32_t pid, struct hyfw_error **err);

/* freezer.c: the kernel's files for it, of each version that there is; ends with NULL */
const char *const *oci_freezers_of(const struct hyfw_confinement *confinement, struct hyfw_arena *arena);
bool oci_is_frozen(const char *const *freezers);
/* Those that still stand still, whoever has stopped them. */
void oci_thaw(const char *const *freezers);
/* Into the container's own freezer of cgroup v1, out of whatever other it stands still in: there
 * it could not be ended. */
void oci_take_back(const char *const *freezers, pid_t pid);
/* The container's own group of cgroup v2; NULL when it has none. */
const char *oci_unified_group(const char *const *freezers, struct hyfw_arena *arena);

/* subgroups.c: the groups of 'confinement' become those below it that 'wanted' names; 'top' is the
 * container's own of cgroup v2, NULL when it is not known. */
int oci_join_subgroups(const char *const *wanted, const char *top, struct hyfw_arena *arena,
		       struct hyfw_confinement *confinement, struct hyfw_error **err);

/* notify.c: into the configuration, before the container is made; 'host' is the NOTIFY_SOCKET of
 * who makes it */
int oci_notify_prepare(struct hyfw_oci_container *container, const char *host, struct hyfw_error **err);

/* pids.c: to every process in its control groups; -ESRCH without an error when there are none */
int oci_signal_group(struct hyfw_oci_container *container, int signal, struct hyfw_error **err);

/* hooks.c */
int oci_run_hooks(const struct hyfw_oci_config *config, enum hyfw_oci_phase phase, int32_t pid,
		  const char *status, struct hyfw_error **err);
/* Those of poststop: a failure is a warning, and the next one runs. */
void oci_run_last_hooks(const struct hyfw_oci_config *config);
/* Those of both phases that belong before pivot_root, once: for hyfw_oci_config.run_hooks. */
struct oci_hooks_run {
	bool done, begun; /* begun: the container was being made, so that the last ones have to run too */
	const struct hyfw_oci_net_devices *net_devices; /* moved before them, as they may look for them */
};
int oci_run_early_hooks(const struct hyfw_oci_config *config, int32_t pid, struct hyfw_error **err);

/* state.c: of hooks and of the listener */
struct json_object *oci_state_object(const char *version, const char *id, const char *status, int32_t pid,
				     const char *bundle, const struct hyfw_map *annotations);
char *oci_config_state(const struct hyfw_oci_config *config, int32_t pid, const char *status);

/* listener.c */
int oci_send_listener(const struct hyfw_oci_container *container, int fd, int32_t pid, const char *status,
		      struct hyfw_error **err);

#endif
