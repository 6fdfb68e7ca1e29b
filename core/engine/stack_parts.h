/* SPDX-License-Identifier: BSD-3-Clause
 * What the files of a stack share: stack.c, stack_up.c, stack_down.c. */
#ifndef HYFW_ENGINE_STACK_PARTS_H
#define HYFW_ENGINE_STACK_PARTS_H

#include "engine/journal.h"
#include "engine/stack.h"

/* A workload's own steps are timed by its launcher; this is only for a child
 * process that does not even get that far. */
#define HYFW_STACK_CHILD_TIMEOUT_MS 3600000u

/* Opens the stack's journal, which it makes when there is none, and marks the stack
 * as busy. */
int hyfw_stack_open(const char *name, struct hyfw_journal **ret_journal, struct hyfw_error **err);
/* Removes the stack when none of its workloads is left, else commits what is. */
int hyfw_stack_settle(struct hyfw_journal *journal, const char *name, struct hyfw_error **err);

#endif
