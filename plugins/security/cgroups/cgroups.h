/* SPDX-License-Identifier: BSD-3-Clause
 * Control groups: limits and figures of a workload, on cgroup v1, v2 and the
 * mixture of both (cgroups(7), cgroup-v1/ and cgroup-v2.rst of the kernel).
 *
 *   hierarchy.c  where each controller lives on this machine
 *   limits.c     from settings to limits; what cannot work is refused
 *   v1.c v2.c    from limits to values in files
 *   io.c         those of disks
 *   device_rules.c device_bpf.c   which devices may be used, on v1 and on v2
 *   groups.c     the directories: make, fill, find again, remove
 *   kill.c freeze.c update.c stats.c gc.c   what is done to them later
 *   files.c      reading and writing the small files
 *   plan.c       what a plan says
 *   delegate.c   a group that somebody else divides
 *   why.c        what ran into a limit
 *   oci.h        the same for an OCI bundle, whose resources are more and whose groups
 *                are where it says
 *   operations.h the driver's operations, of which those for a plan are in steps.c and those
 *                for what runs in running.c
 *   plugin.c     its descriptor, instance and keys
 *
 * A workload has one directory for each v1 hierarchy that a limit or a figure
 * needs, and at most one in the unified hierarchy: MOUNT/OWNER/WORKLOAD.  Each
 * is noted as "cgroup.CONTROLLERS" or "cgroup.unified" before it is made. */
#ifndef HYFW_CGROUPS_H
#define HYFW_CGROUPS_H

#include <hyfw/security.h>

#include "device_rules.h"

enum controller {
	CONTROLLER_CPU,
	CONTROLLER_CPUACCT, /* v1 only; part of every v2 group */
	CONTROLLER_CPUSET,
	CONTROLLER_MEMORY,
	CONTROLLER_PIDS,
	CONTROLLER_DEVICES, /* v1 only; in the mask of a v2 group: it takes the program */
	CONTROLLER_FREEZER, /* v1 only; part of every v2 group */
	CONTROLLER_BLKIO,   /* "io" on v2 */
	/* Of OCI bundles only: */
	CONTROLLER_HUGETLB,
	CONTROLLER_RDMA,
	CONTROLLER_NET_CLS, /* v1 only */
	CONTROLLER_NET_PRIO, /* v1 only */
	CONTROLLER_SYSTEMD, /* v1, "name=systemd": limits nothing */
	CONTROLLER_COUNT,
};
#define CONTROLLER_BIT(which) (1u << (which))

extern const char *const controller_names[CONTROLLER_COUNT]; /* as on v1 */
const char *controller_v2_name(enum controller controller);
uint32_t controllers_parse(const char *list); /* "cpu,cpuacct" */

/* ---- hierarchy.c ---- */

struct hierarchy {
	char *v1[CONTROLLER_COUNT]; /* mount point; NULL where there is none.  Controllers mounted
				     * together have equal text */
	char *unified;              /* mount point of cgroup v2, NULL for none; for an ordinary user the
				     * group that was delegated to them, if one was */
	bool delegated;             /* it is such a group */
	char *unified_mount;        /* where the mount point is then; NULL: 'unified' is it */
	bool closed;                /* the user may not make groups there */
	uint32_t unified_has;       /* controllers that can be switched on there */
};

#define DEFAULT_MOUNT "/sys/fs/cgroup"

/* The driver's probe(). */
int hierarchy_probe(const struct hyfw_host *host, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
		    struct hyfw_error **err);

/* Looks below 'mount' first, then in /proc/self/mountinfo. */
int hierarchy_find(const struct hyfw_host *host, const char *mount, struct hierarchy *ret_hierarchy,
		   struct hyfw_error **err);
void hierarchy_finish(struct hierarchy *hierarchy);

/* ---- limits.c ---- */

#define LIMIT_NONE (-1)

enum io_kind { IO_RBPS, IO_WBPS, IO_RIOPS, IO_WIOPS, IO_KINDS };
#define IO_DEVICES_MOST 16
#define IO_SETTINGS_MOST (IO_DEVICES_MOST * IO_KINDS) /* each may say one thing about a device */

struct io_limit {
	const char *setting; /* borrowed: begins with the path of the device */
	int path_length;
	int problem;         /* errno of looking for it; 0 */
	unsigned major, minor;
	int64_t most[IO_KINDS]; /* LIMIT_NONE, or in a second */
};

