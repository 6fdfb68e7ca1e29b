/* SPDX-License-Identifier: BSD-3-Clause
 * Which capabilities a workload has.
 *
 *   defaults.c  the set that every workload gets, each with its reason
 *   names.c     names to bits and back, through libcap
 *   sets.c      defaults, cap_add, cap_drop and user become the five sets
 *   plugin.c    the driver's operations
 *
 * Sets are bit masks: bit N is capability N of linux/capability.h. */
#ifndef HYFW_CAPABILITIES_H
#define HYFW_CAPABILITIES_H

#include <hyfw/security.h>

struct capability_sets {
	uint64_t bounding, permitted, effective, inheritable, ambient;
	uint64_t dangerous; /* those of 'bounding' that open the host to a workload
			     * without a user namespace */
};

uint64_t capability_defaults(void);

/* Capabilities with which root of the host's own user namespace reaches the
 * host itself, whatever the other namespaces are. */
uint64_t capability_dangers(void);

/* All that the running kernel has. */
uint64_t capability_all(void);

/* "CAP_CHOWN" or "ALL" to a mask.  -EINVAL names 'key' and the nearest name. */
int capability_parse(const struct hyfw_host *host, const char *key, const char *name, uint64_t *ret_mask,
		     struct hyfw_error **err);

/* "chown kill setuid" for people: lower case without prefix, 'separator' between
 * and 'prefix' before each; "none" for an empty set. */
char *capability_text(const struct hyfw_host *host, struct hyfw_arena *arena, uint64_t mask,
		      const char *prefix, const char *separator);

/* What the workload 'subject' gets.  Fails for names that are not known, and
 * for added ones that hyfw cannot give because it does not have them. */
int capability_decide(const struct hyfw_host *host, const struct hyfw_subject *subject,
		      struct capability_sets *ret_sets, struct hyfw_error **err);

#endif
