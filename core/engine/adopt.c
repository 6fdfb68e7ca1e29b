/* SPDX-License-Identifier: BSD-3-Clause
 * What goes along with a machine, and taking one in; the workload that it becomes is made
 * in adopt_make.c and adopt_merge.c. */
#include "engine/adopt_parts.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "engine/control.h"
#include "engine/events.h"
#include "engine/launch.h"
#include "engine/moved.h"
#include "engine/reach.h"
#include "engine/store.h"

/* ---- what goes along ---- */

char *hyfw_adopt_offer(struct hyfw_definition *definition)
{
	const struct hyfw_option *option;
	struct hyfw_driver *driver;
	size_t i;

	if (hyfw_definition_driver(definition, HYFW_KIND_ISOLATION, hyfw_definition_isolation(definition), &driver,
				   NULL) < 0)
		return NULL;
	for (option = hyfw_driver_plugin(driver)->options; option && option->name; option++)
		if (option->flags & HYFW_OPTION_SECRET)
			hyfw_pairs_remove(&definition->settings, option->name);
	for (i = 0; i < definition->plugins.count; i++)
		hyfw_pairs_finish(&definition->plugin_settings[i]);
	hyfw_strings_finish(&definition->plugins);
	return hyfw_definition_to_json(definition);
}

/* ---- looking ---- */

static int ask(struct hyfw_adoption *adoption, bool take, struct hyfw_map *ret_facts, struct hyfw_error **err)
{
	const struct hyfw_pair args[] = { { "take", "true" }, { "running", adoption->runs ? "true" : "false" } };
	struct hyfw_operation operation = { .verb = "adopt", .object = adoption->object, .input_fd = -1, .output_fd = -1,
					    .arena = adoption->arena, .args = { take ? HYFW_COUNT(args) : 0, args } };

	return hyfw_reach_driver(adoption->driver, &operation, ret_facts, err);
}

int hyfw_adopt_look(struct hyfw_adoption *adoption, struct hyfw_error **err)
{
	int result = ask(adoption, false, &adoption->facts, err);

	adoption->runs = result == 0 && hyfw_map_bool(&adoption->facts, "running", false);
	return result;
}

void hyfw_adopt_finish(struct hyfw_adoption *adoption)
{
	hyfw_definition_free(adoption->definition);
	adoption->definition = NULL;
}

/* ---- taking ---- */

static bool runs_here(const char *name)
{
	HYFW_AUTO_FREE char *journal = hyfw_path_runtime(name, "journal");

	return hyfw_journal_owner(journal) > 0;
}

/* Nothing that the libvirtd has of it was touched yet. */
static int give_up(const struct hyfw_adoption *adoption, struct hyfw_error **err)
{
	HYFW_AUTO_ERROR struct hyfw_error *undo = NULL;

	if (!adoption->known && hyfw_workload_remove(adoption->definition->name, false, &undo) < 0)
		hyfw_wrap(err, "%s", undo->message);
	return -(*err)->errnum;
}

static int go_on_with(const struct hyfw_adoption *adoption, struct hyfw_error **err)
{
	const struct hyfw_launch launch = { .adopt = true, .step_timeout_ms = adoption->step_timeout_ms };
	struct hyfw_launched launched = { .socket = -1 };
	int result;

	if (!adoption->runs || runs_here(adoption->definition->name))
		return 0;
	result = hyfw_launch(adoption->definition, &launch, &launched, err);
	hyfw_launched_close(&launched);
	return result;
}

/* Of one that runs the workload has it by now, and it stays. */
static int take_offer(struct hyfw_adoption *adoption, const char *away, struct hyfw_error **err)
{
	struct hyfw_map nothing = { 0 };
	int result = ask(adoption, true, &nothing, err);

	if (result == 0)
		return 0;
	if (adoption->runs)
		return hyfw_wrap(err, "workload %s has it, but it is offered still; `hyfw adopt %s` again",
				 adoption->definition->name, adoption->object);
	if (away)
		hyfw_moved_again(adoption->definition->name, away, NULL);
	return give_up(adoption, err);
}

/* With what prepare() renewed, under the lock that starts and removals take. */
static int store_known(const struct hyfw_adoption *adoption, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock("workload", adoption->definition->name, err);

	if (lock < 0)
		return -(*err)->errnum;
	return runs_here(adoption->definition->name) ? 0 : hyfw_store_save(adoption->definition, err);
}

int hyfw_adopt_check_other(const char *uuid, struct hyfw_error **err)
{
	struct hyfw_strings all = { 0 };
	size_t i;
	int result = hyfw_store_workloads(&all, err);

	for (i = 0; result == 0 && i < all.count; i++) {
		HYFW_AUTO_DEFINITION struct hyfw_definition *other = NULL;
		const char *own = hyfw_store_definition(all.items[i], &other, NULL) == 0
					  ? hyfw_definition_get(other, "uuid") : NULL;

		if (own && uuid && strcmp(own, uuid) == 0)
			result = hyfw_fail(err, EEXIST, "it is workload %s already", other->name);
	}
	hyfw_strings_finish(&all);
	return result;
}

/* One at a time: it is offered until one of them has it, and that is too late. */
static int create(const struct hyfw_adoption *adoption, struct hyfw_error **err)
{
	HYFW_AUTO_CLOSE int lock = hyfw_store_lock("adopt", "all", err);
	int result = lock < 0 ? -(*err)->errnum
			      : hyfw_adopt_check_other(hyfw_map_get(&adoption->facts, "uuid"), err);

	return result == 0 ? hyfw_workload_create(adoption->definition, adoption->step_timeout_ms, err) : result;
}

int hyfw_adopt_take(struct hyfw_adoption *adoption, struct hyfw_error **err)
{
	const char *name = adoption->definition->name;
	HYFW_AUTO_FREE char *away = adoption->known ? hyfw_moved_to(name) : NULL;
	int result;

	if (adoption->known)
		result = store_known(adoption, err);
	else
		result = create(adoption, err);
	if (result < 0)
		return result;
	if (go_on_with(adoption, err) < 0)
		return give_up(adoption, err);
	if (away)
		hyfw_moved_forget(name);
	result = take_offer(adoption, away, err);
	if (result == 0)
		hyfw_event(name, "adopt", NULL, NULL);
	return result;
}