struct limits {
	int64_t cpus;        /* thousandths */
	int64_t cpu_shares;
	int64_t pids;
	bool pids_by_default; /* nobody has asked for it */
	int64_t memory;      /* bytes, with 'overhead' */
	int64_t memory_swap; /* bytes of memory and swap together; LIMIT_NONE: as 'memory',
			      * which leaves no swap; see 'swap_unlimited' */
	bool swap_unlimited;
	int64_t overhead;    /* bytes that the isolation driver needs for itself */
	const char *cpuset;  /* "0-1,3"; NULL for none */
	const struct device_rule *devices; /* borrowed; NULL: any */
	size_t device_count;
	struct io_limit io[IO_DEVICES_MOST]; /* one for each device */
	size_t io_count;     /* more than IO_DEVICES_MOST: those behind are not there */
	bool figures;        /* groups are wanted for statistics too */
	const char *delegate; /* "UID:GID" that may divide the group; NULL for none */
};

/* From the keys of a workload, or from the arguments of a step. */
void limits_read(const struct hyfw_map *settings, struct limits *ret_limits);
/* To those that are harmless. */
void limits_restrict_devices(struct limits *limits);
/* Limits of memory are that much higher. */
void limits_add_overhead(struct limits *limits, int64_t bytes);
/* Those of a workload, with what follows from more than its settings. */
void limits_of_subject(const struct hyfw_subject *subject, struct limits *ret_limits);
int limits_check(const struct hyfw_host *host, const struct limits *limits, struct hyfw_error **err);

/* ---- v1.c, v2.c: what is written where ---- */

struct value {
	enum controller controller;
	const char *key;  /* the setting it comes from, for messages */
	const char *file;
	const char *text;
	bool optional;    /* the kernel may lack the file */
};
#define VALUES_MAX (32 + 2 * IO_DEVICES_MOST * IO_KINDS)
struct values {
	size_t count;
	struct value items[VALUES_MAX];
};
void values_add(struct values *values, enum controller controller, const char *key, const char *file,
		const char *text, bool optional);

/* Controllers that 'limits' need on v1 and on v2. */
uint32_t v1_needs(const struct limits *limits);
uint32_t v2_needs(const struct limits *limits);

void v1_values(const struct hyfw_host *host, struct hyfw_arena *arena, const struct limits *limits,
	       struct values *values);
void v2_values(const struct hyfw_host *host, struct hyfw_arena *arena, const struct limits *limits,
	       struct values *values);

/* ---- io.c ---- */

void io_read(const struct hyfw_map *settings, struct limits *limits);
int io_check(const struct hyfw_host *host, const struct limits *limits, struct hyfw_error **err);
char *io_summary(const struct hyfw_host *host, struct hyfw_arena *arena, const struct io_limit *limit);
void io_values(const struct hyfw_host *host, struct hyfw_arena *arena, bool unified, const struct limits *limits,
	       struct values *values);
/* Takes away what the group 'fd' has beyond 'limits'. */
void io_values_absent(const struct hyfw_host *host, struct hyfw_arena *arena, bool unified, int fd,
		      const struct limits *limits, struct values *values);
/* What writing the value would change, as one would write it. */
void io_before(int fd, const struct value *value, char *buffer, size_t size);

/* cpu.weight (1..10000) for cpu.shares (2..262144); 1024 is 100. */
unsigned v2_weight(uint64_t shares);

/* A new v1 cpuset has no CPU and no memory node: takes those of 'parent'. */
int v1_inherit_cpuset(int parent, int child);

/* Switches 'controllers' on for the children of the group, all or none.  Which ones are on
 * already can be read while another process is still at it, and the files of the children
 * are not there yet; with 'wait' they are when this returns. */
int v2_enable(int group, uint32_t controllers, bool wait);

/* ---- denied.c ---- */

/* An ordinary user who may make no groups at all. */
bool groups_denied(const struct hierarchy *hierarchy);
/* -EACCES by the name of a limit that somebody has asked for. */
int groups_denied_check(const struct hyfw_host *host, const struct limits *limits, struct hyfw_error **err);
/* The same, and a note in the plan that there are none. */
int groups_denied_plan(const struct hyfw_host *host, const struct hyfw_subject *subject, const struct limits *limits,
		       struct hyfw_plan *plan, struct hyfw_arena *arena, struct hyfw_error **err);

/* ---- groups.c ---- */

#define GROUPS_MAX (CONTROLLER_COUNT + 1)

struct group {
	const char *path;
	const char *controllers; /* "cpu,cpuacct"; "" for unified */
	uint32_t mask;           /* of v1; for unified those switched on for the limits */
	bool unified;
};

/* The groups that a workload with 'limits' gets here.  -ENOTSUP when a limit
 * needs a controller that is not there. */
int groups_choose(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
		  const struct limits *limits, const char *workload, struct group ret_groups[GROUPS_MAX],
		  size_t *ret_count, struct hyfw_error **err);

/* The values for the group, in the order of writing. */
void groups_values(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *group,
		   const struct limits *limits, struct values *ret_values);

