/* SPDX-License-Identifier: BSD-3-Clause
 * Which devices a control group may use: a list of rules as in linux.resources.devices
 * of the OCI runtime specification.  Whatever no rule speaks of is denied, and later
 * rules win, for each kind of access alone: after "allow c 1:3 rw" and "deny c 1:3 w"
 * reading is left.
 *
 *   device_rules.c  the rules: as text, their decision
 *   device_v1.c     the rules as values for cgroup v1
 *   device_bpf.c    the rules as a program for cgroup v2, which has no files for them */
#ifndef HYFW_DEVICE_RULES_H
#define HYFW_DEVICE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DEVICE_ANY (-1)
#define DEVICE_RULES_MOST 1024 /* of four branches at most: the kernel follows 8192 of them */

enum device_access { /* the same numbers as BPF_DEVCG_ACC_* */
	DEVICE_MKNOD = 1,
	DEVICE_READ = 2,
	DEVICE_WRITE = 4,
	DEVICE_ACCESS_ALL = 7,
};

struct device_rule {
	bool allow;
	char type;        /* 'c', 'b', or 'a' for both */
	int64_t major;    /* DEVICE_ANY, or 0..INT32_MAX */
	int64_t minor;
	unsigned access;  /* DEVICE_... */
};

/* What a workload without a user namespace, or that may mount, may use: nothing that
 * reaches hardware. */
extern const struct device_rule device_rules_harmless[];
extern const size_t device_rules_harmless_count;

/* -EINVAL for a list that no kernel could be given. */
int device_rules_check(const struct device_rule *rules, size_t count);

/* What the rules say about one use of a device of type 'c' or 'b'. */
bool device_rules_allow(const struct device_rule *rules, size_t count, char type, int64_t major, int64_t minor,
			unsigned access);

/* "allow c 1:3 rwm", of which the second word on is how cgroup v1 takes it. */
#define DEVICE_RULE_TEXT 64
void device_rule_text(const struct device_rule *rule, char text[DEVICE_RULE_TEXT]);
int device_rule_parse(const char *text, struct device_rule *ret_rule); /* -EINVAL */

/* ---- device_v1.c ---- */

/* What the rules come to as a list of the kernel's, which knows one answer for all devices
 * and exceptions from it. */
struct device_list {
	bool allow;                /* what is no exception */
	size_t count;
	struct device_rule *items; /* the exceptions: of type 'b' or 'c', 'allow' the contrary of the above */
};

/* 'ret_list->items' is malloc'ed.  -EOPNOTSUPP for a denial within a wider range that stays
 * allowed: the kernel would pass over it. */
int device_list_make(const struct device_rule *rules, size_t count, struct device_list *ret_list);

/* Restricts a group of the v1 devices controller. */
int device_rules_write_v1(int group, const struct device_rule *rules, size_t count);

/* The same for a group in use: what is allowed before and after is so all the time, unless
 * one of both allows all but exceptions. */
int device_rules_change_v1(int group, const struct device_rule *rules, size_t count);

/* ---- device_bpf.c ---- */

struct bpf_insn;

/* The program in a malloc'ed array. */
int device_program(const struct device_rule *rules, size_t count, struct bpf_insn **ret_program,
		   size_t *ret_length);

/* Restricts the cgroup v2 directory 'group', a descriptor of any kind, for as long as it
 * exists, beside what its parents are restricted to.  -EPERM also for who may not load
 * programs (CAP_BPF or CAP_SYS_ADMIN, both of the first user namespace). */
int device_rules_attach_v2(int group, const struct device_rule *rules, size_t count);

/* Puts the rules in the place of those that were attached so before; none at all with
 * 'count' 0.  Programs of others, such as systemd's, stay. */
int device_rules_change_v2(int group, const struct device_rule *rules, size_t count);

#endif
