/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Containers made from an OCI bundle: what config.json lists is made, in its order,
 * and nothing else.  The picture in ns.h holds with these differences:
 *
 *     parent                               child
 *     opens sources, namespaces, gate
 *     clone, or a guide that joins ------> the namespaces that are left
 *     id maps, NS_MAPPED  ---------------> root of its user namespace
 *     maps mounts, writes the state,
 *     oom_score_adj, NS_GO  -------------> root, mounts, devices, paths
 *     <------------------- NS_MADE  (only when hooks are to run in between)
 *     hooks of the runtime, NS_GO -------> createContainer hooks, pivot_root
 *     <------------------- NS_READY, as ever
 *     limits, NS_DETACH -----------------> waits at the gate (detached only)
 *
 * All that the parent opens before the clone has the same number in the child: no
 * descriptor is sent, and the parent's changes to a mount are seen by both.
 */
#ifndef NS_OCI_H
#define NS_OCI_H

#include "../ns.h"

/* ---- the room: what the parent prepares for the child ----------------------- */

struct oci_namespaces {
	uint64_t fresh;       /* CLONE_NEW* to be made */
	uint64_t taken;       /* joined by path */
	struct {
		uint32_t type;
		int fd;
	} joined[8];
	size_t count;
	bool guided;          /* a guide joins them; else the child does */
	bool offsets;         /* of clocks */
};

struct oci_mount {
	int fd;               /* detached tree of a bind, -1 for what the child makes; when it has
			       * been attached, what is to become read-only at the end */
	int opened;           /* in the child, source of a bind that is copied in its turn; -1 for others */
	bool bind, directory;
	bool covers_nothing;  /* its mount point had to be made */
	const char *target;   /* below the root, also where it was given with the path of the root */
	const char *source;   /* of a bind */
	const char *inner;    /* the source is in the root, in or above what is mounted before it;
			       * this is its path there */
	int userns;           /* maps an inner source; -1 for none */
	bool holds_root;      /* the source is the root or a directory above it, "/" too */
	bool source_link;     /* crun's "src-nofollow": a source that is a link is not followed */
	bool target_link;     /* crun's "dest-nofollow" */
	const char *link;     /* crun's "copy-symlink": a link that leads there is made, no mount */
	const char **options; /* pairs for fsconfig(2); NULL value: a flag */
	bool has_mode;        /* a tmpfs's is given */
	const char *joined;   /* for mount(2), where fsconfig(2) cannot take them */
};

/* A hierarchy of control groups, for a mount of type cgroup. */
struct oci_hierarchy {
	const char *directory; /* "cpu,cpuacct", "systemd", "unified" */
	const char **options;  /* for fsopen("cgroup"); NULL: cgroup2 */
	int fd;                /* detached tree of its own group; -1 with a namespace */
	struct oci_hierarchy *next;
};

struct oci_room {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const struct hyfw_workload *workload;
	const struct hyfw_oci_config *config;
	struct oci_namespaces namespaces;
	struct oci_mount *mounts;
	struct oci_hierarchy *hierarchies;
	bool cgroup_v2;       /* of the host, alone */
	int root;             /* detached tree */
	int nodes;            /* file system with listed devices, by their number in the list; or -1 */
	int gate;             /* listening socket; -1: started by the creator */
	int states[2];        /* memfds for the hooks of HYFW_OCI_CREATE_CONTAINER and _START_ */
	bool stops;           /* says NS_MADE and waits */
	bool late;            /* sources are opened by the child: we are an ordinary user */
};

static inline bool oci_fresh(const struct oci_room *room, uint64_t type)
{
	return room->namespaces.fresh & type;
}

/* ---- in the parent ------------------------------------------------------------ */

int oci_create(struct ns_instance *instance, struct hyfw_call *call, const struct hyfw_workload *workload,
	       struct hyfw_running *ret_running, struct hyfw_error **err);

