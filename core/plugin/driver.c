/* SPDX-License-Identifier: BSD-3-Clause
 * Life of a driver and the operations that all kinds have; those of one kind are
 * in driver_KIND.c. */
#include "plugin/driver_call.h"

#include <errno.h>
#include <string.h>

#include "plugin/host.h"

const struct hyfw_plugin *hyfw_driver_plugin(const struct hyfw_driver *driver)
{
	return &driver->plugin;
}

const char *hyfw_driver_name(const struct hyfw_driver *driver)
{
	return driver->plugin.name;
}

static bool has_word(const char *const *words, const char *word)
{
	for (; words && *words; words++)
		if (strcmp(*words, word) == 0)
			return true;
	return false;
}

bool hyfw_driver_can(const struct hyfw_driver *driver, const char *capability)
{
	return has_word(driver->plugin.capabilities, capability);
}

bool hyfw_driver_honours(const struct hyfw_driver *driver, const char *key)
{
	return has_word(driver->plugin.honours, key);
}

void hyfw_driver_configure(struct hyfw_driver *driver, const struct hyfw_map *settings)
{
	hyfw_pairs_finish(&driver->settings);
	memset(&driver->settings, 0, sizeof(driver->settings));
	hyfw_pairs_add_map(&driver->settings, settings);
}

/* ---- holding drivers to their contract ---- */

int hyfw_driver_verdict(const struct hyfw_driver *driver, const char *op, int result, struct hyfw_error **err)
{
	if (result > 0) {
		hyfw_forget(err);
		result = hyfw_fail(err, EPROTO, "%s() returned %d, neither 0 nor a negative errno", op, result);
	} else if (result < 0 && !*err) {
		result = hyfw_fail_errno(err, -result, "%s() failed without saying why", op);
	} else if (result == 0 && *err) {
		hyfw_host_table()->log(HYFW_LOG_WARNING, "driver %s: %s() succeeded with an error: %s",
				       driver->plugin.name, op, (*err)->message);
		hyfw_forget(err);
	}
	if (result == 0)
		return 0;
	hyfw_wrap(err, "%s %s", hyfw_kind_name(driver->plugin.kind), driver->plugin.name);
	return result;
}

int hyfw_driver_lacks(const struct hyfw_driver *driver, const char *what, struct hyfw_error **err)
{
	return hyfw_fail(err, EOPNOTSUPP, "%s %s: cannot %s", hyfw_kind_name(driver->plugin.kind),
			 driver->plugin.name, what);
}

int hyfw_driver_incomplete(const struct hyfw_driver *driver, const char *op, const char *what,
			   struct hyfw_error **err)
{
	return hyfw_fail(err, EPROTO, "%s %s: %s() did not give %s", hyfw_kind_name(driver->plugin.kind),
			 driver->plugin.name, op, what);
}

int hyfw_driver_operated(const struct hyfw_driver *driver, int result, const struct hyfw_map *map,
			 struct hyfw_map *ret_result, struct hyfw_error **err)
{
	if (result < 0)
		return result;
	if (map->count && !map->items)
		return hyfw_driver_incomplete(driver, "operate", "its result", err);
	*ret_result = *map;
	return 0;
}

int hyfw_driver_open(struct hyfw_driver *driver, struct hyfw_error **err)
{
	struct hyfw_map settings = hyfw_pairs_map(&driver->settings);
	struct hyfw_error *why = NULL;
	int result = 0;

	if (driver->open)
		return 0;
	if (driver->common.open)
		result = driver->common.open(hyfw_host_table(), &settings, &driver->instance, &why);
	result = hyfw_driver_verdict(driver, "open", result, &why);
	if (result < 0) {
		driver->instance = NULL;
		return hyfw_driver_hand_on(why, result, err);
	}
	driver->open = true;
	return 0;
}

int hyfw_driver_hand_on(struct hyfw_error *why, int result, struct hyfw_error **err)
{
	if (!err) {
		hyfw_error_free(why);
		return result;
	}
	hyfw_error_free(*err);
	*err = why;
	return result;
}

void hyfw_driver_close(struct hyfw_driver *driver)
{
	if (driver->open && driver->common.close)
		driver->common.close(driver->instance);
	driver->instance = NULL;
	driver->open = false;
}