/* Makes the directory and writes the values.  -EEXIST, and only then, when it
 * was there already with something in it: it is not the caller's to remove. */
int group_make(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *group,
	       const struct limits *limits, struct hyfw_error **err);

/* Those noted in 'record'; borrows its text. */
size_t groups_recorded(const struct hyfw_map *record, struct group ret_groups[GROUPS_MAX]);

/* True when PATH ends in /OWNER/WORKLOAD. */
bool group_is_ours(const char *path, const char *owner, const char *workload);

/* Removes the directory, killing what is left inside; gone is success. */
int group_remove(const struct hyfw_host *host, const char *path, struct hyfw_error **err);

/* Removes MOUNT/OWNER of the group when nothing is left below it. */
void group_remove_parent(const char *path);

/* ---- plan.c ---- */

#define ARGUMENTS_MAX (16 + IO_SETTINGS_MOST)

char *plan_summary(const struct hyfw_host *host, struct hyfw_arena *arena, const struct limits *limits,
		   const char *workload);
char *plan_commands(const struct hyfw_host *host, struct hyfw_arena *arena, const struct limits *limits,
		    const struct group *groups, size_t count);

/* The step's arguments: what limits_read() takes back in.  Borrows text. */
size_t plan_arguments(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_subject *subject,
		      const struct limits *limits, struct hyfw_pair ret_pairs[ARGUMENTS_MAX]);

/* ---- kill.c ---- */

/* SIGKILL to all processes below the group until none is left. */
int group_kill(const struct hyfw_host *host, const char *path, struct hyfw_error **err);

/* Process ids in the group itself, in a malloc'ed array. */
int group_processes(int group, int **ret_pids, size_t *ret_count);

/* ---- freeze.c ---- */

int groups_freeze(const struct hyfw_host *host, const struct hierarchy *hierarchy, const struct group *groups,
		  size_t count, bool frozen, struct hyfw_error **err);

/* MOUNT/OWNER/WORKLOAD of the v1 freezer for the workload that 'path' is a group
 * of; free().  NULL without a v1 freezer. */
char *freezer_path(const struct hierarchy *hierarchy, const char *path);

/* ---- update.c ---- */

/* Changed limits for the groups of a running workload: all of them or none.  -ENOTSUP
 * when one needs a controller that it has no group of.  Fills in their masks. */
int groups_update(const struct hyfw_host *host, const struct hierarchy *hierarchy, struct group *groups,
		  size_t count, const struct limits *limits, struct hyfw_error **err);

/* ---- stats.c ---- */

void group_stats(const struct group *group, struct hyfw_stats *stats);

/* ---- delegate.c: a group that somebody else divides ---- */

/* Says in 'limits' whom the group of 'subject' is handed to, in 'arena', if to anybody. */
int delegate_decide(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
		    const struct hyfw_subject *subject, struct limits *limits, struct hyfw_error **err);
/* Controllers that it gets beside those that limits need. */
uint32_t delegate_controllers(const struct hierarchy *hierarchy);
int delegate_group(const struct hyfw_host *host, const struct group *group, int fd, const char *to,
		   struct hyfw_error **err);
/* The directory 'path', open as 'fd', and those 'files' in it that there are, a line each, become
 * those of 'uid' and 'gid' ((gid_t)-1: it stays). */
int delegate_files(const struct hyfw_host *host, const char *path, int fd, const char *files, uid_t uid, gid_t gid,
		   struct hyfw_error **err);
/* What nobody can divide a group without. */
#define DELEGATE_LEAST "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n"
/* Where a further command goes: a group with children that limit something has no processes. */
const char *delegate_join(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *group);

/* ---- why.c ---- */

/* What ran into a limit; 'record' is empty for a workload that has ended. */
void why_explain(const struct hyfw_host *host, const struct hyfw_subject *subject, const struct hyfw_map *record,
		 struct hyfw_arena *arena, struct hyfw_map *ret_rows);

/* ---- gc.c ---- */

int groups_gc(const struct hyfw_host *host, const struct hierarchy *hierarchy, const struct hyfw_alive *alive,
	      struct hyfw_error **err);

/* ---- files.c: no messages, negative errno ---- */

void auto_close(const int *fd);
void auto_free(void *pointer);
#define AUTO_CLOSE __attribute__((cleanup(auto_close)))
#define AUTO_FREE __attribute__((cleanup(auto_free)))

int group_open(const char *path); /* O_PATH; negative errno */
int file_write(int group, const char *file, const char *text);
int file_read(int group, const char *file, char *buffer, size_t size); /* NUL-terminated; length */
uint64_t file_number(int group, const char *file);                     /* HYFW_STAT_NONE: none or "max" */
uint64_t file_field(int group, const char *file, const char *field);   /* of lines "FIELD NUMBER" */

#endif
