/* SPDX-License-Identifier: BSD-3-Clause
 *
 * What the configuration of an OCI bundle (config.json, OCI runtime specification
 * 1.2) says of a container, as data.  The core reads, bounds and checks it once;
 * the isolation driver finds it in struct hyfw_workload, security modules in struct
 * hyfw_subject.  Where it is there it says everything: nothing of hyfw's own
 * defaults (devices, kernel file systems, masked paths, limits) is added, as its
 * caller (Podman, containerd, a CRI) has decided that already.
 *
 * Names are those of the specification; the comment names the member of config.json.
 * Absent numbers are told apart from zero by 'set'.  Lists are NULL-terminated where
 * no count stands beside them; NULL is an empty list.  All belongs to the core and is
 * valid until the call returns.
 */
#ifndef HYFW_OCI_H
#define HYFW_OCI_H

#include <hyfw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hyfw_oci_number {
	bool set;
	int64_t value;
};

/* linux.uidMappings, linux.gidMappings, and those of a mount. */
struct hyfw_oci_ids {
	uint32_t inside, outside, count;
};

struct hyfw_oci_idmap {
	const struct hyfw_oci_ids *uids, *gids;
	size_t uid_count, gid_count; /* both 0: no user namespace; of a mount: the container's */
};

/* linux.namespaces; what is not listed is the caller's. */
struct hyfw_oci_namespace {
	uint32_t type;    /* CLONE_NEW*, namespaces(7) */
	const char *path; /* to be joined; NULL: a new one */
};

/* linux.timeOffsets */
struct hyfw_oci_time_offset {
	int clock; /* CLOCK_MONOTONIC, CLOCK_BOOTTIME */
	int64_t seconds;
	uint32_t nanoseconds;
};

enum hyfw_oci_mount_map {
	HYFW_OCI_UNMAPPED = 0,
	HYFW_OCI_MAPPED = 1,           /* "idmap" */
	HYFW_OCI_MAPPED_RECURSIVE = 2, /* "ridmap" */
};

/* mounts, in their order.  Options are sorted out by the core; unknown ones go to 'data'
 * for the file system to accept or refuse. */
struct hyfw_oci_mount {
	const char *target;            /* "destination": below the root, resolved without leaving it */
	const char *type;              /* "proc", "tmpfs", "cgroup", ...; NULL or "none" with 'bind' */
	const char *source;            /* absolute for binds (relative ones begin at the bundle); may be NULL */
	bool bind, recursive;          /* "bind"; "rbind" is both */
	bool copy_up;                  /* "tmpcopyup": a tmpfs begins with what it covers */
	uint64_t set, clear;           /* MOUNT_ATTR_*: "ro", "rw", "nosuid", "noatime", ... */
	uint64_t set_all, clear_all;   /* the same for all mounts below: "rro", "rnosuid", ... */
	uint64_t propagation;          /* MS_PRIVATE, MS_SLAVE, MS_SHARED, MS_UNBINDABLE, 0 for none said */
	bool propagation_all;          /* "rprivate", "rslave", ... */
	enum hyfw_oci_mount_map map;
	struct hyfw_oci_idmap ids;
	const char *const *data;       /* "size=65536k", "gid=5", "newinstance" */
};

/* linux.devices: nodes to be made. */
struct hyfw_oci_device {
	const char *path;
	char type;                     /* 'c', 'b', 'p' ('u' is 'c') */
	uint32_t major, minor;
	uint32_t mode;                 /* permission bits; 0666 where none was said */
	uint32_t uid, gid;             /* inside */
};

/* linux.resources.devices, in their order: the last that fits decides. */
struct hyfw_oci_device_rule {
	bool allow;
	char type;                     /* 'a', 'b', 'c' */
	int64_t major, minor;          /* -1: any */
	bool read, write, mknod;
};

struct hyfw_oci_rlimit {
	int resource;                  /* RLIMIT_* */
	uint64_t soft, hard;
};

/* process.scheduler, sched_setattr(2) */
struct hyfw_oci_scheduler {
	uint32_t policy;               /* SCHED_* */
	int32_t nice;
	uint32_t priority;
	uint64_t flags;                /* SCHED_FLAG_* */
	uint64_t runtime, deadline, period; /* nanoseconds */
};

/* hooks */
enum hyfw_oci_phase {
	HYFW_OCI_PRESTART = 0,         /* by the core, in the runtime's namespaces */
	HYFW_OCI_CREATE_RUNTIME = 1,   /* the same */
	HYFW_OCI_CREATE_CONTAINER = 2, /* by the driver: in the container's namespaces, before
					* pivot_root; the path is the runtime's */
	HYFW_OCI_START_CONTAINER = 3,  /* by the driver: inside, as part of start */
	HYFW_OCI_POSTSTART = 4,        /* by the core */
	HYFW_OCI_POSTSTOP = 5,         /* by the core */
};
#define HYFW_OCI_PHASES 6

struct hyfw_oci_hook {
	const char *path;              /* absolute */
	const char *const *argv;       /* with argv[0] */
	const char *const *envp;       /* exactly this environment; NULL: of hooks by the core the
					* caller's, of hooks by the driver none */
	uint32_t timeout;              /* seconds; 0: none */
};

struct hyfw_oci_hooks {
	const struct hyfw_oci_hook *hooks;
	size_t count;
};

/* process; argv, envp, cwd and terminal stand in struct hyfw_workload and struct
 * hyfw_exec, capabilities and labels in struct hyfw_confinement. */
