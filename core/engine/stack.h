/* SPDX-License-Identifier: BSD-3-Clause
 * Stacks: the workloads of one or more INI files, brought up and down together.
 * Those that do not depend on each other start side by side.
 *
 * DATA/stacks/NAME/journal says which workloads belong to a stack; an `up` or
 * `down` that was cut off is undone, or finished, by recover.c. */
#ifndef HYFW_ENGINE_STACK_H
#define HYFW_ENGINE_STACK_H

#include "engine/definition.h"

struct hyfw_stack {
	char *name;
	struct hyfw_definition **workloads; /* in an order that satisfies depends_on and links */
	unsigned *levels;                   /* those of one level are independent of each other */
	size_t count;
	unsigned step_timeout_ms;
};

/* From a validated configuration; defaults of images included. */
int hyfw_stack_new(const struct hyfw_config *config, struct hyfw_stack *ret_stack, struct hyfw_error **err);
void hyfw_stack_finish(struct hyfw_stack *stack);

/* 'report' is called for each workload with "started", "running", "removed", ... */
typedef void (*hyfw_stack_report)(const char *workload, const char *what);

/* Whole or not at all: on failure what this call began is taken down again. */
int hyfw_stack_up(const struct hyfw_stack *stack, hyfw_stack_report report, struct hyfw_error **err);

/* What 'up' would report as it is now: "started", "running" or "replaced". */
int hyfw_stack_foresee(const struct hyfw_stack *stack, hyfw_stack_report report, struct hyfw_error **err);

/* Success when there is no such stack. */
int hyfw_stack_down(const char *name, hyfw_stack_report report, struct hyfw_error **err);

/* After a crash: undoes an unfinished up, finishes an unfinished down.  -ESTALE
 * when somebody works on it. */
int hyfw_stack_recover(const char *name, struct hyfw_error **err);

#endif
