/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The data that drivers exchange through the core.  Storage drivers produce
 * attachments, network drivers endpoints, security modules a confinement; an
 * isolation driver takes them all in a struct hyfw_workload and puts them into
 * effect.  Everything here is plain data without code behind it.
 *
 * Ownership: what a driver returns lives in the arena of the call; what it is
 * given is valid until the call returns.
 */
#ifndef HYFW_WORKLOAD_H
#define HYFW_WORKLOAD_H

#include <hyfw/oci.h>
#include <hyfw/step.h>
#include <hyfw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- storage: attachments ------------------------------------------------ */

enum hyfw_attachment_kind {
	HYFW_ATTACHMENT_BIND = 1,    /* a directory or file of the host */
	HYFW_ATTACHMENT_OVERLAY = 2, /* layers and a writable directory */
	HYFW_ATTACHMENT_TMPFS = 3,   /* an empty file system in memory */
	HYFW_ATTACHMENT_BLOCK = 4,   /* a disk image or block device */
};

enum hyfw_attachment_flags {
	HYFW_ATTACH_READ_ONLY = 1u << 0,
	HYFW_ATTACH_NOSUID = 1u << 1,
	HYFW_ATTACH_NODEV = 1u << 2,
	HYFW_ATTACH_NOEXEC = 1u << 3,
	/* On-disk ids are those inside the workload: mount with its id mapping.
	 * Without it the ids of the host are seen as they are. */
	HYFW_ATTACH_IDMAP = 1u << 4,
	HYFW_ATTACH_RECURSIVE = 1u << 5, /* BIND: with the mounts below */
	HYFW_ATTACH_PRIVATE_COPY = 1u << 6, /* made by the core for this workload (hosts, resolv.conf) */
	/* BIND of a directory: while it is empty and root's, it takes owner, group and
	 * mode (without set-id bits) of the directory that it covers, so that a service
	 * that is not root can write in its new volume.  Best effort. */
	HYFW_ATTACH_ADOPT = 1u << 7,
	/* BLOCK: on storage that other hosts have, too. */
	HYFW_ATTACH_SHARED = 1u << 8,
};

/* An extended attribute that an isolation driver puts on the file of a disk while what the
 * workload writes goes to files of its own on top of it: "WORKLOAD OWNER MACHINE HOST",
 * which are the workload's name, hyfw_host.owner, the machine-id(5) of the host ("-" for
 * none) and its name.  Storage drivers give such a disk to no other workload, here or
 * anywhere, and do nothing to it. */
#define HYFW_ATTRIBUTE_SNAPSHOTS "trusted.hyfw.snapshots"

/* The same on a file that disks of several workloads lie on, whatever it was made of: the
 * name of that.  Storage drivers write nothing to it and give it to no workload to write. */
#define HYFW_ATTRIBUTE_TEMPLATE "trusted.hyfw.template"

/* And on a disk that lies on such a file: its path, absolute and without links in it.
 * Storage drivers believe nothing else of what the disk says it is based on. */
#define HYFW_ATTRIBUTE_BASE "trusted.hyfw.base"

struct hyfw_attachment {
	size_t size;
	enum hyfw_attachment_kind kind;
	uint32_t flags;          /* enum hyfw_attachment_flags */
	const char *target;      /* absolute path inside; "/" for the root.  Resolved by the
				  * isolation driver below the root without leaving it */
	const char *source;      /* BIND: absolute path; BLOCK: image or device */
	int source_fd;           /* BIND: O_PATH descriptor that 'source' was resolved to, so
				  * that a link swapped later is not followed; -1 for none.
				  * Owned by the core */
	const char *const *lower; /* OVERLAY: layers, uppermost first, NULL-terminated; IDMAP
				   * applies to them, never to 'upper'.  BLOCK: the files that the
				   * disk is based on, its own first; NULL: none */
	const char *upper;       /* OVERLAY: writable layer, NULL for read-only */
	const char *work;        /* OVERLAY: work directory on the same file system */
	uint64_t bytes;          /* TMPFS: size limit; 0 means 64 MiB */
	uint32_t mode;           /* TMPFS: mode of its root; 0 means 1777 */
	const char *format;      /* BLOCK: "raw", "qcow2", ...; never guessed from its content by
				  * whoever opens it */
	struct hyfw_map options; /* BLOCK: "device", "bus", "cache", "serial", "boot" as in
				  * hyfw_subject.disk */
};

/* ---- network: endpoints --------------------------------------------------- */

/* An endpoint is told through notes of its step (hyfw_host.note) with these
 * keys, so that it is in the journal before it exists.  What reads them finds the
 * arguments of the network's steps beside them: an argument that has the name of a
 * note has to have its meaning. */
#define HYFW_NOTE_HOST_INTERFACE "host_interface" /* "hyv3f2a01c", the host's side */
#define HYFW_NOTE_INTERFACE "interface"           /* "eth0", the workload's side */
#define HYFW_NOTE_TAP "tap"                       /* a tap or macvtap made for a hypervisor */
#define HYFW_NOTE_USER_NETWORK "user_network"     /* no interface of the host: a user-mode network;
						   * its value says how, see network.h */
#define HYFW_NOTE_OFFLOAD "offload"               /* "off": the link cannot carry packets with
						   * checksum or segmentation left to the receiver */
