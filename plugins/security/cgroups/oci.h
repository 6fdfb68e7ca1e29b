/* SPDX-License-Identifier: BSD-3-Clause
 * Control groups of an OCI bundle: linux.cgroupsPath and linux.resources.
 *
 *   oci_place.c    which directories: one in each hierarchy, as other runtimes have it
 *   oci_values.c oci_v1.c oci_v2.c   from resources to values in files
 *   oci_write.c    writing them: all of them, or what was before
 *   oci_make.c     making and removing the directories
 *   oci_report.c oci_pressure.c   all figures, as JSON
 *   systemd.h      a scope of systemd's instead
 *   oci_plan.c oci_driver.c oci_control.c   the driver's operations for a bundle
 *
 * plan() decides all of it; its step has the arguments
 *     "group"   CONTROLLERS PATH             ("unified" for cgroup v2)
 *     "write"   CONTROLLER FLAGS FILE KEY TEXT
 *     "device"  a rule, device_rules.h
 *     "scope", "property"   what systemd is asked for, systemd.h
 *     "owner"   the user that the cgroup v2 group is handed to
 *     "own"     the path is our choice: what is there by that name is somebody else's
 * and apply() notes "oci", "cgroup.CONTROLLERS" (the directory) and
 * "made.CONTROLLERS" (the first directory on the way that was not there). */
#ifndef HYFW_CGROUPS_OCI_H
#define HYFW_CGROUPS_OCI_H

#include "cgroups.h"

#define OCI_VERB "oci"
#define OCI_NOTE_MARK "oci"
#define OCI_NOTE_SCOPE "scope"
#define OCI_NOTE_MADE "made."
#define OCI_KEY_OWN "own"
#define OCI_KEY_OWNER "owner"
#define OCI_UNIFIED "unified"

/* ---- oci_values.c ---- */

enum oci_write_flags {
	OCI_MAY = 1u << 0,     /* no limit is asked for: the file need not exist */
	OCI_OR_NEXT = 1u << 1, /* where there is no such file, the next one counts; else that is left out */
	OCI_OBSOLETE = 1u << 2, /* newer kernels no longer have it: a warning then */
};

struct oci_write {
	enum controller controller; /* CONTROLLER_COUNT: any unified group */
	unsigned flags;
	const char *key; /* member of linux.resources, for messages */
	const char *file;
	const char *text;
};

struct oci_writes {
	size_t count, room;
	struct oci_write *items; /* in an arena */
};

/* What the translation needs to know. */
struct oci_context {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const struct hierarchy *hierarchy;
	int current; /* the unified group that is changed, -1 when it is still to be made */
	struct oci_writes *writes;
};

/* -ENOTSUP and the like, by name, for what this machine cannot do. */
int oci_values(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
	       const struct hyfw_oci_resources *resources, int current, struct oci_writes *ret_writes,
	       struct hyfw_error **err);

/* linux.resources.devices and what every runtime permits besides; 0 when that is all. */
size_t oci_devices(const struct hyfw_host *host, struct hyfw_arena *arena,
		   const struct hyfw_oci_resources *resources, const struct device_rule **ret_rules);

/* -EINVAL for rules that no kernel takes, -ENOTSUP for those that this machine's does not. */
int oci_devices_check(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
		      const struct hyfw_oci_resources *resources, struct hyfw_error **err);
/* Fails with what 'result' of writing the rules means. */
int oci_devices_refused(const struct hyfw_host *host, const struct group *group, int result, struct hyfw_error **err);

/* Nothing but cgroup v2. */
bool oci_is_pure_v2(const struct hierarchy *hierarchy);

/* For oci_v1.c and oci_v2.c. */
void oci_put(const struct oci_context *context, enum controller controller, unsigned flags, const char *key,
	     const char *file, const char *text);
void oci_put_number(const struct oci_context *context, enum controller controller, unsigned flags, const char *key,
		    const char *file, int64_t number);
static inline bool oci_asked(struct hyfw_oci_number number) /* 0 is "not said" in all that is a limit */
{
	return number.set && number.value != 0;
}

/* "swap" of 0 is no swap, as with crun; with a limit of 0 beside it neither is said. */
static inline bool oci_no_swap(const struct hyfw_oci_resources *r)
{
	return r->memory_swap.set && r->memory_swap.value == 0 && !(r->memory_limit.set && r->memory_limit.value == 0);
}