struct hyfw_oci_process {
	uint32_t uid, gid;             /* inside */
	const uint32_t *groups;        /* additionalGids */
	size_t group_count;
	struct hyfw_oci_number umask;
	const struct hyfw_oci_rlimit *rlimits;
	size_t rlimit_count;
	struct hyfw_oci_number oom_score_adj;
	const struct hyfw_oci_scheduler *scheduler; /* NULL: as it is */
	struct hyfw_oci_number io_class, io_level;  /* ioPriority: IOPRIO_CLASS_*, 0 to 7 */
	const char *apparmor_profile;
	const char *cpu_affinity_initial, *cpu_affinity_final; /* execCPUAffinity: "0-3,7" */
	struct hyfw_oci_number console_rows, console_columns;  /* consoleSize */
};

struct hyfw_oci_block_limit {
	uint32_t major, minor;
	uint64_t value;                /* weight, bytes a second or operations a second */
};

struct hyfw_oci_block_limits {
	const struct hyfw_oci_block_limit *items;
	size_t count;
};

struct hyfw_oci_hugepages {
	const char *page_size;         /* "2MB", "64KB" */
	uint64_t limit;                /* bytes */
};

struct hyfw_oci_rdma {
	const char *device;            /* "mlx5_1" */
	struct hyfw_oci_number handles, objects;
};

/* linux.resources.  -1 is "no limit" where the specification says so. */
struct hyfw_oci_resources {
	struct hyfw_oci_number memory_limit, memory_reservation, memory_swap; /* bytes; swap with memory */
	struct hyfw_oci_number memory_kernel, memory_kernel_tcp, memory_swappiness;
	bool memory_disable_oom_killer, memory_use_hierarchy, memory_check_before_update;

	struct hyfw_oci_number cpu_shares, cpu_quota, cpu_burst, cpu_period; /* microseconds */
	struct hyfw_oci_number cpu_realtime_runtime, cpu_realtime_period, cpu_idle;
	const char *cpus, *mems;       /* "0-3,7" */

	struct hyfw_oci_number pids_limit;

	struct hyfw_oci_number block_weight, block_leaf_weight;
	struct hyfw_oci_block_limits block_weight_device, block_leaf_weight_device;
	struct hyfw_oci_block_limits block_read_bps, block_write_bps, block_read_iops, block_write_iops;

	const struct hyfw_oci_hugepages *hugepages;
	size_t hugepage_count;
	struct hyfw_oci_number network_class_id;
	struct hyfw_map network_priorities; /* interface -> priority */
	const struct hyfw_oci_rdma *rdma;
	size_t rdma_count;
	const struct hyfw_oci_device_rule *devices;
	size_t device_count;
	struct hyfw_map unified;       /* file of cgroup v2 -> value */
};

struct hyfw_oci_config {
	size_t size;
	const char *id;                /* of the container */
	const char *bundle;            /* absolute */
	bool detached;                 /* outlives whoever creates it: it is not to die with its creator,
					* and start() may come from another process */
	bool no_pivot, no_new_keyring; /* flags of create and run */
	uint32_t preserve_fds;         /* how many descriptors from 3 on go to the command */

	struct hyfw_oci_process process;
	const char *root;              /* absolute */
	bool root_read_only;
	uint64_t root_propagation;     /* MS_*; 0 means MS_PRIVATE with MS_REC */
	bool root_propagation_all;
	const struct hyfw_oci_mount *mounts;
	size_t mount_count;
	const char *hostname, *domainname; /* NULL: left alone */
	const struct hyfw_oci_namespace *namespaces;
	size_t namespace_count;
	struct hyfw_oci_idmap idmap;
	const struct hyfw_oci_time_offset *time_offsets;
	size_t time_offset_count;
	const struct hyfw_oci_device *devices;
	size_t device_count;
	const char *const *masked_paths, *const *read_only_paths;
	struct hyfw_map sysctl;        /* "net.ipv4.ip_forward" -> value */
	struct hyfw_oci_number personality; /* personality(2): PER_LINUX or PER_LINUX32 */
	struct hyfw_oci_hooks hooks[HYFW_OCI_PHASES];
	/* The state (runtime.md, "State") as JSON, for the standard input of hooks; 'status' is
	 * "creating", "created", ... .  Freed by the caller with free(); NULL: no memory. */
	char *(*state)(const struct hyfw_oci_config *config, int32_t pid, const char *status);
	struct hyfw_map annotations;

	struct hyfw_oci_resources resources;
	const char *cgroups_path;      /* cgroupsPath; NULL: the cgroups module chooses */
	bool systemd_cgroup;           /* cgroups_path is "SLICE:PREFIX:NAME" and systemd makes it */

	/* linux.seccomp as JSON text; NULL: no filter.  listenerPath and listenerMetadata
	 * are in it for the module to check, and here for whoever hands the listener over. */
	const char *seccomp;
	const char *seccomp_listener, *seccomp_metadata;

	/* Runs the hooks of HYFW_OCI_PRESTART and HYFW_OCI_CREATE_RUNTIME.  create() calls it in
	 * the calling process, once all namespaces exist and before those of
	 * HYFW_OCI_CREATE_CONTAINER and pivot_root; its failure is create()'s.  The core does it
	 * after create() where the driver has not.  NULL: nothing to run. */
	int (*run_hooks)(const struct hyfw_oci_config *config, int32_t pid, struct hyfw_error **err);
	void *core; /* the core's; off limits */
	bool plain_lines; /* the terminal adds no carriage return (ONLCR of termios(3) is off) */
};

#ifdef __cplusplus
}
#endif
#endif