/* namespaces.c */
int oci_namespaces_open(struct oci_room *room, struct hyfw_error **err);
void oci_namespaces_close(struct oci_namespaces *namespaces);
uint64_t oci_namespaces_of_clone(const struct oci_room *room);

/* sources.c: root and binds as detached trees */
int oci_sources_open(struct oci_room *room, struct hyfw_error **err);
void oci_sources_close(struct oci_room *room);
/* Needs the container's user namespace ('userns', -1 for none). */
int oci_sources_map(struct oci_room *room, int userns, struct hyfw_error **err);

/* cgroups.c */
int oci_cgroups_prepare(struct oci_room *room, struct hyfw_error **err);
void oci_cgroups_attach(const struct ns_job *job, const struct oci_room *room,
			const struct hyfw_oci_mount *mount, int target);

/* words.c */
void oci_words_prepare(struct oci_room *room, size_t index);

/* inner.c: binds of what the bundle itself has mounted */
void oci_inner_find(struct oci_room *room, size_t index);
int oci_inner_prepare(struct oci_room *room, size_t index, struct hyfw_error **err);

/* filesystem.c */
/* What a user namespace may not mount itself, but for what is bound from the host. */
int oci_filesystems_open(struct oci_room *room, struct hyfw_error **err);
void oci_options_prepare(const struct oci_room *room, const struct hyfw_oci_mount *mount,
			 struct oci_mount *ret_mount);

/* idmap.c */
int oci_idmap_write(const struct hyfw_host *host, struct hyfw_arena *arena, pid_t pid,
		    const struct hyfw_oci_idmap *idmap, struct hyfw_error **err);
/* A user namespace of nobody, just for its mapping. */
int oci_idmap_namespace(const struct hyfw_host *host, struct hyfw_arena *arena,
			const struct hyfw_oci_idmap *idmap, int *ret_fd, struct hyfw_error **err);
/* The host's id for 'inside'; UINT32_MAX when there is none. */
uint32_t oci_id_outside(const struct hyfw_oci_ids *ids, size_t count, uint32_t inside);

/* nodes.c: devices for a user namespace, which may not make them */
int oci_nodes_make(struct oci_room *room, struct hyfw_error **err);

/* sysctl.c */
int oci_sysctl_check(const struct oci_room *room, struct hyfw_error **err);

/* process.c */
#define OCI_NOTE_PERSONALITY "personality" /* for commands that follow */
/* Ids and groups onto the board, and HOME where it is missing. */
int oci_process_prepare(const struct hyfw_host *host, const struct hyfw_oci_process *process, int root_fd,
			struct ns_job *job, struct hyfw_error **err);
/* The memory killer's preference, which 'pid' may not be able to set itself. */
int oci_process_score(const struct hyfw_host *host, const struct hyfw_oci_process *process, pid_t pid,
		      struct hyfw_error **err);
int oci_process_check(const struct hyfw_host *host, const struct hyfw_oci_process *process,
		      uint32_t preserved, struct hyfw_error **err);

/* limits.c */
int oci_limits_raise(const struct hyfw_host *host, const struct hyfw_oci_process *process, pid_t pid,
		     struct hyfw_error **err);
/* Scheduler, I/O priority and CPUs of 'pid', which waits to be started. */
int oci_process_schedule(const struct hyfw_host *host, const struct hyfw_oci_process *process, pid_t pid,
			 struct hyfw_error **err);
int oci_affinity_set(const struct hyfw_host *host, const char *cpus, pid_t pid, struct hyfw_error **err);

/* listener.c */
/* Takes the listener of a filter that asks for one; '*ret_fd' -1 without. */
int oci_listener_take(const struct hyfw_host *host, const struct ns_job *job, int pidfd, int *ret_fd,
		      struct hyfw_error **err);

/* hooks.c */
int oci_hooks_prepare(struct oci_room *room, struct hyfw_error **err);
int oci_hooks_describe(struct oci_room *room, pid_t pid, struct hyfw_error **err);