int oci_v1_values(const struct oci_context *context, enum controller controller,
		  const struct hyfw_oci_resources *resources, struct hyfw_error **err);
int oci_v2_values(const struct oci_context *context, enum controller controller,
		  const struct hyfw_oci_resources *resources, struct hyfw_error **err);

/* ---- oci_place.c ---- */

/* The groups of the container 'id'.  Checks 'cgroups_path'; NULL is one of our own. */
int oci_place(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hierarchy *hierarchy,
	      const char *cgroups_path, const char *id, struct group ret_groups[GROUPS_MAX], size_t *ret_count,
	      struct hyfw_error **err);

/* Where the hierarchy of the group is mounted. */
const char *oci_mount_of(const struct hierarchy *hierarchy, const struct group *group);

/* An ordinary user, or root of another user namespace only. */
bool oci_is_rootless(void);

/* ---- oci_write.c ---- */

/* Puts all of them into effect, each in the group that has its controller, or none. */
int oci_write(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *groups, size_t count,
	      const struct oci_writes *writes, struct hyfw_error **err);

/* ---- oci_make.c ---- */

/* The first directory of the path that is not there; NULL when all are. */
char *oci_first_missing(const struct hyfw_host *host, struct hyfw_arena *arena, const char *mount, const char *path);

/* Makes the directory with all above it, and switches on what it needs.  -EBUSY for one
 * that is in use by others, unless it is 'in_scope'. */
int oci_make(const struct hyfw_host *host, struct hyfw_arena *arena, const char *mount, const struct group *group,
	     uint32_t needed, bool in_scope, struct hyfw_error **err);

/* Ends what is left inside.  Removes it when it or one above it, 'made', was made by us
 * (NULL: it was not), and with it those above that are empty then, if they were made for
 * this or another container. */
int oci_remove(const struct hyfw_host *host, const char *path, const char *made, struct hyfw_error **err);
/* Only those above a group that was not made in the end. */
void oci_remove_rest(const char *path, const char *made);

/* To the user 'uid' with the files that cgroup v2 lets one have. */
int oci_hand_over(const struct hyfw_host *host, const char *path, uint32_t uid, struct hyfw_error **err);

/* Realtime budgets of the v1 groups from 'made' on down to the one above 'path'. */
void oci_budget_above(const struct hyfw_host *host, struct hyfw_arena *arena, const char *made, const char *path,
		      const struct oci_writes *writes);

/* ---- oci_plan.c, oci_driver.c ---- */

/* "cpu,cpuacct", or "unified". */
const char *oci_controllers_of(const struct group *group);

int oci_plan(const struct hyfw_host *host, const struct hierarchy *hierarchy, const struct hyfw_subject *subject,
	     struct hyfw_plan *plan, struct hyfw_arena *arena, struct hyfw_error **err);
int oci_apply(const struct hyfw_host *host, const struct hierarchy *hierarchy, struct hyfw_call *call,
	      struct hyfw_error **err);
int oci_undo(const struct hyfw_host *host, struct hyfw_call *call, struct hyfw_error **err);

/* ---- oci_control.c ---- */

/* True for the notes of a bundle's step. */
bool oci_is_record(const struct hyfw_map *record);
/* Where a further process of the container goes: the group itself, or one below it. */
const char *oci_group_to_join(const struct hyfw_host *host, struct hyfw_arena *arena, const struct group *group);
int oci_freeze(const struct hyfw_host *host, const struct hyfw_map *record, bool frozen, struct hyfw_error **err);
int oci_kill(const struct hyfw_host *host, const struct hyfw_map *record, struct hyfw_error **err);
int oci_update(const struct hyfw_host *host, const struct hierarchy *hierarchy, const struct hyfw_subject *subject,
	       const struct hyfw_map *record, struct hyfw_error **err);

/* ---- oci_pressure.c, oci_report.c ---- */

struct json_object;

/* Adds "psi" from lines "some avg10=0.00 avg60=0.00 avg300=0.00 total=0"; nothing where the
 * kernel does not keep it, or 'group' is -1. */
void oci_pressure(struct json_object *object, int group, const char *file);

/* The operation 'report' (security.h), of any workload. */
int oci_report(const struct hyfw_host *host, const struct hyfw_map *record, struct hyfw_arena *arena,
	       const char **ret_json, struct hyfw_error **err);

#endif
