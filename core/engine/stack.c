/* SPDX-License-Identifier: BSD-3-Clause
 * A stack as its files describe it, and its journal.  It is brought up in stack_up.c
 * and taken down in stack_down.c; the order of its workloads is in order.c. */
#include "engine/stack_parts.h"

#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/files.h"
#include "config/check.h"
#include "engine/order.h"
#include "engine/store.h"

/* ---- from the configuration ---- */

int hyfw_stack_new(const struct hyfw_config *config, struct hyfw_stack *ret_stack, struct hyfw_error **err)
{
	const struct hyfw_config_section *core = hyfw_config_find(config, "hyfw", "");
	struct hyfw_config_section *section;
	size_t cursor = 0;
	int result = 0;

	memset(ret_stack, 0, sizeof(*ret_stack));
	ret_stack->name = hyfw_dup(hyfw_config_stack_name(config));
	if (core)
		ret_stack->step_timeout_ms = (unsigned)hyfw_map_int(&core->map, "step_timeout", 0);
	while (result == 0 && (section = hyfw_config_next(config, "workload", &cursor))) {
		struct hyfw_definition *definition = NULL;

		result = hyfw_definition_new(config, section, &definition, err);
		if (result < 0)
			break;
		ret_stack->workloads = hyfw_grow(ret_stack->workloads, ret_stack->count + 1,
						 sizeof(*ret_stack->workloads));
		ret_stack->workloads[ret_stack->count++] = definition;
		result = hyfw_definition_add_image_defaults(definition, err);
	}
	if (result == 0)
		result = hyfw_order(ret_stack->workloads, ret_stack->count, &ret_stack->levels, err);
	if (result == 0)
		result = hyfw_config_require_drivers(config, err);
	if (result < 0)
		hyfw_stack_finish(ret_stack);
	return result;
}

void hyfw_stack_finish(struct hyfw_stack *stack)
{
	size_t i;

	for (i = 0; i < stack->count; i++)
		hyfw_definition_free(stack->workloads[i]);
	free(stack->workloads);
	free(stack->levels);
	free(stack->name);
	memset(stack, 0, sizeof(*stack));
}

/* ---- the journal of a stack ---- */

/* The lock covers the moment in which a new stack has no owner yet and would look
 * like one that a crash left; recover holds it as long as it works. */
int hyfw_stack_open(const char *name, struct hyfw_journal **ret_journal, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_stack(name, NULL);
	HYFW_AUTO_FREE char *path = hyfw_path_stack(name, "journal");
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock("stack", name, err);
	int result;

	if (lock < 0)
		return -(*err)->errnum;
	hyfw_busy_add("stack", name, NULL);
	result = hyfw_make_directories(directory, 0700, err);
	if (result == 0)
		result = hyfw_journal_open(path, true, ret_journal, err);
	return result < 0 ? hyfw_wrap(err, "stack %s", name) : 0;
}

int hyfw_stack_settle(struct hyfw_journal *journal, const char *name, struct hyfw_error **err)
{
	HYFW_AUTO_FREE char *directory = hyfw_path_stack(name, NULL);
	int result = hyfw_journal_live(journal) > 0 ? hyfw_journal_commit(journal, err)
						: hyfw_remove_tree(AT_FDCWD, directory, err);

	if (result == 0)
		hyfw_busy_remove("stack", name);
	return result;
}
