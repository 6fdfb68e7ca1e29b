/* SPDX-License-Identifier: BSD-3-Clause */
#include "engine/plan.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"

#define STEP_LIMIT 10000

void hyfw_plan_init(struct hyfw_plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	plan->arena = hyfw_arena_new();
}

void hyfw_plan_finish(struct hyfw_plan *plan)
{
	free(plan->steps);
	hyfw_arena_free(plan->arena);
	memset(plan, 0, sizeof(*plan));
}

/* What the driver knew of 'from' (its size says it), the rest zero. */
static int take_step(const struct hyfw_step *from, struct hyfw_step *ret_step, struct hyfw_error **err)
{
	const size_t size = from->size < sizeof(*from) ? from->size : sizeof(*from);

	memset(ret_step, 0, sizeof(*ret_step));
	memcpy(ret_step, from, size);
	ret_step->size = sizeof(*ret_step);
	if (!ret_step->verb || !ret_step->object || !ret_step->summary)
		return hyfw_fail(err, EINVAL, "a step needs a verb, an object and a summary");
	if ((unsigned)ret_step->lifetime > HYFW_LIFETIME_SHARED)
		return hyfw_fail(err, EINVAL, "step %s: there is no lifetime %u", ret_step->verb,
				 (unsigned)ret_step->lifetime);
	return 0;
}

int hyfw_plan_add(struct hyfw_plan *plan, const struct hyfw_step *from, struct hyfw_error **err)
{
	struct hyfw_planned *planned;
	struct hyfw_step step;

	if (take_step(from, &step, err) < 0)
		return -EINVAL;
	if (plan->count == STEP_LIMIT)
		return hyfw_fail(err, E2BIG, "more than %d steps", STEP_LIMIT);
	if (plan->count == plan->room) {
		plan->room = plan->room ? plan->room * 2 : 16;
		plan->steps = hyfw_grow(plan->steps, plan->room, sizeof(*plan->steps));
	}
	planned = &plan->steps[plan->count++];
	*planned = plan->current;
	planned->id = (unsigned)plan->count;
	planned->step = step;
	planned->step.verb = hyfw_arena_dup(plan->arena, step.verb);
	planned->step.object = hyfw_arena_dup(plan->arena, step.object);
	planned->step.summary = hyfw_arena_dup(plan->arena, step.summary);
	planned->step.commands = hyfw_arena_dup(plan->arena, step.commands);
	planned->step.args = hyfw_arena_map(plan->arena, &step.args);
	return 0;
}

static int ask(struct hyfw_plan *plan, const struct hyfw_definition *definition, enum hyfw_kind kind,
	       const char *name, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	struct hyfw_driver *driver;

	if (hyfw_definition_driver(definition, kind, name, &driver, err) < 0)
		return -(*err)->errnum;
	plan->current.kind = kind;
	plan->current.driver = hyfw_arena_dup(plan->arena, name);
	/* A disk goes by its place: one of the same name as the workload is not its root. */
	plan->current.subject = subject->kind == HYFW_SUBJECT_DISK
					? hyfw_arena_format(plan->arena, "disk %u", subject->index)
					: hyfw_arena_dup(plan->arena, subject->name);
	plan->current.workload = hyfw_arena_dup(plan->arena, subject->workload);
	plan->current.about = subject->kind;
	plan->current.index = subject->kind == HYFW_SUBJECT_ENDPOINT || subject->kind == HYFW_SUBJECT_DISK ? subject->index : 0;
	if (hyfw_driver_check(driver, subject, err) < 0)
		return -(*err)->errnum;
	return hyfw_driver_plan(driver, subject, plan, plan->arena, err);
}

int hyfw_plan_network(struct hyfw_plan *plan, const struct hyfw_definition *definition,
		      const struct hyfw_use *use, struct hyfw_error **err)
{
	const struct hyfw_subject subject = hyfw_subject_network(use);

	return ask(plan, definition, HYFW_KIND_NETWORK, use->driver, &subject, err);
}

int hyfw_plan_volume(struct hyfw_plan *plan, const struct hyfw_definition *definition,
		     const struct hyfw_use *use, struct hyfw_error **err)
{
	const struct hyfw_subject subject = hyfw_subject_volume(definition, use);

	return ask(plan, definition, HYFW_KIND_STORAGE, use->driver, &subject, err);
}

static void keep_lifetimes(struct hyfw_plan *plan, size_t from, unsigned mask)
{
	size_t to = from;

	for (; from < plan->count; from++) {
		if (!(mask & (1u << plan->steps[from].step.lifetime)))
			continue;
		plan->steps[to] = plan->steps[from];
		plan->steps[to].id = (unsigned)to + 1;
		to++;
	}
	plan->count = to;
}

static int ask_security(struct hyfw_plan *plan, const struct hyfw_definition *definition, struct hyfw_error **err)
{
	const struct hyfw_subject subject = hyfw_subject_workload(definition);
	const char *module;
	size_t cursor = 0;
	int result = 0;

	while (result == 0 && (module = hyfw_map_next(&subject.settings, "security", &cursor)))
		result = ask(plan, definition, HYFW_KIND_SECURITY, module, &subject, err);
	return result;
}

