/* SPDX-License-Identifier: BSD-3-Clause
 * Which system calls a workload may make.
 *
 *   grants.c        the capabilities that calls are tied to
 *   builtin.c       the default policy, a table
 *   profile.c profile_rule.c   a policy from a Docker or OCI profile (JSON)
 *   policy.c        rules in a list
 *   builder.c       a policy becomes a BPF program, through libseccomp
 *   filter.c        from a setting to the program, through the host's cache
 *   why.c           calls that were refused, as the kernel wrote them down
 *   plugin.c        the driver's operations */
#ifndef HYFW_SECCOMP_FILTER_H
#define HYFW_SECCOMP_FILTER_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include <hyfw/security.h>

/* ---- grants.c ---- */

/* The capabilities that 'settings' (cap_add, cap_drop) leave a workload, as bits
 * of linux/capability.h, as far as a call is tied to one. */
uint64_t grants_read(const struct hyfw_map *settings);

/* The bit of "CAP_SYS_ADMIN"; 0 for a name that no call is tied to. */
uint64_t grants_bit(const char *name);

/* "SYS_ADMIN" for the lowest bit of 'mask'; NULL for none. */
const char *grants_name(uint64_t mask);

/* ---- policy.c ---- */

#define CONDITIONS_MAX 6 /* a system call has six arguments */
#define ARCHITECTURES_MAX 16

struct rule {
	const char *name;
	uint32_t action;
	unsigned condition_count;                       /* all must hold */
	struct scmp_arg_cmp conditions[CONDITIONS_MAX];
};

struct policy {
	uint32_t otherwise;         /* action for calls without a rule */
	uint32_t architectures[ARCHITECTURES_MAX]; /* beside the native one */
	size_t architecture_count;
	uint32_t flags;             /* SECCOMP_FILTER_FLAG_* */
	struct rule *rules;         /* in an arena */
	size_t count, room;
};

void policy_add(const struct hyfw_host *host, struct hyfw_arena *arena, struct policy *policy,
		const struct rule *rule);

/* How many different calls it permits, with or without conditions. */
size_t policy_permits(const struct policy *policy);

/* ---- builtin.c ---- */

/* Changes with every change of the table: part of the cache key. */
#define BUILTIN_VERSION 2

void builtin_policy(const struct hyfw_host *host, struct hyfw_arena *arena, uint64_t grants,
		    struct policy *ret_policy);

/* The capabilities any of which permits the call in it; 0: none does. */
uint64_t builtin_capabilities(const char *call);

/* ---- profile.c ---- */

#define PROFILE_LIMIT (1u << 20) /* bytes */

/* The text of the profile; a regular file of at most PROFILE_LIMIT. */
int profile_read(const struct hyfw_host *host, struct hyfw_arena *arena, const char *path, char **ret_text,
		 size_t *ret_size, struct hyfw_error **err);

struct profile {
	const char *path; /* for messages */
	const char *text; /* NUL-terminated */
	size_t size;
	uint64_t grants;
	bool oci;         /* linux.seccomp of an OCI bundle: no "includes", and keys that are not
			   * known are passed over (config.md, "Extensibility") */
};

int profile_parse(const struct hyfw_host *host, struct hyfw_arena *arena, const struct profile *profile,
		  struct policy *ret_policy, struct hyfw_error **err);

/* ---- profile_rule.c ---- */

struct json_object;

/* Where in which file an error is, for its message. */
struct place {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const char *path;
	const char *where; /* "syscalls[3]" */
	bool oci;
};

/* A filter with SCMP_ACT_NOTIFY hands a listener back (seccomp(2)). */
#define POLICY_NOTIFIES SECCOMP_FILTER_FLAG_NEW_LISTENER

/* Adds the rules of one element of "syscalls". */
int profile_rule(const struct place *place, struct json_object *object, uint64_t grants, struct policy *policy,
		 struct hyfw_error **err);

/* "SCMP_ACT_..." with its errno, to an action; 'errno_value' -1 for EPERM. */
int profile_action(const struct place *place, const char *key, const char *name, int errno_value,
		   uint32_t *ret_action, struct hyfw_error **err);

/* Fails for keys of 'object' that are not in the NULL-terminated 'known'. */
int profile_known_keys(const struct place *place, struct json_object *object, const char *const *known,
		       struct hyfw_error **err);

/* Text and numbers of 'object'; absent leaves the output untouched. */
int profile_string(const struct place *place, struct json_object *object, const char *key, const char **ret_text,
		   struct hyfw_error **err);
int profile_errno(const struct place *place, struct json_object *object, const char *key, int *ret_errno,
		  struct hyfw_error **err);
int profile_array(const struct place *place, struct json_object *object, const char *key,
		  struct json_object **ret_array, struct hyfw_error **err);

/* ---- builder.c ---- */

/* The program, in 'arena'. */
int builder_build(const struct hyfw_host *host, struct hyfw_arena *arena, const struct policy *policy,
		  struct sock_filter **ret_program, size_t *ret_count, struct hyfw_error **err);

/* ---- filter.c ---- */

#define FILTER_DEFAULT "default"
#define FILTER_NONE "unconfined"

struct filter {
	const struct sock_filter *program; /* NULL: no filter */
	size_t count;
	uint32_t flags;
};

/* The policy that 'setting' ("default", a path) means. */
int filter_policy(const struct hyfw_host *host, struct hyfw_arena *arena, const char *setting, uint64_t grants,
		  struct policy *ret_policy, struct hyfw_error **err);

int filter_get(const struct hyfw_host *host, struct hyfw_arena *arena, const char *setting, uint64_t grants,
	       struct filter *ret_filter, struct hyfw_error **err);

/* ---- why.c ---- */

/* The driver's explain(); '*follow' is the socket for what is to come, 0 at first. */
int why_explain(const struct hyfw_host *host, const struct hyfw_subject *subject, int *follow,
		const struct hyfw_operation *operation, struct hyfw_map *ret_result, struct hyfw_error **err);

/* What the bundle says; no filter when it says nothing of it. */
int filter_get_oci(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_oci_config *config,
		   struct filter *ret_filter, struct hyfw_error **err);

#endif
