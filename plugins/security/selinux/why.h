/* SPDX-License-Identifier: BSD-3-Clause
 * What the policy refused to a workload, and the least that would permit it.
 *
 *     why.c          finds the workload's records and tells of them
 *     avc.c          one record, and those of the same kind as one denial
 *     words.c        a denial as a sentence
 *     remedy.c       what would permit it
 *     conditional.c  which booleans of the policy would
 *     module_text.c  a policy module that does, for semodule(8) */
#ifndef HYFW_SELINUX_WHY_H
#define HYFW_SELINUX_WHY_H

#include "../common/audit.h"
#include "selinux.h"

#define DENIALS_MOST 256
#define PERMISSIONS_MOST 32

/* Texts are in the arena, and hold nothing that a terminal would act on. */
struct denial {
	const char *source, *target; /* labels that libselinux takes for such */
	const char *class;
	const char *permissions[PERMISSIONS_MOST];
	size_t permission_count;
	const char *program;         /* "" where not known, and so on */
	const char *path;            /* as its process sees it */
	const char *name;            /* of a file, without its directory; or a port */
	uint64_t inode;              /* 0 */
	bool enforced;
	int64_t last;                /* milliseconds since 1970 */
	uint64_t count;
};

struct denials {
	const struct hyfw_host *host;
	struct hyfw_arena *arena;
	const char *label;           /* of the workload's processes */
	int64_t since;               /* its pair was somebody else's before */
	struct denial items[DENIALS_MOST];
	size_t count;
	uint64_t left_out;           /* more kinds than that */
	uint64_t *seen;              /* records that two sources give */
	size_t seen_count;
};

/* ---- avc.c ---- */

/* Takes a record that is a denial of this workload; always 0. */
int denials_take(void *denials, const struct audit_record *record);

/* ---- words.c ---- */

const char *type_in(const struct hyfw_host *host, struct hyfw_arena *arena, const char *label);
const char *denial_sentence(const struct hyfw_host *host, struct hyfw_arena *arena, const struct denial *denial);

/* ---- remedy.c ---- */

enum remedy_kind { REMEDY_NOTHING, REMEDY_VOLUME, REMEDY_BOOLEAN, REMEDY_KEY, REMEDY_POLICY };

struct remedy {
	enum remedy_kind kind;
	const char *text;
};

/* The policy in force as libsepol reads it; see conditional.c. */
struct policy_copy;

#define REMEDIES_MOST 8
const char *remedy_name(enum remedy_kind kind);
/* The least first; how many.  '*policy' is NULL for the first denial, and kept for the next ones. */
size_t remedies_for(const struct hyfw_host *host, struct hyfw_arena *arena, const struct hyfw_subject *subject,
		    struct policy_copy **policy, const struct denial *denial, struct remedy remedies[REMEDIES_MOST]);

/* ---- conditional.c ---- */

#define BOOLEANS_MOST 4
/* Booleans of the policy in force, each of which, when it is 'values' of its place, permits it.  How many; none
 * as well where libsepol is not there. */
size_t booleans_for(const struct hyfw_host *host, struct hyfw_arena *arena, struct policy_copy **policy,
		    const struct denial *denial, const char *names[BOOLEANS_MOST], bool values[BOOLEANS_MOST]);
void policy_copy_free(struct policy_copy **policy);

/* ---- module_text.c ---- */

bool module_name_is_good(const char *name);
/* For the denials whose 'chosen' is set. */
const char *module_te(const struct denials *denials, const bool *chosen, const char *name);
const char *module_cil(const struct denials *denials, const bool *chosen, const char *name);

/* ---- why.c ---- */

int selinux_explain(void *instance, const struct hyfw_subject *subject, const struct hyfw_map *record,
		    const struct hyfw_operation *operation, struct hyfw_map *ret_result, struct hyfw_error **err);

#endif