/* gate.c */
#define OCI_NOTE_GATE "gate"
int oci_gate_open(struct oci_room *room, struct hyfw_call *call, struct hyfw_error **err);
/* start() without a handle. */
int oci_gate_start(const struct hyfw_host *host, const struct hyfw_map *record, struct hyfw_error **err);

/* ---- in the child --------------------------------------------------------------- */

void oci_child_create(struct ns_job *job) __attribute__((noreturn));

/* namespaces.c */
void oci_namespaces_join(struct ns_job *job, void *context); /* a guide's part */
void oci_namespaces_enter(const struct ns_job *job, const struct oci_room *room);
void oci_namespaces_finish(const struct ns_job *job, const struct oci_room *room);

/* sources.c */
void oci_sources_take(const struct ns_job *job, struct oci_room *room);
void oci_source_copy(const struct ns_job *job, struct oci_room *room, size_t index);
/* Flags and propagation of a bind's tree; 0 or a negative errno. */
int oci_bind_change(const struct oci_room *room, const struct hyfw_oci_mount *mount, int fd, bool recursive);

/* inner.c */
void oci_inner_take(const struct ns_job *job, struct oci_room *room, size_t index);

/* hostfs.c: with no_pivot, file systems of the kernel that stay reachable */
void oci_hostfs_hide(const struct ns_job *job, int root);

/* root.c */
void oci_root_attach(const struct ns_job *job, const struct oci_room *room);
void oci_root_enter(const struct ns_job *job, const struct oci_room *room);

/* mounts.c */
/* MOUNT_ATTR_* to be set and cleared, and MS_* or 0; 0 or a negative errno. */
int oci_mount_change(int fd, uint64_t set, uint64_t clear, uint64_t propagation, bool all);
bool oci_is_at(const struct oci_mount *made, const char *path); /* but for slashes at the end */
void oci_mounts_attach(const struct ns_job *job, struct oci_room *room);
void oci_mounts_seal(const struct ns_job *job, const struct oci_room *room);
void oci_attach(const struct ns_job *job, int fd, int target, const char *name);

/* filesystem.c */
/* A new file system of the type that 'mount' names, for 'target'; dies when it cannot be. */
int oci_filesystem(const struct ns_job *job, const struct oci_room *room, size_t index, int target);
/* What 'fd' is open on, below the host's /proc, for calls that take paths; returns 'path'. */
const char *oci_fd_path(int fd, char path[48]);

/* copyup.c */
int oci_copy_up(int from, int to); /* 0 or a negative errno */

/* nodes.c */
void oci_nodes_attach(const struct ns_job *job, const struct oci_room *room);
void oci_nodes_detach(const struct ns_job *job, const struct oci_room *room);
int oci_node_take(const struct oci_room *room, size_t index); /* detached tree, or a negative errno */

/* devices.c */
void oci_devices_make(const struct ns_job *job, const struct oci_room *room);

/* paths.c */
void oci_paths_cover(const struct ns_job *job, const struct oci_room *room);

/* sysctl.c */
void oci_sysctl_write(const struct ns_job *job, const struct oci_room *room);

/* process.c */
void oci_process_before(struct ns_job *job); /* umask, personality */
void oci_profile_set(const struct ns_job *job); /* AppArmor */
void oci_window_size(const struct ns_job *job, int master);

/* limits.c */
void oci_limits_set(const struct ns_job *job);
void oci_affinity_reset(void);

/* hooks.c */
void oci_hooks_run(const struct ns_job *job, const struct oci_room *room, enum hyfw_oci_phase phase);

/* gate.c */
#define OCI_KEPT 2
void oci_kept(const struct ns_job *job, int kept[OCI_KEPT]); /* descriptors needed until exec */
void oci_await_start(struct ns_job *job);

/* child.c: decimal or octal digits; async-signal-safe, unlike snprintf() */
const char *oci_digits(uint64_t value, unsigned base, char room[24]);

#endif
