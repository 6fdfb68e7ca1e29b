/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Security modules say how a workload is confined.  They return data; the
 * isolation driver puts it into effect, and nothing of theirs runs between fork
 * and exec.  Several modules apply to one workload: each fills only its own part
 * of the confinement.
 *
 *     plan(WORKLOAD)  steps of lifetime RUN for what must exist outside the
 *                     process (control groups, labels); often only a note step
 *                     that tells the reader what the module decides
 *     apply()         makes those
 *     confine()       the decision, as data, after apply() and before create()
 */
#ifndef HYFW_SECURITY_H
#define HYFW_SECURITY_H

#include <hyfw/plugin.h>
#include <hyfw/workload.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Words for hyfw_plugin.capabilities of security modules. */
#define HYFW_CONFINES_RESOURCES "confines-resources"
#define HYFW_CONFINES_PRIVILEGES "confines-privileges"
#define HYFW_CONFINES_SYSCALLS "confines-syscalls"
#define HYFW_CONFINES_LABELS "confines-labels"
#define HYFW_CONFINES_PATHS "confines-paths"

struct hyfw_security_ops {
	size_t size;

	/* Fills the module's part of 'confinement' for the WORKLOAD 'subject'.
	 * 'record' are the notes of the module's steps.  Called again for each
	 * exec into a running workload.  Memory from 'arena'.  Mandatory. */
	int (*confine)(void *instance, const struct hyfw_subject *subject, const struct hyfw_map *record,
		       struct hyfw_arena *arena, struct hyfw_confinement *confinement,
		       struct hyfw_error **err);

	/* Adds figures of the running workload; members already known are left alone,
	 * HYFW_STAT_NONE is what is not known.  Units stand at struct hyfw_stats.
	 * Does not block.  NULL: none. */
	int (*stats)(void *instance, const struct hyfw_map *record, struct hyfw_stats *stats,
		     struct hyfw_error **err);

	/* Stops or continues all processes of the workload; returns when they have,
	 * or -ETIMEDOUT.  No failure when they stand still, or run, already.
	 * NULL: cannot. */
	int (*freeze)(void *instance, const struct hyfw_map *record, bool frozen, struct hyfw_error **err);

	/* Sends SIGKILL to every process of the workload, those that fork
	 * meanwhile included, and returns when none is left.  NULL: cannot. */
	int (*kill)(void *instance, const struct hyfw_map *record, struct hyfw_error **err);

	/* Puts changed settings of 'subject' into effect for the running workload, whole
	 * or not at all.  -ENOTSUP when a setting that differs from what is in effect
	 * takes a new start.  NULL: nothing of this module can change. */
	int (*update)(void *instance, const struct hyfw_subject *subject, const struct hyfw_map *record,
		      struct hyfw_error **err);

	/* Tells all that the kernel counts for the running workload, more than struct
	 * hyfw_stats has: '*ret_json' is a JSON object in 'arena', in the form of the
	 * member "data" of what `runc events --stats` prints ("cpu", "memory", "pids",
	 * "blkio", "hugetlb", ...).  What is not known is left out.  Does not block.
	 * NULL: nothing. */
	int (*report)(void *instance, const struct hyfw_map *record, struct hyfw_arena *arena,
		      const char **ret_json, struct hyfw_error **err);

	/* Tells what the module sees of this machine, in the calling process; changes
	 * nothing.  'object' is "".  -ENOTSUP for a verb that it does not know.  Verbs of
	 * modules that label (HYFW_CONFINES_LABELS):
	 *   status       -> mode (enforcing, permissive, disabled), configured_mode, policy,
	 *                policy_version, levels, unknown_permissions, label_of_hyfw, pairs_in_use
	 *   contexts     -> row context known (yes, no)
	 *   booleans     -> row value (on, off) pending
	 *   policy       -> row priority enabled (yes, no): its modules
	 * NULL: nothing to tell. */
	int (*operate)(void *instance, const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		       struct hyfw_error **err);

	/* What the module's rules refused to the WORKLOAD 'subject', as far as this machine
	 * still knows, and what would permit it (`hyfw why`); changes nothing.  'record' are
	 * the notes of its steps, empty when it does not run.  'operation->args':
	 *   follow=true  only what came since the last such call of this instance; waits for
	 *                it, one second at most
	 *   policy=NAME  the text of a policy module too, for what nothing less permits
	 * Rows, whose keys stand in this order:
	 *   row WORD       the kind of denial (avc, seccomp, limit, ...): time (milliseconds since 1970; 0 not
	 *                known) count refused (yes, no: it was only logged) sentence, then what
	 *                it is about: subject object class permissions, then for each way to
	 *                permit it, the least first, permit_by (nothing, volume, boolean, key,
	 *                policy) and permit, a sentence
	 *   row note       sentence: what could not be looked at, and why
	 *   row hint       sentence: where else to look; told where nothing that was refused is known
	 *   row policy     one for each language, whose name is the key: te, cil
	 * Texts in it may be a workload's own; control characters are the module's to replace.
	 * NULL: the module cannot tell. */
	int (*explain)(void *instance, const struct hyfw_subject *subject, const struct hyfw_map *record,
		       const struct hyfw_operation *operation, struct hyfw_map *ret_result,
		       struct hyfw_error **err);
};

#ifdef __cplusplus
}
#endif
#endif