#define HYFW_NOTE_MTU "mtu"                       /* bytes; absent: 1500 */
#define HYFW_NOTE_ADDRESS "address"               /* "10.89.0.2/24" */
#define HYFW_NOTE_GATEWAY "gateway"               /* "10.89.0.1" */
#define HYFW_NOTE_MAC "mac"                       /* "52:54:00:12:34:56" */

struct hyfw_endpoint {
	size_t size;
	const char *network;   /* name of the network */
	const char *driver;
	struct hyfw_map notes; /* keys as above */
};

/* ---- security: the confinement ------------------------------------------- */

/* A control group that the workload's processes are put in.  How to join:
 *   cgroup v2   clone3(CLONE_INTO_CGROUP) with a descriptor of 'path'
 *   cgroup v1   the new process, while it has one thread, writes "0" to 'path'/tasks.
 *               Any write to cgroup.procs takes the kernel's thread group lock and
 *               waits for an RCU grace period (7 to 12 ms on an idle machine,
 *               against 0.04); kernel/cgroup/cgroup.c, cgroup_procs_write_start() */
struct hyfw_cgroup {
	const char *path;       /* absolute path of the directory, made by the module */
	const char *controllers; /* "memory", "cpu,cpuacct"; "" on cgroup v2 */
	bool unified;           /* cgroup v2: clone3(CLONE_INTO_CGROUP) works */
};

struct hyfw_confinement {
	size_t size;

	/* Capability sets as bit masks, bit N is capability N of
	 * linux/capability.h.  Valid when 'have_capabilities'. */
	bool have_capabilities;
	uint64_t bounding, permitted, effective, inheritable, ambient;

	/* A classic BPF program for seccomp(SECCOMP_SET_MODE_FILTER), an array of
	 * struct sock_filter; NULL for none.  'seccomp_flags' are
	 * SECCOMP_FILTER_FLAG_*. */
	const void *seccomp_program;
	size_t seccomp_instructions;
	uint32_t seccomp_flags;

	const struct hyfw_cgroup *cgroups;
	size_t cgroup_count;

	bool no_new_privileges;

	/* Labels; NULL for none. */
	const char *process_label; /* written to /proc/self/attr/exec before exec */
	const char *mount_label;   /* context= of file systems made for the workload */

	/* A Landlock rule set to enforce, -1 for none; owned by the core. */
	int landlock_fd;
};

/* ---- isolation: the workload ---------------------------------------------- */

struct hyfw_workload {
	size_t size;
	const char *name;
	const char *hostname;
	const char *const *argv;       /* NULL-terminated, at least one */
	const char *const *envp;       /* NULL-terminated "KEY=VALUE" */
	const char *workdir;           /* absolute path inside */
	const char *user;              /* "", "user", "uid", "user:group", "uid:gid" */
	bool terminal;                 /* give it a terminal, returned as console_fd */
	int stdio[3];                  /* its standard files when 'terminal' is false; owned by the core */
	bool read_only;                /* root file system */
	bool restartable;              /* the restart policy may start it again */
	struct hyfw_idmap idmap;
	struct hyfw_attachment root;   /* kind 0: none; a machine may have just a CD or a kernel */
	const struct hyfw_attachment *mounts; /* in the order in which they are made */
	size_t mount_count;
	const struct hyfw_endpoint *endpoints; /* those made before create(); see isolation.h */
	size_t endpoint_count;
	struct hyfw_confinement confinement;
	struct hyfw_map settings;      /* all keys of its section, for keys of the driver's own */
	const char *runtime_directory; /* private to this workload, on tmpfs */
	const struct hyfw_attachment *disks; /* BLOCK, in the order of the section, without the root */
	size_t disk_count;
	bool transient;                /* as in struct hyfw_subject */
	const struct hyfw_oci_config *oci; /* what runs is an OCI bundle: this says all that is not
					* above; 'user', 'idmap', 'root' and 'mounts' are empty then */
	bool adopt;                    /* it runs already, see the verb "adopt" of isolation.h: create() takes it
					* over as it is, without root, mounts, disks and endpoints, and leaves it
					* running when it fails */
};

/* ---- figures -------------------------------------------------------------- */

#define HYFW_STAT_NONE UINT64_MAX /* not known, or no limit */

/* Set all members to HYFW_STAT_NONE first (hyfw_stats_init). Counters start at
 * the workload's start. */
struct hyfw_stats {
	size_t size;
	uint64_t cpu_ns, cpu_user_ns, cpu_system_ns;
	uint64_t cpu_throttled_ns;
	uint64_t cpu_limit_milli;              /* thousandths of a CPU */
	uint64_t memory_bytes, memory_peak_bytes, memory_limit_bytes;
	uint64_t swap_bytes, swap_limit_bytes;
	uint64_t pids, pids_limit;
	uint64_t io_read_bytes, io_write_bytes;
	uint64_t net_rx_bytes, net_tx_bytes;
	/* How often a limit was hit. */
	uint64_t event_memory_max, event_oom_kill, event_pids_max, event_cpu_throttled;
	/* Machines: what the guest was given by the balloon, and of it what it does not use. */
	uint64_t balloon_bytes, guest_free_bytes;
	uint64_t vcpus;
};

static inline void hyfw_stats_init(struct hyfw_stats *stats)
{
	size_t size = stats->size ? stats->size : sizeof(*stats);

	memset(stats, 0xff, size);
	stats->size = size;
}

#ifdef __cplusplus
}
#endif
#endif
