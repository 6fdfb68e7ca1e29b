/* SPDX-License-Identifier: BSD-3-Clause
 *
 * libhyfw: hyfw for programs that embed it (pkg-config: hyfw).  It does what the
 * command does, on the same directories, and the two see each other's workloads.
 *
 * Rules
 *   - Functions return 0, or a negative errno with '*err' set; 'err' must point
 *     to NULL and may itself be NULL.  Free errors with hyfw_error_free().
 *   - Text that is returned is the caller's: free().
 *   - One instance at a time in a process, used from one thread, and the process
 *     must be single-threaded when workloads are started: a monitor process is
 *     forked for each, which outlives the caller.
 *   - Files are INI files as in hyfw.ini(5); lists of them end with NULL.
 */
#ifndef HYFW_LIBHYFW_H
#define HYFW_LIBHYFW_H

#include <hyfw/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hyfw_instance;

/* Where things lie; NULL members mean the defaults of the command.  Copied. */
struct hyfw_instance_options {
	size_t size;
	const char *runtime;     /* --state: gone with the kernel */
	const char *data;        /* --root: outlives a reboot */
	const char *config_file; /* --config; must exist when it is given */
	const char *plugin_path; /* --plugin-path */
};

/* Also finishes what a crash left undone.  -EBUSY when there is an instance. */
int hyfw_instance_new(const struct hyfw_instance_options *options, struct hyfw_instance **ret_instance,
		      struct hyfw_error **err);
void hyfw_instance_free(struct hyfw_instance *instance); /* accepts NULL; workloads go on */

/* Checks stack files without changing anything. */
int hyfw_instance_check(struct hyfw_instance *instance, const char *const *files, struct hyfw_error **err);

/* What up would do, as the JSON of `hyfw plan --format json`. */
int hyfw_instance_plan(struct hyfw_instance *instance, const char *const *files, char **ret_json,
		       struct hyfw_error **err);

/* Brings the stack of these files up, whole or not at all; blocks until every
 * command runs. */
int hyfw_instance_up(struct hyfw_instance *instance, const char *const *files, struct hyfw_error **err);

/* Stops and removes a stack, by its name.  Success when there is none. */
int hyfw_instance_down(struct hyfw_instance *instance, const char *stack, struct hyfw_error **err);

/* All workloads, as the JSON of `hyfw ps -a --format json`. */
int hyfw_instance_list(struct hyfw_instance *instance, char **ret_json, struct hyfw_error **err);

/* One workload.  'timeout_ms' < 0: its stop_timeout.  wait blocks until it has
 * ended for good and gives its exit status.  remove refuses a running one with
 * -EBUSY unless 'force'. */
int hyfw_instance_start(struct hyfw_instance *instance, const char *workload, struct hyfw_error **err);
int hyfw_instance_stop(struct hyfw_instance *instance, const char *workload, int timeout_ms,
		       struct hyfw_error **err);
int hyfw_instance_signal(struct hyfw_instance *instance, const char *workload, int signal,
			 struct hyfw_error **err);
/* All of its processes stand still, or go on. */
int hyfw_instance_pause(struct hyfw_instance *instance, const char *workload, bool paused,
			struct hyfw_error **err);
/* Keys of `hyfw update` with values as in a file: all are put into effect, or none. */
int hyfw_instance_update(struct hyfw_instance *instance, const char *workload, const struct hyfw_map *changes,
			 struct hyfw_error **err);
int hyfw_instance_wait(struct hyfw_instance *instance, const char *workload, int *ret_status,
		       struct hyfw_error **err);
int hyfw_instance_remove(struct hyfw_instance *instance, const char *workload, bool force,
			 struct hyfw_error **err);

/* The sentence, owned by the error; the exit status that the command would have. */
const char *hyfw_error_message(const struct hyfw_error *err);
int hyfw_error_status(const struct hyfw_error *err);
void hyfw_error_free(struct hyfw_error *err);

#ifdef __cplusplus
}
#endif
#endif