/* ---- common operations ---- */

static int check_probe(const struct hyfw_probe *probe, struct hyfw_error **err)
{
	if (probe->result > HYFW_PROBE_NO)
		return hyfw_fail(err, EPROTO, "probe() gave an unknown result");
	if (probe->result != HYFW_PROBE_OK && !probe->reason)
		return hyfw_fail(err, EPROTO, "probe() gave no reason");
	return 0;
}

int hyfw_driver_probe(struct hyfw_driver *driver, struct hyfw_arena *arena, struct hyfw_probe *ret_probe,
		      struct hyfw_error **err)
{
	struct hyfw_probe probe = { .size = sizeof(probe) };
	struct hyfw_error *why = NULL;
	int result = 0;

	if (driver->common.probe) {
		result = driver->common.probe(hyfw_host_table(), arena, &probe, &why);
		if (result == 0)
			result = check_probe(&probe, &why);
	}
	result = hyfw_driver_verdict(driver, "probe", result, &why);
	if (result < 0)
		return hyfw_driver_hand_on(why, result, err);
	*ret_probe = probe;
	return 0;
}

int hyfw_driver_check(struct hyfw_driver *driver, const struct hyfw_subject *subject, struct hyfw_error **err)
{
	struct hyfw_error *why = NULL;
	int result;

	if (!driver->common.check)
		return 0;
	result = hyfw_driver_open(driver, err);
	if (result < 0)
		return result;
	result = driver->common.check(driver->instance, subject, &why);
	result = hyfw_driver_verdict(driver, "check", result, &why);
	return result < 0 ? hyfw_driver_hand_on(why, result, err) : 0;
}

int hyfw_driver_plan(struct hyfw_driver *driver, const struct hyfw_subject *subject, struct hyfw_plan *plan,
		     struct hyfw_arena *arena, struct hyfw_error **err)
{
	struct hyfw_error *why = NULL;
	int result;

	if (!driver->common.plan)
		return 0;
	result = hyfw_driver_open(driver, err);
	if (result < 0)
		return result;
	result = driver->common.plan(driver->instance, subject, plan, arena, &why);
	result = hyfw_driver_verdict(driver, "plan", result, &why);
	return result < 0 ? hyfw_driver_hand_on(why, result, err) : 0;
}

typedef int (*call_fn)(void *instance, struct hyfw_call *call, struct hyfw_error **err);

static int call(struct hyfw_driver *driver, call_fn fn, const char *op, struct hyfw_call *the_call,
		struct hyfw_error **err)
{
	struct hyfw_error *why = NULL;
	int result;

	if (the_call->step && (the_call->step->flags & HYFW_STEP_NOTE))
		return 0;
	if (!fn)
		return hyfw_fail(err, EPROTO, "%s %s: has steps but no %s()", hyfw_kind_name(driver->plugin.kind),
				 driver->plugin.name, op);
	result = hyfw_driver_open(driver, err);
	if (result < 0)
		return result;
	result = fn(driver->instance, the_call, &why);
	result = hyfw_driver_verdict(driver, op, result, &why);
	return result < 0 ? hyfw_driver_hand_on(why, result, err) : 0;
}

int hyfw_driver_apply(struct hyfw_driver *driver, struct hyfw_call *the_call, struct hyfw_error **err)
{
	return call(driver, driver->common.apply, "apply", the_call, err);
}

int hyfw_driver_undo(struct hyfw_driver *driver, struct hyfw_call *the_call, struct hyfw_error **err)
{
	return call(driver, driver->common.undo, "undo", the_call, err);
}

int hyfw_driver_gc(struct hyfw_driver *driver, const struct hyfw_alive *alive, struct hyfw_error **err)
{
	struct hyfw_error *why = NULL;
	int result;

	if (!driver->common.gc)
		return 0;
	result = hyfw_driver_open(driver, err);
	if (result < 0)
		return result;
	result = driver->common.gc(driver->instance, alive, &why);
	result = hyfw_driver_verdict(driver, "gc", result, &why);
	return result < 0 ? hyfw_driver_hand_on(why, result, err) : 0;
}