/* Labels come after the storage driver has made the disk, and found that it may be had. */
static int ask_labels(struct hyfw_plan *plan, const struct hyfw_definition *definition, const struct hyfw_subject *disk,
		      struct hyfw_error **err)
{
	const struct hyfw_map settings = hyfw_pairs_map(&definition->settings);
	struct hyfw_driver *driver;
	const char *module;
	size_t cursor = 0;
	int result = 0;

	while (result == 0 && (module = hyfw_map_next(&settings, "security", &cursor))) {
		result = hyfw_definition_driver(definition, HYFW_KIND_SECURITY, module, &driver, err);
		if (result == 0 && hyfw_driver_can(driver, HYFW_CONFINES_LABELS)) {
			const struct hyfw_subject subject = hyfw_subject_labelled(definition, disk);

			result = ask(plan, definition, HYFW_KIND_SECURITY, module, &subject, err);
		}
	}
	return result;
}

/* A root file system or a disk. */
static int ask_storage(struct hyfw_plan *plan, const struct hyfw_definition *definition, const char *driver,
		       const struct hyfw_subject *subject, struct hyfw_error **err)
{
	const int result = ask(plan, definition, HYFW_KIND_STORAGE, driver, subject, err);

	return result == 0 && hyfw_definition_takes(definition, HYFW_TAKES_BLOCK) ?
		       ask_labels(plan, definition, subject, err) : result;
}

int hyfw_plan_disk(struct hyfw_plan *plan, const struct hyfw_definition *definition, size_t disk,
		   struct hyfw_error **err)
{
	const struct hyfw_subject subject = hyfw_subject_disk(definition, disk);

	return ask_storage(plan, definition, definition->disks[disk].driver, &subject, err);
}

static int ask_disks(struct hyfw_plan *plan, const struct hyfw_definition *definition, struct hyfw_error **err)
{
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < definition->disk_count; i++)
		result = hyfw_plan_disk(plan, definition, i, err);
	return result;
}

int hyfw_plan_endpoint(struct hyfw_plan *plan, const struct hyfw_definition *definition, size_t network,
		       struct hyfw_error **err)
{
	const struct hyfw_subject subject = hyfw_subject_endpoint(definition, network);

	return ask(plan, definition, HYFW_KIND_NETWORK, definition->networks[network].driver, &subject, err);
}

static int ask_endpoints(struct hyfw_plan *plan, const struct hyfw_definition *definition, struct hyfw_error **err)
{
	size_t i;
	int result = 0;

	for (i = 0; result == 0 && i < definition->network_count; i++)
		result = hyfw_plan_endpoint(plan, definition, i, err);
	return result;
}

/* Interfaces go into the network namespace that "create" makes, so the steps of
 * endpoints stand between "create" and "start"; taps are there before both. */
static int ask_isolation(struct hyfw_plan *plan, const struct hyfw_definition *definition, struct hyfw_error **err)
{
	const struct hyfw_subject subject = hyfw_subject_workload(definition);
	const char *isolation = hyfw_definition_isolation(definition);
	struct hyfw_driver *driver;
	struct hyfw_planned start;
	int result = hyfw_definition_driver(definition, HYFW_KIND_ISOLATION, isolation, &driver, err);
	const bool interfaces = result == 0 && hyfw_driver_can(driver, HYFW_TAKES_INTERFACE);

	if (result == 0 && !interfaces)
		result = ask_endpoints(plan, definition, err);
	if (result == 0)
		result = ask(plan, definition, HYFW_KIND_ISOLATION, isolation, &subject, err);
	if (result < 0 || !interfaces || plan->count == 0)
		return result;
	start = plan->steps[--plan->count];
	if (strcmp(start.step.verb, HYFW_VERB_START) != 0)
		return hyfw_fail(err, EPROTO, "isolation %s: its plan does not end with the step \"start\"",
				 isolation);
	result = ask_endpoints(plan, definition, err);
	if (result == 0) {
		plan->current = start;
		result = hyfw_plan_add(plan, &start.step, err);
	}
	return result;
}

int hyfw_plan_workload(struct hyfw_plan *plan, const struct hyfw_definition *definition,
		       unsigned lifetime_mask, struct hyfw_error **err)
{
	const char *storage = hyfw_definition_storage(definition);
	const struct hyfw_subject root = hyfw_subject_root(definition);
	const size_t from = plan->count;
	int result = ask_security(plan, definition, err);

	if (result == 0 && storage)
		result = ask_storage(plan, definition, storage, &root, err);
	if (result == 0)
		result = ask_disks(plan, definition, err);
	if (result == 0)
		result = ask_isolation(plan, definition, err);
	if (result < 0)
		return hyfw_wrap(err, "workload %s", definition->name);
	keep_lifetimes(plan, from, lifetime_mask);
	return 0;
}
